"""Every named query on real and on made-up data, its answer computed again in Polars."""

from __future__ import annotations

import json
import math
from itertools import combinations, pairwise
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.lab_folder import import_folder
from kymflow.core.queries.library import named_queries
from kymflow.core.queries.tests import test_velocity_queries
from kymflow.core.queries.tests.studies import EVENTS, Row, Study, lies_at, made_up
from kymflow.core.review.tests import test_verdicts
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import ZarrDataset


@pytest.fixture(scope="module")
def made_up_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study.of(made_up(ZarrDataset(tmp_path_factory.mktemp("study") / "data.zarr", mode="a")))


@pytest.fixture(scope="module")
def lab_study(lab_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    dataset = ZarrDataset(tmp_path_factory.mktemp("lab") / "data.zarr", mode="a")
    import_folder(lab_folder, dataset)
    detect_dataset(dataset)
    kym = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityEventIndexer()):
        kym.update_index(indexer)
    return Study.of(kym)


@pytest.fixture(params=["made_up_study", "lab_study"])
def study(request: pytest.FixtureRequest) -> Study:
    found: Study = request.getfixturevalue(request.param)
    return found


AT = pl.coalesce("peak_t_s", "t_start_s")
"""Where an event lies, s."""


def same(answer: pl.DataFrame, expected: pl.DataFrame, *, ordered: bool = False) -> None:
    assert answer.columns == expected.columns
    assert_frame_equal(
        answer, expected, check_row_order=ordered, check_dtypes=False, abs_tol=1e-9, rel_tol=1e-9
    )


def quantiles(**named: float) -> list[pl.Expr]:
    return [pl.col("x").quantile(q, "linear").alias(name) for name, q in named.items()]


@pytest.mark.long
def test_made_up_data_is_as_odd_as_it_should_be(made_up_study: Study) -> None:
    assert made_up_study.runs["status"].value_counts().height == 2
    assert len(made_up_study.params) >= 4
    assert made_up_study.events.null_count().row(0, named=True)["t_end_s"] > 5


@pytest.mark.long
def test_events_per_image(study: Study) -> None:
    own = (pl.col("roi_id").fill_null(1) * 100 + pl.col("channel").fill_null(1)).n_unique()
    strength = pl.col("strength").filter(pl.col("strength").is_finite())
    per_image = study.events.group_by("image_id").agg(
        n_events=pl.len(), n_rois_with=own, first_s=AT.min(), strongest=strength.max()
    )
    known = pl.col("n_rois").is_not_null()
    expected = (
        study.images.select("image_id", "source_path")
        .join(study.searched.select("image_id", "n_rois"), on="image_id", how="left")
        .join(per_image, on="image_id", how="left")
        .with_columns(pl.col("n_events", "n_rois_with").fill_null(0))
        .with_columns(
            pl.when(known).then(pl.col(name))
            for name in ("n_events", "n_rois_with", "first_s", "strongest")
        )
    )
    answer = study.query("events_per_image")
    same(answer, expected.select(answer.columns))


@pytest.mark.wide
@pytest.mark.parametrize("by", ["condition", "folder_1", "accepted"])
@pytest.mark.parametrize("event_type", [None, "baseline_drop"])
def test_event_rate(study: Study, by: str, event_type: str | None) -> None:
    known = study.searched.filter(pl.col("roi_minutes") > 0)
    rates = (
        study.images.select("image_id", group=pl.col(by))
        .join(known, on="image_id", how="left")
        .join(study.counts(event_type), on="image_id", how="left")
        .with_columns(
            n_events=pl.when(pl.col("n_rois").is_not_null()).then(pl.col("n_events").fill_null(0))
        )
        .with_columns(rate=pl.col("n_events") / pl.col("roi_minutes"))
    )
    count = pl.col("n_rois").count()
    some = pl.when(count > 0)
    expected = rates.group_by("group").agg(
        n_images=count,
        n_rois=pl.col("n_rois").sum(),
        roi_minutes=some.then(pl.col("roi_minutes").sum()),
        n_events=some.then(pl.col("n_events").sum()),
        events_per_roi_min=some.then(pl.col("n_events").sum() / pl.col("roi_minutes").sum()),
        mean_of_images=pl.col("rate").mean(),
        sem_of_images=some.then(pl.col("rate").std() / count.sqrt()),
        n_left_out=pl.len() - count,
    )
    same(study.query("event_rate", by=by, event_type=event_type), expected)


