"""The whole chain against a rebuild from nothing, over any sequence of changes and accidents.

Traces, params and events are changed by kymflow, by hand and by other tools, under clocks set
apart, between copies, kills and updates at the same time. Whatever happens, an image that `status`
calls fresh has the rows in the table that a rebuild from nothing would give it.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

from kymflow.core.artifacts.detection import DETECTION_ARTIFACT
from kymflow.core.artifacts.events import EVENTS_ARTIFACT, PARAMS_ARTIFACT, TRACE_ARTIFACT
from kymflow.core.kym_dataset import KymDataset, Progress, VelocityEventIndexer
from kymflow.core.kym_dataset.update import evidence, extract
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import ZarrDataset
from kymflow_zarr.store import stamps
from tests.support.images import save_events
from tests.support.points import die_at

TABLE = "kym_velocity_events"
IMAGES = "abc"
SOME = (None, None, {"a"}, {"b", "c"})
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

BOTH = (False, True)
CLOCKS = (-TEN_MINUTES_NS, 0, TEN_MINUTES_NS)
MODES = ("incremental", "incremental", "replace")


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


class Chain:
    """One dataset, and everybody who works on it.

    What happens depends on the moment, as whether a file is at rest does; so steps are drawn by a
    seed, and told when one fails.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.choose = random.Random(seed)
        self.folder = folder
        self.dataset = ZarrDataset(self.folder / "0.zarr", mode="a")
        self.version = 0
        self.copies = 0
        self.kept: dict[str, bytes] = {}
        self.table_kept: bytes | None = None

        for image_id in "ab":
            self.add(image_id, 2)
        detect_dataset(self.dataset, on_error="record")

    def run(self, steps: int) -> None:
        told: list[str] = []
        for _ in range(steps):
            step = self.choose.choice(STEPS)
            drawn = {name: self.choose.choice(values) for name, values in step.drawn.items()}
            told.append(f"{step.do}({', '.join(f'{n}={v!r}' for n, v in drawn.items())})")
            try:
                getattr(self, step.do)(**drawn)
            except Exception as error:
                error.add_note("\n".join(["after these steps:", *told]))
                raise

    # What people and other tools do

    def add(self, image_id: str, kind: int) -> None:
        if self.dataset.has_image(image_id):
            self.dataset.delete_image(image_id)
        with self.dataset.stage_image(image_id) as staged:
            staged.save_df_parquet(TRACE_ARTIFACT, trace_of(kind))

    def delete(self, image_id: str) -> None:
        if self.dataset.has_image(image_id):
            self.dataset.delete_image(image_id)

    def trace_anew(self, image_id: str, kind: int) -> None:
        if self.dataset.has_image(image_id):
            self.dataset.record(image_id).save_df_parquet(TRACE_ARTIFACT, trace_of(kind))

    def set_params(self, image_id: str, mad_k: float) -> None:
        if self.dataset.has_image(image_id):
            self.dataset.record(image_id).save_json(PARAMS_ARTIFACT, {"mad_k": mad_k})

    def events_by_hand(self, image_id: str, count: int) -> None:
        if self.dataset.has_image(image_id):
            save_events(self.dataset.record(image_id), count)

    def verdict_by_hand(self, image_id: str, said: str) -> None:
        path = self._file(image_id, "events")
        if path.exists():
            with suppress(pl.exceptions.PolarsError):  # it was damaged
                rows = pl.read_parquet(path).with_columns(user_type=pl.lit(said))
                self.dataset.record(image_id).save_df_parquet(EVENTS_ARTIFACT, rows)

    def damage(self, image_id: str, what: str) -> None:
        path = self._file(image_id, what)
        if path.exists():
            path.write_bytes(path.read_bytes()[:40])

    def lose(self, image_id: str, what: str) -> None:
        self._file(image_id, what).unlink(missing_ok=True)

    def keep(self, image_id: str, what: str) -> None:
        path = self._file(image_id, what)
        if path.exists():
            self.kept[what] = path.read_bytes()

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

    def touch(self, image_id: str, what: str, clock: int) -> None:
        path = self._file(image_id, what)
        if path.exists():
            moment = path.stat().st_mtime_ns + clock
            os.utime(path, ns=(moment, moment))

    def change_the_code(self) -> None:
        self.version += 1

    def copy(self, times: bool) -> None:
        self.copies += 1
        path = self.folder / f"{self.copies}.zarr"
        how = shutil.copy2 if times else shutil.copyfile
        shutil.copytree(self.dataset.path, path, copy_function=how)
        shutil.rmtree(self.dataset.path)
        self.dataset = ZarrDataset(path, mode="a")

    def lose_the_index(self) -> None:
        shutil.rmtree(self.dataset.path / "index", ignore_errors=True)

    def keep_the_table(self) -> None:
        path = self.dataset.tables.path(TABLE)
        self.table_kept = path.read_bytes() if path.exists() else None

    def restore_the_table(self) -> None:
        if self.table_kept is not None:
            self.dataset.tables.path(TABLE).write_bytes(self.table_kept)

    # What kymflow does

    def detect(self, asked: set[str] | None, mode: str) -> None:
        here = asked and {i for i in asked if self.dataset.has_image(i)}
        detect_dataset(self.dataset, image_ids=here, mode=mode, on_error="record")

    def detect_and_die(self, call: int, when: str) -> None:
        try:
            with die_at(f"{when} rename /analysis/ {call}", _die):
                detect_dataset(self.dataset, on_error="record")
        except Killed:
            pass

    def index(self, asked: set[str] | None, mode: str) -> None:
        self._index(asked, mode)
        self._compare()

    def journal(self, on: bool) -> None:
        journal = self.dataset.journal
        journal.turn_on() if on else journal.turn_off()

    def index_changed(self) -> None:
        """Look at what the journal names: what is not in it stays stale, and is called so."""
        if self.dataset.journal.is_on:
            KymDataset(self.dataset).update_index(
                Versioned(self.version), mode="incremental", on_error="record", changed=True
            )
            self._compare()

    def index_and_die(self, point: str) -> None:
        try:
            with die_at(point, _die):
                self._index()
        except Killed:
            pass
        self._compare()

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
        built = Versioned(self.version).extract_batch(self.dataset, fresh)
        table = self.dataset.load_table(TABLE)
        for image_id in fresh:
            assert image_id not in built.errors, built.errors[image_id]
            expected = built.rows.filter(pl.col("image_id") == image_id)
            held = table.filter(pl.col("image_id") == image_id)
            columns = [name for name in expected.columns if name in held.columns]
            assert expected.select(columns).equals(held.select(columns)), (image_id, verdicts)
            lacking = expected.drop(columns)
            assert all(values.is_null().all() for values in lacking.iter_columns())

    def _file(self, image_id: str, what: str) -> Path:
        name, suffix = FILES[what]
        return self.dataset.record(image_id).artifact_path(name, suffix)


