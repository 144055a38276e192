"""Chunks of arrays from elsewhere: packed by codecs known here, and never larger than they say.

A codec believes what a chunk says of its own size, and some run programs. So the codecs are checked
by name before Zarr makes them, and the size of each chunk before it is unpacked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymflow_zarr.images.unpacking import UNPACKED, check_unpacks
from kymflow_zarr.store.codecs import decode_object
from kymflow_zarr.store.files import check_plain_tree
from kymflow_zarr.store.reads import read_file

if TYPE_CHECKING:
    import zarr

_KEEP_SIZE = (
    *("adler32", "astype", "bitround", "bytes", "crc32", "crc32c", "delta", "fixedscaleoffset"),
    *("fletcher32", "jenkins_lookup3", "packbits", "quantize", "shuffle", "transpose"),
)
_KNOWN = {*UNPACKED, *_KEEP_SIZE, "sharding_indexed"}


def open_bounded(path: Path) -> zarr.Array[Any]:
    """Open an array whose chunks unpack to no more than they should.

    Raises:
        FileNotFoundError: If there is none.
        OSError: If it holds what is no file.
        ValueError: If its metadata is none, a codec is not known here, or it would not fit into
            memory.
    """
    import zarr

    check_plain_tree(path)  # Zarr would wait for a pipe
    for name in _codecs(_metadata(path)):
        if name not in _KNOWN:
            raise ValueError(f"its chunks are packed by {name!r}, which is not read here")
    bounded = _bounded_codecs()
    with zarr.config.set({f"codecs.{name}": place for name, place in bounded.items()}):
        # As a path: a text that holds "::" would be taken for an address.
        array = zarr.open_array(path, mode="r")
    _check_size(array.shape, array.dtype.itemsize, "array")
    _check_size(array.shards or array.chunks, array.dtype.itemsize, "chunk")
    if array.metadata.zarr_format == 2:
        codec: Any = array.async_array.codec_pipeline.array_bytes_codec  # type: ignore[attr-defined]
        if codec.compressor is not None:
            room = array.dtype.itemsize * _product(array.chunks)
            object.__setattr__(codec, "compressor", _Bounded(codec.compressor, room))
    return array


class _Bounded:
    """A compressor of Zarr v2 that looks before it unpacks."""

    def __init__(self, compressor: Any, room: int) -> None:
        self._compressor = compressor
        self._room = room

    def decode(self, data: Any, out: Any = None) -> Any:
        """Unpack a chunk.

        Raises:
            ValueError: If it is larger than it may be.
        """
        packed = memoryview(data).tobytes()
        check_unpacks(self._compressor.codec_id, packed, self._room)
        return self._compressor.decode(packed, out)


def _bounded_codecs() -> dict[str, str]:
    """Return, for each codec of Zarr v3 that unpacks, where one is that looks before."""
    from zarr.registry import register_codec

    from kymflow_zarr.images import chunk_codecs as codecs

    places = {}
    for name, codec in codecs.BOUNDED.items():
        register_codec(name, codec)
        places[name] = f"{codec.__module__}.{codec.__qualname__}"
    return places


def _metadata(path: Path) -> Mapping[str, Any]:
    for name in ("zarr.json", ".zarray"):
        if (path / name).exists():
            return decode_object(read_file(path / name))
    raise FileNotFoundError(path)


def _codecs(part: Any) -> Iterator[str]:
    """Yield the name of every codec in an array's metadata."""
    if isinstance(part, list):
        for each in part:
            yield from _codecs(each)
    elif isinstance(part, dict):
        for key in ("codecs", "index_codecs", "filters", "compressor", "configuration"):
            if key in part:
                yield from _codecs(part[key])
        found = part.get("id") or (part.get("name") if "node_type" not in part else None)
        if isinstance(found, str):
            yield found.removeprefix("numcodecs.")
    elif isinstance(part, str):
        yield part


def _check_size(shape: tuple[int, ...], itemsize: int, what: str) -> None:
    size, most = itemsize * _product(shape), _memory()
    if most is not None and size > most:
        raise ValueError(f"its {what} takes {size:,} bytes, more than this machine's memory")


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= int(size)
    return product


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # as on Windows
        return None
