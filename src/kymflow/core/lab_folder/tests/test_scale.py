from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from kymflow.core.kym_dataset import ImageIndexer, KymDataset
from kymflow.core.lab_folder import import_folder
from kymflow.core.lab_folder.scale import SOURCES, Claim, decide_scale
from kymflow.core.lab_folder.tests.headers import header
from kymflow_zarr import UsageError, ZarrDataset

PIXELS = np.arange(800, dtype=np.uint16).reshape(100, 8)
SECONDS, UM = 0.00117, 0.284
SHAPE = (100, 8)


def claim(source: str, seconds: float | None = SECONDS, um: float | None = UM, **more: Any):
    return Claim(source, seconds, um, **more)


@pytest.mark.parametrize("place", range(len(SOURCES)))
def test_the_first_source_that_tells_counts(place: int) -> None:
    claims = [claim(source) for source in SOURCES[place:]]
    for ordered in (claims, claims[::-1]):
        scale = decide_scale(ordered, SHAPE)
        assert set(scale.sources.values()) == {SOURCES[place]}
        assert (scale.seconds_per_line, scale.um_per_pixel, scale.notes) == (SECONDS, UM, [])


def test_each_figure_has_its_own_source() -> None:
    scale = decide_scale(
        [claim("sidecar", None), claim("ome", um=None), claim("tiff", None)], SHAPE
    )
    assert scale.sources == {"seconds_per_line": "ome", "um_per_pixel": "sidecar"}
    assert (scale.seconds_per_line, scale.um_per_pixel, scale.notes) == (SECONDS, UM, [])


def test_contradictions_are_noted_and_the_first_counts() -> None:
    scale = decide_scale([claim("olympus", um=2 * UM), claim("sidecar")], SHAPE)
    assert scale.um_per_pixel == UM
    assert scale.notes == [
        "the sidecar gives 0.284 µm per pixel and the Olympus header 0.568; the first is used"
    ]
    nearly = decide_scale([claim("sidecar"), claim("olympus", SECONDS * 1.005)], SHAPE)
    assert nearly.notes == []


def test_what_is_given_by_hand_contradicts_nothing() -> None:
    assert decide_scale([claim("ome"), claim("given", 1.0, 1.0)], SHAPE).notes == []


@pytest.mark.parametrize(
    ("shape", "seconds", "um"),
    [
        ((200, 8), None, UM),
        ((100, 16), SECONDS, None),
        ((200, 16), None, None),
        ((None, 8), SECONDS, UM),
        ((None, None), SECONDS, UM),
    ],
)
def test_a_source_about_other_pixels_is_not_believed_where_they_differ(shape, seconds, um) -> None:
    scale = decide_scale([claim("olympus", shape=shape)], SHAPE)
    assert (scale.seconds_per_line, scale.um_per_pixel) == (seconds, um)
    assert bool(scale.notes) == (None in (seconds, um))


def test_an_image_that_seems_turned_has_no_scale_but_from_a_source_that_knows_its_shape() -> None:
    turned = claim("olympus", shape=SHAPE[::-1])
    others = [claim("ome", shape=SHAPE), *map(claim, ("imagej", "scanimage", "tiff", "given"))]
    scale = decide_scale([turned, *others], SHAPE)
    assert (scale.seconds_per_line, scale.um_per_pixel) == (None, None)
    assert "seems to be turned" in scale.notes[0]
    assert scale.notes[-1] == "no scale: nothing tells its s per line and µm per pixel"
    known = decide_scale([turned, claim("sidecar", 0.5, 0.6, shape=SHAPE)], SHAPE)
    assert (known.seconds_per_line, known.um_per_pixel) == (0.5, 0.6)
    assert "seems to be turned" in known.notes[0]


Import = Callable[..., dict[str, Any]]


