"""The least work that each phase could do, in plain code.

A floor has no staleness, no checks, no provenance, no durability: it only touches what the phase
has to touch, in the fastest way tried. Nothing that does the phase's work can be much faster.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from benchmarks import answers, late_imports  # noqa: F401
from benchmarks.decision import Decision
from benchmarks.indexers import EventSummary, ParamsOnly
from benchmarks.queries import Query
from benchmarks.work import TABLE, Work, sql
from benchmarks.workload import Workload
from kymflow_zarr import ZarrDataset


def read_params(place: Path) -> Work:
    """List the images; open, read and close each one's params file."""
    root = Workload.open(place).dataset

    def run() -> None:
        for image in _images(root):
            _read(f"{image}/analysis/velocity_events/params.json")

    return Work(run)


def scan_and_write(place: Path) -> Work:
    """Scan all events files by one call of Polars, and write all rows to one Parquet file.

    One call over all files was as fast as several over parts of them, and faster than reading file
    by file, DuckDB, or PyArrow. The path stays as a column, as the rows' only link to their image.
    """
    root = Workload.open(place).dataset

    def run() -> None:
        files = [f"{image}/analysis/velocity_events/events.parquet" for image in _images(root)]
        rows = pl.scan_parquet(files, include_file_paths="path", glob=False).collect()
        rows.write_parquet(_output(place), compression="zstd")

    return Work(run)


def copy_table(place: Path) -> Work:
    """Copy the table by one DuckDB statement: a table that is one file is written whole."""
    table = str(_table(place))

    def run() -> None:
        with duckdb.connect() as con:
            con.execute(sql("copy_table"), {"table": table, "output": _output(place)})

    return Work(run)


def group_by_image(place: Path) -> Work:
    """Group a table by image; the groups stay in DuckDB."""
    table = str(Decision.open(place).table)

    def run() -> None:
        with duckdb.connect() as con:
            con.execute(sql("group_by_image"), {"table": table})

    return Work(run)


def query(place: Path, name: str) -> Work:
    """Answer a query with DuckDB alone, over the same file."""
    table, question = str(_table(place)), Query(name)
    text, params = question.text, question.params(place)

    def run() -> pl.DataFrame:
        with duckdb.connect() as con:
            con.read_parquet(table).create_view(TABLE)
            return con.sql(text, params=params).pl()

    return Work(run, answers.of_frame)


def read_metadata_and_write(place: Path) -> Work:
    """Read and parse every metadata file; write experiments and sources to one Parquet file."""
    root = Workload.open(place).dataset

    def run() -> None:
        rows: list[dict[str, Any]] = []
        for image in _images(root):
            metadata = json.loads(_read(f"{image}/analysis/metadata.json"))
            rows.append({**metadata["experiment_metadata"], **metadata["source"]})
        pl.DataFrame(rows, infer_schema_length=100).write_parquet(_output(place))

    return Work(run)


def bare_params_only(place: Path) -> Work:
    """Call the two verbs of an indexer for every image and drop the results."""
    return _bare_loop(place, ParamsOnly())


def bare_event_summary(place: Path) -> Work:
    """Do the same with the slow indexer."""
    return _bare_loop(place, EventSummary())


def _bare_loop(place: Path, indexer: ParamsOnly) -> Work:
    dataset = ZarrDataset(Workload.open(place).dataset, mode="r")

    def run() -> None:
        for rec in dataset.iter_records():
            indexer.params_hash(rec)
            indexer.extract_rows(rec)

    return Work(run)


def _images(root: Path) -> list[str]:
    images = f"{root}/images"
    return [f"{images}/{name}" for name in sorted(os.listdir(images)) if name != "zarr.json"]


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _table(place: Path) -> Path:
    return Workload.open(place).dataset / "tables" / f"{TABLE}.parquet"


def _output(place: Path) -> str:
    return str(place / "floor.parquet")
