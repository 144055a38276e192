"""People's verdicts against a reading of the bare journal, over any sequence of work and accidents.

Three reviewers decide, undo and redo; events are detected anew with other params; the lab folder
changes and is imported again; another program edits events; processes die in between. Whatever
happens, every decision that was made is in the journal, and the events, and after an update of the
index the table, are what the journal's own lines say.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
import tifffile

from kymflow.core.errors import ReviewError
from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.lab_folder import import_folder
from kymflow.core.review.decision import EventKey
from kymflow.core.review.replay import disagreements, replay
from kymflow.core.review.reviews import Reviews
from kymflow.core.review.verdicts import ReviewIndexer
from kymflow.core.velocity_events import EventParams, detect_dataset
from kymflow_zarr import ZarrDataset
from tests.support.lab import Lab
from tests.support.points import die_at

LINES, SECONDS = 1200, 0.01
NAMES = "abc"
REVIEWERS = ("ann", "bob", "external-lab")
LABELS = ("true_stall", "reversal", "other", "unreviewed")
EVENTS = "velocity_events/events"
TIMES = ("t_start_s", "peak_t_s", "t_end_s")
PARAMS = tuple(EventParams(mad_k=mad_k, top_k_total=top) for mad_k in (2.0, 4.0) for top in (0, 4))

Key = tuple[str, Any, Any, str]
Row = dict[str, Any]


class Killed(BaseException):
    """Stands for a signal: nothing catches it."""


class Said(NamedTuple):
    """What the lines of the journal say.

    Attributes:
        ids: The decisions.
        columns: Per event and column the value that stands.
        whole: Per event that somebody added or took away whether it is there.
    """

    ids: set[str]
    columns: Mapping[Key, Mapping[str, Any]]
    whole: Mapping[Key, bool]


def read_journal(dataset: Path) -> Said:
    """Read the journal by its lines alone."""
    lines = [
        (entry["decided_at"], path.name, number, entry)
        for path in (dataset / "review").glob("*.jsonl")
        for number, entry in enumerate(map(json.loads, path.read_text().splitlines()))
    ]
    entries = [entry for *_, entry in sorted(lines, key=lambda line: line[:3])]
    undone: set[str] = set()
    for entry in entries:
        if entry["verb"] == "undo":
            undone.add(entry["target"])
        elif entry["verb"] == "redo":
            undone.discard(entry["target"])
    given: dict[Key, dict[str, list[tuple[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    whole: dict[Key, bool] = {}
    for entry in entries:
        stands = entry["id"] not in undone
        for change in entry["changes"]:
            key = (change["image_id"], change["roi_id"], change["channel"], change["event_id"])
            before, after = change["before"], change["after"]
            if before is None or after is None:
                whole.setdefault(key, before is not None)
                whole[key] = after is not None if stands else whole[key]
            elif stands:
                for name, value in after.items():
                    given[key][name].append((entry["verb"], value))
    columns = {
        key: {name: _standing(values) for name, values in own.items()} for key, own in given.items()
    }
    return Said({entry["id"] for entry in entries}, columns, whole)


def _standing(values: Sequence[tuple[str, Any]]) -> Any:
    settled = [value for verb, value in values if verb == "settle"]
    return (settled or [value for _, value in values])[-1]


class Work:
    """A lab folder, its dataset, and everybody who works on them; steps are drawn by a seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.choose = random.Random(seed)
        self.lab = Lab(folder / "lab")
        for number, name in enumerate(NAMES):
            self._pixels(name, number)
            self.folder_trace(name, number)
            self.folder_events(name, "two")
        self.dataset = ZarrDataset(folder / "data.zarr", mode="a")
        import_folder(self.lab.root, self.dataset)
        detect_dataset(self.dataset, PARAMS[0], on_error="record")
        self.made = 0
        self.ids: set[str] = set()

    def run(self, steps: int) -> None:
        told: list[str] = []
        for _ in range(steps):
            step = self.choose.choice(STEPS)
            drawn = {name: self.choose.choice(values) for name, values in step.drawn.items()}
            told.append(f"{step.do}({', '.join(f'{n}={v!r}' for n, v in drawn.items())})")
            try:
                getattr(self, step.do)(**drawn)
                self._check_journal()
            except Exception as error:
                error.add_note("\n".join(["after these steps:", *told]))
                raise
        self.index()

    # What people do

    def decide(self, verb: str, reviewer: str, which: int, number: int) -> None:
        """Decide on some events of an image; what makes no sense is refused."""
        image_id = self._image(which)
        reviews = Reviews(self.dataset, reviewer=reviewer)
        rows = reviews.events(image_id).to_dicts()
        chosen = [rows[(which + each) % len(rows)] for each in range(number)] if rows else []
        keys = [
            EventKey(image_id, row["roi_id"], row["channel"], row["event_id"]) for row in chosen
        ]
        self.made += 1
        with suppress(ReviewError):
            if verb == "add":
                start = round(0.001 * (self.made % 9000), 3)
                reviews.add(image_id, start=start, end=start + 0.2, user_type=LABELS[which % 4])
            elif verb in ("label", "settle"):
                getattr(reviews, verb)(keys, LABELS[which % 4])
            elif verb == "note":
                reviews.note(keys, f"note {self.made}" if which % 3 else "")
            elif verb == "edit" and keys:
                name = ("start", "peak", "end")[which % 3]
                at = chosen[0][TIMES[which % 3]] or chosen[0]["t_start_s"]
                reviews.edit(keys[0], **{name: at + 0.001 * (which - 4)})
            elif verb != "edit":
                getattr(reviews, verb)(keys)

    def turn(self, verb: str, reviewer: str) -> None:
        with suppress(ReviewError):
            getattr(Reviews(self.dataset, reviewer=reviewer), verb)()

    def by_another_program(self, which: int, what: str) -> None:
        rec = self.dataset.record(self._image(which))
        events = rec.load_df_parquet(EVENTS)
        place = pl.int_range(pl.len()) == which % max(events.height, 1)
        changed = {
            "label": lambda: events.with_columns(
                user_type=pl.when(place).then(pl.lit("reversal")).otherwise("user_type")
            ),
            "delete": lambda: events.filter(~place),
            "column": lambda: events.with_columns(depth_um=pl.lit(40.0)),
            "same": lambda: events,
        }[what]()
        rec.save_df_parquet(EVENTS, changed)

    # What the lab's own program does in the folder

    def folder_trace(self, name: str, kind: int) -> None:
        time = np.arange(LINES) * SECONDS
        velocity = np.full(LINES, 1.2) + np.random.default_rng(kind).normal(0, 0.03, LINES)
        for stall in range(1 + kind % 3):
            begin = 2.0 + 3 * stall + 0.2 * (kind % 2)
            velocity[(time > begin) & (time < begin + 1)] = 0.1
        path = self.lab.root / "flow-analysis" / f"{name}_radon.csv"
        path.parent.mkdir(exist_ok=True)
        pl.DataFrame({"roi_id": [1] * LINES, "time": time, "velocity": velocity}).write_csv(path)

    def folder_events(self, name: str, what: str) -> None:
        event = {"event_type": "nan_gap", "t_start": 0.5, "t_end": 0.9, "user_type": "unreviewed"}
        other = {**event, "t_start": 9.0, "t_end": 9.5}
        states: dict[str, list[Row]] = {
            "none": [],
            "two": [event, other],
            "labelled": [{**event, "user_type": "other"}, other],
            "moved": [{**event, "t_end": 1.0}, {**other, "note": "by the lab"}],
            "three": [event, {**event, "event_type": "User Added", "t_start": 6.0}, other],
        }
        self.lab.events(name, *states[what])

    def import_again(self) -> None:
        import_folder(self.lab.root, self.dataset, changed=True)

    # What kymflow does

    def detect(self, params: EventParams, mode: str) -> None:
        detect_dataset(self.dataset, params, mode=mode, on_error="record")

    def die(self, doing: str, when: str, call: int, which: int) -> None:
        """Die when a file of an image is put in place, or the journal's line is on disk."""
        point = f"{when} rename /analysis/ {call}"
        with suppress(Killed), die_at(point, _die):
            if doing == "detect":
                self.detect(PARAMS[which % len(PARAMS)], "replace")
            elif doing == "import":
                self.import_again()
            else:
                self.decide(doing, REVIEWERS[which % 2], which, 1 + which % 3)

    def index(self) -> None:
        """Bring all together; then events and tables are what the journal says."""
        import_folder(self.lab.root, self.dataset, changed=True)
        replay(self.dataset)
        assert list(disagreements(self.dataset)) == []
        detect_dataset(self.dataset, mode="incremental", on_error="record")
        kym = KymDataset(self.dataset)
        for indexer in (VelocityEventIndexer(), ReviewIndexer()):
            kym.update_index(indexer, mode="incremental", on_error="record")
        said = read_journal(self.dataset.path)
        self._check_events(said)
        self._check_tables()

    # What must hold

    def _check_journal(self) -> None:
        now = read_journal(self.dataset.path).ids
        assert self.ids <= now, "a decision is gone"
        self.ids = now

    def _check_events(self, said: Said) -> None:
        rows: dict[Key, Row] = {}
        for image_id in self.dataset.list_image_ids():
            for row in self.dataset.record(image_id).load_df_parquet(EVENTS).to_dicts():
                key = (image_id, row["roi_id"], row["channel"], row["event_id"])
                assert key not in rows, f"{key} is there twice"
                flags = {name: bool(row.get(name)) for name in ("rejected", "edited")}
                rows[key] = {**row, **flags}
        notes = [row["note"] for row in rows.values() if (row["note"] or "").startswith("note ")]
        for key, there in said.whole.items():
            assert (key in rows) == there, key
        for key, columns in said.columns.items():
            if key not in rows:
                assert said.whole.get(key) is False or not _is_work(columns), (key, columns)
                continue
            told = {name: rows[key].get(name) for name in columns}
            assert told == pytest.approx(columns), key
        standing = [
            columns["note"]
            for key, columns in said.columns.items()
            if columns.get("note") and key in rows
        ]
        assert sorted(note for note in standing if note.startswith("note ")) == sorted(notes)

    def _check_tables(self) -> None:
        table = self.dataset.load_table("kym_velocity_events")
        names = ["event_id", "event_type", *TIMES, "user_type", "note"]
        for image_id in self.dataset.list_image_ids():
            events = self.dataset.record(image_id).load_df_parquet(EVENTS).select(names)
            held = table.filter(image_id=image_id).select(names)
            assert events.sort(names).equals(held.sort(names)), image_id

    def _image(self, which: int) -> str:
        ids = self.dataset.list_image_ids()
        return ids[which % len(ids)]

    def _pixels(self, name: str, number: int) -> None:
        pixels = np.random.default_rng(number).integers(0, 999, (LINES, 4), dtype=np.uint16)
        tifffile.imwrite(self.lab.root / f"{name}.tif", pixels)
        header = {"header": {"voxels": [SECONDS, 0.5]}}
        (self.lab.root / f"{name}.json").write_text(json.dumps(header))