@pytest.fixture
def imported(tmp_path: Path, dataset: ZarrDataset) -> Import:
    """Return a function that imports one image; it returns its row and what was said."""

    def imported(
        pixels: np.ndarray = PIXELS,
        *,
        sidecar: dict[str, Any] | None = None,
        text: str | None = None,
        options: dict[str, float] | None = None,
        **tiff: Any,
    ) -> dict[str, Any]:
        lab = tmp_path / "lab"
        lab.mkdir()
        tifffile.imwrite(lab / "a.tif", pixels, **tiff)
        if text is not None:
            (lab / "a.txt").write_text(text, encoding="utf-8")
        if sidecar is not None:
            (lab / "a.json").write_text(json.dumps({"header": sidecar}))
        report = import_folder(lab, dataset, **(options or {}))
        assert report.failed == []
        KymDataset(dataset).update_index(ImageIndexer())
        row = KymDataset(dataset).sql("FROM kym_images").row(0, named=True)
        said = [note for _, note in report.warnings]
        assert row["import_notes"] == ("; ".join(said) or None)
        return {**row, "said": " ".join(said)}

    return imported


def test_without_a_scale_all_is_null_and_said(imported: Import) -> None:
    row = imported()
    assert (row["seconds_per_line"], row["um_per_pixel"], row["duration_s"]) == (None,) * 3
    assert row["scale_source"] is None
    assert row["said"] == "no scale: nothing tells its s per line and µm per pixel"


def test_a_scale_given_by_hand_fills_what_files_leave_open(imported: Import) -> None:
    options = {"seconds_per_line": 0.002, "um_per_pixel": 0.5}
    row = imported(text=header(total=""), options=options)
    assert (row["seconds_per_line"], row["um_per_pixel"]) == (0.002, UM)
    assert row["scale_source"] == "seconds_per_line: given, um_per_pixel: olympus"
    assert row["said"] == ""


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_no_positive_number_is_refused(imported: Import, value: float) -> None:
    with pytest.raises(UsageError, match=r"um_per_pixel is .*; give a number above 0"):
        imported(options={"um_per_pixel": value})


SIDECARS: dict[str, tuple[dict[str, Any], tuple[float | None, float | None]]] = {
    "as it should be": (
        {"shape": [100, 8], "voxels": [SECONDS, UM], "voxels_units": ["s", "um"]},
        (SECONDS, UM),
    ),
    "no units": ({"voxels": [SECONDS, UM]}, (SECONDS, UM)),
    "units of null": ({"voxels": [SECONDS, UM], "voxels_units": [None, None]}, (SECONDS, UM)),
    "ms and nm": ({"voxels": [1.17, 284], "voxels_units": ["ms", "nm"]}, (SECONDS, UM)),
    "µs and mm": ({"voxels": [1170, 0.000284], "voxels_units": ["μs", "mm"]}, (SECONDS, UM)),
    "Greek µm": ({"voxels": [SECONDS, UM], "voxels_units": ["Seconds", "μm"]}, (SECONDS, UM)),
    "space first": ({"voxels": [UM, SECONDS], "voxels_units": ["um", "s"]}, (SECONDS, UM)),
    "space first, shape too": (
        {"shape": [8, 100], "voxels": [UM, SECONDS], "voxels_units": ["um", "s"]},
        (SECONDS, UM),
    ),
    "texts": ({"voxels": ["0,00117", "2.84E-1"]}, (SECONDS, UM)),
    "totals": (
        {"shape": [100, 8], "physical_size": [117, 2.272], "voxels_units": ["ms", "um"]},
        (SECONDS, UM),
    ),
    "pixels": ({"voxels": [1, 1], "voxels_units": ["Pixels", "Pixels"]}, (None, None)),
    "nulls": ({"voxels": [None, None], "voxels_units": ["s", "um"]}, (None, None)),
    "one null": ({"voxels": [None, UM]}, (None, UM)),
    "zeros": ({"voxels": [0, 0.0]}, (None, None)),
    "negative": ({"voxels": [-SECONDS, UM]}, (None, UM)),
    "in two ways": ({"voxels": [SECONDS, "1,284"]}, (SECONDS, None)),
    "unknown units": ({"voxels": [1, 1], "voxels_units": ["lines", "furlong"]}, (None, None)),
    "two lengths": ({"voxels": [UM, UM], "voxels_units": ["um", "um"]}, (None, UM)),
    "an object": ({"voxels": {"t": 1}}, (None, None)),
    "a text": ({"voxels": "0.284"}, (None, None)),
    "units as a text": ({"voxels": [SECONDS, UM], "voxels_units": "um"}, (None, None)),
    "truth": ({"voxels": [True, False]}, (None, None)),
    "another image's": ({"shape": [50, 8], "voxels": [SECONDS, UM]}, (None, UM)),
    "a turned image's": ({"shape": [8, 100], "voxels": [SECONDS, UM]}, (None, None)),
}


