"""The content of one synthetic image's files: params, events, metadata, group attributes."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate
from typing import Any

import numpy as np
import polars as pl

from kymflow.core.artifacts.schemas import EVENT_SCHEMA

SECONDS_PER_LINE = 0.00117
UM_PER_PIXEL = 0.284
LINES, PIXELS = 30_000, 38
LINES_PER_SAMPLE = 4
SAMPLES = LINES // LINES_PER_SAMPLE
KINDS = {  # event type: (machine type, share of the events)
    "baseline_drop": ("stall_candidate", 0.55),
    "baseline_rise": ("other", 0.25),
    "nan_gap": ("nan_gap", 0.12),
    "zero_gap": ("other", 0.05),
    "User Added": ("other", 0.03),
}
REVIEWS = {"unreviewed": 0.80, "true_stall": 0.12, "other": 0.05, "reversal": 0.03}
NOTES = {"": 0.9, "near a branch point": 0.1}
CONDITIONS = ("baseline", "7d AngII", "14d AngII", "28d AngII", "recovery")
REGIONS = ("barrel cortex", "visual cortex", "motor cortex")
FIRST_DAY = datetime(2025, 1, 6, 9, tzinfo=UTC)
SEED = 20250722


def image_ids(count: int) -> list[str]:
    """Make ids like those of the store: random UUIDs, in no order."""
    noise = np.random.default_rng(SEED).bytes(16 * count)
    cuts = range(0, len(noise), 16)
    return [str(uuid.UUID(bytes=noise[cut : cut + 16], version=4)) for cut in cuts]


def group_json() -> bytes:
    """Return an image's ``zarr.json``."""
    written = FIRST_DAY.isoformat()
    attributes = {"axes": ["t", "x"], "created_utc": written, "updated_utc": written}
    return _indented({"zarr_format": 3, "node_type": "group", "attributes": attributes})


def params_json(mad_k: float, top_k_total: int, abs_score_floor: float) -> bytes:
    """Return detection params as a tool writes them: indented, keys in a person's order."""
    return _indented(
        {
            "win_cmp_sec": 0.25,
            "smooth_sec": 0.1,
            "min_valid_per_side": None,
            "mad_k": mad_k,
            "abs_score_floor": abs_score_floor,
            "merge_gap_sec": 0.10,
            "top_k_total": top_k_total,
            "min_sep_sec": 0.75,
            "nan_gap": {
                "nan_win_sec": 0.10,
                "enter_frac": 0.40,
                "exit_frac": 0.20,
                "min_duration_sec": 0.2,
                "merge_gap_sec": 0.05,
            },
            "zero_gap": {"eps0": 0.0},
        }
    )


def events_parquets(counts: Sequence[int], rng: np.random.Generator) -> list[bytes]:
    """Make Parquet files of so many events each, in the whole event schema; all rows differ."""
    # All rows are made at once: one frame per file would take ten times as long.
    rows = events(sum(counts), rng)
    starts = [0, *accumulate(counts)]
    return [
        _parquet(
            rows[start : start + count]
            .sort("roi_id", "i_start")
            .with_columns(event_id=pl.int_range(count, eager=True).cast(pl.String))
        )
        for start, count in zip(starts, counts, strict=False)
    ]


def events(rows: int, rng: np.random.Generator) -> pl.DataFrame:
    """Make events in no order; as in real files, gaps have an end and shifts have baselines."""

    def pick(shares: dict[str, float]) -> np.ndarray[Any, Any]:
        return rng.choice(list(shares), rows, p=list(shares.values()))

    kind = pick({name: share for name, (_, share) in KINDS.items()})
    start = rng.integers(0, SAMPLES - 200, rows)
    peak = start + rng.integers(0, 40, rows)
    before, after = rng.normal(1.2, 0.3, (2, rows))
    frame = pl.DataFrame(
        {
            "roi_id": rng.integers(1, 4, rows),
            "channel": np.ones(rows, np.int32),
            "event_type": kind,
            "i_start": start,
            "i_peak": peak,
            "i_end": peak + rng.integers(45, 160, rows),
            "peak_value": rng.normal(0.6, 0.2, rows),
            "score": after - before,
            "baseline_before": before,
            "baseline_after": after,
            "strength": np.abs(after - before) / 0.25,
            "nan_fraction": rng.uniform(0.4, 1.0, rows),
            "n_valid": rng.integers(0, 60, rows),
            "machine_type": [KINDS[name][0] for name in kind],
            "user_type": pick(REVIEWS),
            "note": pick(NOTES),
        }
    )
    gap = pl.col("event_type").str.ends_with("_gap")
    frame = frame.with_columns(
        *(pl.when(gap).then(name) for name in ("i_end", "nan_fraction", "n_valid")),
        *(pl.when(~gap).then(name) for name in ("score", "baseline_before", "baseline_after")),
    )
    seconds = SECONDS_PER_LINE * LINES_PER_SAMPLE
    return frame.with_columns(
        event_id=pl.lit(""),
        t_start_s=pl.col("i_start") * seconds,
        peak_t_s=pl.col("i_peak") * seconds,
        t_end_s=pl.col("i_end") * seconds,
        duration_s=(pl.col("i_end") - pl.col("i_start")) * seconds,
        candidate=(pl.col("event_type") == "baseline_drop") & (pl.col("strength") < 1),
    ).select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items())


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def metadata_json(number: int) -> bytes:
    """Make an image's metadata: header, experiment, ROIs, source; different for every image."""
    condition = CONDITIONS[number % len(CONDITIONS)]
    day = FIRST_DAY + timedelta(days=number // 400)
    values = {
        "acquired": int((day + timedelta(minutes=number % 400)).timestamp()) * 1_000_000_000,
        "region": REGIONS[number // 7 % len(REGIONS)],
        "depth": 50 + 25 * (number // 5 % 20),
        "branch_order": None if number % 11 == 0 else number // 3 % 6,
        "sex": "fm"[number % 2],
        "condition": condition,
        "date": f"{day:%Y%m%d}",
        "accepted": number % 9 > 0,
        "path": f"{condition}/{day:%Y%m%d}/{day:%Y%m%d}_{number:06d}.tif",
    }
    text = _metadata_template()
    for name, value in values.items():
        text = text.replace(f'"<{name}>"', json.dumps(value))
    return text.encode()


@cache
def _metadata_template() -> str:
    """Make a metadata template: indenting JSON for each image would take ten times as long."""
    metadata = {
        "version": "2.0",
        "header": {
            "shape": [LINES, PIXELS],
            "ndim": 2,
            "voxels": [SECONDS_PER_LINE, UM_PER_PIXEL],
            "voxels_units": ["s", "um"],
            "labels": ["time (s)", "space (um)"],
            "physical_size": [LINES * SECONDS_PER_LINE, PIXELS * UM_PER_PIXEL],
            "acquired_local_epoch_ns": "<acquired>",
        },
        "experiment_metadata": {
            "species": "mouse",
            "region": "<region>",
            "cell_type": "",
            "depth": "<depth>",
            "branch_order": "<branch_order>",
            "direction": "",
            "sex": "<sex>",
            "genotype": "wt",
            "condition": "<condition>",
            "treatment": "",
            "date": "<date>",
            "note": "",
        },
        "rois": [
            {"roi_id": roi, "channel": 1, "x0": 0, "x1": PIXELS, "y0": 0, "y1": LINES}
            for roi in range(1, 4)
        ],
        "accepted": "<accepted>",
        "source": {"path": "<path>"},
    }
    return _indented(metadata).decode()


def _indented(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()
