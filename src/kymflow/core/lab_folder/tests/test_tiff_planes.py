"""Which planes of a TIFF are a kymograph."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from kymflow.core.artifacts.kymograph import load_kymograph
from kymflow.core.kym_dataset import ImageIndexer, KymDataset
from kymflow.core.lab_folder import import_folder
from kymflow.core.lab_folder.tests.tiffs import (
    GREY,
    LINES,
    OME,
    ONE,
    PIXELS,
    ome,
    refusal,
    scale_of,
    tifffile_bytes,
)
from kymflow_zarr import UsageError, ZarrDataset

STACK = np.stack([PIXELS, PIXELS + 100, PIXELS + 200])


ONE_PLANE: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "a plain plane": (PIXELS, {}),
    "without metadata": (PIXELS, {"metadata": None}),
    "OME": (PIXELS, {"ome": True}),
    "ImageJ": (PIXELS, {"imagej": True}),
    "a plane per line, OME": (LINES, {"ome": True, "metadata": {"axes": "TYX"}, **GREY}),
    "a plane per line, ImageJ": (LINES, {"imagej": True, "metadata": {"axes": "TYX"}}),
    "a plane per line, nothing said": (LINES, {"metadata": None, **GREY}),
    "lines counted as frames": (PIXELS, {"imagej": True, "metadata": {"axes": "TX"}}),
    "tiles": (PIXELS, {"tile": (16, 16)}),
}


@pytest.mark.parametrize("name", ONE_PLANE)
def test_one_kymograph_is_read(read, name: str) -> None:
    pixels, options = ONE_PLANE[name]
    found = read(pixels, **options)
    np.testing.assert_array_equal(found.pixels, PIXELS)
    assert found.axes == ("t", "x")
    assert found.pixels.flags.c_contiguous


def test_a_thumbnail_behind_it_is_passed_over(read, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "b.tif") as writer:
        writer.write(PIXELS, metadata=None)
        writer.write(PIXELS[::4], subfiletype=1, metadata=None)
    np.testing.assert_array_equal(read((tmp_path / "b.tif").read_bytes()).pixels, PIXELS)


CHANNELS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "OME": (STACK, {"ome": True, "metadata": {"axes": "CYX"}, **GREY}),
    "ImageJ": (STACK, {"imagej": True, "metadata": {"axes": "CYX"}}),
    "tifffile": (STACK, {"metadata": {"axes": "CYX"}, **GREY}),
    "a plane per line": (
        np.stack([LINES, LINES + 100, LINES + 200], 1),
        {"imagej": True, "metadata": {"axes": "TCYX"}},
    ),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_all_channels_are_read(read, name: str) -> None:
    pixels, options = CHANNELS[name]
    found = read(pixels, **options)
    assert found.axes == ("t", "x", "c")
    for channel in range(3):
        np.testing.assert_array_equal(found.pixels[..., channel], STACK[channel])


def test_channels_are_stored_and_loaded_one_by_one(tmp_path: Path, dataset: ZarrDataset) -> None:
    (tmp_path / "lab").mkdir()
    pixels, options = CHANNELS["OME"]
    tifffile.imwrite(tmp_path / "lab" / "a.tif", pixels, **options)
    [(_, image_id)] = import_folder(tmp_path / "lab", dataset).added
    record = dataset.record(image_id)
    assert record.get_axes() == ["t", "x", "c"]
    for channel in (1, 2, 3):
        np.testing.assert_array_equal(load_kymograph(record, channel), STACK[channel - 1])
    for channel in (0, 4):
        with pytest.raises(UsageError, match=f"there is no channel {channel}; it has 3"):
            load_kymograph(record, channel)
    KymDataset(dataset).update_index(ImageIndexer())
    row = KymDataset(dataset).sql("SELECT n_lines, n_pixels, shape FROM kym_images").row(0)
    assert row == (20, 4, [20, 4, 3])


REFUSED: dict[str, tuple[np.ndarray, dict[str, Any], str]] = {
    "frames": (STACK, {"ome": True, "metadata": {"axes": "TYX"}, **GREY}, "3 frames"),
    "slices": (STACK, {"imagej": True, "metadata": {"axes": "ZYX"}}, "3 slices"),
    "pages": (STACK, {"metadata": None, **GREY}, "3 planes"),
    "frames of channels": (
        np.stack([STACK, STACK]),
        {"imagej": True, "metadata": {"axes": "TCYX"}},
        "2 frames and 3 channels",
    ),
    "colours": (np.zeros((20, 4, 3), np.uint8), {"photometric": "rgb"}, "3 samples per pixel"),
    "samples": (
        np.zeros((20, 4, 2), np.uint16),
        {"planarconfig": "contig", **GREY},
        "2 samples per pixel",
    ),
    **{
        f"one directory, {axes}": (
            STACK,
            {"imagej": True, "truncate": True, "metadata": {"axes": axes}},
            "3 " if axes != "CYX" else "several planes in one directory",
        )
        for axes in ("TYX", "ZYX", "CYX")
    },
    "one directory, tifffile": (STACK, {"truncate": True, **GREY}, "3 planes"),
    "fractions": (PIXELS.astype(np.float32), {}, "float32, not 8- or 16-bit integers"),
    "wide numbers": (PIXELS.astype(np.uint32), {}, "uint32, not 8- or 16-bit integers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_one_kymograph_is_refused(read, name: str) -> None:
    pixels, options, why = REFUSED[name]
    assert why in refusal(read, pixels, **options)


def test_lines_in_one_directory_are_refused(read) -> None:
    options = {"imagej": True, "truncate": True, "metadata": {"axes": "TYX"}}
    assert "several planes in one directory" in refusal(read, LINES, **options)


def test_a_stack_cut_short_is_refused(read) -> None:
    for options in ({"imagej": True}, {}):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, STACK, truncate=True, **GREY, **options)
        refusal(read, buffer.getvalue()[:-200])


def test_two_images_in_one_file_are_refused(read, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "b.tif") as writer:
        writer.write(PIXELS, metadata=None)
        writer.write(PIXELS[:, :3], metadata=None)
    assert "2 images of different kinds" in refusal(read, (tmp_path / "b.tif").read_bytes())


def test_planes_that_lie_in_other_files_are_refused(read, tmp_path: Path) -> None:
    there = (
        "<TiffData FirstC='{}' IFD='0'><UUID FileName='{}.ome.tif'>urn:uuid:{}</UUID></TiffData>"
    )
    inside = there.format(0, "a", 1) + there.format(1, "b", 2)
    tifffile.imwrite(tmp_path / "b.ome.tif", PIXELS)
    options = ome(ONE.replace('SizeC="1"', 'SizeC="2"'), inside)
    assert "its OME-XML tells of 2 planes and it holds 1" in refusal(read, PIXELS, **options)


def test_a_renamed_file_is_read_as_its_own(read) -> None:
    inside = "<TiffData IFD='0'><UUID FileName='old.ome.tif'>urn:uuid:1</UUID></TiffData>"
    found = read(PIXELS, **ome(f'{ONE} PhysicalSizeX="0.5"', inside))
    np.testing.assert_array_equal(found.pixels, PIXELS)
    assert scale_of(found).um_per_pixel == 0.5


DAMAGED = {
    "ImageJ without sense": "ImageJ=1.11a\nimages=many\nframes=-3\n",
    "ImageJ of no order": "ImageJ=1.11a\nimages=1\norder=xyz\n",
    "shape as a text": '{"shape": "x"}',
    "shape of other pixels": '{"shape": [20, 5]}',
    "JSON cut short": '{"shape": [20,',
    "XML cut short": OME.format(ONE, "")[:-30],
    "entities": '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><OME>&b;</OME>',
    "sizes as texts": OME.format('SizeX="four" SizeY="20" SizeC="1" SizeZ="1" SizeT="x"', ""),
    "OME of nothing": OME.replace("<Image>", "").split("<Pixels")[0] + "</OME>",
    "a FluoView text": "[General]\n",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_metadata_cost_no_pixels(read, name: str) -> None:
    found = read(PIXELS, description=DAMAGED[name], metadata=None)
    np.testing.assert_array_equal(found.pixels, PIXELS)
    assert scale_of(found).um_per_pixel is None


def test_damaged_metadata_hide_no_further_planes(read) -> None:
    description = "ImageJ=1.11a\nimages=three\nframes=x\n"
    data = tifffile_bytes(PIXELS, description=description, metadata=None)
    assert "may hold further planes" in refusal(read, data + PIXELS.tobytes())
