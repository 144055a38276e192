"""Which pixels of a TIFF are its kymograph: one plane, one per channel, or a plane per line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kymflow.core.artifacts.kymograph import AXES
from kymflow.core.lab_folder.tiff_metadata import imagej_properties, ome_pixels
from kymflow.core.quantities import parse_count

if TYPE_CHECKING:
    import numpy as np
    from tifffile import TiffFile, TiffPage, TiffPageSeries

STUMBLES = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What tifffile's own code stumbles with over damaged tags, and codecs over damaged data."""

_LINES = "TIQ"  # axes that lines may be stacked along: time, and those that nothing tells of
_COUNTS = ("images", "frames", "slices", "channels")
_STACKS = {"T": "frames", "Z": "slices", "S": "samples per pixel", "C": "channels"}


def find_planes(tiff: TiffFile) -> TiffPageSeries | None:
    """Find the one series of planes that a TIFF holds; smaller copies of it are passed over.

    Returns:
        The series, None where the file's metadata keep tifffile from sorting its planes.

    Raises:
        ValueError: If it holds other images as well, fewer planes than its metadata tells of, or
            planes that together are not one kymograph.
    """
    page = tiff.pages.first
    try:
        listed = list(tiff.series)
    except STUMBLES:
        return None
    found = [series for series in listed if not _is_copy(series)] or listed
    if len(found) != 1:
        raise ValueError(f"it holds {len(found)} images of different kinds; save each on its own")
    series = found[0]
    if any(plane is None for plane in series.pages):
        raise ValueError("some of its planes are missing, or lie in other files")
    _check_count(page, series)
    _check_axes(series.axes, series.shape)
    if series.size > len(series.pages) * page.size:
        raise ValueError("it holds several planes in one directory; save each in one of its own")
    return series


def check_alone(tiff: TiffFile) -> None:
    """Refuse a file whose only plane may be the first of several that have no directory.

    For files whose metadata, which would tell, can't be read.

    Raises:
        ValueError: If there is room for another plane behind the last.
    """
    page = tiff.pages[-1]
    ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
    if tiff.filehandle.size - max(ends, default=0) >= tiff.pages.first.nbytes:
        raise ValueError("its metadata is damaged, and it may hold further planes")


def _check_axes(axes: str, shape: Sequence[int]) -> None:
    """Refuse planes that together are not one kymograph.

    Raises:
        ValueError: If they are frames of a movie, slices of a volume, or colours.
    """
    sizes = {axis: size for axis, size in zip(axes, shape, strict=True) if size > 1}
    lines = [axis for axis in sizes if axis in _LINES]
    extra = set(sizes) - {"C", "X", "Y", *(lines if "Y" not in sizes or "X" not in sizes else ())}
    if not extra and len(lines) <= 1:
        return
    stacked = " and ".join(
        f"{sizes[axis]} {_STACKS.get(axis, 'planes')}" for axis in sizes if axis not in "XY"
    )
    plane = " x ".join(str(sizes.get(axis, 1)) for axis in "YX")
    raise ValueError(
        f"it holds {stacked} of {plane} pixels where a kymograph has one plane, or one per channel"
    )


def as_kymograph(
    pixels: np.ndarray[Any, Any], axes: str
) -> tuple[np.ndarray[Any, Any], tuple[str, ...]]:
    """Return pixels with lines along axis 0, the line along axis 1, and channels along axis 2.

    Args:
        pixels: What :func:`find_planes` found.
        axes: The letters of their axes.

    Returns:
        The pixels and the names of their axes: ``t``, ``x``, and ``c`` if there are channels.
    """
    import numpy as np

    long = [axis for axis, size in zip(axes, pixels.shape, strict=True) if size > 1]
    lines = next((axis for axis in long if axis in _LINES), "Y")
    along = "Y" if lines != "Y" and "Y" in long else "X"
    order = [lines, along, *(axis for axis in long if axis == "C")]
    lacking = [axis for axis in order if axis not in axes]
    pixels, axes = pixels[(..., *(np.newaxis for _ in lacking))], axes + "".join(lacking)
    short = [axis for axis in axes if axis not in order]
    moved = pixels.transpose([axes.index(axis) for axis in (*order, *short)])
    shaped = moved.reshape(moved.shape[: len(order)])
    return np.ascontiguousarray(shaped), AXES[: len(order)]


def _is_copy(series: TiffPageSeries) -> bool:
    page = series.pages[0]
    return page is not None and page.keyframe is not None and page.keyframe.is_reduced


def _check_count(page: TiffPage, series: TiffPageSeries) -> None:
    """Refuse a file that holds fewer planes than its metadata tells of.

    ImageJ writes stacks of more than 4 GiB under the directory of their first plane, and readers
    that don't know of this find one plane; a file cut short looks the same.
    """
    held = series.size // (page.imagewidth * page.imagelength)
    told, name = 0, ""
    properties = imagej_properties(page)
    if properties:
        counts = {key: parse_count(properties.get(key, "")) or 1 for key in _COUNTS}
        told = max(counts.pop("images"), math.prod(counts.values()))
        name = "ImageJ metadata"
        if counts["frames"] == told == page.imagelength:
            told = 1  # its lines were counted as frames
    try:
        ome = ome_pixels(page)
    except ValueError:
        ome = None
    if ome is not None:
        told, name = math.prod(ome.size(axis) for axis in "ZCT"), "OME-XML"
        if ome.size("Y") == 1 and ome.size("T") == page.imagelength:
            told //= page.imagelength
    if told > held:
        raise ValueError(f"its {name} tells of {told} planes and it holds {held}")
