"""The application's style sheet, filled with the colours of a theme."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from string import Template
from typing import Any, Final

_SHEET: Final = Template("""
QMainWindow, QDialog { background: $window; }
QToolTip { background: $surface; color: $text; border: 1px solid $border; padding: 5px 8px; }

QMenuBar { background: $window; border-bottom: 1px solid $border; padding: 2px 6px; }
QMenuBar::item { padding: 5px 10px; border-radius: 5px; background: transparent; }
QMenuBar::item:selected { background: $hover; }
QMenu { background: $surface; border: 1px solid $border; padding: 5px; }
QMenu::item { padding: 6px 28px 6px 10px; border-radius: 5px; }
QMenu::item:selected { background: $tint; color: $text; }
QMenu::item:disabled { color: $muted; }
QMenu::separator { height: 1px; background: $border; margin: 5px 8px; }
QMenu::icon { padding-left: 8px; }

QToolBar { background: $window; border: none; border-bottom: 1px solid $border; padding: 5px 8px; spacing: 3px; }
QToolBar::separator { width: 1px; background: $border; margin: 5px 6px; }
QToolButton { border: 1px solid transparent; border-radius: 6px; padding: 5px; background: transparent; }
QToolBar QToolButton { padding: 5px 9px; }
QToolButton:hover { background: $hover; }
QToolButton:pressed { background: $tint; }
QToolButton:checked { background: $tint; }
QToolButton:focus { border-color: $accent; }
QToolButton::menu-indicator { image: none; }

QStatusBar { background: $window; border-top: 1px solid $border; min-height: 32px; }
QStatusBar::item { border: none; }
QStatusBar QLabel { color: $muted; padding: 0 6px; }
QStatusBar QToolButton { padding: 3px; margin: 1px 0; }

QPushButton { background: $surface; border: 1px solid $border; border-radius: 6px; padding: 6px 16px;
  min-height: 18px; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $tint; }