def _is_work(columns: Mapping[str, Any]) -> bool:
    """Tell whether something stands that a person would miss."""
    return (
        (columns.get("user_type") or "unreviewed") != "unreviewed"
        or bool((columns.get("note") or "").strip())
        or bool(columns.get("rejected"))
        or bool(columns.get("edited"))
    )


class Step(NamedTuple):
    """Something that may happen, and what is drawn for it."""

    do: str
    drawn: Mapping[str, Sequence[Any]] = {}


VERBS = ("label", "note", "reject", "restore", "edit", "add", "remove", "settle")
DECIDE = Step(
    "decide",
    {"verb": VERBS, "reviewer": REVIEWERS, "which": range(9), "number": (1, 1, 2)},
)
STEPS = [
    *(DECIDE for _ in range(8)),
    *(Step("turn", {"verb": ("undo", "undo", "redo"), "reviewer": REVIEWERS}) for _ in range(4)),
    Step("detect", {"params": PARAMS, "mode": ("incremental", "replace")}),
    Step("folder_trace", {"name": NAMES, "kind": range(6)}),
    Step("folder_events", {"name": NAMES, "what": ("none", "two", "labelled", "moved", "three")}),
    Step("import_again"),
    Step("by_another_program", {"which": range(9), "what": ("label", "delete", "column", "same")}),
    Step(
        "die",
        {
            "doing": ("detect", "import", *VERBS),
            "when": ("before", "after"),
            "call": range(1, 4),
            "which": range(9),
        },
    ),
    Step("index"),
]


