"""From pixels on: a dataset's velocities, and the second run of the whole job over a folder."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import tifffile

from benchmarks.velocity import SECONDS_PER_LINE, UM_PER_PIXEL, recording
from benchmarks.work import Work
from kymflow.core.velocity import velocity_dataset
from kymflow_zarr import ZarrDataset

IMAGES, LINES = 12, 30_000
"""Recordings to measure, and lines of each."""
FILES = 1_000
"""Images of the folder that is run over; they are small, for that run reads no pixels."""


def measure_dataset(place: Path, workers: str) -> Work:
    """Measure the velocities of a dataset, all images in this process or in several."""
    dataset = _dataset(place / "velocities.zarr")
    count = None if workers == "1" else int(workers)
    velocity_dataset(dataset, mode="replace", image_ids=["00"])  # imports what it puts off
    work = partial(velocity_dataset, dataset, mode="replace", workers=count)
    return Work(work, answer=lambda report: f"{report.measured} {report.windows}")


def run_again(place: Path) -> Work:
    """Run the whole job over a folder to which it has been run."""
    from kymflow.cli.main import app

    folder, target = _folder(place / "lab"), place / "lab.zarr"
    shutil.rmtree(target, ignore_errors=True)
    command = ["run", str(folder), str(target)]
    for _ in range(2):  # the second finds files at rest, and notes that they are
        app.main(command, standalone_mode=False)
    return Work(partial(app.main, command, standalone_mode=False))


def list_and_stat(place: Path) -> Work:
    """List the folder, and ask for the status of each file."""
    return Work(partial(_look, _folder(place / "lab")))


def _look(folder: Path) -> int:
    return sum(
        os.stat(os.path.join(where, name)).st_size
        for where, _, names in os.walk(folder)
        for name in names
    )


def _dataset(path: Path) -> ZarrDataset:
    if path.exists():
        return ZarrDataset(path, mode="a")
    dataset = ZarrDataset(path, mode="a")
    for number in range(IMAGES):
        record = dataset.add_image(recording(LINES), image_id=f"{number:02d}")
        record.save_metadata_payload({"header": {"voxels": [SECONDS_PER_LINE, UM_PER_PIXEL]}})
    return dataset


def _folder(folder: Path) -> Path:
    """Make a folder of small TIFFs with their sidecars."""
    if folder.exists():
        return folder
    folder.mkdir(parents=True)
    pixels = recording(256)
    sidecar = json.dumps({"header": {"voxels": [SECONDS_PER_LINE, UM_PER_PIXEL]}})
    for number in range(FILES):
        tifffile.imwrite(folder / f"{number:04d}.tif", np.roll(pixels, number, axis=0))
        (folder / f"{number:04d}.json").write_text(sidecar)
    return folder
