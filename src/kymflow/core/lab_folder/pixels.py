"""The pixels of a lab image: a TIFF of 8- or 16-bit integers, and what it says of its scale."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymflow.core.lab_folder.planes import (
    STUMBLES,
    as_kymograph,
    check_alone,
    find_planes,
)
from kymflow.core.lab_folder.reading import broken
from kymflow.core.lab_folder.scale import Claim
from kymflow.core.lab_folder.tiff_metadata import ome_pixels, read_claims
from kymflow.core.lab_folder.unpacked_size import check_codec, check_segments
from kymflow_zarr.reasons import first_line

if TYPE_CHECKING:
    import numpy as np
    from tifffile import TiffFile, TiffPage

MAX_BYTES = 2 << 30
_DTYPES = ("uint8", "uint16", "int8", "int16")
_SILENT = logging.NullHandler()
_ORIENTATION = 274
_UPRIGHT = 1


@dataclass(frozen=True, slots=True)
class Kymograph:
    """What a TIFF holds.

    Attributes:
        pixels: Axis 0 time, axis 1 space, axis 2 channels if there are several.
        axes: The names of the axes: ``t``, ``x``, ``c``.
        claims: What the file says of the scale.
        notes: What it says that was not followed.
    """

    pixels: np.ndarray[Any, Any]
    axes: tuple[str, ...]
    claims: tuple[Claim, ...]
    notes: tuple[str, ...]


def read_kymograph(path: Path) -> Kymograph:
    """Read a TIFF.

    Raises:
        SourceFileError: If the file is not one kymograph of 8- or 16-bit integers, is compressed
            or packed in a way that is not read here, holds fewer planes than it tells of, is
            damaged, or unpacks to more than it says or than 2 GiB.
    """
    import tifffile

    # What it would print is refused here, or of no consequence.
    logging.getLogger("tifffile").addHandler(_SILENT)
    if not path.is_file():
        raise broken(path, "it is no plain file")
    try:
        return _read_file(path)
    except (tifffile.TiffFileError, OSError, ValueError) as error:
        raise broken(path, first_line(error)) from error
    except (struct.error, *STUMBLES) as error:
        raise broken(path, f"it is damaged: {first_line(error)}") from error
    except MemoryError as error:
        raise broken(path, "there is not enough memory for its pixels") from error


def _read_file(path: Path) -> Kymograph:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        is_part = _is_part_of_many(tiff)
        kymograph = None if is_part else _read(tiff)
    if kymograph is None:
        # Without these kinds of metadata tifffile goes by the planes' directories.
        with tifffile.TiffFile(
            path,
            is_shaped=False,
            is_ome=False,
            is_imagej=False,
            is_fluoview=False,
            is_scanimage=False,
            is_stk=False,
        ) as tiff:
            if not is_part:
                check_alone(tiff)
            kymograph = _read(tiff)
    if kymograph is None:
        raise ValueError("its TIFF tags are damaged")
    return kymograph


def _is_part_of_many(tiff: TiffFile) -> bool:
    """Tell whether OME-XML names other files: tifffile would read them, or zeros in their place."""
    try:
        pixels = ome_pixels(tiff.pages.first)
    except ValueError:
        return True
    return pixels is not None and not pixels.files <= {tiff.filename}


def _read(tiff: TiffFile) -> Kymograph | None:
    """Read an open TIFF; None where its metadata keep its planes from being sorted."""
    page = tiff.pages.first
    if str(page.dtype) not in _DTYPES:
        raise ValueError(f"its pixels are {page.dtype}, not 8- or 16-bit integers")
    if not page.imagewidth or not page.imagelength:
        raise ValueError("it has no pixels")
    check_codec(page)
    series = find_planes(tiff)
    if series is None:
        return None
    if series.nbytes > MAX_BYTES:
        raise ValueError(f"it claims to hold {series.nbytes:,} bytes of pixels")
    for plane in series.pages:
        if plane is not None:
            check_segments(plane)
    try:
        pixels, axes = as_kymograph(series.asarray(), series.axes)
    except STUMBLES as error:
        raise ValueError(f"it is damaged: {first_line(error)}") from error
    return Kymograph(pixels, axes, tuple(read_claims(page)), tuple(_notes(page)))


def _notes(page: TiffPage) -> Iterator[str]:
    turned = page.tags.valueof(_ORIENTATION) or _UPRIGHT
    if turned != _UPRIGHT:
        yield f"the TIFF is to be shown in orientation {int(turned)}; its pixels are kept as stored"
