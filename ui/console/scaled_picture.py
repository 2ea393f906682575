"""The guest's picture at the size it has in the window: made once for each change, painted as it is."""

from __future__ import annotations

from typing import Any

from PySide6.QtGui import QImage

import engine

_NO_IMAGE = QImage()


class ScaledPicture:
    """``guest`` is the picture over the machine's own memory, ``scaled`` what belongs on the screen: the same image
    where no scaling is needed. Both are null images while there is nothing to show. Sizes are physical pixels."""

    def __init__(self) -> None:
        self.guest = _NO_IMAGE
        self.scaled = _NO_IMAGE
        self._frame: Any = None
        self._size = (0, 0)
        self._sharp = False
        self._scaler: engine.PictureScaler | None = None
        self._pixels = memoryview(bytearray())

    @property
    def sharp(self) -> bool:
        """Pixels are squares or lost, never mixed."""
        return self._sharp

    @sharp.setter
    def sharp(self, sharp: bool) -> None:
        if sharp != self._sharp:
            self._sharp = sharp
            self._rescale()

    def show(self, frame: Any) -> None:
        """Shows this picture (:class:`engine.Frame`)."""
        self._frame = frame  # kept: QImage does not own the memory
        surface, width, height, stride = frame
        self.guest = QImage(surface, width, height, stride, QImage.Format.Format_RGB32)
        self._rescale()

    def shows(self, frame: Any) -> bool:
        return self._frame is frame

    def forget(self) -> None:
        """Lets go of the machine's memory."""
        self.guest = self.scaled = _NO_IMAGE
        self._frame = None
        self._scaler = None

    def fit(self, width: int, height: int) -> None:
        """The size in the window."""
        if (width, height) != self._size:
            self._size = (width, height)
            self._rescale()

    def redraw(self, first: int, last: int) -> tuple[int, int]:
        """The guest's rows from ``first`` to ``last`` changed; the rows [first, last) of ``scaled`` that did."""
        if self._scaler is None:
            return first, last + 1
        first, last = self._scaler.target_rows(first, last + 1)
        width, _ = self._size
        self._scaler.draw(self._frame.surface, self._frame.stride, self._pixels, width * 4, first, last)
        return first, last

    def _rescale(self) -> None:
        width, height = self._size
        self._scaler = None
        self.scaled = self.guest
        guest_width, guest_height = self.guest.width(), self.guest.height()
        if self.guest.isNull() or width <= 0 or height <= 0 or (guest_width, guest_height) == self._size:
            return
        self._scaler = engine.PictureScaler(guest_width, guest_height, width, height, self._sharp)
        self._pixels = memoryview(bytearray(width * height * 4))
        self.scaled = QImage(self._pixels, width, height, width * 4, QImage.Format.Format_RGB32)
        self.redraw(0, guest_height - 1)