def _die() -> None:
    raise Killed


def test_briefly(tmp_path: Path) -> None:
    Work(tmp_path, seed=1).run(40)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 5))
def test_at_length(tmp_path: Path, seed: int) -> None:
    Work(tmp_path, seed).run(1_000)


DECIDE_ON = """
import sys
from kymflow.core.review.reviews import Reviews
from kymflow.core.review.selection import find_events
from kymflow_zarr import ZarrDataset

dataset = ZarrDataset(sys.argv[1], mode="a")
reviews = Reviews(dataset, reviewer="ann")
keys = find_events(dataset).keys
for number in range(10_000):
    reviews.note([keys[number % len(keys)]], f"note {number}")
    print(number, flush=True)
"""


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_a_decision_that_was_answered_outlives_a_killed_process(tmp_path: Path, seed: int) -> None:
    work = Work(tmp_path, seed)
    wanted = random.Random(seed).randrange(1, 60)
    arguments = [sys.executable, "-c", DECIDE_ON, os.fspath(work.dataset.path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        last = -1
        for line in child.stdout:
            last = int(line)
            if last == wanted:
                child.send_signal(signal.SIGKILL)
        child.wait()
    journal = (work.dataset.path / "review" / "ann.jsonl").read_text()
    for number in range(last + 1):
        assert f'"note {number}"' in journal
    work.index()
