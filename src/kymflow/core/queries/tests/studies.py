"""Datasets to ask named queries of, and what counts in them, worked out without SQL."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

import numpy as np
import polars as pl

from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow_zarr import ZarrDataset

EVENTS = "kym_velocity_events"
Row = dict[str, Any]


@dataclass(frozen=True)
class Study:
    """A dataset and its tables as Polars frames."""

    kym: KymDataset
    images: pl.DataFrame
    all_events: pl.DataFrame
    runs: pl.DataFrame
    params: dict[str, Any]

    @classmethod
    def of(cls, kym: KymDataset) -> Study:
        ledger = Ledger(kym.dataset, EVENTS)
        texts = dict(ledger.load_params().iter_rows())
        return cls(
            kym,
            kym.dataset.load_table("kym_images"),
            kym.dataset.load_table(EVENTS),
            ledger.load(),
            {digest: json.loads(text) for digest, text in texts.items()},
        )

    @cached_property
    def events(self) -> pl.DataFrame:
        """The events that count, null where a time is not finite or a number is NaN."""
        rows = self.all_events.rows(named=True)
        counts = [
            row["user_type"] not in (None, "", "unreviewed")
            or not is_candidate(row, rows, self.window_s(row["params_hash"]))
            for row in rows
        ]
        counted = self.all_events.filter(pl.Series(counts, dtype=pl.Boolean))
        return counted.with_columns(pl.col(pl.Float64).fill_nan(None)).with_columns(
            pl.when(pl.col(name).is_finite()).then(pl.col(name))
            for name in ("t_start_s", "peak_t_s", "t_end_s", "duration_s")
        )

    def window_s(self, params_hash: str) -> float:
        window = (self.params.get(params_hash) or {}).get("win_cmp_sec", 0.25)
        assert isinstance(window, float)
        return window

    @cached_property
    def traces(self) -> pl.DataFrame:
        """What was searched: image_id, roi_id, channel, start_s, end_s, duration_s."""
        schema = {"image_id": pl.String, "roi_id": pl.Int32, "channel": pl.Int32}
        times = dict.fromkeys(("start_s", "end_s", "duration_s"), pl.Float64)
        return pl.DataFrame(list(self._traces()), schema={**schema, **times}, orient="row")

    def _traces(self) -> Iterator[tuple[Any, ...]]:
        runs = {run["image_id"]: run for run in self.runs.iter_rows(named=True)}
        for image in self.images.iter_rows(named=True):
            image_id, whole, line_s = (
                image[name] for name in ("image_id", "duration_s", "seconds_per_line")
            )
            mine = self.all_events.filter(pl.col("image_id") == image_id)
            run = runs.get(image_id)
            if run is None:
                analysed = not mine.is_empty()
            else:
                analysed = run["status"] != "failed" and self.params[run["params_hash"]] is not None
            if not analysed:
                continue
            spans: dict[tuple[int, int], tuple[Any, Any]] = {}
            for roi in self.kym.dataset.record(image_id).load_metadata_payload().get("rois", []):
                spans[roi["roi_id"], roi.get("channel", 1)] = roi.get("y0"), roi.get("y1")
            for roi_id, channel in mine.select("roi_id", "channel").unique().iter_rows():
                known = [c for r, c in spans if r == (roi_id or 1)]
                spans.setdefault((roi_id or 1, channel or min(known, default=1)), (None, None))
            for (roi_id, channel), (first, last) in (spans or {(1, 1): (None, None)}).items():
                start, end = 0.0 if whole else None, whole
                if first is not None and line_s:
                    start, end = first * line_s, min(last * line_s, whole)
                yield image_id, roi_id, channel, start, end, end and end - start

    @cached_property
    def searched(self) -> pl.DataFrame:
        """Images that were analysed: image_id, n_rois, roi_minutes."""
        return self.traces.group_by("image_id").agg(
            n_rois=pl.len(),
            roi_minutes=pl.when(pl.col("duration_s").count() > 0).then(
                pl.col("duration_s").sum() / 60
            ),
        )

    def of_type(self, event_type: str | None) -> pl.DataFrame:
        return self.events.filter(
            pl.lit(True) if event_type is None else pl.col("event_type") == event_type
        )

    def counts(self, event_type: str | None = None) -> pl.DataFrame:
        return self.of_type(event_type).group_by("image_id").agg(n_events=pl.len())

    def with_images(self, events: pl.DataFrame | None = None) -> pl.DataFrame:
        events = self.events if events is None else events
        others = self.images.select("image_id", *set(self.images.columns) - set(events.columns))
        return events.join(others, on="image_id", how="left")

    def query(self, name: str, **params: object) -> pl.DataFrame:
        return self.kym.query(name, **params)


def is_candidate(event: Row, events: list[Row], window_s: float) -> bool:
    """Tell whether an event only fills up to ``top_k_total``, as its detector said or by looks."""
    if event.get("candidate") is not None:
        return bool(event["candidate"])
    if event["event_type"] != "baseline_drop":
        return False
    strength, at = event["strength"], lies_at(event)
    if strength is not None and strength < 1:
        return True
    if strength is None or at is None or not math.isfinite(strength) or not math.isfinite(at):
        return False
    trace = [each for each in events if owner(each) == owner(event)]
    rises = [lies_at(each) for each in trace if each["event_type"] == "baseline_rise"]
    return any(
        other["event_type"] == "baseline_drop"
        and (other["strength"] or math.nan, -(lies_at(other) or math.nan)) > (strength, -at)
        and math.isfinite(other["strength"])
        and abs(lies_at(other) - at) <= window_s
        and not any(
            rise is not None and min(at, lies_at(other)) < rise <= max(at, lies_at(other))
            for rise in rises
        )
        for other in trace
    )


def lies_at(event: Row) -> Any:
    return event["t_start_s"] if event["peak_t_s"] is None else event["peak_t_s"]


def owner(event: Row) -> tuple[Any, ...]:
    return event["image_id"], event["roi_id"], event["channel"]


def made_up(dataset: ZarrDataset) -> KymDataset:
    """Twelve images, each odd in its own way."""
    rng = Random(5)
    for number in range(12):
        record = dataset.add_image(np.zeros((8, 4), np.uint16), image_id=f"img{number:02d}")
        condition = ("control", "AngII", None)[number % 3]
        day = 1_753_142_400 + 86_400 * (number // 4)
        rois: list[Row] = [{"roi_id": 1}, {"roi_id": 2, "channel": 2}]
        if number in (2, 6):
            rois = [{"roi_id": 1, "y0": 0, "y1": 4}, {"roi_id": 2, "y0": 2, "y1": 11}]
        record.save_metadata_payload(
            {
                "header": {
                    "voxels": [1.5 + number / 8, 0.3] if number != 7 else None,
                    "acquired_local_epoch_ns": None if number == 8 else (day + number) * 10**9,
                },
                "experiment_metadata": {"condition": condition, "depth": 10 * (number % 4)},
                "rois": [] if number == 4 else rois,
                "accepted": number % 5 != 0,
                "source": {"path": f"day{number // 4}/{condition}/img{number:02d}.tif"},
            }
        )
        if number == 9:
            continue
        params = {**VelocityEventIndexer.default_params}
        if number == 3:
            params = {**params, "mad_k": 4.5, "new": [1, {"a": 2}], "top_k_total": None}
        if number in (4, 5):
            params.pop("smooth_sec")
        if number == 10:
            params["win_cmp_sec"] = 1.0
        record.save_json("velocity_events/params", params)
        n_events = 0 if number == 2 else rng.randint(12, 20)
        events = some_events(rng, n_events)
        record.save_df_parquet(
            "velocity_events/events", events.drop("candidate") if number % 2 else events
        )
    kym = KymDataset(dataset)
    kym.update_index(VelocityEventIndexer())
    for image_id in ("img05", "img06"):
        record = dataset.record(image_id)
        record.save_json("velocity_events/params", {"mad_k": 9.0})
        record.artifact_path("velocity_events/events", ".parquet").write_bytes(b"damaged")
    kym.update_index(VelocityEventIndexer(), mode="incremental", on_error="record")
    late = dataset.add_image(np.zeros((8, 4), np.uint16), image_id="late")
    late.save_metadata_payload({"header": {"voxels": [2.0, 0.3]}})
    kym.update_index(ImageIndexer())
    return kym


def some_events(rng: Random, n: int) -> pl.DataFrame:
    machine = {"baseline_drop": "stall_candidate", "baseline_rise": "other", "nan_gap": "nan_gap"}
    rows: list[Row] = []
    for number in range(n):
        kind = rng.choice(list(machine))
        start = rows[-1]["t_start_s"] + 0.03 if number % 4 == 1 else round(rng.uniform(0, 10), 2)
        lasting = rng.choice([None, None, 0.25, 0.5, 1.5])
        rows.append(
            {
                "roi_id": rng.choice([1, 2]),
                "channel": rng.choice([1, 1, 2, None]),
                "event_id": str(number),
                "event_type": kind,
                "t_start_s": start,
                "peak_t_s": rng.choice([None, start, start + 0.125]),
                "t_end_s": start + lasting if lasting and rng.random() < 0.5 else None,
                "duration_s": lasting,
                "baseline_before": rng.choice([1.25, 0.0, 2.5, math.nan]),
                "baseline_after": rng.choice([0.5, 0.75, 1.5, None]),
                "strength": rng.choice([0.5, 1.5, 2.25, 4.0, math.nan, None]),
                "machine_type": machine[kind],
                "candidate": kind == "baseline_drop" and rng.choice([True, False, None]),
                "user_type": rng.choice(["unreviewed", "", None, "true_stall", "reversal", "odd"]),
            }
        )
    return pl.DataFrame(rows, schema=dict(EVENT_SCHEMA))
