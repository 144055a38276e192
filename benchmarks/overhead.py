"""The overhead of a batch: ``python -m benchmarks.overhead``.

Batches of 2,000 images run in this process, in one and two local processes, and on a Dask cluster
of two worker processes: once empty, to time only the way there and back, and once staged, one row
per image and no artifact read. All workers are started and warm before they are timed.
"""

from __future__ import annotations

import argparse
import pickle
import statistics
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from distributed import Client, LocalCluster

from kymflow.core.kym_dataset.indexers.base import ExtractedBatch
from kymflow.core.kym_dataset.update.extract import BATCH, EXTRACTION, Job, Task, plan
from kymflow.core.kym_dataset.update.staging import Staging
from kymflow.core.workers.pool import Pool, run, worker_pool
from kymflow.core.workers.work import Work
from kymflow_zarr import ZarrDataset, ZarrImageRecord

HASHES = 8
HERE = "in process"


class Idle:
    """One constant row per image."""

    name = "idle"

    def analysis_version(self) -> str:
        """Return the version of the analysis."""
        return "idle@1"

    def params_hash(self, rec: ZarrImageRecord) -> str:
        """Return the same hash for all images."""
        return "0" * 64

    def extract_rows(self, rec: ZarrImageRecord) -> pl.DataFrame:
        """Return one row."""
        return pl.DataFrame({"value": [1.0]})

    def extract_batch(self, dataset: ZarrDataset, image_ids: Sequence[str]) -> ExtractedBatch:
        """Return one row per image."""
        return ExtractedBatch(pl.DataFrame({"image_id": image_ids}).with_columns(value=1.0))


def do_nothing(task: Task) -> str:
    """Return a result about as large as that of a staged batch."""
    return str(task.part.rows)


WORK: dict[str, Work[Task, Any]] = {
    "empty": Work(do_nothing, lambda task: [], str),
    "staged": EXTRACTION.work,
}
Figures = dict[str, dict[str, float]]


def measure(batches: int, repeats: int) -> Figures:
    """Measure the time per batch, ms, by where and what is done."""
    taken: dict[tuple[str, str], list[float]] = defaultdict(list)
    with TemporaryDirectory(prefix="kymflow-") as folder, ExitStack() as stack:
        dataset = ZarrDataset(Path(folder) / "data.zarr", mode="a")
        pools = _pools(stack)
        for repeat in range(repeats + 1):
            for (where, pool), (what, work) in product(pools.items(), WORK.items()):
                with _tasks(dataset, batches) as tasks:
                    started = time.perf_counter()
                    for _ in run(work, tasks, pool):
                        pass
                    if repeat:  # the first one warms up
                        taken[where, what].append((time.perf_counter() - started) / batches)
    return {
        where: {what: 1e3 * statistics.median(taken[where, what]) for what in WORK}
        for where in pools
    }


def table(figures: Figures) -> str:
    """Format the figures as a Markdown table, with the ratio to a batch staged in this process."""
    floor = figures[HERE]["staged"]
    lines = ["| done | empty, ms | staged, ms | of one staged in process |", "|---|---|---|---|"]
    lines += [
        f"| {where} | {own['empty']:.2f} | {own['staged']:.1f} | {own['staged'] / floor:.2f} × |"
        for where, own in figures.items()
    ]
    return "\n".join(lines)


def bytes_there_and_back() -> tuple[int, int]:
    """Measure the bytes of a batch on its way to a worker and back."""
    with TemporaryDirectory(prefix="kymflow-") as folder:
        dataset = ZarrDataset(Path(folder) / "data.zarr", mode="a")
        with _tasks(dataset, 1) as [task]:
            return len(pickle.dumps(task)), len(pickle.dumps(EXTRACTION.work.do(task)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--batches", type=int, default=64, help="batches in a run")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each; the median counts")
    options = parser.parse_args()
    print(table(measure(options.batches, options.repeats)))
    print("\nbytes per batch: {:,} there, {:,} back".format(*bytes_there_and_back()))


def _pools(stack: ExitStack) -> dict[str, Pool | None]:
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0")
    client = stack.enter_context(Client(stack.enter_context(cluster)))
    return {
        HERE: None,
        "1 process": stack.enter_context(worker_pool(1, None)),
        "2 processes": stack.enter_context(worker_pool(2, None)),
        "Dask, 2 processes": stack.enter_context(worker_pool(None, client.get_executor())),
    }


@contextmanager
def _tasks(dataset: ZarrDataset, batches: int) -> Iterator[list[Task]]:
    due = pl.DataFrame(
        {
            "image_id": [str(uuid.uuid4()) for _ in range(batches * BATCH)],
            "params_hash": [f"{number % HASHES:064x}" for number in range(batches * BATCH)],
        }
    )
    job = Job(dataset, Idle(), "idle@1", None)
    with Staging(dataset, "kym_idle", job.maker) as staging:
        yield list(plan(job, due, staging, None))
        staging.clear()


if __name__ == "__main__":
    main()
