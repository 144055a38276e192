"""Every named query on real and on made-up data, its answer computed again in Polars."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kymflow.core.artifacts.events import EVENT_SCHEMA
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.lab_folder import import_folder
from kymflow.core.queries.library import named_queries
from kymflow_zarr import ZarrDataset

EVENTS = "kym_velocity_events"


@dataclass(frozen=True)
class Study:
    """A dataset and its tables as Polars frames."""

    kym: KymDataset
    images: pl.DataFrame
    events: pl.DataFrame
    runs: pl.DataFrame
    params: dict[str, object]

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

    @property
    def analysed(self) -> pl.DataFrame:
        """Images analysed well, with their params_hash."""
        never = [digest for digest, params in self.params.items() if params is None]
        good = self.runs.filter(pl.col("status") == "ok", ~pl.col("params_hash").is_in(never))
        images = self.images.drop("params_hash", "analysis_version")
        return images.join(good.select("image_id", "params_hash"), on="image_id")

    def of_type(self, event_type: str | None) -> pl.DataFrame:
        return self.events.filter(
            pl.lit(True) if event_type is None else pl.col("event_type") == event_type
        )

    def counts(self, event_type: str | None = None) -> pl.DataFrame:
        return self.of_type(event_type).group_by("image_id").agg(n_events=pl.len())

    def with_images(self) -> pl.DataFrame:
        others = self.images.select(
            "image_id", *set(self.images.columns) - set(self.events.columns)
        )
        return self.events.join(others, on="image_id", how="left")

    def query(self, name: str, **params: object) -> pl.DataFrame:
        return self.kym.query(name, **params)


def made_up(dataset: ZarrDataset) -> KymDataset:
    """Twelve images, each odd in its own way."""
    rng = Random(5)
    for number in range(12):
        record = dataset.add_image(np.zeros((8, 4), np.uint16), image_id=f"img{number:02d}")
        condition = ("control", "AngII", None)[number % 3]
        day = 1_753_142_400 + 86_400 * (number // 4)
        record.save_metadata_payload(
            {
                "header": {
                    "voxels": [1.5 + number / 8, 0.3] if number != 7 else None,
                    "acquired_local_epoch_ns": None if number == 8 else (day + number) * 10**9,
                },
                "experiment_metadata": {"condition": condition, "depth": 10 * (number % 4)},
                "rois": [{"roi_id": 1}, {"roi_id": 2}],
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
        record.save_json("velocity_events/params", params)
        n_events = 0 if number == 2 else rng.randint(3, 15)
        record.save_df_parquet("velocity_events/events", some_events(rng, n_events))
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
    rows = []
    for number in range(n):
        kind = rng.choice(list(machine))
        start = rows[-1]["t_start_s"] + 0.03 if number % 4 == 1 else round(rng.uniform(0, 10), 2)
        lasting = rng.choice([None, 0.25, 0.5, 1.5])
        rows.append(
            {
                "roi_id": rng.choice([1, 2]),
                "channel": rng.choice([1, 1, 2]),
                "event_id": str(number),
                "event_type": kind,
                "t_start_s": start,
                "t_end_s": start + lasting if lasting and rng.random() < 0.5 else None,
                "duration_s": lasting,
                "baseline_before": rng.choice([1.25, 0.0, 2.5, math.nan]),
                "baseline_after": rng.choice([0.5, 0.75, None]),
                "strength": rng.choice([0.5, 1.5, 2.25, 4.0, math.nan, None]),
                "machine_type": machine[kind],
                "user_type": rng.choice(["unreviewed", "", None, "true_stall", "reversal", "odd"]),
            }
        )
    return pl.DataFrame(rows, schema=dict(EVENT_SCHEMA))


@pytest.fixture(scope="module")
def made_up_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study.of(made_up(ZarrDataset(tmp_path_factory.mktemp("study") / "data.zarr")))


@pytest.fixture(scope="module")
def lab_study(lab_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    dataset = ZarrDataset(tmp_path_factory.mktemp("lab") / "data.zarr")
    import_folder(lab_folder, dataset)
    kym = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityEventIndexer()):
        kym.update_index(indexer)
    return Study.of(kym)


@pytest.fixture(params=["made_up_study", "lab_study"])
def study(request: pytest.FixtureRequest) -> Study:
    found: Study = request.getfixturevalue(request.param)
    return found


def same(answer: pl.DataFrame, expected: pl.DataFrame, *, ordered: bool = False) -> None:
    assert answer.columns == expected.columns
    assert_frame_equal(
        answer, expected, check_row_order=ordered, check_dtypes=False, abs_tol=1e-9, rel_tol=1e-9
    )


def quantiles(**named: float) -> list[pl.Expr]:
    return [pl.col("x").quantile(q, "linear").alias(name) for name, q in named.items()]


def test_made_up_data_is_as_odd_as_it_should_be(made_up_study: Study) -> None:
    assert made_up_study.runs["status"].value_counts().height == 2
    assert len(made_up_study.params) >= 4
    assert made_up_study.events.null_count().row(0, named=True)["t_end_s"] > 5


def test_events_per_image(study: Study) -> None:
    per_image = study.events.group_by("image_id").agg(
        n_events=pl.len(),
        n_rois=pl.col("roi_id").n_unique(),
        first_s=pl.col("t_start_s").min().round(3),
        strongest=pl.col("strength").sort(nulls_last=False).last().round(2),
    )
    expected = study.images.select("image_id", "source_path").join(
        per_image, on="image_id", how="left"
    )
    filled = expected.with_columns(pl.col("n_events", "n_rois").fill_null(0))
    same(study.query("events_per_image"), filled)


@pytest.mark.parametrize("by", ["condition", "folder_1", "accepted"])
@pytest.mark.parametrize("event_type", [None, "baseline_drop"])
def test_event_rate(study: Study, by: str, event_type: str | None) -> None:
    rates = (
        study.analysed.filter(pl.col("duration_s") > 0)
        .join(study.counts(event_type), on="image_id", how="left")
        .with_columns(
            pl.col("n_events").fill_null(0), minutes=pl.col("duration_s") / 60, group=pl.col(by)
        )
        .with_columns(rate=pl.col("n_events") / pl.col("minutes"))
    )
    expected = rates.group_by("group").agg(
        n_images=pl.len(),
        minutes=pl.col("minutes").sum(),
        n_events=pl.col("n_events").sum(),
        events_per_min=pl.col("n_events").sum() / pl.col("minutes").sum(),
        mean_of_images=pl.col("rate").mean(),
        sem_of_images=pl.col("rate").std() / pl.len().sqrt(),
    )
    same(study.query("event_rate", by=by, event_type=event_type), expected)


@pytest.mark.parametrize("reviewed_only", [False, True])
def test_time_stalled(study: Study, reviewed_only: bool) -> None:
    rows = []
    lasting = dict(study.images.select("image_id", "duration_s").iter_rows())
    rises = study.of_type("baseline_rise")
    for image_id, source_path in study.images.select("image_id", "source_path").iter_rows():
        mine = study.events.filter(pl.col("image_id") == image_id)
        verdict = pl.col("user_type").fill_null("")
        stalls = mine.filter(
            (verdict == "true_stall")
            | (
                (pl.col("machine_type") == "stall_candidate")
                & verdict.is_in(["", "unreviewed"])
                & (not reviewed_only)
            )
        )
        for roi_id in stalls["roi_id"].unique().to_list() or [None]:
            known: list[tuple[float, float]] = []
            most: list[tuple[float, float]] = []
            n_open = 0
            for event in stalls.filter(pl.col("roi_id").eq_missing(roi_id)).iter_rows(named=True):
                start, end = event["t_start_s"], event["t_end_s"]
                if end is None and event["duration_s"] is not None:
                    end = start + event["duration_s"]
                if end is None:
                    n_open += 1
                    later = rises.filter(
                        pl.col("image_id") == image_id,
                        pl.col("roi_id") == roi_id,
                        pl.col("channel") == event["channel"],
                        pl.col("t_start_s") > start,
                    )["t_start_s"]
                    end = lasting[image_id] if later.is_empty() else later.min()
                else:
                    known.append((start, end))
                if end is not None:
                    most.append((start, end))
            n_stalls = stalls.filter(pl.col("roi_id").eq_missing(roi_id)).height
            seconds = [covered(known), covered(most)]
            whole = lasting[image_id]
            percents = [None if whole is None else 100 * each / whole for each in seconds]
            rows.append((image_id, source_path, roi_id, n_stalls, n_open, *seconds, *percents))
    answer = study.query("time_stalled", reviewed_only=reviewed_only)
    same(answer, pl.DataFrame(rows, schema=answer.schema, orient="row"))


def covered(spans: list[tuple[float, float]]) -> float:
    """Return the length of the union of some spans, by counting how many are open between ends."""
    ends = sorted({end for span in spans for end in span})
    return sum(
        b - a for a, b in pairwise(ends) if any(start <= a and b <= end for start, end in spans)
    )


@pytest.mark.parametrize("one", [False, True])
def test_events_by_roi(study: Study, one: bool) -> None:
    image_id = study.events["image_id"][0] if one else None
    expected = (
        study.with_images()
        .filter(pl.col("image_id") == image_id if one else pl.lit(True))
        .group_by("image_id", "source_path", "roi_id", "channel", "event_type")
        .agg(
            n_events=pl.len(),
            first_s=pl.col("t_start_s").min(),
            last_s=pl.col("t_start_s").max(),
            median_strength=pl.col("strength").fill_nan(None).median(),
        )
    )
    same(study.query("events_by_roi", image_id=image_id), expected)


@pytest.mark.parametrize("of", ["strength", "duration_s", "depth"])
@pytest.mark.parametrize("by", ["event_type", "condition", "roi_id"])
def test_distribution(study: Study, of: str, by: str) -> None:
    x = pl.col("x")
    expected = (
        study.with_images()
        .select(group=pl.col(by), x=pl.col(of).cast(pl.Float64).fill_nan(None))
        .group_by("group")
        .agg(
            pl.len().alias("n_events"),
            x.count().alias("n_values"),
            x.min().alias("min"),
            *quantiles(p05=0.05, p25=0.25, median=0.5, p75=0.75, p95=0.95),
            x.max().alias("max"),
            x.mean().alias("mean"),
        )
    )
    same(study.query("distribution", of=of, by=by), expected)


def test_distribution_of_the_images_column_of_an_events_columns_name(study: Study) -> None:
    answer = study.query("distribution", of="kym_images.duration_s", by="image_id")
    lasting = dict(study.images.select("image_id", "duration_s").iter_rows())
    assert dict(answer.select("group", "median").iter_rows()) == {
        image_id: lasting[image_id] for image_id in study.events["image_id"].unique()
    }


@pytest.mark.parametrize("event_type", [None, "nan_gap"])
def test_images_without_events(study: Study, event_type: str | None) -> None:
    runs = {row["image_id"]: row for row in study.runs.iter_rows(named=True)}
    with_events = set(study.of_type(event_type)["image_id"])
    rows = []
    for image in study.images.filter(~pl.col("image_id").is_in(list(with_events))).iter_rows(
        named=True
    ):
        run = runs.get(image["image_id"])
        if run is None:
            why = "not indexed"
        elif run["status"] == "failed":
            why = "failed"
        else:
            why = "none found" if study.params[run["params_hash"]] else "never analysed"
        rows.append(
            (
                *(image[k] for k in ("image_id", "source_path", "duration_s")),
                why,
                run and run["error"],
            )
        )
    answer = study.query("images_without_events", event_type=event_type)
    same(answer, pl.DataFrame(rows, schema=answer.schema, orient="row"))


def flat(params: object, above: str = "") -> dict[str, str]:
    if not isinstance(params, dict):
        return {above: json.dumps(params, separators=(",", ":"))}
    inner = [flat(value, f"{above}.{key}" if above else key) for key, value in params.items()]
    return {key: value for each in inner for key, value in each.items()}


def test_unusual_params(study: Study) -> None:
    used = (
        study.analysed.group_by("params_hash")
        .len()
        .sort("len", "params_hash", descending=[True, False])
    )
    usual = flat(study.params[used["params_hash"][0]])
    n_alike = dict(used.iter_rows())
    rows = []
    for image_id, path, digest in study.analysed.select(
        "image_id", "source_path", "params_hash"
    ).iter_rows():
        own = flat(study.params[digest])
        keys = sorted(key for key in {**usual, **own} if usual.get(key) != own.get(key))
        text = ", ".join(f"{key}: {usual.get(key, '–')} → {own.get(key, '–')}" for key in keys)
        if keys:
            rows.append((image_id, path, digest, n_alike[digest], text))
    answer = study.query("unusual_params")
    same(answer, pl.DataFrame(rows, schema=answer.schema, orient="row"))


def test_unusual_params_read_well(made_up_study: Study) -> None:
    differs = dict(made_up_study.query("unusual_params").select("image_id", "differs").iter_rows())
    assert differs["img03"] == ('mad_k: 3.0 → 4.5, new: – → [1,{"a":2}], top_k_total: 2 → null')


@pytest.mark.parametrize("key", ["mad_k", "nan_gap__enter_frac", "smooth_sec"])
@pytest.mark.parametrize("event_type", [None, "baseline_rise"])
def test_params_effect(study: Study, key: str, event_type: str | None) -> None:
    def value(digest: str) -> object:
        inner: object = study.params[digest]
        for part in key.split("__"):
            inner = inner.get(part) if isinstance(inner, dict) else None
        return inner

    values = {digest: value(digest) for digest in study.params}
    expected = (
        study.analysed.join(study.counts(event_type), on="image_id", how="left")
        .select(
            pl.col("n_events").fill_null(0),
            value=pl.col("params_hash").replace_strict(values, return_dtype=pl.Float64),
            minutes=pl.col("duration_s") / 60,
        )
        .group_by("value")
        .agg(
            n_images=pl.len(),
            n_events=pl.col("n_events").sum(),
            mean_per_image=pl.col("n_events").mean(),
            median_per_image=pl.col("n_events").median(),
            events_per_min=pl.col("n_events").filter(pl.col("minutes") > 0).sum()
            / pl.col("minutes").sum(),
        )
    )
    same(study.query("params_effect", key=key, event_type=event_type), expected)


@pytest.mark.parametrize("by", ["folder", "event_type"])
def test_review_progress(study: Study, by: str) -> None:
    verdict = pl.col("verdict")
    reviewed = (verdict != "unreviewed").sum()
    expected = (
        study.with_images()
        .select(
            group=pl.col(by),
            verdict=pl.col("user_type").replace("", None).fill_null("unreviewed"),
        )
        .group_by("group")
        .agg(
            n_events=pl.len(),
            n_reviewed=reviewed,
            reviewed_percent=100 * reviewed / pl.len(),
            true_stall=(verdict == "true_stall").sum(),
            reversal=(verdict == "reversal").sum(),
            other=(~verdict.is_in(["unreviewed", "true_stall", "reversal"])).sum(),
        )
    )
    same(study.query("review_progress", by=by), expected)


def pairs(events: pl.DataFrame, *keys: str) -> list[tuple[dict, dict]]:
    found = []
    for _, group in events.group_by(keys):
        rows = group.sort("t_start_s", "event_id").rows(named=True)
        found.extend(combinations(rows, 2))
    return found


@pytest.mark.parametrize("within_s", [0.0, 0.05, 1])
def test_duplicate_events(study: Study, within_s: float) -> None:
    events = study.with_images().filter(pl.col("t_start_s").is_not_null())
    shared = ("image_id", "source_path", "roi_id", "channel", "event_type")
    rows = [
        (*(a[k] for k in shared), a["event_id"], b["event_id"], a["t_start_s"], apart)
        for a, b in pairs(events, *shared)
        if (apart := b["t_start_s"] - a["t_start_s"]) <= within_s
    ]
    answer = study.query("duplicate_events", within_s=within_s)
    same(answer, pl.DataFrame(rows, schema=answer.schema, orient="row"))


@pytest.mark.parametrize("min_overlap_s", [0, 0.4])
def test_overlapping_events(study: Study, min_overlap_s: float) -> None:
    start = pl.col("t_start_s")
    events = (
        study.with_images()
        .with_columns(end=pl.coalesce("t_end_s", start + pl.col("duration_s")))
        .filter(pl.col("end") > start)
    )
    shared = ("image_id", "source_path", "roi_id", "channel")
    rows = [
        (
            *(a[k] for k in shared),
            *(each[k] for each in (a, b) for k in ("event_id", "event_type")),
            overlap,
        )
        for a, b in pairs(events, *shared)
        if (overlap := min(a["end"], b["end"]) - b["t_start_s"]) > min_overlap_s
    ]
    answer = study.query("overlapping_events", min_overlap_s=min_overlap_s)
    same(answer, pl.DataFrame(rows, schema=answer.schema, orient="row"))


@pytest.mark.parametrize("table", [EVENTS, "kym_images"])
def test_provenance_audit(study: Study, table: str) -> None:
    dataset = study.kym.dataset
    ledger = Ledger(dataset, table)
    keys = ("analysis_version", "params_hash")
    made = dataset.load_table(table).group_by(keys).agg(n_rows=pl.len())
    ran = (
        ledger.load()
        .group_by(keys)
        .agg(
            n_images=pl.len(),
            n_failed=(pl.col("status") == "failed").sum(),
            oldest=pl.col("indexed_at").min(),
            newest=pl.col("indexed_at").max(),
            n_codes=pl.col("code_hash").drop_nulls().n_unique(),
        )
    )
    expected = (
        ran.join(made, on=keys, how="full", coalesce=True, nulls_equal=True)
        .join(ledger.load_params(), on="params_hash", how="left")
        .with_columns(pl.col("n_images", "n_failed", "n_rows").fill_null(0))
    )
    answer = study.query("provenance_audit", table=table)
    same(answer, expected.select(answer.columns))


def test_failed_runs(study: Study) -> None:
    old = study.events.group_by("image_id").agg(n_old_rows=pl.len())
    expected = (
        study.runs.filter(pl.col("status") == "failed")
        .join(old, on="image_id", how="left")
        .select(
            "image_id",
            "error",
            pl.col("indexed_at").alias("failed_at"),
            "analysis_version",
            pl.col("n_old_rows").fill_null(0),
        )
    )
    same(study.query("failed_runs"), expected)
    assert study.query("failed_runs", table="kym_images").is_empty()


def test_acquisition_by_day(study: Study) -> None:
    folders = pl.col("folder").filter(pl.col("folder") != "").unique().sort()
    expected = (
        study.images.with_columns(day=pl.col("acquired_at").dt.date())
        .group_by("day")
        .agg(
            n_images=pl.len(),
            n_accepted=pl.col("accepted").sum(),
            n_rois=pl.when(pl.col("n_rois").count() > 0).then(pl.col("n_rois").sum()),
            minutes=pl.when(pl.col("duration_s").count() > 0).then(pl.col("duration_s").sum() / 60),
            first_at=pl.col("acquired_at").min(),
            last_at=pl.col("acquired_at").max(),
            folders=folders.str.join(", ").replace("", None),
        )
    )
    same(study.query("acquisition_by_day"), expected)


@pytest.mark.parametrize("bin_s", [5, 2.5])
@pytest.mark.parametrize("event_type", [None, "baseline_drop"])
def test_event_timing(study: Study, bin_s: float, event_type: str | None) -> None:
    images = study.analysed.filter(pl.col("duration_s") > 0)
    lasting = images["duration_s"].to_list()
    starts = study.of_type(event_type).join(images, on="image_id", how="semi")["t_start_s"]
    rows = []
    for n in range(math.ceil(max(lasting) / bin_s)):
        low, high = n * bin_s, (n + 1) * bin_s
        spent = [min(each, high) - low for each in lasting if each > low]
        n_events = sum(low <= start < high for start in starts)
        rows.append((low, high, len(spent), sum(spent), n_events, 60 * n_events / sum(spent)))
    answer = study.query("event_timing", bin_s=bin_s, event_type=event_type)
    same(answer, pl.DataFrame(rows, schema=answer.schema, orient="row"), ordered=True)


@pytest.mark.parametrize("event_type", [None, "baseline_drop"])
def test_event_intervals(study: Study, event_type: str | None) -> None:
    rows = [
        (condition, b - a)
        for (condition, *_), group in study.with_images()
        .filter(pl.col("event_type") == event_type if event_type else pl.lit(True))
        .group_by("condition", "image_id", "roi_id", "channel")
        for a, b in pairwise(sorted(group["t_start_s"].drop_nulls()))
    ]
    x = pl.col("x")
    expected = (
        pl.DataFrame(rows, schema={"group": pl.String, "x": pl.Float64}, orient="row")
        .group_by("group")
        .agg(
            x.count().alias("n_intervals"),
            x.min().alias("min_s"),
            *quantiles(p25_s=0.25, median_s=0.5, p75_s=0.75),
            x.max().alias("max_s"),
            x.mean().alias("mean_s"),
        )
    )
    same(study.query("event_intervals", event_type=event_type), expected)


def test_speed_change(study: Study) -> None:
    before, after = pl.col("baseline_before"), pl.col("baseline_after")
    percent = pl.when(before != 0).then(100 * (after - before) / before)
    expected = (
        study.events.filter(before.is_finite(), after.is_finite())
        .group_by(group="event_type")
        .agg(
            n_events=pl.len(),
            median_before=before.median(),
            median_after=after.median(),
            median_change=(after - before).median(),
            median_change_percent=percent.median(),
        )
    )
    same(study.query("speed_change"), expected)


@pytest.mark.parametrize("unreviewed_only", [True, False])
def test_strongest_events(study: Study, unreviewed_only: bool) -> None:
    verdict = pl.col("user_type").replace("", None).fill_null("unreviewed")
    answer = study.query("strongest_events", limit=7, unreviewed_only=unreviewed_only)
    expected = (
        study.with_images()
        .filter((verdict == "unreviewed") | (not unreviewed_only))
        .with_columns(rank=pl.col("strength").fill_nan(None))
        .sort(
            *("rank", "source_path", "image_id", "roi_id", "t_start_s", "event_id"),
            descending=[True, False, False, False, False, False],
            nulls_last=True,
        )
        .head(7)
        .select(answer.columns)
    )
    same(answer, expected, ordered=True)


def test_every_named_query_is_tested_here() -> None:
    assert [query.name for query in named_queries() if f"test_{query.name}" not in globals()] == []
