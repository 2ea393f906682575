"""How Bancada looks: two colour sets, one style sheet, and icons tinted to fit.

The icons of ``resources/icons`` are drawn in two fixed colours, ink and accent, which are replaced by those of the
theme when an icon is rendered. ``set_icon`` remembers who carries which icon, so that a change of theme reaches
every action and button that is on the screen.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QSpinBox, QWidget

from ui.style_sheet import style_sheet

ICONS: Final = Path(__file__).resolve().parent.parent / "resources" / "icons"
_INK: Final = "#475569"
_ACCENT: Final = "#2f7df6"
_SIZES: Final = (16, 20, 24, 32, 48, 64)

SYSTEM: Final = "system"
LIGHT: Final = "light"
DARK: Final = "dark"
THEMES: Final = (SYSTEM, LIGHT, DARK)


@dataclass(frozen=True)
class Colours:
    """The colours of one theme, by job."""

    window: str
    surface: str
    sidebar: str
    border: str
    text: str
    muted: str
    ink: str
    accent: str
    accent_hover: str
    accent_text: str
    tint: str
    hover: str
    good: str
    warning: str
    bad: str
    danger: str
    console: str


LIGHT_COLOURS: Final = Colours(
    window="#f4f6fa", surface="#ffffff", sidebar="#eaeef5", border="#d8dfe9", text="#1b2433", muted="#5d6b80",
    ink="#475569", accent="#2563eb", accent_hover="#1d4fd8", accent_text="#ffffff", tint="#dbe7ff", hover="#e3e9f3",
    good="#11702f", warning="#9a4a06", bad="#c81e1e", danger="#c81e1e", console="#10141b",
)  # fmt: skip
DARK_COLOURS: Final = Colours(
    window="#171b22", surface="#1f252f", sidebar="#12161c", border="#323b49", text="#e6eaf1", muted="#9aa7ba",
    ink="#c5cfdd", accent="#4f8ff7", accent_hover="#6ba2ff", accent_text="#06122b", tint="#233a63", hover="#2a323e",
    good="#4ade80", warning="#fbbf24", bad="#f87171", danger="#dc2626", console="#0b0e13",
)  # fmt: skip

_current: Colours = LIGHT_COLOURS
_carriers: list[tuple[weakref.ref[Any], str]] = []
_icons: dict[tuple[str, str], QIcon] = {}


def colours() -> Colours:
    """The colours in use."""
    return _current


def is_dark() -> bool:
    return _current is DARK_COLOURS


def apply(application: QApplication, choice: str) -> None:
    """Gives the application the theme ``choice``: "system", "light" or "dark"."""
    global _current
    _current = DARK_COLOURS if _wants_dark(choice) else LIGHT_COLOURS
    _icons.clear()
    application.setStyle("Fusion")
    application.setPalette(_palette(_current))
    application.setStyleSheet(style_sheet(_current, ICONS))
    for reference, name in list(_carriers):
        carrier = reference()
        if carrier is not None:
            _put(carrier, name)


def _wants_dark(choice: str) -> bool:
    if choice == SYSTEM:
        return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    return choice == DARK


def _palette(colour: Colours) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for where, value in (
        (role.Window, colour.window),
        (role.WindowText, colour.text),
        (role.Base, colour.surface),
        (role.AlternateBase, colour.window),
        (role.Text, colour.text),
        (role.Button, colour.surface),
        (role.ButtonText, colour.text),
        (role.BrightText, colour.bad),
        (role.Highlight, colour.accent),
        (role.HighlightedText, colour.accent_text),
        (role.Accent, colour.accent),
        (role.Link, colour.accent),
        (role.LinkVisited, colour.accent),
        (role.ToolTipBase, colour.surface),
        (role.ToolTipText, colour.text),
        (role.PlaceholderText, colour.muted),
        (role.Mid, colour.border),
        (role.Dark, colour.border),
        (role.Light, colour.surface),
    ):
        palette.setColor(where, QColor(value))
    faded = QColor(colour.muted)
    faded.setAlpha(150)
    for where in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, where, faded)
    return palette


def pixmap(name: str, size: int, ratio: float = 1.0, tint: str = "") -> QPixmap:
    """The icon ``name`` at ``size`` logical pixels; ``tint`` overrides the ink colour."""
    source = (ICONS / f"{name}.svg").read_text(encoding="utf-8")
    source = source.replace(_INK, tint or _current.ink).replace(_ACCENT, tint or _current.accent)
    picture = QPixmap(round(size * ratio), round(size * ratio))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    QSvgRenderer(QByteArray(source.encode())).render(painter, QRectF(0, 0, size * ratio, size * ratio))
    painter.end()
    picture.setDevicePixelRatio(ratio)
    return picture


def icon(name: str, tint: str = "") -> QIcon:
    """The icon ``name`` in the theme's colours, in every size and a faded form for disabled things."""
    found = _icons.get((name, tint))
    if found is None:
        found = QIcon()
        for size in _SIZES:
            for ratio in (1.0, 2.0):
                normal = pixmap(name, size, ratio, tint)
                # All modes are given: Qt would tint the missing ones by itself.
                for mode in (QIcon.Mode.Normal, QIcon.Mode.Active, QIcon.Mode.Selected):
                    found.addPixmap(normal, mode)
                found.addPixmap(_faded(normal), QIcon.Mode.Disabled)
        _icons[(name, tint)] = found
    return found


def _faded(picture: QPixmap) -> QPixmap:
    faded = QPixmap(picture.size())
    faded.setDevicePixelRatio(picture.devicePixelRatio())
    faded.fill(Qt.GlobalColor.transparent)
    painter = QPainter(faded)
    painter.setOpacity(0.35)
    painter.drawPixmap(0, 0, picture)
    painter.end()
    return faded


def set_icon(carrier: Any, name: str, size: int = 0) -> None:
    """Gives an action, button or label (``size`` wanted) an icon that follows the theme."""
    _carriers[:] = [pair for pair in _carriers if pair[0]() is not None and pair[0]() is not carrier]
    _carriers.append((weakref.ref(carrier), name))
    if size:
        carrier.setProperty("icon_size", size)
        if hasattr(carrier, "setIconSize"):
            carrier.setIconSize(QSize(size, size))
    if isinstance(carrier, QPushButton) and carrier.text():
        carrier.setText(f" {carrier.text().lstrip()}")  # the style leaves no room between icon and text
    _put(carrier, name)


def _put(carrier: Any, name: str) -> None:
    try:
        if isinstance(carrier, QLabel):
            carrier.setPixmap(pixmap(name, carrier.property("icon_size") or 24, carrier.devicePixelRatioF()))
        else:
            carrier.setIcon(icon(name))
    except RuntimeError:
        return  # the widget behind the reference is gone already


def application_icon() -> QIcon:
    found = QIcon()
    for size in (16, 24, 32, 48, 64, 128, 256):
        found.addPixmap(pixmap("bancada", size))
    return found


def set_role(widget: QWidget, role: str) -> None:
    """Names what a widget is to the style sheet: "title", "subtitle", "muted", "card", "primary", "problem" ..."""
    widget.setProperty("role", role)
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)


def spin_box() -> QSpinBox:
    """A number field; the style sheet's left padding does not reach its text, so it is given here."""
    box = QSpinBox()
    box.lineEdit().setTextMargins(7, 0, 0, 0)
    return box


def heading(text: str, role: str = "title") -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    set_role(label, role)
    return label


def bold(font: QFont) -> QFont:
    strong = QFont(font)
    strong.setWeight(QFont.Weight.DemiBold)
    return strong
