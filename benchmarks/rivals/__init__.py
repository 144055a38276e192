"""The same table kept up to date without kymflow, in the ways it would be done today.

Each rival is a small class of its own module: it is told the params hash of every image there is
now, and brings its table to match. Each does what kymflow does: images whose hash or version is
not the one stored are made again, images without events are remembered, rows of deleted images
go. None flushes to disk, survives being killed halfway, or checks what it wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import polars as pl

from benchmarks import answers, late_imports  # noqa: F401
from benchmarks.rivals.artifacts import params_hashes
from benchmarks.work import Work
from benchmarks.workload import Workload

CLASSES = {
    "pandas-loop": "pandas_loop:PandasLoop",
    "pandas": "pandas_frames:PandasFrames",
    "polars": "polars_frames:PolarsFrames",
    "delta": "delta_lake:DeltaLake",
    "duckdb": "duckdb_file:DuckDBFile",
}


class Rival(Protocol):
    """A table of events outside the dataset, in a folder of its own."""

    def update(self, dataset: Path, hashes: Mapping[str, str]) -> None:
        """Bring the table up to date.

        Args:
            dataset: The dataset's folder.
            hashes: Every image there is now, with the hash of its params.
        """
        ...

    def rows(self) -> pl.DataFrame:
        """Return the whole table."""
        ...


def make_rival(name: str, home: Path) -> Rival:
    """Return a rival that keeps its table in a folder."""
    module, cls = CLASSES[name].split(":")
    home.mkdir(parents=True, exist_ok=True)
    return cast(Rival, getattr(import_module(f"{__name__}.{module}"), cls)(home))


def home(place: Path, name: str) -> Path:
    """Return the folder of a rival's table beside a workload."""
    return place / "rivals" / name


def update(place: Path, name: str) -> Work:
    """Bring a rival's table up to date: hash the params of every image, then the rest."""
    dataset = Workload.open(place).dataset
    rival = make_rival(name, home(place, name))
    return Work(
        lambda: rival.update(dataset, params_hashes(dataset)),
        lambda _: answers.of_events(rival.rows()),
    )
