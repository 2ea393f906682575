"""The structure the design promises: one direction of imports, no Qt below the windows, code maps that are true."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {"engine": {"engine"}, "app": {"app", "engine"}, "ui": {"ui", "app", "engine", "resources"}}
OURS = {"engine", "app", "ui", "tests"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    return names


def is_lazy_entry(path: Path, name: str) -> bool:
    """The command line opens the window: the one way up, inside a function of app."""
    return path.relative_to(ROOT).parts[0] == "app" and name.startswith("ui.")


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_import_downwards_only(package: str) -> None:
    wrong = []
    for path in modules(package):
        top_level = {
            name
            for node in ast.parse(path.read_text()).body
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        for name in imported(path):
            top = name.split(".")[0]
            if top in OURS and top not in MAY_IMPORT[package] and (name in top_level or not is_lazy_entry(path, name)):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_engine_and_app_work_without_qt() -> None:
    program = (
        "import sys\nsys.modules['PySide6'] = None\nimport engine.machine, app.cli\nassert 'ui' not in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "package",
    ["engine", "engine/devices", "engine/firmware", "engine/disks", "engine/console", "engine/debug", "app", "ui"],
)
def test_code_map_names_every_file(package: str) -> None:
    folder = ROOT / package
    code_map = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    missing = [path.name for path in folder.glob("*.py") if path.name != "__init__.py" and path.stem not in code_map]
    assert not missing, f"{package}/__init__.py does not name {', '.join(missing)}"


def test_no_file_is_a_drawer() -> None:
    drawers = {"utils.py", "helpers.py", "misc.py", "common.py"}
    assert not [path for package in MAY_IMPORT for path in modules(package) if path.name in drawers]
