"""Hold a dataset's tables against their ledgers and against the images there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.finding import Finding
from kymflow.core.kym_dataset.indexer_base import TABLE_PREFIX
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.schemas import PROVENANCE
from kymflow_sql import statement
from kymflow_zarr import parquet
from kymflow_zarr.duck import engine_connection, view_parquet
from kymflow_zarr.errors import first_line
from kymflow_zarr.files import read_unchanged, temporary_path

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

UPDATE = "run `kymflow index`: "
ANEW = UPDATE + "it makes their rows anew"
KINDS = {
    "unknown_image": ("rows of images that are not in the dataset", UPDATE + "it prunes them"),
    "null_provenance": ("rows without a params_hash or an analysis_version", ANEW),
    "mixed_provenance": ("images whose rows were made with different params or versions", ANEW),
    "row_count_mismatch": ("images with fewer or more rows than their run recorded", ANEW),
    "lost_rows": ("images without the rows that their run recorded", ANEW),
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
MENDED = ("unrecorded", "recorded_twice")


def audit(dataset: ZarrDataset) -> Iterator[Finding]:
    """Yield what is wrong with tables, ledgers, params files and the manifest."""
    index = dataset.path / "index"
    names = dataset.tables.names()
    for name in names:
        yield from _audit_table(dataset, name)
    for runs in sorted(index.glob(f"{TABLE_PREFIX}*.runs.parquet")):
        if runs.name.removesuffix(".runs.parquet") not in names:
            yield Finding(
                "lost_table",
                runs,
                "runs are on record of a table that is not there",
                UPDATE + "it builds the table anew; or delete the file",
            )
    manifest = index / "manifest.parquet"
    if damage := _damage(manifest):
        yield _unreadable("manifest", manifest, damage, partial(_rewrite_manifest, dataset))


def _audit_table(dataset: ZarrDataset, name: str) -> Iterator[Finding]:
    path = dataset.tables.path(name)
    ledger = Ledger(dataset, name)
    if damage := _damage(path):
        remedy = "restore the file, or delete it and run `kymflow index`"
        yield Finding("unreadable_table", path, damage, remedy)
        return
    if not name.startswith(TABLE_PREFIX):
        return
    if damage := _damage(ledger.params_path):
        forget = partial(_delete, ledger.params_path)
        yield _unreadable("params", ledger.params_path, damage, forget)
    if damage := _damage(ledger.runs_path):
        yield _unreadable("ledger", ledger.runs_path, damage, partial(_renew, dataset, name))
    yield from _columns(path)
    yield from _records(dataset, name, ledger)


def _columns(path: Path) -> Iterator[Finding]:
    """Yield what is wrong with the columns that the engine goes by, and with the rows' order."""
    schema = parquet.schema(path)
    for column in PROVENANCE:
        held = schema.get(column)
        if held != pl.String:
            yield Finding(
                "wrong_provenance",
                path,
                f"column {column} is {held or 'missing'} and must be text",
                "build the table anew with `kymflow index --mode replace`",
            )
    if "image_id" not in schema:
        return
    ids = parquet.scan(path).select("image_id").collect()["image_id"]
    if len(ids.rle()) > ids.n_unique():
        yield Finding(
            "scattered_rows",
            path,
            "rows of one image stand apart",
            "build the table anew with `kymflow index --mode replace`",
        )


def _records(dataset: ZarrDataset, name: str, ledger: Ledger) -> Iterator[Finding]:
    path = dataset.tables.path(name)
    if "image_id" not in parquet.schema(path):
        return
    with _standstill(dataset, name):
        files = [path, ledger.runs_path]
        found = read_unchanged(files, partial(_ask, dataset, name, "engine/audit"))
    for kind, images, example in found.iter_rows():
        what, remedy = KINDS[kind]
        yield Finding(
            kind,
            ledger.runs_path if "recorded" in kind else path,
            f"{images} {what}" + (f", such as {example}" if example is not None else ""),
            remedy,
            partial(_renew, dataset, name) if kind in MENDED else None,
        )


def _ask(dataset: ZarrDataset, name: str, question: str) -> pl.DataFrame:
    ledger = Ledger(dataset, name)
    present = pl.DataFrame({"image_id": dataset.list_image_ids()}, {"image_id": pl.String})
    with engine_connection(ledger.runs_path.parent) as con:
        con.register("present", present)
        view_parquet(
            con, "existing", dataset.tables.path(name), dict.fromkeys(PROVENANCE, "VARCHAR")
        )
        con.register("ledger", ledger.load())
        return con.sql(statement(question)).pl()


def _renew(dataset: ZarrDataset, name: str) -> bool:
    """Write the ledger anew: one run an image, and those that only the rows tell of."""
    ledger = Ledger(dataset, name)
    with dataset.tables.lock(name):
        known = ledger.load().unique("image_id", keep="last", maintain_order=True)
        told = _ask(dataset, name, "engine/runs_of_rows").with_columns(status=pl.lit("ok"))
        known = known.join(told, on="image_id", how="anti", maintain_order="left")
        runs = pl.concat([known, told], how="diagonal")
        with temporary_path(ledger.runs_path.with_suffix(".rows")) as staged:
            parquet.write(runs, staged)
            ledger.record([staged], runs)
    return True


def _standstill(dataset: ZarrDataset, name: str) -> AbstractContextManager[object]:
    """Keep writers off a table: one between its table and its ledger would look like damage."""
    return nullcontext() if dataset.read_only else dataset.tables.lock(name)


def _damage(path: Path) -> str | None:
    """Return why a Parquet file can't be read to its end; None if it can, or is not there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            for _ in pq.ParquetFile(file).iter_batches():
                pass
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError) as error:
        return f"it can't be read: {first_line(error)}"
    return None


def _unreadable(what: str, path: Path, damage: str, mend: partial[bool]) -> Finding:
    return Finding(f"unreadable_{what}", path, damage, "a repair writes what can be known", mend)


def _rewrite_manifest(dataset: ZarrDataset) -> bool:
    dataset.update_manifest()
    return True


def _delete(path: Path) -> bool:
    path.unlink(missing_ok=True)
    return True
