"""A process of its own: it takes tasks, one JSON a line, and answers each with one.

It imports everything before its first task, so that one can be had in stock, and lives without
pandas, which DuckDB would load to look at frames.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

sys.modules["pandas"] = None  # type: ignore[assignment]

import pyarrow.parquet  # noqa: E402, F401 - before the first task

from kymflow.core.kym_dataset import KymDataset, extract  # noqa: E402
from kymflow_zarr import ZarrDataset  # noqa: E402
from tests.support.generations import GenerationIndexer  # noqa: E402
from tests.support.points import die_at  # noqa: E402


def update(dataset: str, log: str, batch: int, point: str | None = None) -> int:
    """Update the table, or die at a point of it."""
    extract.BATCH = batch
    with die_at(point, lambda: os.kill(os.getpid(), signal.SIGKILL)) if point else ExitStack():
        kym = KymDataset(ZarrDataset(dataset))
        return kym.update_index(GenerationIndexer(Path(log)), mode="incremental").updated


def main() -> None:
    """Do each task that comes in; end when no more can come."""
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        name, given = json.loads(line)
        print(json.dumps(TASKS[name](**given)), flush=True)


TASKS = {"update": update}

if __name__ == "__main__":
    main()
