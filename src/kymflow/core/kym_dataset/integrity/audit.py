"""Hold a dataset's tables against their ledgers and against the images there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.indexers.base import TABLE_PREFIX
from kymflow.core.kym_dataset.integrity.finding import Finding
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.schemas import PROVENANCE
from kymflow_sql import statement
from kymflow_zarr.duck import view_columns
from kymflow_zarr.reasons import refused
from kymflow_zarr.store import parquet
from kymflow_zarr.tables.types import TableKey

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.tables.backend import Backend
    from kymflow_zarr.tables.types import Reader

UPDATE = "run `kymflow index`: "
AGAIN = UPDATE + "it makes their rows again"
KINDS = {
    "unknown_image": ("rows of images that are not in the dataset", UPDATE + "it prunes them"),
    "null_provenance": ("rows without a params_hash or an analysis_version", AGAIN),
    "mixed_provenance": ("images whose rows were made with different params or versions", AGAIN),
    "row_count_mismatch": ("images with fewer or more rows than their run recorded", AGAIN),
    "lost_rows": ("images without the rows that their run recorded", AGAIN),
    "unrecorded": (
        "images whose rows are of no run on record, so that lost rows would go unseen",
        "a repair records the rows as they are",
    ),
    "recorded_twice": ("images with several runs on record", "a repair keeps one"),
    "recorded_unknown_image": (
        "runs on record of images that are not in the dataset",
        UPDATE + "it forgets them",
    ),
}
REPAIRED = ("unrecorded", "recorded_twice")


def audit(dataset: ZarrDataset) -> Iterator[Finding]:
    """Yield what is wrong with tables, ledgers, params and the manifest."""
    backend = dataset.tables.backend
    names = backend.names()
    for name in names:
        yield from _audit_table(dataset, backend, name)
    for name in backend.names("runs"):
        if name.startswith(TABLE_PREFIX) and name not in names:
            yield Finding(
                "lost_table",
                backend.location(Ledger(dataset, name).runs),
                "runs are on record of a table that is not there",
                UPDATE + "it builds the table again; or delete the file",
            )
    manifest = dataset.path / "index" / "manifest.parquet"
    if damage := parquet.read_error(manifest):
        repair = partial(_rewrite_manifest, dataset)
        yield _unreadable("manifest", manifest, damage, repair)


def _audit_table(dataset: ZarrDataset, backend: Backend, name: str) -> Iterator[Finding]:
    ledger = Ledger(dataset, name)
    place = backend.location(TableKey(name))
    if damage := backend.read_error(TableKey(name)):
        remedy = "restore the file, or delete it and run `kymflow index`"
        if refused(damage):
            remedy = "see to permissions and the disk: it may be whole"
        yield Finding("unreadable_table", place, damage, remedy)
        return
    if not name.startswith(TABLE_PREFIX):
        return
    repairs = {
        "params": (ledger.params, partial(_drop, backend, ledger.params)),
        "ledger": (ledger.runs, partial(_renew, dataset, name)),
    }
    for what, (key, repair) in repairs.items():
        if damage := backend.read_error(key):
            yield _unreadable(what, backend.location(key), damage, repair)
            if refused(damage):
                return
    rows = backend.scan(TableKey(name))
    yield from _columns(rows, place)
    if "image_id" in rows.collect_schema():
        yield from _records(dataset, backend, name)


def _columns(rows: pl.LazyFrame, place: Path) -> Iterator[Finding]:
    """Yield what is wrong with the columns that the engine goes by, and with the rows' order."""
    schema = rows.collect_schema()
    for column in PROVENANCE:
        held = schema.get(column)
        if held != pl.String:
            yield Finding(
                "wrong_provenance",
                place,
                f"column {column} is {held or 'missing'} and must be text",
                "build the table again with `kymflow index --mode replace`",
            )
    if "image_id" not in schema:
        return
    ids = rows.select("image_id").collect()["image_id"]
    if len(ids.rle()) > ids.n_unique():
        yield Finding(
            "scattered_rows",
            place,
            "rows of one image stand apart",
            "build the table again with `kymflow index --mode replace`",
        )


def _records(dataset: ZarrDataset, backend: Backend, name: str) -> Iterator[Finding]:
    with _standstill(dataset, name):
        found = _ask(dataset, name, "engine/audit")
    for kind, images, example in found.iter_rows():
        what, remedy = KINDS[kind]
        key = TableKey(name, "runs" if "recorded" in kind else None)
        yield Finding(
            kind,
            backend.location(key),
            f"{images} {what}" + (f", such as {example}" if example is not None else ""),
            remedy,
            partial(_renew, dataset, name) if kind in REPAIRED else None,
        )


def _ask(dataset: ZarrDataset, name: str, question: str) -> pl.DataFrame:
    ledger = Ledger(dataset, name)
    present = pl.DataFrame({"image_id": dataset.list_image_ids()}, {"image_id": pl.String})

    def ask(reader: Reader) -> pl.DataFrame:
        reader.con.unregister("existing")  # a frame of the table before would hide the view
        reader.con.register("present", present)
        reader.con.register("ledger", ledger.load())
        rows = reader.relation(TableKey(name))
        if rows is None:
            reader.con.register("existing", pl.DataFrame(schema=PROVENANCE))
        else:
            view_columns(rows, "existing", dict.fromkeys(PROVENANCE, "VARCHAR"))
        return reader.con.sql(statement(question)).pl()

    return dataset.tables.read([TableKey(name), ledger.runs], ask)


def _renew(dataset: ZarrDataset, name: str) -> bool:
    """Write the ledger again: one run an image, and those that only the rows tell of."""
    ledger = Ledger(dataset, name)
    with dataset.tables.lock(name):
        known = ledger.load().unique("image_id", keep="last", maintain_order=True)
        told = _ask(dataset, name, "engine/runs_of_rows").with_columns(status=pl.lit("ok"))
        known = known.join(told, on="image_id", how="anti", maintain_order="left")
        runs = pl.concat([known, told], how="diagonal")
        change = replace(ledger.recording(runs, runs), for_table=False)  # the rows decide once more
        dataset.tables.commit([change], "write the ledger again")
    return True


def _standstill(dataset: ZarrDataset, name: str) -> AbstractContextManager[object]:
    """Keep writers off a table: one between its table and its ledger would look like damage."""
    return nullcontext() if dataset.read_only else dataset.tables.lock(name)


def _unreadable(what: str, path: Path, damage: str, repair: partial[bool]) -> Finding:
    kind = f"unreadable_{what}"
    if refused(damage):
        return Finding(kind, path, damage, "see to permissions and the disk: it may be whole")
    return Finding(kind, path, damage, "a repair writes what can be known", repair)


def _rewrite_manifest(dataset: ZarrDataset) -> bool:
    dataset.update_manifest()
    return True


def _drop(backend: Backend, table: TableKey) -> bool:
    backend.drop(table)
    return True