@pytest.mark.wide
@pytest.mark.parametrize("reviewed_only", [False, True])
@pytest.mark.parametrize("max_speed_percent", [50, 80.5])
def test_time_stalled(study: Study, reviewed_only: bool, max_speed_percent: float) -> None:
    rows = []
    for image_id, path in study.images.select("image_id", "source_path").iter_rows():
        traces = study.traces.filter(pl.col("image_id") == image_id)
        mine = study.events.filter(pl.col("image_id") == image_id).rows(named=True)
        for roi_id in sorted(traces["roi_id"].unique()):
            here = [event for event in mine if (event["roi_id"] or 1) == roi_id]
            spans = traces.filter(pl.col("roi_id") == roi_id)
            whole = spans["end_s"].max() - spans["start_s"].min() if spans["end_s"][0] else None
            known, most, n_censored = [], [], 0
            for stall in here:
                if not is_stall(stall, max_speed_percent, reviewed_only):
                    continue
                start, end, latest = stalled(stall, here)
                if end is None:
                    n_censored += 1
                else:
                    known.append((start, end))
                most.append((start, latest))
            unbounded = any(end is None for _, end in most)
            n_stalls = len(islands(known)) + n_censored
            at_most = None if unbounded else covered(most)
            percent = None if whole is None else 100 * covered(known) / whole
            seconds = covered(known)
            rows.append(
                (image_id, path, roi_id, n_stalls, n_censored, seconds, at_most, whole, percent)
            )
        if traces.is_empty():
            rows.append((image_id, path, *[None] * 7))
    answer = study.query(
        "time_stalled", reviewed_only=reviewed_only, max_speed_percent=max_speed_percent
    )
    same(answer, pl.DataFrame(rows, schema=answer.schema, orient="row"))


def is_stall(event: Row, max_speed_percent: float, reviewed_only: bool) -> bool:
    if event["event_type"] == "baseline_rise":
        return False
    verdict = event["user_type"] or "unreviewed"
    if verdict == "true_stall":
        return True
    if reviewed_only or verdict != "unreviewed" or event["machine_type"] != "stall_candidate":
        return False
    before, after = event["baseline_before"], event["baseline_after"]
    return before is None or after is None or after <= before * max_speed_percent / 100


def stalled(stall: Row, events: list[Row]) -> tuple[float, float | None, float | None]:
    """Return where a stall begins; where it ends, None if censored; and by when it is over."""
    start, end = stall["t_start_s"], stall["t_end_s"]
    if end is None and stall["duration_s"] is not None:
        end = start + stall["duration_s"]
    if end is not None:
        return start, end, end
    before, after = stall["baseline_before"], stall["baseline_after"]
    half = None if before is None or after is None else (before + after) / 2
    later = sorted(
        (
            event
            for event in events
            if event["channel"] == stall["channel"]
            and event["event_type"] in ("baseline_drop", "baseline_rise")
            and lies_at(event) > lies_at(stall)
        ),
        key=lambda event: (lies_at(event), flows_before(event, half)),
    )
    for event in later:
        if flows_before(event, half):
            return start, None, lies_at(event)
        speed = event["baseline_after"]
        regained = half is None or speed is None or speed > half
        if event["event_type"] == "baseline_rise" and regained:
            begins = event["t_start_s"]
            end = begins if begins > lies_at(stall) else lies_at(event)
            return start, end, end
    return start, None, None


def flows_before(event: Row, half: float | None) -> bool:
    speed = event["baseline_before"]
    return half is not None and speed is not None and speed > half


