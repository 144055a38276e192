"""How much packed bytes unpack to, told before they are unpacked."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

UNPACKED = ("blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd")
"""What packs bytes, as Zarr v2 and numcodecs name it."""
_SLACK = 4096  # checksums
_ZSTD_SIZES = {0: 0, 1: 2, 2: 4, 3: 8}


def check_unpacks(codec: str, data: bytes, room: int) -> None:
    """Refuse packed bytes that unpack to more than there is room for.

    Args:
        codec: As numcodecs names it.
        data: The bytes.
        room: Bytes they may take.

    Raises:
        ValueError: If they do.
    """
    if codec in UNPACKED and _is_larger(codec, data, room + _SLACK):
        raise ValueError(f"a chunk unpacks to more than its {room:,} bytes")


def _is_larger(codec: str, data: bytes, room: int) -> bool:
    if codec == "zstd":
        size = _zstd_size(data)
        return _is_larger_stream(_zstd_stream, data, room) if size is None else size > room
    if codec == "blosc":
        return int.from_bytes(data[4:8], "little") > room
    if codec == "lz4":
        return int.from_bytes(data[:4], "little") > room
    streams: dict[str, Callable[[], Any]] = {
        "gzip": lambda: zlib.decompressobj(wbits=31),
        "zlib": lambda: zlib.decompressobj(wbits=15),
        "bz2": bz2.BZ2Decompressor,
        "lzma": lzma.LZMADecompressor,
    }
    return _is_larger_stream(streams[codec], data, room)


def _is_larger_stream(make: Callable[[], Any], data: bytes, room: int) -> bool:
    """Tell whether a stream, or several in a row, unpack to more than there is room for."""
    while data:
        stream = make()
        room -= len(stream.decompress(data, room + 1))
        if room < 0:
            return True
        data = stream.unused_data
    return False


class _zstd_stream:  # noqa: N801 - as the decompressors beside it
    """A zstd frame that does not tell its size."""

    unused_data = b""

    def decompress(self, data: bytes, room: int) -> bytes:
        """Return the data unpacked, up to as many bytes as there is room for."""
        import pyarrow as pa

        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            return bytes(stream.read(room))


def _zstd_size(data: bytes) -> int | None:
    """Read the size that a zstd frame unpacks to (RFC 8878, 3.1.1); None if it does not say."""
    if data[:4] != b"\x28\xb5\x2f\xfd" or len(data) < 5:
        return None
    flags = data[4]
    single = bool(flags & 0x20)
    width = _ZSTD_SIZES[flags >> 6] or int(single)
    start = 5 + (not single) + (0, 1, 2, 4)[flags & 3]
    if not width or len(data) < start + width:
        return None
    return int.from_bytes(data[start : start + width], "little") + 256 * (width == 2)
