"""What ``kym_events`` costs beside the table itself: ``python -m benchmarks.views``.

Small questions are asked of the table, of the view, and of the view over a table without
``candidate``, as versions before it made them; then every named query. Only tables are made, as an
update would leave them, and no images. The median counts, of runs that take turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from benchmarks import content
from kymflow.core.artifacts.events import DEFAULT_PARAMS
from kymflow.core.artifacts.provenance import params_hash, stable_json_dumps
from kymflow.core.artifacts.schemas import VELOCITY_SCHEMA, VERDICT_SCHEMA
from kymflow.core.kym_dataset import KymDataset
from kymflow.core.kym_dataset.indexers.velocity import figures
from kymflow.core.kym_dataset.schemas import RUNS
from kymflow.core.queries.library import named_queries
from kymflow_zarr import ZarrDataset
from kymflow_zarr.tables.types import TableKey

EVENTS, IMAGES = "kym_velocity_events", "kym_images"
REVIEWS, VELOCITY = "kym_reviews", "kym_velocity"
REVIEWERS = ("ann", "bob")
DECIDED_AT = datetime(2026, 1, 1, tzinfo=UTC)
QUESTIONS: Mapping[str, str] = {
    "count": "SELECT count(*) FROM {events}",
    "by type": "SELECT event_type, count(*) FROM {events} GROUP BY event_type",
    "by image": "SELECT image_id, count(*) AS n FROM {events} GROUP BY image_id ORDER BY n LIMIT 9",
    "strongest": "FROM {events} ORDER BY strength DESC LIMIT 20",
    "one image": "FROM {events} WHERE image_id = (SELECT min(image_id) FROM kym_images)",
}
Figures = dict[str, dict[str, float]]


def make(folder: Path, images: int, rows: int, *, marked: bool) -> KymDataset:
    """Make the tables of a dataset.

    Args:
        folder: Where.
        images: How many images.
        rows: Events per image.
        marked: Whether the events say which are candidates.
    """
    dataset = ZarrDataset(folder, mode="a")
    ids = sorted(content.image_ids(images))
    params = params_hash(DEFAULT_PARAMS)
    provenance = {"analysis_version": pl.lit("views@1"), "params_hash": pl.lit(params)}
    events = content.events(images * rows, np.random.default_rng(content.SEED))
    owned = events.select(
        pl.Series("image_id", ids).gather(np.repeat(np.arange(images), rows)), pl.all()
    ).with_columns(**provenance)
    dataset.save_table(EVENTS, owned if marked else owned.drop("candidate"))
    dataset.save_table(REVIEWS, verdicts(owned).with_columns(**provenance))
    dataset.save_table(VELOCITY, velocities(ids).with_columns(**provenance))
    metadata = [content.metadata_json(number).decode() for number in range(images)]
    hashes = [f"{number:064x}" for number in range(images)]
    lasting = content.LINES * content.SECONDS_PER_LINE
    table = pl.DataFrame({"image_id": ids, "params_hash": hashes}).with_columns(
        source_path=pl.col("image_id") + ".tif",
        folder=pl.lit("lab"),
        condition=pl.Series(json.loads(m)["experiment_metadata"]["condition"] for m in metadata),
        duration_s=pl.lit(lasting),
        seconds_per_line=pl.lit(content.SECONDS_PER_LINE),
    )
    dataset.save_table(IMAGES, table.with_columns(analysis_version=pl.lit("views@1")))
    runs = pl.DataFrame({"image_id": ids}).with_columns(
        **provenance, status=pl.lit("ok"), n_rows=pl.lit(rows, pl.Int64)
    )
    blank = pl.DataFrame(schema=RUNS)
    known = pl.DataFrame({"params_hash": [params], "params": [stable_json_dumps(DEFAULT_PARAMS)]})
    beside = {
        TableKey(EVENTS, "runs"): pl.concat([blank, runs], how="diagonal"),
        TableKey(EVENTS, "params"): known,
        TableKey(IMAGES, "runs"): blank,
        TableKey(IMAGES, "params"): pl.DataFrame({"params_hash": hashes, "params": metadata}),
    }
    for key, frame in beside.items():
        dataset.tables.backend.save(key, frame)
    return KymDataset(dataset)


def verdicts(events: pl.DataFrame) -> pl.DataFrame:
    """Have each reviewer label every event; on two in three they disagree."""
    places = ("image_id", "roi_id", "channel", "event_id", "t_start_s", "peak_t_s", "t_end_s")
    labels = {
        reviewer: pl.when(pl.int_range(pl.len()) % 3 == own)
        .then(pl.lit("reversal"))
        .otherwise(pl.lit("true_stall"))
        for own, reviewer in enumerate(REVIEWERS)
    }
    frames = [
        events.select(*places, reviewer=pl.lit(reviewer), verdict=label, n_decisions=1)
        for reviewer, label in labels.items()
    ]
    blank = pl.DataFrame(schema=VERDICT_SCHEMA)
    return pl.concat([blank, *frames], how="diagonal_relaxed").with_columns(
        decided_at=pl.lit(DECIDED_AT)
    )


def velocities(ids: Sequence[str]) -> pl.DataFrame:
    """Have each image flow at a speed of its own."""
    rng = np.random.default_rng(content.SEED)
    return pl.DataFrame(
        [
            {"image_id": image_id, "roi_id": 1, "channel": 1, "measured": True}
            | figures(rng.normal(rng.normal(), 0.2, size=100))
            for image_id in ids
        ],
        schema={"image_id": pl.String(), **VELOCITY_SCHEMA},
    )


def measure(images: int, rows: int, repeats: int) -> tuple[Figures, dict[str, float]]:
    """Time each question and each named query, ms."""
    taken: dict[tuple[str, str], list[float]] = defaultdict(list)
    with TemporaryDirectory(prefix="kymflow-") as folder:
        marked = make(Path(folder) / "marked.zarr", images, rows, marked=True)
        unmarked = make(Path(folder) / "unmarked.zarr", images, rows, marked=False)
        asked = {
            "table": (marked, EVENTS),
            "view": (marked, "kym_events"),
            "view, derived": (unmarked, "kym_events"),
        }
        for repeat in range(repeats + 1):
            for name, question in QUESTIONS.items():
                for what, (kym, events) in asked.items():
                    seconds = _seconds(partial(kym.sql, question.format(events=events)))
                    if repeat:  # the first one warms up
                        taken[name, what].append(seconds)
        queries = {
            query.name: 1e3 * _seconds(partial(marked.query, query.name))
            for query in named_queries()
        }
    figures = {
        name: {what: 1e3 * statistics.median(taken[name, what]) for what in asked}
        for name in QUESTIONS
    }
    return figures, queries


def tables(figures: Figures, queries: Mapping[str, float]) -> str:
    """Return the figures as Markdown tables, with the ratios to the table itself."""
    lines = ["| question | table, ms | view | view, derived |", "|---|---|---|---|"]
    for name, own in figures.items():
        ratios = (f"{own[what] / own['table']:.1f} ×" for what in ("view", "view, derived"))
        lines.append(f"| {name} | {own['table']:.0f} | {' | '.join(ratios)} |")
    lines += ["", "| named query | ms |", "|---|---|"]
    lines += [f"| {name} | {taken:.0f} |" for name, taken in queries.items()]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.views", description=__doc__)
    parser.add_argument("--images", type=int, default=100_000, help="images")
    parser.add_argument("--rows", type=int, default=20, help="events per image")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each question")
    options = parser.parse_args()
    print(tables(*measure(options.images, options.rows, options.repeats)))


def _seconds(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
