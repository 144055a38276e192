"""``kym_events``: the events that count; ``kym_analysed``: the traces that were searched."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymflow.core.artifacts.candidates import tell_candidates
from kymflow.core.artifacts.events import TRACE_ARTIFACT
from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.queries.columns import describe_columns
from kymflow.core.queries.export import export
from kymflow.core.queries.tests.studies import EVENTS, is_candidate
from kymflow.core.velocity_events import EventParams, detect_dataset
from kymflow_zarr import UsageError, ZarrDataset

duckdb_1_5 = pytest.mark.skipif(
    not duckdb.__version__.startswith("1.5."), reason="DuckLake's extensions are for DuckDB 1.5"
)
OLDER = Path(__file__).parents[5] / "tests" / "data"


def drop(at: float, strength: float, **more: object) -> dict[str, object]:
    return {
        "roi_id": 1,
        "channel": 1,
        "event_id": f"{at}",
        "event_type": "baseline_drop",
        "t_start_s": at,
        "peak_t_s": at,
        "strength": strength,
        "user_type": "unreviewed",
        **more,
    }


def rise(at: float) -> dict[str, object]:
    return drop(at, 2.0, event_type="baseline_rise")


def index(dataset: ZarrDataset, *events: dict[str, object], **params: object) -> KymDataset:
    """Index one image with these events."""
    record = dataset.add_image(np.zeros((80, 4), np.uint16), image_id="a")
    record.save_metadata_payload({"header": {"voxels": [0.125, 0.3]}})
    record.save_json("velocity_events/params", params)
    names = {name for event in events for name in event}
    schema = {
        name: dtype
        for name, dtype in {**EVENT_SCHEMA, "rejected": pl.Boolean()}.items()
        if name in names
    }
    record.save_df_parquet("velocity_events/events", pl.DataFrame(list(events), schema))
    kym = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityEventIndexer()):
        kym.update_index(indexer)
    return kym


def shown(kym: KymDataset) -> list[str]:
    return kym.sql("SELECT event_id FROM kym_events ORDER BY peak_t_s")["event_id"].to_list()


@pytest.mark.wide
@pytest.mark.parametrize(
    ("label", "counts"),
    [
        ("true_stall", True),
        ("reversal", True),
        ("other", True),
        ("a label of ours", True),
        ("unreviewed", False),
        (" Unreviewed ", False),
        ("", False),
        (None, False),
    ],
)
def test_a_candidate_counts_once_a_person_labels_it(
    dataset: ZarrDataset, label: str | None, counts: bool
) -> None:
    kym = index(
        dataset, drop(1, 3.0, candidate=True, user_type=label), drop(2, 0.5, candidate=False)
    )
    assert shown(kym) == (["1", "2"] if counts else ["2"])
    assert kym.sql(f"SELECT count(*) FROM {EVENTS}").item() == 2


def test_a_rejected_event_does_not_count(dataset: ZarrDataset) -> None:
    verdicts = {1: True, 2: False, 3: None}
    events = [
        drop(at, 3.0, candidate=False, rejected=verdict, user_type="true_stall")
        for at, verdict in verdicts.items()
    ]
    assert shown(index(dataset, *events)) == ["2", "3"]


@pytest.mark.wide
@pytest.mark.parametrize(
    ("events", "counted"),
    [
        ([drop(1, 0.99), drop(5, 1.0)], ["5"]),
        ([drop(1, 2.0), drop(1.25, 3.0)], ["1.25"]),
        ([drop(1, 2.0), drop(1.25, 2.0)], ["1"]),
        ([drop(1, 2.0), drop(1.375, 3.0)], ["1", "1.375"]),
        ([drop(1, 2.0), rise(1.125), drop(1.25, 3.0)], ["1", "1.125", "1.25"]),
        ([drop(1, 2.0), drop(1.125, 1.5), drop(1.25, 3.0)], ["1.25"]),
        ([drop(1, 2.0), drop(1.125, 3.0, roi_id=2)], ["1", "1.125"]),
        ([drop(1, 2.0), drop(1.125, 3.0, channel=2)], ["1", "1.125"]),
        ([drop(1, 2.0, channel=None), drop(1.125, 3.0, channel=None)], ["1.125"]),
        ([drop(1, 0.5, event_type="nan_gap"), drop(2, 0.5, event_type="User Added")], ["1", "2"]),
        ([drop(1, 2.0, candidate=False), drop(1.125, 3.0)], ["1", "1.125"]),
        ([drop(1, 2.0, candidate=True), drop(5, 3.0)], ["5"]),
    ],
)
def test_candidates_are_told_where_the_detector_did_not_say(
    dataset: ZarrDataset, events: list[dict[str, object]], counted: list[str]
) -> None:
    kym = index(dataset, *events)
    assert dataset.load_table(EVENTS)["candidate"].null_count() == 0
    assert shown(kym) == counted
    forget_candidates(kym, events)
    assert shown(kym) == counted


def forget_candidates(kym: KymDataset, events: list[dict[str, object]] | None = None) -> None:
    """Bring the table to what an earlier version made of these artifacts."""
    rows = kym.dataset.load_table(EVENTS)
    said = pl.Series("candidate", [event.get("candidate") for event in events or []], pl.Boolean)
    earlier = rows.drop("candidate") if said.null_count() == len(said) else rows.with_columns(said)
    kym.dataset.save_table(EVENTS, earlier)


def test_the_detectors_own_window_tells_candidates(dataset: ZarrDataset) -> None:
    events = [drop(1, 2.0), drop(1.75, 3.0)]
    kym = index(dataset, *events, win_cmp_sec=1.0)
    assert shown(kym) == ["1.75"]
    forget_candidates(kym)
    assert shown(kym) == ["1.75"]


@pytest.mark.parametrize("window", [-1.0, "wide", None])
def test_a_window_that_makes_no_sense_is_the_usual_one(
    dataset: ZarrDataset, window: object
) -> None:
    kym = index(dataset, drop(1, 2.0), drop(1.25, 3.0), drop(3, 2.0), win_cmp_sec=window)
    assert shown(kym) == ["1.25", "3"]
    forget_candidates(kym)
    assert shown(kym) == ["1.25", "3"]


@st.composite
def some_events(draw: st.DrawFn) -> pl.DataFrame:
    place = st.integers(0, 12).map(lambda eighths: eighths / 8)
    event = st.fixed_dictionaries(
        {
            "image_id": st.sampled_from("ab"),
            "roi_id": st.sampled_from([1, 1, 2, None]),
            "channel": st.sampled_from([1, None]),
            "event_type": st.sampled_from(["baseline_drop", "baseline_drop", "baseline_rise"]),
            "t_start_s": place,
            "peak_t_s": st.one_of(st.none(), place),
            "strength": st.sampled_from([0.5, 1.0, 1.5, 2.0, None, float("nan")]),
            "candidate": st.sampled_from([None, None, True, False]),
        }
    )
    schema = {"image_id": pl.String(), **EVENT_SCHEMA}
    return pl.DataFrame(draw(st.lists(event, max_size=12)), schema)


@pytest.mark.long
@settings(deadline=None, max_examples=60)
@given(some_events())
def test_candidates_are_those_of_the_rule(events: pl.DataFrame) -> None:
    told = tell_candidates(events, lambda image_ids: dict.fromkeys(image_ids, 0.25))
    rows = events.rows(named=True)
    assert told["candidate"].to_list() == [is_candidate(row, rows, 0.25) for row in rows]
    assert told.drop("candidate").equals(events.drop("candidate"))


def test_what_the_detector_says_is_what_it_looks_like(dataset: ZarrDataset) -> None:
    """Detected with and without the mark, the same events count."""
    add_traces(dataset, "one", 1)
    kym = KymDataset(dataset)
    detect_dataset(dataset)
    kym.update_index(VelocityEventIndexer())
    counted = kym.sql("FROM kym_events")
    assert 0 < counted.height < dataset.load_table(EVENTS).height
    forget_candidates(kym)
    assert kym.sql("FROM kym_events").select(counted.columns).equals(counted)


def add_traces(dataset: ZarrDataset, image_id: str, *rois: int) -> None:
    rng = np.random.default_rng(len(image_id))
    time = np.arange(2000) / 200
    record = dataset.add_image(np.zeros((100, 4), np.uint16), image_id=image_id)
    record.save_metadata_payload({"header": {"voxels": [0.1, 0.3]}})
    traces = []
    for roi_id in rois:
        velocity = np.where((time > 4) & (time < 5), 0.1, 1.2) + rng.normal(0, 0.05, len(time))
        traces.append(pl.DataFrame({"roi_id": roi_id, "time": time, "velocity": velocity}))
    record.save_df_parquet(TRACE_ARTIFACT, pl.concat(traces))


def test_times_that_are_none_are_null(dataset: ZarrDataset) -> None:
    odd = [float("nan"), float("inf"), float("-inf"), 2.0]
    kym = index(dataset, *(drop(at, at, candidate=False) for at in odd))
    frame = kym.sql("SELECT t_start_s, peak_t_s, strength FROM kym_events").sort("t_start_s")
    assert frame["t_start_s"].to_list() == [None, None, None, 2.0]
    assert frame["peak_t_s"].to_list() == [None, None, None, 2.0]
    assert sorted(map(str, frame["strength"])) == ["-inf", "2.0", "None", "inf"]
    assert dataset.load_table(EVENTS)["t_start_s"].is_nan().sum() == 0


def test_a_table_of_few_columns_has_the_view(dataset: ZarrDataset) -> None:
    table = pd.DataFrame({"image_id": ["a"], "roi_id": [np.nan], "note": [None], "mine": [1]})
    (dataset.path / "tables").mkdir(exist_ok=True)
    dataset.save_table(EVENTS, pl.from_pandas(table))
    kym = KymDataset(dataset)
    [row] = kym.sql("FROM kym_events").rows(named=True)
    assert (row["image_id"], row["mine"], row["candidate"]) == ("a", 1, False)
    assert set(EVENT_SCHEMA) <= set(row)


@pytest.mark.parametrize("tables", ["parquet", pytest.param("ducklake", marks=duckdb_1_5)])
def test_datasets_written_before_have_the_views(tmp_path: Path, tables: str) -> None:
    with tarfile.open(OLDER / f"written-by-0.1.0-dev-{tables}.tar.xz") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # since Python 3.11.4
        archive.extractall(tmp_path)
    dataset = ZarrDataset(tmp_path / "data.zarr", mode="r")
    kym = KymDataset(dataset)
    assert "candidate" not in dataset.load_table(EVENTS).columns
    rows = dataset.load_table(EVENTS).with_columns(candidate=None).rows(named=True)
    expected = {
        (row["image_id"], row["event_id"]) for row in rows if not is_candidate(row, rows, 0.25)
    }
    counted = kym.sql("SELECT image_id, event_id, candidate FROM kym_events")
    assert set(counted.select("image_id", "event_id").iter_rows()) == expected
    assert not counted["candidate"].any()
    assert kym.sql("SELECT count(DISTINCT image_id) FROM kym_analysed").item() == 3


@pytest.mark.long
def test_the_view_is_there_wherever_tables_are(kym: KymDataset, tmp_path: Path) -> None:
    counted = kym.sql("FROM kym_events")
    assert counted["event_id"].to_list() == ["1"]
    assert kym.sql("FROM kym_events", tables=["kym_events"]).equals(counted)
    assert kym.connect(tables=["kym_events"]).sql("FROM kym_events").fetchall() == counted.rows()
    names = kym.sql("SHOW TABLES")["name"].to_list()
    assert {"kym_events", "kym_analysed"} <= set(names)
    columns = describe_columns(kym, "kym_events")["column"].to_list()
    assert columns == counted.columns
    assert set(EVENT_SCHEMA) <= set(columns)
    export(kym, tmp_path / "all.duckdb")
    with duckdb.connect(str(tmp_path / "all.duckdb")) as database:
        assert database.execute("FROM kym_events").fetchall() == counted.rows()
        assert database.execute("SELECT count(*) FROM kym_analysed").fetchall() == [(1,)]
    export(kym, tmp_path / "counted.parquet", ["kym_events"])
    assert pl.read_parquet(tmp_path / "counted.parquet").equals(counted)


@pytest.fixture
def kym(dataset: ZarrDataset) -> KymDataset:
    return index(dataset, drop(1, 2.0, candidate=False), drop(2, 0.5, candidate=True))


def test_a_table_of_that_name_hides_the_view_and_no_query_takes_it_for_it(
    kym: KymDataset,
) -> None:
    kym.dataset.save_table("kym_events", pl.DataFrame({"mine": [1]}))
    assert kym.sql("FROM kym_events").columns == ["mine"]
    with pytest.raises(UsageError, match="needs the view 'kym_events', and a table of that name"):
        kym.query("event_rate")


def analysed(kym: KymDataset) -> list[tuple[object, ...]]:
    query = "FROM kym_analysed ORDER BY image_id, roi_id, channel"
    return [tuple(row) for row in kym.sql(query).iter_rows()]


@pytest.mark.long
def test_rois_of_the_metadata_and_of_events_are_traces(dataset: ZarrDataset) -> None:
    kym = index(dataset, drop(1, 2.0), drop(2, 2.0, roi_id=7), drop(3, 2.0, roi_id=2, channel=None))
    rois = [
        {"roi_id": 1, "y0": 16, "y1": 48},
        {"id": 2, "channel": 3, "dim0_start": 40, "dim0_stop": 900},
        {"roi_id": 3, "data": {"y0": 8, "y1": 16}},
        {"roi_id": 4, "y0": 8, "y1": 8},
        {"roi_id": 5, "y0": "?", "y1": None},
        {"name": "without a number"},
        "no object",
        None,
    ]
    metadata = {"header": {"voxels": [0.125, 0.3]}, "rois": rois}
    dataset.record("a").save_metadata_payload(metadata)
    kym.update_index(ImageIndexer())
    assert analysed(kym) == [
        ("a", 1, 1, 2.0, 6.0, 4.0),
        ("a", 2, 3, 5.0, 10.0, 5.0),
        ("a", 3, 1, 1.0, 2.0, 1.0),
        ("a", 4, 1, 0.0, 10.0, 10.0),
        ("a", 5, 1, 0.0, 10.0, 10.0),
        ("a", 7, 1, 0.0, 10.0, 10.0),
    ]


@pytest.mark.wide
@pytest.mark.parametrize("rois", [None, [], {}, "rois", 3, [[]]])
def test_an_image_without_rois_is_one(dataset: ZarrDataset, rois: object) -> None:
    kym = index(dataset)
    record = dataset.record("a")
    path = record.artifact_path("metadata", ".json")
    path.write_text(json.dumps({"header": {"voxels": [0.125, 0.3]}, "rois": rois}))
    kym.update_index(ImageIndexer())
    assert analysed(kym) == [("a", 1, 1, 0.0, 10.0, 10.0)]


@pytest.mark.long
def test_params_tried_and_taken_back_leave_an_image_analysed(dataset: ZarrDataset) -> None:
    add_traces(dataset, "one", 1)
    add_traces(dataset, "other", 1)
    kym = KymDataset(dataset)
    kym.update_index(ImageIndexer())
    detect_dataset(dataset)
    kym.update_index(VelocityEventIndexer(), mode="incremental")
    before = kym.query("event_rate"), kym.query("event_timing")
    detect_dataset(dataset, EventParams(mad_k=5.0), image_ids=["one"])
    detect_dataset(dataset, EventParams(), image_ids=["one"])
    for mode in ("incremental", "incremental", "replace"):
        kym.update_index(VelocityEventIndexer(), mode=mode)
        assert kym.query("event_rate").equals(before[0])
        assert kym.query("event_timing").equals(before[1])


@pytest.mark.long
def test_a_mark_on_its_rows_leaves_an_image_analysed(kym: KymDataset) -> None:
    before = kym.query("event_rate")
    assert before["n_images"].to_list() == [1]
    ledger = Ledger(kym.dataset, EVENTS)
    marked = ledger.load().with_columns(status=pl.lit("outdated"))
    kym.dataset.tables.backend.save(ledger.runs, marked)
    assert kym.query("event_rate").equals(before)
    assert kym.query("images_without_events").is_empty()


@pytest.mark.long
def test_without_a_ledger_rows_are_proof(kym: KymDataset) -> None:
    kym.dataset.add_image(np.zeros((8, 4), np.uint16), image_id="b")
    kym.update_index(ImageIndexer())
    kym.dataset.tables.backend.drop(Ledger(kym.dataset, EVENTS).runs)
    assert [row[0] for row in analysed(kym)] == ["a"]
    known = dict(kym.query("events_per_image").select("image_id", "n_events").iter_rows())
    assert known == {"a": 1, "b": None}