@pytest.mark.wide
@pytest.mark.parametrize("name", SIDECARS)
def test_sidecars(imported: Import, name: str) -> None:
    sidecar, (seconds, um) = SIDECARS[name]
    row = imported(sidecar=sidecar)
    assert row["seconds_per_line"] == (seconds if seconds is None else pytest.approx(seconds))
    assert row["um_per_pixel"] == (um if um is None else pytest.approx(um))
    assert bool(row["said"]) == (None in (seconds, um))


@pytest.mark.wide
@pytest.mark.parametrize("name", [name for name, (_, scale) in SIDECARS.items() if None in scale])
def test_a_sidecar_that_tells_nothing_hides_no_header(imported: Import, name: str) -> None:
    row = imported(sidecar=SIDECARS[name][0], text=header())
    if name == "a turned image's":  # the header knows better
        assert "seems to be turned" in row["said"]
    assert (row["seconds_per_line"], row["um_per_pixel"]) == (SECONDS, UM)
    assert "olympus" in row["scale_source"]


def test_a_sidecar_goes_before_the_header_and_contradictions_are_said(imported: Import) -> None:
    row = imported(sidecar={"voxels": [2 * SECONDS, UM]}, text=header())
    assert (row["seconds_per_line"], row["um_per_pixel"]) == (2 * SECONDS, UM)
    assert row["scale_source"] == "sidecar"
    assert "gives 0.00234 s per line and the Olympus header 0.00117" in row["said"]


@pytest.mark.wide
@pytest.mark.parametrize(
    ("pixels", "scale", "said"),
    [
        (PIXELS.T, (None, None), "seems to be turned"),
        (PIXELS[:50], (None, UM), "tells of 100 lines of 8 pixels and the TIFF holds 50 lines"),
        (PIXELS[:, :4], (SECONDS, None), "the TIFF holds 100 lines of 4 pixels"),
        (PIXELS[:50, :4], (None, None), "its scale is not used where they differ"),
    ],
)
def test_a_header_of_other_pixels_is_said(imported: Import, pixels, scale, said: str) -> None:
    row = imported(np.ascontiguousarray(pixels), text=header())
    assert (row["seconds_per_line"], row["um_per_pixel"]) == scale
    assert row["duration_s"] is None or scale[0] is not None
    assert (row["n_lines"], row["n_pixels"]) == pixels.shape
    assert said in row["said"]


def test_the_scale_is_stored_in_one_form(imported: Import, dataset: ZarrDataset) -> None:
    imported(sidecar={"voxels": [1.17, 284], "voxels_units": ["ms", "nm"], "mine": 1})
    [record] = dataset.iter_records()
    stored = record.load_metadata_payload()["header"]
    assert stored["voxels"] == pytest.approx([SECONDS, UM])
    assert stored["voxels_units"] == ["s", "um"]
    assert stored["physical_size"] == pytest.approx([0.117, 2.272])
    assert stored["scale_source"] == {"seconds_per_line": "sidecar", "um_per_pixel": "sidecar"}
    assert stored["mine"] == 1


def test_stored_voxels_of_other_units_are_converted_in_the_table(dataset: ZarrDataset, add_image):
    add_image("a")
    header = {"voxels": [1.17, 284], "voxels_units": ["ms", "nm"]}
    dataset.record("a").save_metadata_payload({"header": header})
    KymDataset(dataset).update_index(ImageIndexer())
    row = KymDataset(dataset).sql("SELECT seconds_per_line, um_per_pixel FROM kym_images").row(0)
    assert row == pytest.approx((SECONDS, UM))
