"""Pixels: how arrays are cut into chunks and written as Zarr."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kymflow_zarr.errors import InvalidArrayError
from kymflow_zarr.store.files import replace_folder, temporary_path, writing

if TYPE_CHECKING:
    import numpy as np

DEFAULT_AXES = {
    2: ("y", "x"),
    3: ("z", "y", "x"),
    4: ("z", "y", "x", "c"),
    5: ("t", "z", "y", "x", "c"),
}
CHUNK_BYTES = 1 << 20
SHARD_BYTES = 64 << 20


def checked_array(array: object) -> np.ndarray[Any, Any]:
    """Return pixels as an array that can be stored.

    Raises:
        InvalidArrayError: If they are not 2-D to 5-D numbers, or empty.
    """
    import numpy as np

    pixels = np.asarray(array)
    if pixels.dtype.kind not in "buifc":
        raise InvalidArrayError(f"pixels of dtype {pixels.dtype} can't be stored; pass numbers")
    if pixels.ndim not in DEFAULT_AXES:
        raise InvalidArrayError(f"pixels have {pixels.ndim} dimensions; pass 2 to 5")
    if pixels.size == 0:
        raise InvalidArrayError(f"pixels of shape {pixels.shape} are empty")
    return pixels


def checked_axes(axes: Sequence[str] | None, ndim: int) -> list[str]:
    """Return one name an axis, by default the usual ones.

    Raises:
        InvalidArrayError: If there are not as many different names as axes.
    """
    names = list(DEFAULT_AXES[ndim] if axes is None else axes)
    if len(names) != ndim or len(set(names)) != ndim:
        raise InvalidArrayError(f"axes {names} don't name {ndim} different axes")
    return names


def default_chunks(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Return chunks of about 1 MiB, cut along the leading axes first.

    The trailing axes stay whole: a window of lines of a kymograph is then one stretch of chunks.

    Args:
        shape: The array's shape.
        itemsize: Bytes a value.
    """
    chunks = list(shape)
    for axis in range(len(chunks)):
        others = itemsize * math.prod(chunks) // chunks[axis]
        chunks[axis] = max(1, min(chunks[axis], CHUNK_BYTES // others)) if others else 1
        if itemsize * math.prod(chunks) <= CHUNK_BYTES:
            break
    return tuple(chunks)


def shard_shape(
    shape: Sequence[int], chunks: Sequence[int], itemsize: int
) -> tuple[int, ...] | None:
    """Return the shape of shards of up to 64 MiB, or None where one chunk holds all.

    A shard is a whole number of chunks; a small image becomes one file of several chunks.
    """
    if all(chunk >= size for chunk, size in zip(chunks, shape, strict=True)):
        return None
    shard = list(chunks)
    for axis in reversed(range(len(shape))):
        room = SHARD_BYTES // (itemsize * math.prod(shard))
        needed = math.ceil(shape[axis] / chunks[axis])
        shard[axis] = chunks[axis] * max(1, min(needed, room))
    return tuple(shard)


def write_array(
    path: Path,
    pixels: np.ndarray[Any, Any],
    *,
    axes: Sequence[str],
    chunks: Sequence[int] | None,
    zarr_format: Literal[2, 3],
) -> None:
    """Write an array with zstd compression; Zarr v3 arrays of several chunks are sharded.

    It is written elsewhere and put into its place when it is whole. An array that it replaces is
    gone for a moment, and never mixed with the new one.

    Args:
        path: The array's folder.
        pixels: The numbers.
        axes: The names of the axes.
        chunks: Chunk shape.
        zarr_format: 2 or 3.

    Raises:
        InvalidArrayError: If the chunks don't fit the array.
        WriteError: If the system refuses it, as on a full disk.
    """
    import numcodecs
    import zarr
    from zarr.codecs import ZstdCodec

    itemsize = pixels.dtype.itemsize
    cut = default_chunks(pixels.shape, itemsize) if chunks is None else tuple(chunks)
    if len(cut) != pixels.ndim or min(cut) < 1:
        raise InvalidArrayError(f"chunks {cut} don't fit an array of shape {pixels.shape}")
    cut = tuple(min(chunk, size) for chunk, size in zip(cut, pixels.shape, strict=True))
    layout: dict[str, Any] = {"compressors": numcodecs.Zstd(level=3)}
    if zarr_format == 3:
        layout = {
            "compressors": ZstdCodec(level=3),
            "shards": shard_shape(pixels.shape, cut, itemsize),
            "dimension_names": list(axes),
        }
    with writing(path), temporary_path(path) as fresh:
        array = zarr.create_array(
            str(fresh),
            shape=pixels.shape,
            dtype=pixels.dtype,
            chunks=cut,
            zarr_format=zarr_format,
            **layout,
        )
        array[...] = pixels
        replace_folder(fresh, path)
