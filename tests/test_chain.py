"""The whole chain against a rebuild from nothing, over any sequence of changes and accidents.

Traces, params and events are changed by kymflow, by hand and by other tools, under clocks set
apart, between copies, kills and updates at the same time. Whatever happens, an image that `status`
calls fresh has the rows in the table that a rebuild from nothing would give it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from kymflow.core.artifacts.detection import DETECTION_ARTIFACT
from kymflow.core.artifacts.events import EVENTS_ARTIFACT, PARAMS_ARTIFACT, TRACE_ARTIFACT
from kymflow.core.kym_dataset import KymDataset, Progress, VelocityEventIndexer
from kymflow.core.kym_dataset.update import evidence, extract
from kymflow.core.velocity_events import detect_dataset, detection_status
from kymflow_zarr import ZarrDataset
from tests.support.images import save_events
from tests.support.points import die_at

TABLE = "kym_velocity_events"
FRESH = ("fresh", "fresh_zero_rows", "never_analysed")
TEN_MINUTES_NS = 600 * 10**9
FILES = {
    "params": (PARAMS_ARTIFACT, ".json"),
    "events": (EVENTS_ARTIFACT, ".parquet"),
    "trace": (TRACE_ARTIFACT, ".parquet"),
    "record": (DETECTION_ARTIFACT, ".json"),
}
POINTS = [
    *("before part", "after part", "before copy tables/", "before rename tables/"),
    *("after rename tables/", "before apply sidecar='seen'", "after apply sidecar='seen'"),
    *("before apply sidecar='runs'", "after apply sidecar='runs'", "before clear"),
]

images = st.sampled_from("abc")
some = st.none() | st.sets(images, min_size=1, max_size=2)
files = st.sampled_from(sorted(FILES))
clocks = st.sampled_from([-TEN_MINUTES_NS, 0, TEN_MINUTES_NS])


class Killed(BaseException):
    """Stands for a signal: nothing catches it."""


class Versioned(VelocityEventIndexer):
    """The indexer of events, at any version."""

    def __init__(self, version: int) -> None:
        self.version = f"events@{version}"  # type: ignore[misc]


def trace_of(kind: int) -> pl.DataFrame:
    """Make one of a few traces: flow that stalls at other moments, or bytes that are no trace."""
    times = np.arange(1200) / 200
    velocities = np.full(1200, 1.2) + np.random.default_rng(kind).normal(0, 0.03, 1200)
    for stall in range(kind):
        velocities[(times > 1.5 * stall + 1) & (times < 1.5 * stall + 1.8)] = 0.1
    owner = {name: pl.lit(1, pl.Int32) for name in ("roi_id", "channel")}
    return pl.DataFrame({"time": times, "velocity": velocities}).select(
        **owner, time=pl.col("time"), velocity=pl.col("velocity")
    )


class Chain(RuleBasedStateMachine):
    """One dataset, and everybody who works on it."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.dataset = ZarrDataset(self.folder / "0.zarr")
        self.version = 0
        self.copies = 0
        self.kept: dict[str, bytes] = {}
        self.table_kept: bytes | None = None

    @initialize()
    def begin(self) -> None:
        for image_id in "ab":
            self.add(image_id, 2)
        detect_dataset(self.dataset, on_error="record")

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    # What people and other tools do

    @rule(image_id=images, kind=st.integers(0, 2))
    def add(self, image_id: str, kind: int) -> None:
        if self.dataset.has_image(image_id):
            self.dataset.delete_image(image_id)
        with self.dataset.stage_image(image_id) as staged:
            staged.save_df_parquet(TRACE_ARTIFACT, trace_of(kind))

    @rule(image_id=images)
    def delete(self, image_id: str) -> None:
        if self.dataset.has_image(image_id):
            self.dataset.delete_image(image_id)

    @rule(image_id=images, kind=st.integers(0, 2))
    def trace_anew(self, image_id: str, kind: int) -> None:
        if self.dataset.has_image(image_id):
            self.dataset.record(image_id).save_df_parquet(TRACE_ARTIFACT, trace_of(kind))

    @rule(image_id=images, mad_k=st.sampled_from([3.0, 4.0]))
    def set_params(self, image_id: str, mad_k: float) -> None:
        if self.dataset.has_image(image_id):
            self.dataset.record(image_id).save_json(PARAMS_ARTIFACT, {"mad_k": mad_k})

    @rule(image_id=images, count=st.integers(0, 2))
    def events_by_hand(self, image_id: str, count: int) -> None:
        if self.dataset.has_image(image_id):
            save_events(self.dataset.record(image_id), count)

    @rule(image_id=images, said=st.sampled_from(["true_stall", "artefact"]))
    def verdict_by_hand(self, image_id: str, said: str) -> None:
        path = self._file(image_id, "events")
        if path.exists():
            rows = pl.read_parquet(path).with_columns(user_type=pl.lit(said))
            self.dataset.record(image_id).save_df_parquet(EVENTS_ARTIFACT, rows)

    @rule(image_id=images, what=files)
    def damage(self, image_id: str, what: str) -> None:
        path = self._file(image_id, what)
        if path.exists():
            path.write_bytes(path.read_bytes()[:40])

    @rule(image_id=images, what=files)
    def lose(self, image_id: str, what: str) -> None:
        self._file(image_id, what).unlink(missing_ok=True)

    @rule(image_id=images, what=files)
    def keep(self, image_id: str, what: str) -> None:
        path = self._file(image_id, what)
        if path.exists():
            self.kept[what] = path.read_bytes()

    @rule(image_id=images, what=files, clock=clocks, renamed=st.booleans())
    def restore(self, image_id: str, what: str, clock: int, renamed: bool) -> None:
        """Put back what was kept, of this image or another, under an old time or a new one."""
        path = self._file(image_id, what)
        if what not in self.kept or not self.dataset.has_image(image_id):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        moment = (path.stat().st_mtime_ns if path.exists() else 10**18) + clock
        target = path.with_suffix(".other") if renamed else path
        target.write_bytes(self.kept[what])
        os.utime(target, ns=(moment, moment))
        os.replace(target, path)

    @rule(image_id=images, what=files, clock=clocks)
    def touch(self, image_id: str, what: str, clock: int) -> None:
        path = self._file(image_id, what)
        if path.exists():
            moment = path.stat().st_mtime_ns + clock
            os.utime(path, ns=(moment, moment))

    @rule()
    def change_the_code(self) -> None:
        self.version += 1

    @rule(times=st.booleans())
    def copy(self, times: bool) -> None:
        self.copies += 1
        path = self.folder / f"{self.copies}.zarr"
        how = shutil.copy2 if times else shutil.copyfile
        shutil.copytree(self.dataset.path, path, copy_function=how)
        shutil.rmtree(self.dataset.path)
        self.dataset = ZarrDataset(path)

    @rule()
    def lose_the_index(self) -> None:
        shutil.rmtree(self.dataset.path / "index", ignore_errors=True)

    @rule()
    def keep_the_table(self) -> None:
        path = self.dataset.tables.path(TABLE)
        self.table_kept = path.read_bytes() if path.exists() else None

    @rule()
    def restore_the_table(self) -> None:
        if self.table_kept is not None:
            self.dataset.tables.path(TABLE).write_bytes(self.table_kept)

    # What kymflow does

    @rule(asked=some, mode=st.sampled_from(["incremental", "replace"]))
    def detect(self, asked: set[str] | None, mode: str) -> None:
        here = asked and {i for i in asked if self.dataset.has_image(i)}
        detect_dataset(self.dataset, image_ids=here, mode=mode, on_error="record")

    @rule(call=st.integers(1, 4), when=st.sampled_from(["before", "after"]))
    def detect_and_die(self, call: int, when: str) -> None:
        try:
            with die_at(f"{when} rename /analysis/ {call}", _die):
                detect_dataset(self.dataset, on_error="record")
        except Killed:
            pass

    @rule(asked=some, mode=st.sampled_from(["incremental", "incremental", "replace"]))
    def index(self, asked: set[str] | None, mode: str) -> None:
        self._index(asked, mode)
        self._compare()

    @rule(point=st.sampled_from(POINTS))
    def index_and_die(self, point: str) -> None:
        try:
            with die_at(point, _die):
                self._index()
        except Killed:
            pass
        self._compare()

    @rule(
        stage=st.sampled_from(["survey", "extract", "commit"]),
        what=st.sampled_from(["index", "detect", "events_by_hand", "set_params", "add", "delete"]),
        image_id=images,
    )
    def index_beside(self, stage: str, what: str, image_id: str) -> None:
        """Something else is done to an image while an update is at this stage."""
        others: dict[str, Callable[[], Any]] = {
            "index": self._index,
            "detect": lambda: self.detect(None, "replace"),
            "events_by_hand": lambda: self.events_by_hand(image_id, 1),
            "set_params": lambda: self.set_params(image_id, 4.0),
            "add": lambda: self.add(image_id, 1),
            "delete": lambda: self.delete(image_id),
        }
        done: list[str] = []

        def meanwhile(step: Progress) -> None:
            if step.stage == stage and not done:
                done.append(what)
                others[what]()

        self._index(progress=meanwhile)
        self._compare()

    @rule()
    def settle(self) -> None:
        """Detect and index until nothing is due; then all that did not fail is fresh."""
        detect_dataset(self.dataset, on_error="record")
        failed = self._index().failed
        self._compare()
        due = self._verdicts().filter(pl.col("action") != "skip")
        assert due.height == failed, due
        assert set(due["reason"]) <= {"failed"}

    # What must hold

    def _index(
        self,
        asked: set[str] | None = None,
        mode: str = "incremental",
        progress: Callable[[Progress], None] | None = None,
    ) -> Any:
        known = set(self._verdicts()["image_id"]) if asked else set()
        chosen = (asked & known or None) if asked else None
        return KymDataset(self.dataset).update_index(
            Versioned(self.version),
            mode=mode,  # type: ignore[arg-type]
            image_ids=chosen,
            on_error="record",
            progress=progress,
        )

    def _verdicts(self) -> pl.DataFrame:
        return KymDataset(self.dataset).staleness(Versioned(self.version))

    def _compare(self) -> None:
        """Compare what is called fresh with what a rebuild from nothing would give."""
        if TABLE not in self.dataset.list_table_names():
            return
        verdicts = self._verdicts()
        verified = KymDataset(self.dataset).staleness(Versioned(self.version), verify=True)
        assert verdicts.equals(verified), (verdicts, verified)
        fresh = verdicts.filter(pl.col("reason").is_in(FRESH))["image_id"].to_list()
        steps = dict(detection_status(self.dataset).select("image_id", "reason").iter_rows())
        built = Versioned(self.version).extract_batch(self.dataset, fresh)
        table = self.dataset.load_table(TABLE)
        for image_id in fresh:
            if image_id in built.errors:
                # Its events are no longer those of its trace: the step before says so.
                assert steps.get(image_id, "fresh") != "fresh", built.errors[image_id]
                continue
            expected = built.rows.filter(pl.col("image_id") == image_id)
            held = table.filter(pl.col("image_id") == image_id)
            columns = [name for name in expected.columns if name in held.columns]
            assert expected.select(columns).equals(held.select(columns)), (image_id, verdicts)
            lacking = expected.drop(columns)
            assert all(values.is_null().all() for values in lacking.iter_columns())

    def _file(self, image_id: str, what: str) -> Path:
        name, suffix = FILES[what]
        return self.dataset.record(image_id).artifact_path(name, suffix)


def _die() -> None:
    raise Killed


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "BATCH", 2)


def test_briefly() -> None:
    """Sixty steps, always the same."""
    check_steps(15, examples=4, derandomize=True)


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_at_length(part: int) -> None:
    """Thousands of steps, others each time."""
    check_steps(40, examples=30, print_blob=True)


@pytest.mark.long
def test_at_length_with_signatures_of_files_just_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a moment ago are trusted by their signatures as those of long ago are."""
    monkeypatch.setattr(evidence, "REST_NS", 0)
    monkeypatch.setattr("kymflow_zarr.store.stamps.REST_NS", 0)
    check_steps(40, examples=30, print_blob=True)


def check_steps(steps: int, *, examples: int, **more: Any) -> None:
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **more,
    )
    run_state_machine_as_test(Chain, settings=how)
