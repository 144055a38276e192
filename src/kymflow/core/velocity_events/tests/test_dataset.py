"""Detection over a dataset: what is due, what is written and in which order, what is reported."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from kymflow.core.artifacts import detection
from kymflow.core.artifacts.events import DEFAULT_PARAMS, TRACE_ARTIFACT
from kymflow.core.artifacts.provenance import params_hash
from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.errors import ParamsError, WorkerError
from kymflow.core.kym_dataset import (
    ImageIndexer,
    KymDataset,
    Progress,
    VelocityEventIndexer,
)
from kymflow.core.review.carry_over import merge_reviewed
from kymflow.core.velocity_events import (
    EventParams,
    NanGapParams,
    detect_dataset,
    detect_events,
    detection_status,
    set_params,
)
from kymflow.core.velocity_events import (
    dataset as dataset_module,
)
from kymflow.core.velocity_events import (
    image as image_module,
)
from kymflow.core.velocity_events.detect import find_events
from kymflow.core.velocity_events.tests.conftest import RATE, flow, trace_of
from kymflow_zarr import (
    ArtifactSchemaError,
    ImageNotFoundError,
    ReadOnlyError,
    UsageError,
    ZarrDataset,
    ZarrImageRecord,
)

EVENTS = "velocity_events/events"
PARAMS = "velocity_events/params"
INDEXER = VelocityEventIndexer()


def indexed(dataset: ZarrDataset) -> dict[str, int]:
    """Bring the index up to date; return how many rows each image has."""
    KymDataset(dataset).update_index(INDEXER, mode="incremental")
    rows = dataset.load_table("kym_velocity_events")
    return dict(rows.group_by("image_id").len().sort("image_id").iter_rows())


def found(velocity: np.ndarray, params: EventParams | None = None) -> pl.DataFrame:
    return detect_events(np.arange(len(velocity)) / RATE, velocity, params)


def files(record: ZarrImageRecord) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in record.path.rglob("*") if p.is_file()}


def test_events_and_params_are_written(dataset, add_trace) -> None:
    velocity = flow(3.0)
    record = add_trace("a", velocity)
    report = detect_dataset(dataset)
    assert (report.detected, report.skipped, report.traces, report.failed) == (1, 0, 1, 0)
    events = record.load_df_parquet(EVENTS)
    assert events.schema == pl.Schema(EVENT_SCHEMA)
    assert events.drop("roi_id", "channel").equals(found(velocity))
    assert report.events == events.height > 0
    assert record.load_json(PARAMS) == dict(DEFAULT_PARAMS)
    assert INDEXER.params_hash(record) == params_hash(DEFAULT_PARAMS)
    assert indexed(dataset) == {"a": events.height}


def test_every_roi_and_channel_is_searched_by_itself(dataset, add_trace) -> None:
    record = add_trace(
        "a", {(2, 1): flow(3.0), (1, 1): flow(2.0, 6.0), (1, 2): flow(4.0), (3, 1): flow()[:1]}
    )
    assert detect_dataset(dataset, EventParams(top_k_total=0)).traces == 4
    events = record.load_df_parquet(EVENTS)
    counts = events.group_by("roi_id", "channel").len().sort("roi_id", "channel").rows()
    assert counts == [(1, 1, 4), (1, 2, 2), (2, 1, 2)]
    assert events.select("roi_id", "channel", "t_start_s").equals(
        events.select("roi_id", "channel", "t_start_s").sort("roi_id", "channel", "t_start_s")
    )
    assert (
        events.group_by("roi_id").agg(pl.col("event_id").n_unique() == pl.len())["event_id"].all()
    )


def test_a_second_run_does_nothing(dataset, add_trace) -> None:
    record = add_trace("a", flow(3.0))
    detect_dataset(dataset)
    before = files(record)
    report = detect_dataset(dataset)
    assert (report.detected, report.skipped) == (0, 1)
    assert files(record) == before
    assert detect_dataset(dataset, mode="replace").detected == 1


def test_an_image_without_events_is_remembered(dataset, add_trace) -> None:
    add_trace("a", flow()[:50])
    assert detect_dataset(dataset).events == 0
    assert detect_dataset(dataset).skipped == 1
    assert indexed(dataset) == {}
    assert KymDataset(dataset).staleness(INDEXER)["reason"].to_list() == ["fresh_zero_rows"]


@pytest.mark.long
def test_each_image_keeps_its_own_params(dataset, add_trace) -> None:
    for image_id in "ab":
        add_trace(image_id, flow(3.0))
    detect_dataset(dataset)
    before = indexed(dataset)
    set_params(dataset.record("b"), {"top_k_total": 6})
    report = detect_dataset(dataset)
    assert (report.detected, report.skipped) == (1, 1)
    assert dataset.record("b").load_json(PARAMS)["top_k_total"] == 6
    after = indexed(dataset)
    assert after["a"] == before["a"]
    assert after["b"] > before["b"]
    assert detect_dataset(dataset).skipped == 2


def test_given_params_are_for_every_image(dataset, add_trace) -> None:
    for image_id in "ab":
        add_trace(image_id, flow(3.0))
    set_params(dataset.record("b"), {"top_k_total": 6})
    params = EventParams(mad_k=5, nan_gap=NanGapParams(enter_frac=0.5))
    assert detect_dataset(dataset, params).detected == 2
    assert [dataset.record(i).load_json(PARAMS) for i in "ab"] == [params.to_dict()] * 2
    assert detect_dataset(dataset, params).skipped == 2
    assert detect_dataset(dataset).skipped == 2
    assert detect_dataset(dataset, EventParams()).detected == 2


def test_changes_are_made_to_each_images_own_params(dataset, add_trace) -> None:
    for image_id in "ab":
        add_trace(image_id, flow(3.0))
    set_params(dataset.record("b"), {"top_k_total": 6})
    detect_dataset(dataset, changes={"nan_gap.enter_frac": 0.5})
    own = [EventParams.from_dict(dataset.record(i).load_json(PARAMS)) for i in "ab"]
    assert [params.nan_gap.enter_frac for params in own] == [0.5, 0.5]
    assert [params.top_k_total for params in own] == [2, 6]
    with pytest.raises(ParamsError, match="did you mean mad_k"):
        detect_dataset(dataset, changes={"madk": 1})


def test_params_that_say_the_same_are_left_as_they_are(dataset, add_trace) -> None:
    record = add_trace("a", flow(3.0))
    record.save_json(PARAMS, {"mad_k": 3})
    hashed = INDEXER.params_hash(record)
    assert detect_dataset(dataset).detected == 1
    assert record.load_json(PARAMS) == {"mad_k": 3}
    assert detect_dataset(dataset, EventParams()).skipped == 1
    indexed(dataset)
    assert dataset.load_table("kym_velocity_events")["params_hash"].unique().to_list() == [hashed]


def test_only_images_asked_for_are_touched(dataset, add_trace) -> None:
    for image_id in "abc":
        add_trace(image_id, flow(3.0))
    assert detect_dataset(dataset, image_ids=["c", "a"]).detected == 2
    assert dataset.record("b").list_analysis_keys() == ["velocity/trace.parquet"]
    with pytest.raises(ImageNotFoundError):
        detect_dataset(dataset, image_ids=["a", "z"])


def test_images_without_a_trace_are_left_alone(dataset, add_image, add_trace) -> None:
    record = add_image("a", 3)
    before = files(record)
    add_trace("b", flow(3.0))
    report = detect_dataset(dataset, EventParams(mad_k=4))
    assert (report.detected, report.without_trace) == (1, 1)
    assert files(record) == before


@pytest.mark.long
def test_a_trace_made_anew_is_searched_anew_and_indexed_anew(dataset, add_trace) -> None:
    record = add_trace("a", flow(3.0))
    detect_dataset(dataset)
    assert indexed(dataset) == {"a": found(flow(3.0)).height}
    other = flow(2.0, 5.0, 8.0)
    record.save_df_parquet(TRACE_ARTIFACT, trace_of({(1, 1): other}))
    assert detect_dataset(dataset).detected == 1
    assert KymDataset(dataset).explain(INDEXER, "a").reason == "rows_changed"
    assert indexed(dataset) == {"a": found(other).height} != {"a": found(flow(3.0)).height}


def test_events_of_another_tool_are_made_anew_and_indexed_anew(
    dataset, add_trace, set_events
) -> None:
    record = add_trace("a", flow(3.0))
    set_events(record, 7)
    assert indexed(dataset) == {"a": 7}
    for _ in range(2):
        assert detect_dataset(dataset).detected == 1
        assert indexed(dataset) == {"a": found(flow(3.0)).height}
        set_events(record, 7)


@pytest.mark.long
def test_a_failed_detection_is_on_record_until_it_goes_well(dataset, add_trace, add_image) -> None:
    record, good = add_trace("a", flow(3.0)), add_trace("b", flow(3.0))
    trace = record.artifact_path(TRACE_ARTIFACT, ".parquet")
    whole = trace.read_bytes()
    trace.write_bytes(whole[:20])
    kym = KymDataset(dataset)
    kym.update_index(INDEXER)  # it was never analysed
    for _ in range(2):
        assert detect_dataset(dataset, on_error="record").failed == 1
        assert dict(detection_status(dataset).select("image_id", "reason").iter_rows()) == {
            "a": "failed",
            "b": "fresh",
        }
        [failure] = kym.update_index(INDEXER, mode="incremental", on_error="record").failures
        assert (failure.image_id, failure.code) == ("a", "events-stale")
        assert "can't be read" in failure.message
    kym.update_index(ImageIndexer())
    assert kym.query("failed_runs")["image_id"].to_list() == ["a"]
    assert kym.query("images_without_events").select("image_id", "why").rows() == [("a", "failed")]
    trace.write_bytes(whole)
    assert detect_dataset(dataset).detected == 1
    assert set(detection_status(dataset)["reason"]) == {"fresh"}
    assert indexed(dataset) == {image_id: found(flow(3.0)).height for image_id in "ab"}
    assert good.load_json("velocity_events/detector")["failed"] is None


def test_a_failure_leaves_the_events_of_before_in_the_table(dataset, add_trace) -> None:
    record = add_trace("a", flow(3.0))
    detect_dataset(dataset)
    before = indexed(dataset)
    record.artifact_path(TRACE_ARTIFACT, ".parquet").write_bytes(b"PAR1")
    assert detect_dataset(dataset, on_error="record").failed == 1
    assert indexed(dataset) == before
    assert detection_status(dataset)["reason"].to_list() == ["failed"]


def test_events_linked_out_of_the_dataset_fail_alone(dataset, add_trace, tmp_path) -> None:
    for image_id in "abc":
        add_trace(image_id, flow(3.0))
    outside = tmp_path / "outside"
    outside.mkdir()
    (dataset.record("b").path / "analysis" / "velocity_events").symlink_to(outside)
    report = detect_dataset(dataset, on_error="record")
    assert (report.detected, report.failed) == (2, 1)
    assert [(f.image_id, f.code) for f in report.failures] == [("b", "outside")]
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("step", ["load_trace", "_save_events", "_stamp"])
def test_an_image_deleted_while_it_is_detected_is_skipped(
    dataset, add_trace, monkeypatch, step: str
) -> None:
    for image_id in "abc":
        add_trace(image_id, flow(3.0))
    real = getattr(image_module, step)

    def deleting(*args: Any) -> Any:
        folder = dataset.record("b").path
        if folder.exists() and str(folder) in str(args) + str(getattr(args[0], "path", "")):
            os.rename(folder, folder.with_name(".deleted-0"))  # by a tool that takes no lock
        return real(*args)

    monkeypatch.setattr(image_module, step, deleting)
    report = detect_dataset(dataset)
    assert (report.detected, report.failed) == (2, 0)
    assert dataset.list_image_ids() == ["a", "c"]


def test_a_new_detector_makes_all_anew(dataset, add_trace, monkeypatch) -> None:
    add_trace("a", flow(3.0))
    detect_dataset(dataset)
    for module in ("plan", "image"):
        monkeypatch.setattr(
            f"kymflow.core.velocity_events.{module}.DETECTOR_VERSION", "kymflow.detector@99"
        )
    assert detect_dataset(dataset).detected == 1
    assert detect_dataset(dataset).skipped == 1


def test_a_damaged_memory_of_the_last_run_counts_for_nothing(dataset, add_trace) -> None:
    record = add_trace("a", flow(3.0))
    for damaged in (b"", b"[]", b'{"detector_version": 1}', b"\xff", b"[" * 100_000):
        detect_dataset(dataset)
        record.artifact_path(detection.DETECTION_ARTIFACT, ".json").write_bytes(damaged)
        assert detect_dataset(dataset).detected == 1


def test_a_trace_that_cant_be_looked_at_fails_its_image_alone(dataset, add_trace) -> None:
    for image_id in "ab":
        add_trace(image_id, flow(3.0))
    trace = dataset.record("b").artifact_path(TRACE_ARTIFACT, ".parquet")
    trace.unlink()
    trace.symlink_to(trace.name)  # which leads to itself
    report = detect_dataset(dataset, on_error="record")
    assert (report.detected, [failure.image_id for failure in report.failures]) == (1, ["b"])


@pytest.mark.long
def test_params_set_after_the_events_are_not_indexed_with_them(dataset, add_trace) -> None:
    record = add_trace("a", flow(3.0))
    detect_dataset(dataset)
    rows = indexed(dataset)
    set_params(record, {"top_k_total": 6})
    kym = KymDataset(dataset)
    report = kym.update_index(INDEXER, mode="incremental", on_error="record")
    [failure] = report.failures
    assert "run `kymflow detect`" in failure.message
    assert dict(dataset.load_table("kym_velocity_events").group_by("image_id").len().rows()) == rows
    detect_dataset(dataset)
    assert indexed(dataset)["a"] > rows["a"]


@pytest.mark.wide
@pytest.mark.parametrize("writes", range(4))
def test_a_run_cut_short_is_finished_by_the_next(dataset, add_trace, monkeypatch, writes) -> None:
    record = add_trace("a", flow(3.0))
    detect_dataset(dataset)
    indexed(dataset)
    old_events = record.load_df_parquet(EVENTS)
    replace = os.replace
    done: list[str] = []

    def cut(source: str, target: str) -> None:
        if "velocity_events" in str(target) and "analysis" in str(target):
            if len(done) == writes:
                raise KeyboardInterrupt
            done.append(str(target))
        replace(source, target)

    params = EventParams(top_k_total=6)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", cut)
        if writes < 3:
            with pytest.raises(KeyboardInterrupt):
                detect_dataset(dataset, params)
        else:
            detect_dataset(dataset, params)
    assert len(done) == writes
    if record.load_json(PARAMS) == params.to_dict():
        assert not record.load_df_parquet(EVENTS).equals(old_events)
    again = detect_dataset(dataset, params)
    assert again.detected == (0 if writes == 3 else 1)
    events = record.load_df_parquet(EVENTS)
    assert events.drop("roi_id", "channel").equals(found(flow(3.0), params))
    assert indexed(dataset) == {"a": events.height}


def test_a_run_cut_short_after_the_events_leaves_no_stale_rows(
    dataset, add_trace, set_events, monkeypatch
) -> None:
    record = add_trace("a", flow(3.0))
    set_events(record, 7)  # imported: their hash is that of the defaults
    assert indexed(dataset) == {"a": 7}

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(detection.DetectionRecord, "save", cut)
        with pytest.raises(KeyboardInterrupt):
            detect_dataset(dataset)
    assert indexed(dataset) == {"a": found(flow(3.0)).height}


def test_a_trace_replaced_meanwhile_is_searched_by_the_next_run(
    dataset, add_trace, monkeypatch
) -> None:
    record = add_trace("a", flow(3.0))
    other = flow(2.0, 5.0, 8.0)

    def replaced(*given: Any) -> list[Any]:
        record.save_df_parquet(TRACE_ARTIFACT, trace_of({(1, 1): other}))
        return find_events(*given)

    with monkeypatch.context() as patch:
        patch.setattr("kymflow.core.velocity_events.image.find_events", replaced)
        detect_dataset(dataset)
    assert detect_dataset(dataset).detected == 1
    assert record.load_df_parquet(EVENTS).height == found(other).height
    assert detect_dataset(dataset).skipped == 1


def test_a_mark_made_meanwhile_is_not_lost(dataset, add_trace, monkeypatch) -> None:
    record = add_trace("a", flow(3.0))
    detect_dataset(dataset)
    reviewed = record.load_df_parquet(EVENTS).with_columns(user_type=pl.lit("true_stall"))
    merges = []

    def reviewed_meanwhile(*given: Any, **named: Any) -> Any:
        if not merges:
            record.save_df_parquet(EVENTS, reviewed)
        merges.append(given)
        return merge_reviewed(*given, **named)

    monkeypatch.setattr("kymflow.core.velocity_events.image.merge_reviewed", reviewed_meanwhile)
    assert detect_dataset(dataset, mode="replace").moved == reviewed.height
    assert len(merges) == 2
    assert set(record.load_df_parquet(EVENTS)["user_type"]) == {"true_stall"}


def test_one_bad_image_fails_alone(dataset, add_trace) -> None:
    for image_id in "abcdef":
        add_trace(image_id, flow(3.0))
    dataset.record("b").save_df_parquet(TRACE_ARTIFACT, pl.DataFrame({"time": [0.0]}))
    dataset.record("c").artifact_path(TRACE_ARTIFACT, ".parquet").write_bytes(b"no parquet")
    dataset.record("d").save_json(PARAMS, {"madk": 3})
    still = pl.DataFrame({"roi_id": [4, 4], "time": [1.0, 1.0], "velocity": [1.0, 1.0]})
    dataset.record("e").save_df_parquet(TRACE_ARTIFACT, still)
    dataset.record("f").save_df_parquet(EVENTS, pl.DataFrame({"i_start": ["soon"]}))
    report = detect_dataset(dataset, on_error="record")
    assert (report.detected, report.failed) == (1, 5)
    messages = {failure.image_id: failure.message for failure in report.failures}
    assert "no column velocity" in messages["b"]
    assert "can't be read" in messages["c"]
    assert "did you mean mad_k" in messages["d"]
    assert "ROI 4, channel 1: time never moves on" in messages["e"]
    assert "'i_start'" in messages["f"]
    assert dataset.record("f").load_df_parquet(EVENTS)["i_start"].to_list() == ["soon"]
    with pytest.raises(ArtifactSchemaError):
        detect_dataset(dataset)
    given = detect_dataset(dataset, EventParams(), image_ids=["d"])
    assert given.detected == 1


def test_traces_of_other_makers_will_do(dataset, add_trace) -> None:
    plain = {"time": np.arange(2000) / RATE, "velocity": flow(3.0).astype(np.float32)}
    record = add_trace("a", flow())
    record.delete_analysis()
    record.save_df_csv_gz(TRACE_ARTIFACT, pl.DataFrame(plain))
    report = detect_dataset(dataset)
    assert (report.detected, report.traces) == (1, 1)
    events = record.load_df_parquet(EVENTS)
    assert events.select("roi_id", "channel").unique().rows() == [(1, 1)]
    assert detect_dataset(dataset).skipped == 1


@pytest.mark.parametrize("how", ["executor", pytest.param("workers", marks=pytest.mark.long)])
def test_it_runs_anywhere(dataset, add_trace, monkeypatch, how) -> None:
    monkeypatch.setattr(dataset_module, "BATCH", 2)
    for number, image_id in enumerate("abcde"):
        add_trace(image_id, flow(3.0, seed=number))
    dataset.record("d").save_df_parquet(TRACE_ARTIFACT, pl.DataFrame({"time": [0.0]}))
    alone = detect_dataset(dataset, on_error="record")
    steps: list[Progress] = []
    with ThreadPoolExecutor(2) as threads:
        given = {"workers": 2} if how == "workers" else {"executor": threads}
        report = detect_dataset(
            dataset, mode="replace", on_error="record", progress=steps.append, **given
        )
    assert (report.detected, report.failed, report.events) == (4, 1, alone.events)
    assert report.failures == alone.failures
    assert len(steps) == 3
    assert steps[-1] == Progress("detect", 5, 5)


def kill_at_c(due: dataset_module._Due) -> dataset_module.Detected:
    if due.image_id == "c":
        os.kill(os.getpid(), signal.SIGKILL)
    return dataset_module._detect(due)


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_image_that_kills_its_process_fails_alone(dataset, add_trace, monkeypatch) -> None:
    for number, image_id in enumerate("abcd"):
        add_trace(image_id, flow(3.0, seed=number))
    deadly = replace(dataset_module._DETECTION, do=kill_at_c)
    monkeypatch.setattr(dataset_module, "_DETECTION", deadly)
    report = detect_dataset(dataset, workers=1, on_error="record")
    assert (report.detected, [f.image_id for f in report.failures]) == (3, ["c"])
    with pytest.raises(WorkerError, match="image_id c"):
        detect_dataset(dataset, workers=1)


def test_misuse_is_refused(dataset, add_trace) -> None:
    add_trace("a", flow(3.0))
    with pytest.raises(UsageError, match="mode must be"):
        detect_dataset(dataset, mode="again")
    with pytest.raises(UsageError, match="on_error must be"):
        detect_dataset(dataset, on_error="ignore")
    with pytest.raises(ReadOnlyError):
        detect_dataset(ZarrDataset(dataset.path, mode="r"))


def test_the_report_in_one_line(dataset, add_trace) -> None:
    add_trace("a", flow(3.0))
    assert detect_dataset(dataset).summary == (
        "detect mode=incremental detected=1 skipped=0 without_trace=0 failed=0 traces=1 events=3 "
        "moved=0 kept=0"
    )
