"""The catalogues of translations against the code. ``python -m tests.messages`` brings them up to date: what is new comes
without a translation, what is gone goes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polib
from babel.messages.extract import extract_from_dir

from app.guest_presets import FAMILIES, PRESETS
from app.language import FOLDER

ROOT: Final = Path(__file__).resolve().parent.parent
# Where the message stands among the arguments of what marks it.
_KEYWORDS: Final = {"tr": None, "_tr": None, "translate": (2,)}


def messages() -> list[str]:
    """Every text of the windows, once, in the order of the files."""
    found = extract_from_dir(ROOT / "ui", [("**.py", "python")], keywords=_KEYWORDS)
    texts = [message if isinstance(message, str) else message[0] for _, _, message, _, _ in sorted(found)]
    guests = [text for preset in PRESETS for text in (preset.label, preset.note) if text]
    return list(dict.fromkeys([*texts, *FAMILIES, *guests]))


def update(file: Path) -> list[str]:
    """Brings one catalogue up to date; what it has no translation for."""
    old = polib.pofile(str(file), wrapwidth=110)
    known = {entry.msgid: entry.msgstr for entry in old}
    new = polib.POFile(wrapwidth=110)
    new.metadata = old.metadata
    for message in messages():
        new.append(polib.POEntry(msgid=message, msgstr=known.get(message, "")))
    new.save(str(file))
    return [entry.msgid for entry in new if not entry.msgstr]


def main() -> None:
    for file in sorted(FOLDER.glob("*.po")):
        missing = update(file)
        print(f"{file.name}: {len(missing)} without a translation")
        for message in missing:
            print(f"  {message!r}")


if __name__ == "__main__":
    main()
