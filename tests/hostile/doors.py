"""Every way to open a dataset: the commands, and the calls of the library."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from datetime import timedelta

import duckdb
import numpy as np
import polars as pl

from kymflow.cli.errors import reported
from kymflow.cli.main import app
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.integrity.check import check
from kymflow.core.review.reviews import Reviews
from kymflow.core.velocity import velocity_dataset
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import ZarrDataset
from kymflow_zarr.errors import DatasetError
from tests.hostile.place import TABLE, Place

Door = Callable[[Place], str]
"""Opens a place's dataset; returns what was said: output, or the error that it ended with."""
OF = "velocity_events"
ROWS = pl.DataFrame({"image_id": ["a"], "n": [1]})
EVENTS = VelocityEventIndexer()
SCALE = ("--seconds-per-line", "0.001", "--um-per-pixel", "0.3")


class UncaughtError(Exception):
    """An error that is none of ours reached the user."""


def command(*arguments: str) -> Door:
    """Return the door of a command; ``DATASET`` and ``OUT`` stand for paths."""

    def open_(place: Place) -> str:
        named = {
            "DATASET": place.path,
            "OUT": place.folder / "out.svg",
            "LAB": place.folder / "lab",
            "CSV": place.folder / "out.csv",
        }
        given = [str(named.get(each, each)) for each in arguments]
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, "utf-8", "replace")
        with redirect_stdout(stream), redirect_stderr(stream):
            try:
                code = reported(app, given)
            except Exception as error:
                raise UncaughtError(f"{type(error).__name__}: {error}"[:200]) from error
        stream.flush()
        return f"{code} {raw.getvalue().decode('utf-8', 'replace')}"

    return open_


def call(use: Callable[[Place, ZarrDataset], object], mode: str = "a") -> Door:
    """Return the door of a call on a dataset that is opened for it."""

    def open_(place: Place) -> str:
        try:
            return f"0 {use(place, ZarrDataset(place.path, mode=mode))}"
        except DatasetError as error:
            return f"1 {error.code}: {error}"
        except Exception as error:
            raise UncaughtError(f"{type(error).__name__}: {error}"[:200]) from error

    return open_


def _raw_reads(place: Place, dataset: ZarrDataset) -> list[object]:
    """Ask a session of one table for whatever a file of the lake, or outside, can be called."""
    con = dataset.connect(tables=[TABLE])
    answers: list[object] = []
    with suppress(duckdb.Error):  # as a connection of DuckDB says that it can't read
        answers = con.execute(f"SELECT count(*) FROM {TABLE}").fetchall()
    data = place.path / "tables" / "lake" / "data"
    files = [path for path in data.rglob("*.parquet") if path.is_file()]
    names = [f"folder://data/{path.relative_to(data)}" for path in files]
    for name in (*map(str, files), *names, *map(str, place.outside.rglob("*.*"))):
        for read in ("read_parquet", "read_text", "read_blob"):
            try:
                rows = con.execute(f"SELECT * FROM {read}($1)", [name]).fetchall()
            except Exception:  # noqa: BLE001  (refused, as it should be)
                continue
            raise AssertionError(f"{read} of {name} answered {rows}")
    return answers


def _artifacts(_: Place, dataset: ZarrDataset) -> list[str]:
    said: list[str] = []
    for record in dataset.iter_records():
        loads: list[Callable[[], object]] = [record.load_array, record.attrs, record.get_axes]
        loads.append(record.load_metadata_payload)
        loads.append(record.list_analysis_keys)
        for key in record.list_analysis_keys():
            name, _, ending = key.rpartition(".")
            load = {"json": record.load_json, "parquet": record.load_df_parquet}.get(ending)
            if load is not None:
                loads.append(lambda load=load, name=name: load(name))
        for load in loads:
            try:
                said.append(str(load()))
            except DatasetError as error:
                said.append(error.code)
    return said


