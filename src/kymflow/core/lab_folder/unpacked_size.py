"""Whether a TIFF unpacks to what it says, found out without holding it: none may fill memory."""

from __future__ import annotations

import lzma
import math
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tifffile import TiffPage

_STEP = 1 << 20
_LZMA_MEMORY = 256 << 20
_PLAIN, _LZW = 1, 5


def check_segments(page: TiffPage) -> None:
    """Check the strips or tiles of a page before they are unpacked.

    Args:
        page: The page; its file is open.

    Raises:
        ValueError: If one lies beyond the end of the file, is packed in a way not known here, is
            damaged, or unpacks to more than the page tells of.
    """
    file = page.parent.filehandle
    compression = int(page.compression)
    if compression not in (_PLAIN, _LZW, *_SIZES):
        raise ValueError(f"its compression {compression} is not read; save it plain or as deflate")
    chunk = math.prod(page.chunks) * (page.nbytes // math.prod(page.shape))
    room = min(chunk, page.nbytes + _STEP) + _STEP
    held = 0
    for start, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        if start + size > file.size:
            raise ValueError("it is cut short")
        held += size
        if compression in _SIZES:
            file.seek(start)
            if _SIZES[compression](file.read(size), room) > room:
                raise ValueError("it unpacks to more than it says")
    if compression == _PLAIN and held < page.nbytes:
        raise ValueError("it holds fewer pixels than it says")


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


_SIZES: Mapping[int, Callable[[bytes, int], int]] = {
    8: _deflated,
    32946: _deflated,
    32773: _packbits,
    34925: _lzma,
}
