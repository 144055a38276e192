"""How pixels are compressed and packed."""

from __future__ import annotations

import struct
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from kymflow.core.lab_folder.tests.tiffs import PIXELS, refusal, tifffile_bytes


def by_hand(strip: bytes, *, bits: int = 16, compression: int = 1, more: Sequence[Any] = ()):
    """Return a TIFF of 20 × 4 pixels whose one strip is this."""
    tags = {256: 4, 257: 20, 258: bits, 259: compression, 262: 1, 277: 1, 278: 20, **dict(more)}
    tags |= {273: 8, 279: len(strip)}
    start = 8 + len(strip) + len(strip) % 2
    head = b"II*\0" + struct.pack("<I", start) + strip + b"\0" * (len(strip) % 2)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    return head + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)


def packed(values: np.ndarray, bits: int) -> bytes:
    """Return lines of pixels of so many bits each, every line padded to whole bytes."""
    lines = ["".join(f"{value:0{bits}b}" for value in line) for line in values.tolist()]
    padded = [line + "0" * (-len(line) % 8) for line in lines]
    return b"".join(int(line, 2).to_bytes(len(line) // 8, "big") for line in padded)


@pytest.mark.parametrize("predictor", [None, 2])
@pytest.mark.parametrize("codec", ["lzw", "zlib", "deflate", "packbits", "lzma", "zstd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_compressed_pixels_are_read_exactly(read, codec: str, predictor, dtype) -> None:
    if codec == "packbits" and predictor:
        pytest.skip("no program writes it")
    noise = np.random.default_rng(1).integers(0, 127, (300, 7)).astype(dtype)
    found = read(noise, compression=codec, predictor=predictor, rowsperstrip=16)
    np.testing.assert_array_equal(found.pixels, noise)
    assert found.pixels.dtype == dtype


def test_jpeg_is_read(read) -> None:
    smooth = np.add.outer(np.arange(64), np.arange(32)).astype(np.uint8)
    found = read(smooth, compression="jpeg")
    assert np.abs(found.pixels.astype(int) - smooth).max() <= 2


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("lines", [1, 3, 20])
def test_packed_pixels_are_read(read, bits: int, lines: int) -> None:
    values = np.random.default_rng(2).integers(0, 1 << bits, (20, 3))
    data = by_hand(packed(values, bits), bits=bits, more={256: 3, 278: 20}.items())
    np.testing.assert_array_equal(read(data).pixels, values)


def test_a_line_break_of_bits_is_no_matter(read) -> None:
    values = np.arange(80).reshape(20, 4) % 4096
    np.testing.assert_array_equal(read(by_hand(packed(values, 12), bits=12)).pixels, values)


UNREAD = {
    "JPEG 2000": (34712, "JPEG2000 (34712)"),
    "JPEG XL": (50002, "JPEGXL (50002)"),
    "WebP": (50001, "WEBP (50001)"),
    "old JPEG": (6, "OJPEG (6)"),
    "fax": (4, "CCITTFAX4 (4)"),
    "none that anyone knows": (60_000, "60000"),
}


@pytest.mark.parametrize("name", UNREAD)
def test_other_compressions_are_named(read, name: str) -> None:
    number, named = UNREAD[name]
    message = refusal(read, by_hand(b"\0" * 160, compression=number))
    assert f"{named} is not read; save it uncompressed, or with deflate or LZW" in message.replace(
        "number (60000)", "60000"
    )


@pytest.mark.parametrize("bits", [1, 4, 7, 9, 32, 64])
def test_other_depths_are_named(read, bits: int) -> None:
    message = refusal(read, by_hand(b"\0" * 20 * 4 * 8, bits=bits))
    assert f"{bits} bits" in message or "not 8- or 16-bit integers" in message


def test_damaged_streams_say_so(read) -> None:
    for compression in (5, 7, 8, 34925, 50000):
        message = refusal(read, by_hand(b"\xff" * 40, compression=compression))
        assert "whole TIFF" not in message
        assert "damaged" in message or "frame header" in message


@pytest.mark.parametrize("codec", ["lzw", "zstd"])
def test_no_stream_fills_the_memory(read, codec: str) -> None:
    zeros = getattr(imagecodecs, f"{codec}_encode")(b"\0" * (64 << 20))
    data = by_hand(zeros, compression={"lzw": 5, "zstd": 50000}[codec])
    if codec == "lzw":  # it stops where the pixels are whole
        assert read(data).pixels.shape == (20, 4)
    else:
        assert "too small" in refusal(read, data)


def test_a_jpeg_of_other_sizes_is_refused(read) -> None:
    data = bytearray(imagecodecs.jpeg_encode(np.zeros((20, 4), np.uint8)))
    place = data.find(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", 65_000, 65_000)
    message = refusal(read, by_hand(bytes(data), bits=8, compression=7))
    assert "unpacks to more than it says" in message


WITHOUT_IMAGECODECS = """
    import sys
    sys.modules["imagecodecs"] = None
    from pathlib import Path
    from kymflow.core.errors import SourceFileError
    from kymflow.core.lab_folder.pixels import read_kymograph
    for path in sys.argv[1:]:
        try:
            print(read_kymograph(Path(path)).pixels.sum())
        except SourceFileError as error:
            print(error.message)
"""


def test_without_imagecodecs_the_message_names_the_extra(tmp_path: Path) -> None:
    files = {
        "lzw": by_hand(imagecodecs.lzw_encode(PIXELS.tobytes()), compression=5),
        "zstd": by_hand(imagecodecs.zstd_encode(PIXELS.tobytes()), compression=50000),
        "12 bits": by_hand(packed(PIXELS, 12), bits=12),
    }
    read = {"plain": by_hand(PIXELS.tobytes())}
    for codec in ("zlib", "lzma"):
        read[codec] = tifffile_bytes(PIXELS, compression=codec, predictor=2)
    for name, data in (files | read).items():
        (tmp_path / f"{name}.tif").write_bytes(data)
    paths = [str(tmp_path / f"{name}.tif") for name in files | read]
    script = textwrap.dedent(WITHOUT_IMAGECODECS)
    done = subprocess.run(
        [sys.executable, "-c", script, *paths], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    for (name, _), line in zip(files.items(), lines, strict=False):
        assert name.upper().split()[0] in line
        assert line.endswith("is not installed; install it with: pip install 'kymflow[tiff]'")
    assert lines[len(files) :] == [str(PIXELS.sum())] * len(read)
    assert done.stderr == ""
