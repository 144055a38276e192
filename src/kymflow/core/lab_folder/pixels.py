"""The pixels of a lab image: one 2-D TIFF page of 8- or 16-bit integers."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymflow.core.lab_folder.reading import broken

if TYPE_CHECKING:
    import numpy as np

MAX_BYTES = 4 << 30
_DTYPES = ("uint8", "uint16", "int8", "int16")


def read_pixels(path: Path) -> np.ndarray[Any, Any]:
    """Return a kymograph, axis 0 time and axis 1 space.

    Raises:
        SourceFileError: If the file is not one 2-D page of 8- or 16-bit integers, is damaged, or
            claims to unpack to more than 4 GiB.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            if len(tiff.pages) != 1:
                raise broken(path, f"it has {len(tiff.pages)} pages where a kymograph has one")
            page = tiff.pages.first
            if len(page.shape) != 2 or str(page.dtype) not in _DTYPES:
                raise broken(
                    path, f"it is {page.dtype} of shape {page.shape}, not a 2-D 8/16-bit image"
                )
            if page.nbytes > MAX_BYTES:
                raise broken(path, f"it claims to hold {page.nbytes:,} bytes of pixels")
            pixels = page.asarray()
    except (tifffile.TiffFileError, OSError, ValueError, struct.error, zlib.error) as error:
        if type(error).__module__.startswith("kymflow"):
            raise
        raise broken(path, f"it is not a whole TIFF: {error}") from error
    except (IndexError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        # tifffile meets damaged tags with whatever its own code stumbles on.
        raise broken(path, f"its TIFF tags are damaged: {error!r}") from error
    return pixels