class Step(NamedTuple):
    """Something that may happen, and what is drawn for it."""

    do: str
    drawn: Mapping[str, Sequence[Any]] = {}


STEPS = [
    Step("add", {"image_id": IMAGES, "kind": range(3)}),
    Step("delete", {"image_id": IMAGES}),
    Step("trace_anew", {"image_id": IMAGES, "kind": range(3)}),
    Step("set_params", {"image_id": IMAGES, "mad_k": [3.0, 4.0]}),
    Step("events_by_hand", {"image_id": IMAGES, "count": range(3)}),
    Step("verdict_by_hand", {"image_id": IMAGES, "said": ["true_stall", "artefact"]}),
    Step("damage", {"image_id": IMAGES, "what": sorted(FILES)}),
    Step("lose", {"image_id": IMAGES, "what": sorted(FILES)}),
    Step("keep", {"image_id": IMAGES, "what": sorted(FILES)}),
    Step(
        "restore",
        {"image_id": IMAGES, "what": sorted(FILES), "clock": CLOCKS, "renamed": BOTH},
    ),
    Step("touch", {"image_id": IMAGES, "what": sorted(FILES), "clock": CLOCKS}),
    Step("change_the_code"),
    Step("copy", {"times": BOTH}),
    Step("lose_the_index"),
    Step("keep_the_table"),
    Step("restore_the_table"),
    Step("detect", {"asked": SOME, "mode": ["incremental", "replace"]}),
    Step("detect_and_die", {"call": range(1, 5), "when": ["before", "after"]}),
    Step("index", {"asked": SOME, "mode": MODES}),
    Step("journal", {"on": (True, True, False)}),
    Step("index_changed"),
    Step("index_changed"),
    Step("index_and_die", {"point": POINTS}),
    Step(
        "index_beside",
        {
            "stage": ["survey", "extract", "commit"],
            "what": ["index", "detect", "events_by_hand", "set_params", "add", "delete"],
            "image_id": IMAGES,
        },
    ),
    Step("settle"),
]


def _die() -> None:
    raise Killed


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "BATCH", 2)


def test_briefly(tmp_path: Path) -> None:
    Chain(tmp_path, seed=1).run(60)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 22))
def test_at_length(tmp_path: Path, seed: int) -> None:
    Chain(tmp_path, seed).run(100)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(30, 40))
def test_at_length_trusting_files_just_written(tmp_path: Path, monkeypatch, seed: int) -> None:
    """Files of a moment ago are trusted by their signatures as those of long ago are."""
    monkeypatch.setattr(evidence, "REST_NS", 0)
    monkeypatch.setattr(stamps, "REST_NS", 0)
    Chain(tmp_path, seed).run(100)
