"""What a TIFF says of the scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from kymflow.core.lab_folder.tests.tiffs import GREY, LINES, ONE, PIXELS, ome, scale_of

SECONDS, UM = 0.002, 0.25


def planes(times: Sequence[float], unit: str = "s") -> dict[str, Any]:
    return {"DeltaT": list(times), "DeltaTUnit": [unit] * len(times)}


SCALED: dict[str, tuple[np.ndarray, dict[str, Any], tuple[float | None, float | None]]] = {
    "OME": (
        PIXELS,
        ome(f'{ONE} PhysicalSizeX="0.25" TimeIncrement="0.002"'),
        (SECONDS, UM),
    ),
    "OME with units": (
        PIXELS,
        ome(
            f'{ONE} PhysicalSizeX="250" PhysicalSizeXUnit="nm" TimeIncrement="2" '
            f'TimeIncrementUnit="ms"'
        ),
        (SECONDS, UM),
    ),
    "OME along the lines": (PIXELS, ome(f'{ONE} PhysicalSizeY="0.7"'), (None, None)),
    "OME of pixels": (
        PIXELS,
        ome(f'{ONE} PhysicalSizeX="1" PhysicalSizeXUnit="pixel"'),
        (None, None),
    ),
    "OME from tifffile": (
        PIXELS,
        {
            "ome": True,
            "metadata": {
                "axes": "YX",
                "PhysicalSizeX": 0.25,
                "PhysicalSizeXUnit": "µm",
                "PhysicalSizeY": 0.7,
                "TimeIncrement": 2000,
                "TimeIncrementUnit": "µs",
            },
        },
        (SECONDS, UM),
    ),
    "OME of planes": (
        LINES,
        {
            "ome": True,
            "metadata": {"axes": "TYX", "Plane": planes(np.arange(20) * 2.0, "ms")},
            **GREY,
        },
        (SECONDS, None),
    ),
    "OME of planes of two channels": (
        np.stack([LINES, LINES], 1),
        {
            "ome": True,
            "metadata": {
                "axes": "TCYX",
                "Plane": planes([t * 0.002 + c for t in range(20) for c in (0, 0.5)]),
            },
            **GREY,
        },
        (SECONDS, None),
    ),
    "OME of one plane's start": (
        PIXELS,
        ome(ONE, '<TiffData IFD="0"/><Plane TheC="0" TheT="0" TheZ="0" DeltaT="3.5"/>'),
        (None, None),
    ),
    "ImageJ": (
        PIXELS,
        {
            "imagej": True,
            "resolution": (4, 9),
            "metadata": {"axes": "YX", "unit": "um", "finterval": 0.002},
        },
        (SECONDS, UM),
    ),
    **{
        f"ImageJ in {unit}": (
            PIXELS,
            {"imagej": True, "resolution": (per, 9), "metadata": {"axes": "YX", "unit": unit}},
            (None, UM),
        )
        for unit, per in (("micron", 4), ("\\u00B5m", 4), ("nm", 0.004), ("mm", 4000))
    },
    "ImageJ with lines in time": (
        PIXELS,
        {
            "imagej": True,
            "resolution": (4, 0.5),
            "metadata": {"axes": "YX", "unit": "um", "yunit": "ms"},
        },
        (SECONDS, UM),
    ),
    "ImageJ in ms": (
        PIXELS,
        {"imagej": True, "metadata": {"axes": "YX", "finterval": 2, "tunit": "ms"}},
        (SECONDS, None),
    ),
    "ImageJ of lines": (
        LINES,
        {
            "imagej": True,
            "resolution": (4, 4),
            "metadata": {"axes": "TYX", "unit": "um", "finterval": 0.002},
        },
        (SECONDS, UM),
    ),
    "ImageJ of lines counted as frames": (
        PIXELS,
        {
            "imagej": True,
            "resolution": (4, 4),
            "metadata": {"axes": "TX", "unit": "um", "finterval": 0.002},
        },
        (SECONDS, UM),
    ),
    "ImageJ of pixels": (
        PIXELS,
        {"imagej": True, "resolution": (4, 4), "metadata": {"axes": "YX", "unit": "pixel"}},
        (None, None),
    ),
    "ImageJ never set": (
        PIXELS,
        {"imagej": True, "metadata": {"axes": "YX", "finterval": 0.0}},
        (None, None),
    ),
    "ImageJ in inches of a printer": (
        PIXELS,
        {"imagej": True, "resolution": (72, 72), "metadata": {"axes": "YX", "unit": "inch"}},
        (None, None),
    ),
    "ScanImage": (
        PIXELS,
        {
            "software": "SI.LINE_FORMAT_VERSION = 1\nSI.hRoiManager.linePeriod = 0.002\n",
            "metadata": None,
        },
        (SECONDS, None),
    ),
    "older ScanImage": (
        PIXELS,
        {"description": "scanimage.SI4.fastZ=0\nscanimage.SI4.linePeriod = 2e-3", "metadata": None},
        (SECONDS, None),
    ),
    "pixels per cm": (
        PIXELS,
        {"resolution": (40_000, 9), "resolutionunit": "CENTIMETER"},
        (None, UM),
    ),
    "pixels per inch": (
        PIXELS,
        {"resolution": (101_600, 9), "resolutionunit": "INCH"},
        (None, UM),
    ),
    "pixels per nothing": (PIXELS, {"resolution": (4, 4), "resolutionunit": "NONE"}, (None, None)),
    **{
        f"{dpi} dpi": (PIXELS, {"resolution": (dpi, dpi), "resolutionunit": "INCH"}, (None, None))
        for dpi in (72, 96, 300, 600, 1200)
    },
    "FluoView's constant": (
        PIXELS,
        {
            "resolution": (10_000, 10_000),
            "resolutionunit": "CENTIMETER",
            "software": "FV30S-SW /FileVersion=1.2.6.0",
        },
        (None, None),
    ),
}


@pytest.mark.parametrize("name", SCALED)
def test_the_scale_of_a_tiff(read, name: str) -> None:
    pixels, options, (seconds, um) = SCALED[name]
    scale = scale_of(read(pixels, **options))
    assert scale.seconds_per_line == (seconds if seconds is None else pytest.approx(seconds))
    assert scale.um_per_pixel == (um if um is None else pytest.approx(um))
    kinds = ("OME", "ImageJ", "ScanImage")
    source = next((kind.lower() for kind in kinds if kind in name), "tiff")
    assert set(scale.sources.values()) <= {source}
    assert [note for note in scale.notes if not note.startswith("no scale")] == []


UNCLEAR = {
    "OME in an unknown unit": ome(f'{ONE} PhysicalSizeX="1" PhysicalSizeXUnit="furlong"'),
    "OME in two ways": ome(f'{ONE} PhysicalSizeX="1,284"'),
    "OME infinite": ome(f'{ONE} PhysicalSizeX="INF"'),
    "OME of nothing": ome(f'{ONE} TimeIncrement="0"'),
    "OME negative": ome(f'{ONE} TimeIncrement="-0.002"'),
    "ImageJ in an unknown unit": {"imagej": True, "metadata": {"axes": "YX", "unit": "foot"}},
    "ImageJ of no number": {"imagej": True, "metadata": {"axes": "YX", "finterval": "soon"}},
    "ScanImage of no number": {"software": "SI.hRoiManager.linePeriod = []", "metadata": None},
}


@pytest.mark.parametrize("name", UNCLEAR)
def test_a_scale_that_is_not_understood_is_null_and_said(read, name: str) -> None:
    scale = scale_of(read(PIXELS, **UNCLEAR[name]))
    assert (scale.seconds_per_line, scale.um_per_pixel) == (None, None)
    assert "is not understood" in scale.notes[0]


CONTRADICTORY = {
    "planes of other times": (
        LINES,
        {
            "ome": True,
            "metadata": {"axes": "TYX", "TimeIncrement": 0.002, "Plane": planes(np.arange(20.0))},
            **GREY,
        },
        (SECONDS, None),
    ),
    "lines and frames": (
        PIXELS,
        {
            "imagej": True,
            "resolution": (4, 0.5),
            "metadata": {"axes": "YX", "unit": "um", "yunit": "ms", "finterval": 1.0},
        },
        (SECONDS, UM),
    ),
    "OME and resolution": (
        PIXELS,
        {
            **ome(f'{ONE} PhysicalSizeX="0.25"'),
            "resolution": (20_000, 20_000),
            "resolutionunit": "CENTIMETER",
        },
        (None, UM),
    ),
    "OME and pixels": (
        PIXELS,
        ome(ONE.replace("20", "40") + ' PhysicalSizeX="0.25" TimeIncrement="0.002"'),
        (None, UM),
    ),
    "OME turned": (
        PIXELS,
        ome('SizeX="20" SizeY="4" SizeC="1" SizeZ="1" SizeT="1" PhysicalSizeX="0.25"'),
        (None, None),
    ),
}


@pytest.mark.parametrize("name", CONTRADICTORY)
def test_contradictions_within_a_tiff_are_said(read, name: str) -> None:
    pixels, options, expected = CONTRADICTORY[name]
    scale = scale_of(read(pixels, **options))
    assert (scale.seconds_per_line, scale.um_per_pixel) == (
        *(value if value is None else pytest.approx(value) for value in expected),
    )
    assert [note for note in scale.notes if not note.startswith("no scale")]


def test_an_orientation_is_said(read) -> None:
    found = read(PIXELS, metadata=None, extratags=[(274, 3, 1, 6, True)])
    np.testing.assert_array_equal(found.pixels, PIXELS)
    assert found.notes == (
        "the TIFF is to be shown in orientation 6; its pixels are kept as stored",
    )


def test_nothing_is_printed(read, capfd: pytest.CaptureFixture[str]) -> None:
    """Tifffile logs what it makes of damaged metadata, which would end up on the terminal."""
    read(PIXELS, imagej=True, metadata={"axes": "TX"})
    assert capfd.readouterr() == ("", "")