QPushButton:focus { border-color: $accent; }
QPushButton:disabled { color: $muted; background: $window; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QPushButton:default { border-color: $accent; }
QPushButton[role="primary"] { background: $accent; border-color: $accent; color: $accent_text; font-weight: 600; }
QPushButton[role="primary"]:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton[role="primary"]:focus { border-color: $text; }
QPushButton[role="primary"]:disabled { background: $hover; border-color: $border; color: $muted; }
QPushButton[role="danger"]:focus { border-color: $text; }
QPushButton[role="danger"] { background: $danger; border-color: $danger; color: #ffffff; font-weight: 600; }
QPushButton[role="link"] { background: transparent; border: 1px solid transparent; color: $accent; padding: 4px 8px;
  text-align: left; }
QPushButton[role="link"]:hover { background: $hover; }
QPushButton[role="link"]:focus { border-color: $accent; }

QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox, QComboBox { background: $surface; border: 1px solid $border;
  border-radius: 6px; padding: 5px 8px; selection-background-color: $accent; selection-color: $accent_text; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QAbstractSpinBox:focus, QComboBox:focus {
  border-color: $accent; }
QLineEdit:disabled, QPlainTextEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled { background: $window;
  color: $muted; }
QLineEdit[role="wrong"], QComboBox[role="wrong"], QAbstractSpinBox[role="wrong"] { border-color: $bad; }
QAbstractSpinBox QLineEdit { border: none; padding: 0; background: transparent; }
QDateTimeEdit::drop-down { border: none; width: 22px; }
QDateTimeEdit::down-arrow { image: url("$icons/arrow-down.svg"); width: 12px; height: 12px; }
QSpinBox::up-button, QSpinBox::down-button { width: 20px; border: none; background: transparent; }
QSpinBox::up-button:hover, QSpinBox::down-button:hover { background: $hover; }
QSpinBox::up-arrow { image: url("$icons/arrow-up.svg"); width: 10px; height: 10px; }
QSpinBox::down-arrow { image: url("$icons/arrow-down.svg"); width: 10px; height: 10px; }
QComboBox { padding-right: 24px; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox::down-arrow { image: url("$icons/arrow-down.svg"); width: 12px; height: 12px; }
QComboBox QAbstractItemView { background: $surface; border: 1px solid $border; padding: 4px; outline: none;
  selection-background-color: $tint; selection-color: $text; }

QCheckBox, QRadioButton { spacing: 8px; padding: 2px 0; }
QCheckBox::indicator, QRadioButton::indicator, QListView::indicator { width: 16px; height: 16px;
  border: 1px solid $muted; background: $surface; }
QCheckBox::indicator, QListView::indicator { border-radius: 4px; }
QRadioButton::indicator { border-radius: 9px; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover { border-color: $accent; }
QCheckBox::indicator:checked, QListView::indicator:checked { background: $accent;
  border-color: $accent; image: url("$icons/checked.svg"); }
QRadioButton::indicator:checked { border: 5px solid $accent; width: 8px; height: 8px; }
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled { border-color: $border; background: $window; }
QCheckBox::indicator:checked:disabled { background: $muted; }
QCheckBox:focus, QRadioButton:focus { color: $accent; }

QSlider:horizontal { min-height: 22px; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: $border; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider::handle:horizontal { width: 14px; height: 14px; margin: -6px 0; border-radius: 8px; background: $surface;
  border: 2px solid $accent; }
QSlider::handle:horizontal:focus { background: $tint; }

QProgressBar { background: $hover; border: none; border-radius: 4px; height: 8px;
  text-align: center; color: transparent; }
QProgressBar::chunk { background: $accent; border-radius: 4px; }

QAbstractItemView { outline: none; }
QListView, QTreeView, QTableView { background: $surface; border: 1px solid $border; border-radius: 6px; }
QListView::item, QTreeView::item { padding: 5px 6px; border-radius: 5px; }
QListView::item:hover, QTreeView::item:hover { background: $hover; }
QTreeView::item { border-radius: 0; }
QListView::item:selected, QTreeView::item:selected { background: $tint; color: $text; }
QListView[role="library"] { background: transparent; border: none; }
QListView[role="pages"] { background: $sidebar; border: none; border-right: 1px solid $border; border-radius: 0;
  padding: 8px; }
QListView[role="pages"]::item { padding: 8px 10px; }
QListView[role="flat"] { border: none; background: transparent; }
QHeaderView::section { background: $window; border: none; border-bottom: 1px solid $border; padding: 5px 8px;
  color: $muted; }

QScrollArea { background: transparent; border: none; }
QScrollArea > QWidget > QWidget[role="page"] { background: transparent; }
QScrollBar:vertical { background: transparent; width: 11px; margin: 2px; }
QScrollBar:horizontal { background: transparent; height: 11px; margin: 2px; }
QScrollBar::handle { background: $border; border-radius: 3px; min-height: 30px; min-width: 30px; }
QScrollBar::handle:hover { background: $muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QTabWidget::pane { border: none; border-top: 1px solid $border; }
QTabWidget[role="bare"]::pane { border: none; }
QTabBar { background: $window; qproperty-drawBase: 0; }
QTabBar::tab { background: transparent; color: $muted; padding: 8px 14px; border: none;
  border-bottom: 2px solid transparent; margin-right: 2px; height: 20px; }
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabBar::tab:hover:!selected { color: $text; background: $hover; }
QTabBar::tab:focus { color: $accent; }
QTabBar::close-button { image: url("$icons/tab-close.svg"); border-radius: 4px; width: 16px; height: 16px; }
QTabBar::close-button:hover { background: $hover; }

QSplitter::handle { background: $border; }
QSplitter::handle:horizontal { width: 1px; }
QDockWidget { color: $text; titlebar-close-icon: url("$icons/tab-close.svg"); }
QDockWidget::title { background: $sidebar; padding: 6px 10px; border-bottom: 1px solid $border; }

QFrame[role="card"] { background: $surface; border: 1px solid $border; border-radius: 10px; }
QFrame[role="notice"] { background: $tint; border: 1px solid $accent; border-radius: 8px; }
QFrame[role="locked"] { background: $hover; border: 1px solid $border; border-radius: 8px; }
QFrame[role="line"] { background: $border; max-height: 1px; min-height: 1px; border: none; }
QWidget[role="sidebar"] { background: $sidebar; }
QWidget[role="surface"] { background: $surface; }
QPushButton[role="tile"] { background: $surface; border: 1px solid $border; border-radius: 12px; text-align: center; }
QPushButton[role="tile"]:hover { border-color: $accent; background: $surface; }
QPushButton[role="tile"]:pressed { background: $tint; }
QPushButton[role="tile"]:focus { border: 2px solid $accent; }

QLabel { background: transparent; }
QLabel[role="hero"] { font-size: 26px; font-weight: 700; }
QLabel[role="title"] { font-size: 20px; font-weight: 650; }
QLabel[role="subtitle"] { font-size: 14px; font-weight: 600; }
QLabel[role="section"] { font-size: 11px; font-weight: 700; color: $muted; letter-spacing: 1px; }
QLabel[role="muted"] { color: $muted; }
QLabel[role="problem"] { color: $bad; }
QLabel[role="good"] { color: $good; font-weight: 600; }
QLabel[role="warning"] { color: $warning; font-weight: 600; }
QLabel[role="bad"] { color: $bad; font-weight: 600; }
QLabel[role="big"] { font-size: 15px; font-weight: 600; }

QWidget[role="fullscreen-bar"] { background: $surface; border: 1px solid $border; border-top: none;
  border-bottom-left-radius: 10px; border-bottom-right-radius: 10px; }
""")


def style_sheet(colours: Any, icons: Path) -> str:
    """``colours`` is a theme's dataclass; its field names are the sheet's placeholders."""
    return _SHEET.substitute(dataclasses.asdict(colours), icons=icons.as_posix())
