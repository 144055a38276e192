"""What an image is known by wherever it lies: the bytes of its TIFF, and its pixels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kymflow.core.errors import SourceFileError
from kymflow.core.lab_folder.discover import LabImage
from kymflow.core.lab_folder.pixels import read_kymograph
from kymflow.core.lab_folder.signature import read_hash
from kymflow.core.workers.work import Work

if TYPE_CHECKING:
    import numpy as np

FATAL = (
    "whoever imports it dies of it, for lack of memory or by a fault of a library; repair its "
    "files, or move them away"
)


@dataclass(frozen=True, slots=True)
class Unread:
    """An image whose fingerprint is to be taken.

    Attributes:
        image: The image.
        expected: Hashes of TIFFs that are looked for; the pixels of one of these are not needed.
    """

    image: LabImage
    expected: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What an image is known by.

    Attributes:
        image: The image.
        tif: SHA-256 of the TIFF's bytes.
        pixels: SHA-256 of the pixels, None where they were not needed.
        error: Why there is no fingerprint, empty if there is.
    """

    image: LabImage
    tif: str = ""
    pixels: str | None = None
    error: str = ""


def pixels_hash(pixels: np.ndarray[Any, Any]) -> str:
    """Return the SHA-256 of pixels: of their type, their shape and their values in C order.

    The same pixels have the same hash whichever TIFF, or Zarr array, holds them.
    """
    import numpy as np

    plain = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{pixels.dtype.name} {pixels.shape}\n".encode())
    digest.update(plain.view(np.uint8).data)
    return digest.hexdigest()


def _take(unread: Unread) -> Fingerprint:
    """Take a fingerprint; this runs here or in a worker."""
    image = unread.image
    try:
        tif = read_hash(image.tif)
        if tif in unread.expected:
            return Fingerprint(image, tif)
        return Fingerprint(image, tif, pixels_hash(read_kymograph(image.tif).pixels))
    except SourceFileError as error:
        return Fingerprint(image, error=error.message)


FINGERPRINTING = Work(
    _take, halve=lambda _: (), give_up=lambda unread: Fingerprint(unread.image, error=FATAL)
)
