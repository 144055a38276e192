"""Whether a TIFF unpacks to what it says, found out without holding it: none may fill memory."""

from __future__ import annotations

import lzma
import math
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tifffile import TiffFrame, TiffPage

_STEP = 1 << 20
_LZMA_MEMORY = 256 << 20
_PLAIN, _LZW, _JPEG, _ZSTD = 1, 5, 7, 50000
_BY_IMAGECODECS = (_LZW, _JPEG, _ZSTD)
_WHOLE_BYTES, _PACKED = (8, 16), (10, 12, 14)


def check_codec(page: TiffPage) -> None:
    """Check that a page is compressed and packed in a way that is read here.

    Raises:
        ValueError: If it is not, or a package is missing; the message names the way.
    """
    compression = int(page.compression)
    name = f"{getattr(page.compression, 'name', 'number')} ({compression})"
    if compression not in (_PLAIN, *_BY_IMAGECODECS, *_SIZES):
        raise ValueError(
            f"its compression {name} is not read; save it uncompressed, or with deflate or LZW"
        )
    bits = page.bitspersample
    if compression in _BY_IMAGECODECS:
        _check_imagecodecs(f"it is compressed with {name}")
    elif bits in _PACKED:
        _check_imagecodecs(f"its pixels are packed in {bits} bits each")
    elif bits not in _WHOLE_BYTES:
        raise ValueError(f"its pixels have {bits} bits each; save it with 8 or 16")


def check_segments(plane: TiffPage | TiffFrame) -> None:
    """Check the strips or tiles of a plane before they are unpacked.

    Args:
        plane: The plane; its file is open.

    Raises:
        ValueError: If one lies beyond the end of the file, is damaged, or unpacks to more than the
            plane tells of.
    """
    page = plane.keyframe
    if page is None or page.dtype is None:
        raise ValueError("it is damaged: tags of a plane are missing")
    file = page.parent.filehandle
    size_of = _SIZES.get(int(page.compression))
    chunk = math.prod(page.chunks) * page.dtype.itemsize
    room = min(chunk, page.nbytes + _STEP) + _STEP
    held = 0
    for start, size in zip(plane.dataoffsets, plane.databytecounts, strict=True):
        if start + size > file.size:
            raise ValueError("it is cut short")
        held += size
        if size_of is not None:
            file.seek(start)
            if size_of(file.read(size), room) > room:
                raise ValueError("it unpacks to more than it says")
    if int(page.compression) == _PLAIN and held < page.size * page.bitspersample // 8:
        raise ValueError("it holds fewer pixels than it says")
    there = sum(size > 0 for size in plane.databytecounts)
    if int(page.compression) != _PLAIN and there < math.prod(page.chunked):
        # tifffile reads zeros in their place
        raise ValueError(f"{math.prod(page.chunked) - there} of its strips or tiles are missing")


def _check_imagecodecs(why: str) -> None:
    try:
        import imagecodecs  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"{why}, and the package 'imagecodecs' is not installed; install it with: "
            f"pip install 'kymflow[tiff]'"
        ) from error


def _deflated(data: bytes, room: int) -> int:
    """Return how many bytes a deflate stream unpacks to, or any number above ``room``."""
    unpacker = zlib.decompressobj()
    total = 0
    try:
        while data and not unpacker.eof and total <= room:
            total += len(unpacker.decompress(data, _STEP))
            data = unpacker.unconsumed_tail
    except zlib.error as error:
        raise ValueError(f"its deflate stream is damaged ({error})") from error
    return _whole(total, unpacker.eof or total > room)


def _lzma(data: bytes, room: int) -> int:
    """Return the same of an LZMA stream."""
    total = 0
    try:
        unpacker = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
        while not unpacker.eof and total <= room and (data or not unpacker.needs_input):
            total += len(unpacker.decompress(data, _STEP))
            data = b""
    except lzma.LZMAError as error:
        raise ValueError(f"its LZMA stream is damaged ({error})") from error
    return _whole(total, unpacker.eof or total > room)


def _whole(total: int, ended: bool) -> int:
    if not ended:
        raise ValueError("it is cut short")
    return total


def _packbits(data: bytes, room: int) -> int:
    """Return the same of a PackBits stream: runs of up to 128 bytes, each behind its length."""
    total = place = 0
    while place < len(data) and total <= room:
        code = data[place]
        place += code + 2 if code < 128 else 2 if code > 128 else 1
        total += code + 1 if code < 128 else 257 - code if code > 128 else 0
    return total


def _jpeg(data: bytes, room: int) -> int:
    """Return the bytes of a JPEG's pixels, from the sizes in its frame header."""
    place = 2
    while place + 9 < len(data) and data[place] == _MARK:
        code, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        if code in _FRAME_HEADERS:
            bits, lines, width, samples = struct.unpack_from(">BHHB", data, place + 4)
            return int(lines * width * samples * -(-bits // 8))
        place += 1 if code == _MARK else 2 + length
    raise ValueError("its JPEG has no frame header")


_MARK = 0xFF
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

_SIZES: Mapping[int, Callable[[bytes, int], int]] = {
    _JPEG: _jpeg,
    8: _deflated,
    32946: _deflated,
    32773: _packbits,
    34925: _lzma,
}
