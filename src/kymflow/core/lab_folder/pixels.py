"""The pixels of a lab image: one 2-D TIFF page of 8- or 16-bit integers."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymflow.core.lab_folder.reading import broken
from kymflow.core.lab_folder.unpacked_size import check_segments
from kymflow_zarr.reasons import first_line

if TYPE_CHECKING:
    import numpy as np
    from tifffile import TiffPage

MAX_BYTES = 2 << 30
_DTYPES = ("uint8", "uint16", "int8", "int16")


def read_pixels(path: Path) -> np.ndarray[Any, Any]:
    """Return a kymograph, axis 0 time and axis 1 space.

    Raises:
        SourceFileError: If the file is not one 2-D page of 8- or 16-bit integers, is packed in a
            way not known here, is damaged, or unpacks to more than it says or than 2 GiB.
    """
    import tifffile

    if not path.is_file():
        raise broken(path, "it is no plain file")
    try:
        with tifffile.TiffFile(path) as tiff:
            if len(tiff.pages) != 1:
                raise broken(path, f"it has {len(tiff.pages)} pages where a kymograph has one")
            page = tiff.pages.first
            _check_page(page, path)
            check_segments(page)
            pixels = page.asarray()
    except (tifffile.TiffFileError, OSError, ValueError, struct.error) as error:
        if type(error).__module__.startswith("kymflow"):
            raise
        raise broken(path, f"it is not a whole TIFF: {first_line(error)}") from error
    except MemoryError as error:
        raise broken(path, "there is not enough memory for its pixels") from error
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError) as error:
        # tifffile meets damaged tags with whatever its own code stumbles on.
        raise broken(path, f"its TIFF tags are damaged: {first_line(error)}") from error
    if pixels.ndim != 2 or not pixels.size:
        raise broken(path, f"its pixels are of shape {pixels.shape}")
    return pixels


def _check_page(page: TiffPage, path: Path) -> None:
    if len(page.shape) != 2 or str(page.dtype) not in _DTYPES:
        raise broken(path, f"it is {page.dtype} of shape {page.shape}, not a 2-D 8/16-bit image")
    if page.nbytes > MAX_BYTES:
        raise broken(path, f"it claims to hold {page.nbytes:,} bytes of pixels")