def islands(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def covered(spans: list[tuple[float, float]]) -> float:
    """Return the length of the union of some spans, by counting how many are open between ends."""
    ends = sorted({end for span in spans for end in span})
    return sum(
        b - a for a, b in pairwise(ends) if any(start <= a and b <= end for start, end in spans)
    )


@pytest.mark.parametrize("one", [False, True])
def test_events_by_roi(study: Study, one: bool) -> None:
    image_id = study.events["image_id"][0] if one else None
    strength = pl.col("strength").filter(pl.col("strength").is_finite())
    own = ("image_id", "roi_id", "channel")
    counted = (
        study.events.filter(pl.col("image_id").is_in(study.searched["image_id"].implode()))
        .group_by(*own, "event_type")
        .agg(
            n_events=pl.len(),
            first_s=AT.min(),
            last_s=AT.max(),
            median_strength=strength.median(),
        )
    )
    with_events = {
        (image, roi or 1, channel or anything)
        for image, roi, channel in counted.select(own).iter_rows()
        for anything in (1, 2)
    }
    empty = [trace for trace in study.traces.select(own).iter_rows() if trace not in with_events]
    rows = pl.concat(
        [
            counted,
            pl.DataFrame(
                empty, schema={name: counted.schema[name] for name in own}, orient="row"
            ).with_columns(n_events=pl.lit(0, pl.UInt32)),
        ],
        how="diagonal",
    )
    expected = study.images.select("image_id", "source_path").join(rows, on="image_id", how="left")
    answer = study.query("events_by_roi", image_id=image_id)
    same(answer, expected.filter(pl.col("image_id") == image_id if one else pl.lit(True)))


@pytest.mark.wide
@pytest.mark.parametrize("of", ["strength", "duration_s", "depth"])
@pytest.mark.parametrize("by", ["event_type", "condition", "roi_id"])
def test_distribution(study: Study, of: str, by: str) -> None:
    x = pl.col("x")
    expected = (
        study.with_images()
        .select(group=pl.col(by), x=pl.col(of).cast(pl.Float64))
        .with_columns(x=pl.when(x.is_finite()).then(x))
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


def used_by(study: Study) -> pl.DataFrame:
    """Return the images that were analysed, with the params_hash of their last run."""
    images = study.images.drop("params_hash", "analysis_version", "n_rois")
    used = images.join(study.runs.select("image_id", "params_hash"), on="image_id")
    return used.join(study.searched, on="image_id")


def test_unusual_params(study: Study) -> None:
    used = (
        used_by(study)
        .group_by("params_hash")
        .len()
        .sort("len", "params_hash", descending=[True, False])
    )
    usual = flat(study.params[used["params_hash"][0]])
    n_alike = dict(used.iter_rows())
    rows = []
    for image_id, path, digest in (
        used_by(study).select("image_id", "source_path", "params_hash").iter_rows()
    ):
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


@pytest.mark.wide
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
        used_by(study)
        .join(study.counts(event_type), on="image_id", how="left")
        .select(
            "n_rois",
            "roi_minutes",
            pl.col("n_events").fill_null(0),
            value=pl.col("params_hash").replace_strict(values, return_dtype=pl.Float64),
        )
        .group_by("value")
        .agg(
            n_images=pl.len(),
            n_rois=pl.col("n_rois").sum(),
            n_events=pl.col("n_events").sum(),
            mean_per_image=pl.col("n_events").mean(),
            median_per_image=pl.col("n_events").median(),
            events_per_roi_min=pl.col("n_events").filter(pl.col("roi_minutes") > 0).sum()
            / pl.col("roi_minutes").sum(),
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


def pairs(events: pl.DataFrame, by: pl.Expr, *keys: str) -> list[tuple[Row, Row]]:
    found = []
    for _, group in events.group_by(keys):
        rows = group.sort(by, "event_id").rows(named=True)
        found.extend(combinations(rows, 2))
    return found


@pytest.mark.parametrize("within_s", [0.0, 0.05, 1])
def test_duplicate_events(study: Study, within_s: float) -> None:
    events = study.with_images().filter(AT.is_not_null())
    shared = ("image_id", "source_path", "roi_id", "channel", "event_type")
    rows = [
        (*(a[k] for k in shared), a["event_id"], b["event_id"], lies_at(a), apart)
        for a, b in pairs(events, AT, *shared)
        if (apart := lies_at(b) - lies_at(a)) <= within_s
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
        for a, b in pairs(events, start, *shared)
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
    old = study.all_events.group_by("image_id").agg(n_old_rows=pl.len())
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


@pytest.mark.wide
@pytest.mark.parametrize("bin_s", [5, 2.5])
@pytest.mark.parametrize("event_type", [None, "baseline_drop"])
def test_event_timing(study: Study, bin_s: float, event_type: str | None) -> None:
    traces = study.traces.filter(pl.col("duration_s") > 0)
    known = traces["image_id"].unique().implode()
    events = study.of_type(event_type).filter(pl.col("image_id").is_in(known))
    peaks = events.select(AT)["peak_t_s"].drop_nulls()
    rows = []
    for n in range(math.ceil(traces["end_s"].max() / bin_s)):
        low, high = n * bin_s, (n + 1) * bin_s
        within = traces.filter(pl.col("start_s") < high, pl.col("end_s") > low)
        spent = within.select(
            pl.min_horizontal("end_s", pl.lit(high)) - pl.max_horizontal("start_s", pl.lit(low))
        )
        seconds = spent.to_series().sum()
        n_events = sum(low <= peak < high for peak in peaks)
        counts = (within["image_id"].n_unique(), within.height)
        rows.append((low, high, *counts, seconds, n_events, 60 * n_events / seconds))
    answer = study.query("event_timing", bin_s=bin_s, event_type=event_type)
    same(answer, pl.DataFrame(rows, schema=answer.schema, orient="row"), ordered=True)


@pytest.mark.parametrize("event_type", [None, "baseline_drop"])
def test_event_intervals(study: Study, event_type: str | None) -> None:
    rows = [
        (condition, b - a)
        for (condition, *_), group in study.with_images()
        .filter(pl.col("event_type") == event_type if event_type else pl.lit(True))
        .group_by("condition", "image_id", "roi_id", "channel")
        for a, b in pairwise(sorted(group.select(AT)["peak_t_s"].drop_nulls()))
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


@pytest.mark.wide
@pytest.mark.parametrize("by", ["condition", "event_type"])
def test_speed_change(study: Study, by: str) -> None:
    before, after = pl.col("baseline_before"), pl.col("baseline_after")
    percent = pl.when(before != 0).then(100 * (after - before) / before)
    expected = (
        study.with_images()
        .filter(before.is_finite(), after.is_finite())
        .group_by(pl.col(by).alias("group"), pl.col("event_type").alias("type"))
        .agg(
            n_events=pl.len(),
            median_before=before.median(),
            median_after=after.median(),
            median_change=(after - before).median(),
            median_change_percent=percent.median(),
        )
    )
    answer = study.query("speed_change", by=by)
    same(answer, expected.rename({"type": "event_type"}))
    drops = answer.filter(pl.col("event_type") == "baseline_drop")
    assert not drops.is_empty()


@pytest.mark.parametrize("unreviewed_only", [True, False])
def test_strongest_events(study: Study, unreviewed_only: bool) -> None:
    verdict = pl.col("user_type").replace("", None).fill_null("unreviewed")
    answer = study.query("strongest_events", limit=7, unreviewed_only=unreviewed_only)
    expected = (
        study.with_images()
        .filter((verdict == "unreviewed") | (not unreviewed_only))
        .with_columns(rank=pl.when(pl.col("strength").is_finite()).then(pl.col("strength")))
        .sort(
            *("rank", "source_path", "image_id", "roi_id", "t_start_s", "event_id"),
            descending=[True, False, False, False, False, False],
            nulls_last=True,
        )
        .head(7)
        .select(answer.columns)
    )
    same(answer, expected, ordered=True)


def test_every_named_query_is_tested() -> None:
    names = [query.name for query in named_queries()]
    elsewhere = "".join(
        Path(module.__file__).read_text() for module in (test_velocity_queries, test_verdicts)
    )
    assert [
        name for name in names if f"test_{name}" not in globals() and f'"{name}"' not in elsewhere
    ] == []
