"""A process of its own: it takes tasks, one JSON a line, and answers each with one.

It imports everything before its first task, so that one can be had in stock.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl
import pyarrow.parquet
from filelock import FileLock

from kymflow.core.kym_dataset import KymDataset
from kymflow.core.kym_dataset.integrity.check import check
from kymflow.core.kym_dataset.update import extract
from kymflow.core.lab_folder import import_folder
from kymflow_zarr import DatasetError, ZarrDataset
from tests.support.generations import TABLE, GenerationIndexer, held, put
from tests.support.points import die_at

FAULTS = "FAULTS_FROM_BELOW"


def update(dataset: str, log: str, batch: int, point: str | None = None) -> int:
    """Update the table, or die at a point of it."""
    extract.BATCH = batch
    with die_at(point, lambda: os.kill(os.getpid(), signal.SIGKILL)) if point else ExitStack():
        kym = KymDataset(ZarrDataset(dataset, mode="a"))
        return kym.update_index(GenerationIndexer(Path(log)), mode="incremental").updated


def write(
    dataset: str,
    images: list[str],
    first_generation: int,
    updates: int,
    edit_lock: str,
    whole: bool,
) -> int:
    """Change an image and update the table, again and again."""
    choose = random.Random(first_generation)
    kym = KymDataset(ZarrDataset(dataset, mode="a"))
    for number in range(updates):
        image_id = choose.choice(images)
        with FileLock(edit_lock):
            put(kym.dataset, image_id, first_generation + number, choose.randint(0, 4))
        kym.update_index(
            GenerationIndexer(), mode="incremental", image_ids=None if whole else [image_id]
        )
    return updates


def read(dataset: str, how: str, until: str) -> int:
    """Read the table and check that it is whole, until told to end."""
    opened = ZarrDataset(dataset, mode="r")
    path = opened.tables.path(TABLE)
    reads = 0
    while not Path(until).exists():
        if how == "sql":
            rows = KymDataset(opened).sql(f"FROM {TABLE}")
        elif how == "load_table":
            rows = opened.load_table(TABLE)
        elif how == "polars":
            with path.open("rb") as file:
                rows = pl.read_parquet(file)
        else:
            rows = pl.DataFrame(pyarrow.parquet.ParquetFile(path).read())
        held(rows, of_params=False)
        reads += 1
    return reads


def endure(
    dataset: str,
    batch: int,
    faults: Sequence[str] = (),
    file_limit: int | None = None,
) -> dict[str, Any]:
    """Update the table while files can't be read or written, and say how that ended.

    Args:
        dataset: The dataset.
        batch: Images a batch.
        faults: Rules for ``faults.c``.
        file_limit: The most bytes that any file may have.
    """
    extract.BATCH = batch
    os.environ[FAULTS] = "\n".join(faults)
    try:
        with files_limited(file_limit):
            kym = KymDataset(ZarrDataset(dataset, mode="a"))
            report = kym.update_index(GenerationIndexer(), mode="incremental", on_error="record")
        return {"failed": {failure.image_id: failure.message for failure in report.failures}}
    except Exception as error:  # noqa: BLE001 - whichever it is, it is the answer
        return {
            "error": type(error).__name__,
            "text": str(error),
            "typed": isinstance(error, DatasetError),
        }
    finally:
        del os.environ[FAULTS]


def save(dataset: str, file_limit: int) -> dict[str, str]:
    """Save something large in every way there is while no file may grow, and name the errors."""
    opened = ZarrDataset(dataset, mode="a")
    record = opened.record(opened.list_image_ids()[0])
    noise = np.random.default_rng(1).integers(0, 60_000, (100, 100)).astype(np.uint16)
    rows = pl.DataFrame({"noise": noise.ravel()})
    ways: dict[str, Callable[[], object]] = {
        "image": lambda: opened.add_image(noise),
        "json": lambda: record.save_json("big", noise.ravel().tolist()),
        "parquet": lambda: record.save_df_parquet("big", rows),
        "csv": lambda: record.save_df_csv_gz("big", rows),
        "array": lambda: record.save_array_artifact("big", noise),
        "table": lambda: opened.save_table("big", rows),
        "rows": lambda: opened.replace_rows_for_image_id("big", record.image_id, rows),
        "manifest": opened.update_manifest,
    }
    errors: dict[str, str] = {}
    with files_limited(file_limit):
        for way, attempt in ways.items():
            try:
                attempt()
            except Exception as error:  # noqa: BLE001 - whichever it is, it is the answer
                errors[way] = type(error).__name__
    return errors


@contextmanager
def files_limited(size: int | None) -> Iterator[None]:
    """Let no file grow beyond so many bytes while the block runs."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def examine(dataset: str, faults: Sequence[str] = ()) -> list[list[str]]:
    """Check a dataset while files can't be read, and say what is found where."""
    os.environ[FAULTS] = "\n".join(faults)
    try:
        found = check(ZarrDataset(dataset, mode="r"))
    finally:
        del os.environ[FAULTS]
    return [list(row) for row in found.select("kind", "path", "problem").iter_rows()]


def bring(
    dataset: str,
    lab: str,
    changed: bool = False,
    workers: int | None = None,
    die_at: int | None = None,
) -> dict[str, int]:
    """Import a lab folder, or die at one of the moments at which something is done to a disk."""
    with dying_at(die_at) if die_at is not None else ExitStack():
        report = import_folder(lab, dataset, changed=changed, workers=workers)
    counted = ("added", "updated", "skipped", "changed", "moved", "copies", "conflicts", "failed")
    return {name: len(getattr(report, name)) for name in counted}


@contextmanager
def dying_at(moment: int) -> Iterator[None]:
    """Let the process die before its so-many-th flush, rename or deletion."""
    moments = count()

    def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **options: Any) -> Any:
            if next(moments) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*given, **options)

        return called

    with (
        patch.object(os, "replace", deadly(os.replace)),
        patch.object(os, "fsync", deadly(os.fsync)),
        patch.object(os, "unlink", deadly(os.unlink)),
        patch.object(os, "rmdir", deadly(os.rmdir)),
    ):
        yield


def hold(dataset: str, table: str) -> str:
    """Take a table's lock and keep it."""
    ZarrDataset(dataset, mode="a").tables.lock(table).acquire()
    return "held"


def main() -> None:
    """Do each task that comes in; end when no more can come."""
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        name, given = json.loads(line)
        print(json.dumps(TASKS[name](**given)), flush=True)


TASKS = {
    "update": update,
    "endure": endure,
    "save": save,
    "examine": examine,
    "write": write,
    "bring": bring,
    "read": read,
    "hold": hold,
}

if __name__ == "__main__":
    main()