DOORS: dict[str, Door] = {
    "status": command("status", "DATASET"),
    "check": command("check", "DATASET"),
    "check --repair": command("check", "DATASET", "--repair"),
    "index": command("index", "DATASET"),
    "index --all": command("index", "DATASET", "--mode", "replace"),
    "detect": command("detect", "DATASET"),
    "import": command("import", "LAB", "DATASET"),
    "import --changed": command("import", "LAB", "DATASET", "--changed"),
    "run": command("run", "LAB", "DATASET", *SCALE),
    "velocity": command("velocity", "DATASET", "--mode", "replace", "--replace-imported"),
    "metadata get": command("metadata", "get", "DATASET"),
    "metadata set": command("metadata", "set", "DATASET", "a", "species=mouse"),
    "metadata unset": command("metadata", "unset", "DATASET", "--all"),
    "metadata diff": command("metadata", "diff", "DATASET"),
    "images delete": command("images", "delete", "DATASET", "a"),
    "images restore": command("images", "restore", "DATASET", "--all"),
    "images list": command("images", "list", "DATASET", "--trash"),
    "review sample": command("review", "sample", "DATASET", "--size", "1", "--save", "second"),
    "review queues": command("review", "queues", "DATASET"),
    "review label": command("review", "label", "DATASET", "other", "--where", "true"),
    "status --verify": command("status", "DATASET", "--verify"),
    "params get": command("params", "get", "DATASET", "a"),
    "params set": command("params", "set", "DATASET", "a", "mad_k=5.5"),
    "sql": command("sql", "DATASET", f"SELECT * FROM {TABLE}"),
    "sql pivot": command("sql", "DATASET", f"PIVOT {TABLE} ON event_type USING count(*)"),
    "sql lists": command("sql", "DATASET", "SHOW ALL TABLES"),
    "sql --at": command("sql", "DATASET", f"SELECT count(*) FROM {TABLE}", "--at", "1"),
    "queries": command("sql", "DATASET", "--query", "events_per_image"),
    "tables": command("tables", "DATASET"),
    "to a lake": command("tables", "convert", "DATASET", "--to", "ducklake"),
    "to plain files": command("tables", "convert", "DATASET", "--to", "parquet"),
    "compact": command("tables", "compact", "DATASET", "--keep-days", "0"),
    "adopt": command("tables", "adopt", "DATASET"),
    "adopt --moved": command("tables", "adopt", "DATASET", "--moved"),
    "history": command("history", "DATASET", TABLE),
    "diff": command("diff", "DATASET", TABLE, "1"),
    "schema": command("schema", "DATASET", TABLE),
    "plot": command("plot", "DATASET", f"SELECT strength FROM {TABLE}", "--kind=hist", "-o", "OUT"),
    "show": command("show", "DATASET", "a", "-o", "OUT"),
    "export": command("export", "DATASET", TABLE, "-o", "CSV"),
    "load_table": call(lambda p, d: d.load_table(TABLE), "r"),
    "scan_table": call(lambda p, d: d.scan_table(TABLE).collect(), "r"),
    "sql()": call(lambda p, d: d.sql(f"FROM {TABLE}"), "r"),
    "sql_lazy()": call(lambda p, d: d.sql_lazy(f"FROM {TABLE}").read_all(), "r"),
    "connect()": call(_raw_reads, "r"),
    "artifacts": call(_artifacts, "r"),
    "load_manifest": call(lambda p, d: d.load_manifest(), "r"),
    "update_manifest": call(lambda p, d: d.update_manifest()),
    "staleness": call(lambda p, d: KymDataset(d).staleness(EVENTS), "r"),
    "explain": call(lambda p, d: KymDataset(d).explain(EVENTS, "a"), "r"),
    "update_index": call(
        lambda p, d: [KymDataset(d).update_index(i) for i in (EVENTS, ImageIndexer())]
    ),
    "check()": call(lambda p, d: check(d, repair=True, abandoned_after=timedelta(seconds=-1))),
    "detect_dataset": call(lambda p, d: detect_dataset(d, mode="replace", on_error="record")),
    "velocity_dataset": call(lambda p, d: velocity_dataset(d, mode="replace", on_error="record")),
    "review": call(lambda p, d: Reviews(d, reviewer="somebody").add("a", start=0.01)),
    "save_array": call(lambda p, d: d.record("a").save_array(np.ones((8, 16), np.uint16))),
    "save_json": call(lambda p, d: d.record("a").save_json(f"{OF}/params", {"mad_k": 9.0})),
    "save_df_parquet": call(lambda p, d: d.record("a").save_df_parquet(f"{OF}/events", ROWS)),
    "delete_analysis": call(lambda p, d: d.record("a").delete_analysis()),
    "add_image": call(lambda p, d: d.add_image(np.ones((4, 4), np.uint8), image_id="new")),
    "delete_image": call(lambda p, d: d.delete_image("a")),
    "save_table": call(lambda p, d: d.save_table("mine", ROWS)),
    "replace_rows": call(lambda p, d: d.replace_rows_for_image_id(TABLE, "a", ROWS)),
    "delete_table": call(lambda p, d: d.delete_table(TABLE)),
    "convert()": call(lambda p, d: d.tables.convert("parquet" if p.lake else "ducklake")),
    "compact()": call(lambda p, d: [d.tables.compact(timedelta(0)) for _ in range(2)]),
    "mode w": call(lambda p, d: d, "w"),
}
OF_TABLES = (
    *("index", "index --all", "status", "check", "check --repair", "sql", "sql pivot", "sql lists"),
    *("sql --at", "queries", "tables", "to plain files", "compact", "history", "diff", "schema"),
    *("export", "load_table", "scan_table", "connect()", "update_index", "replace_rows"),
    *("delete_table", "compact()", "mode w", "import", "detect", "delete_image", "review"),
)
"""Those that meet a lake: whatever is about images and artifacts passes the others alike."""
BRIEF = ("check --repair", "index", "sql pivot", "compact", "connect()")
"""The doors of a quick run."""
