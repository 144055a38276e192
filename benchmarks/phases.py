"""Time each phase of an update against the least work it could do, in one run.

Usage: ``python benchmarks/phases.py [IMAGES ...]`` (default 1000 10000). Prints a table of
seconds and ratios; medians of interleaved repetitions.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow_zarr import ZarrDataset

REPEATS = 3
ROWS = 20
CHANGED = 0.01


def make(path: Path, images: int) -> ZarrDataset:
    """Write a dataset of params and events, without pixels, straight in the store's layout."""
    rng = np.random.default_rng(0)
    dataset = ZarrDataset(path, mode="w")
    variants = []
    for rows in (0, ROWS // 2, ROWS, 3 * ROWS // 2):
        frame = pl.DataFrame(
            {
                "roi_id": pl.Series(range(rows), dtype=pl.Int32) % 3,
                "event_id": [str(n) for n in range(rows)],
                "event_type": ["baseline_drop"] * rows,
                "t_start_s": rng.uniform(0, 30, rows),
                "peak_value": rng.normal(1, 0.2, rows),
                "strength": rng.normal(3, 1, rows),
            },
            schema_overrides={"event_id": pl.String, "event_type": pl.String},
        )
        frame.write_parquet(path / "index" / "variant.parquet")
        variants.append((path / "index" / "variant.parquet").read_bytes())
    weights = rng.choice(4, images, p=(0.03, 0.32, 0.33, 0.32))
    for number in range(images):
        folder = path / "images" / f"{number:032x}" / "analysis" / "velocity_events"
        folder.mkdir(parents=True)
        params = {"mad_k": 3.0 + number % 8, "smooth_sec": 0.1, "merge_gap_sec": 0.1}
        (folder / "params.json").write_text(json.dumps(params, indent=2))
        (folder / "events.parquet").write_bytes(variants[weights[number]])
    return dataset


def change_params(dataset: ZarrDataset, ids: list[str], mad_k: float) -> None:
    """Rewrite the params of some images."""
    for image_id in ids:
        path = dataset.path / "images" / image_id / "analysis" / "velocity_events" / "params.json"
        path.write_text(json.dumps({"mad_k": mad_k, "smooth_sec": 0.1}))


def floor_noop(dataset: ZarrDataset) -> None:
    """List the images and read every params.json once."""
    root = f"{dataset.path}/images"
    for name in sorted(os.listdir(root)):
        if name[0] == "z":
            continue
        try:
            with open(f"{root}/{name}/analysis/velocity_events/params.json", "rb") as stream:
                stream.read()
        except OSError:
            continue


def floor_build(dataset: ZarrDataset) -> None:
    """Scan every events file with Polars and write the rows once."""
    root = f"{dataset.path}/images"
    names = [name for name in sorted(os.listdir(root)) if not name.endswith(".json")]
    files = [f"{root}/{name}/analysis/velocity_events/events.parquet" for name in names]
    frame = pl.scan_parquet(files, include_file_paths="path", glob=False).collect()
    frame.write_parquet(dataset.path / "index" / "floor.parquet", compression="zstd")


def floor_copy(dataset: ZarrDataset) -> None:
    """Copy the table once with DuckDB."""
    table = str(dataset.tables.path("kym_velocity_events"))
    output = str(dataset.path / "index" / "floor.parquet")
    with duckdb.connect() as con:
        con.execute(
            "COPY (FROM read_parquet($table)) TO $output (FORMAT parquet, COMPRESSION zstd)",
            {"table": table, "output": output},
        )


def timed(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes, s."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(images: int, folder: Path) -> list[tuple[str, float, float]]:
    """Return (case, seconds, floor seconds) at one size."""
    dataset = make(folder / f"{images}.zarr", images)
    kym, indexer = KymDataset(dataset), VelocityEventIndexer()
    kym.update_index(indexer)
    ids = dataset.list_image_ids()
    some = [str(i) for i in np.random.default_rng(1).choice(ids, max(1, int(images * CHANGED)))]
    times: dict[str, list[tuple[float, float]]] = {"full build": [], "no-op": [], "1 % changed": []}
    for turn in range(REPEATS):
        build = timed(lambda: kym.update_index(indexer, mode="replace"))
        times["full build"].append((build, timed(lambda: floor_build(dataset))))
        noop = timed(lambda: kym.update_index(indexer, mode="incremental"))
        times["no-op"].append((noop, timed(lambda: floor_noop(dataset))))
        change_params(dataset, some, 20.0 + turn)
        changed = timed(lambda: kym.update_index(indexer, mode="incremental"))
        times["1 % changed"].append((changed, noop + timed(lambda: floor_copy(dataset))))
    medians = {
        case: [statistics.median(column) for column in zip(*pairs, strict=True)]
        for case, pairs in times.items()
    }
    return [(case, seconds, floor) for case, (seconds, floor) in medians.items()]


def main() -> None:
    """Measure every size asked for and print the table."""
    sizes = [int(text) for text in sys.argv[1:]] or [1000, 10_000]
    folder = Path(tempfile.mkdtemp())
    print(f"{'images':>8}  {'case':<12} {'seconds':>8} {'floor':>8} {'ratio':>6}")
    try:
        for images in sizes:
            for case, seconds, floor in measure(images, folder):
                ratio = seconds / floor
                print(f"{images:>8}  {case:<12} {seconds:>8.3f} {floor:>8.3f} {ratio:>6.2f}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
