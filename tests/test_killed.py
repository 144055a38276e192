"""A run killed for real, at any moment, costs at most its last batch, and never a table."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from kymflow.core.artifacts.provenance import params_hash
from kymflow.core.kym_dataset import KymDataset
from kymflow.core.kym_dataset.integrity.check import check
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow_zarr import ZarrDataset
from tests.support.crew import Child, Crew
from tests.support.generations import TABLE, GenerationIndexer, State, held, put, with_rows

BATCH = 3
TABLE_FILE = f"tables/{TABLE}.parquet"
POINTS = [
    f"after copy {TABLE_FILE}",
    f"after rename {TABLE_FILE}",
    "after apply sidecar='runs'",
]
MORE_POINTS = [
    "after part .rows.parquet 2",
    "after clear",
    "before part .rows.parquet 2",
    f"before copy {TABLE_FILE}",
    f"after flush tables/.{TABLE}",
    "before clear",
]
WRITTEN_FILES = [
    "run.json",
    "000002.rows.parquet",
    "000001.params.parquet",  # a batch without new params has none
    "000002.runs.parquet",
    f"{TABLE}.parquet",
    f"{TABLE}.runs.parquet",
    f"{TABLE}.params.parquet",
]
EXPECTED = {
    *("leftover", "interrupted_run"),
    *("unrecorded", "row_count_mismatch", "lost_rows"),  # killed between table and ledger
    *("unknown_image", "recorded_unknown_image"),  # of deleted images
}
"""What a check may find where a run was killed; nothing of it is damage."""

EVERY_WRITE = [
    f"{moment} {name}"
    for name in WRITTEN_FILES
    for moment in ("before flush", "after flush", "after rename")
]


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    with Crew() as crew:
        yield crew


class Trial:
    """One dataset through many kills, and what its table is to hold.

    Attributes:
        state: What the dataset holds.
        table: What the table held before the runs that were killed; None where there was none.
        due: The images that the table has yet to take in.
        kills: How many runs were killed since the last one that ended.
    """

    def __init__(self, folder: Path, crew: Crew) -> None:
        self.dataset = ZarrDataset(folder / "data.zarr", mode="a")
        self.log = folder / "extracted.log"
        self.log.touch()
        self.crew = crew
        self.state: State = {}
        self.table: State | None = None
        self.due: set[str] = set()
        self.kills = 0
        self.generation = 0

    def put(self, image_id: str, generation: int, n_rows: int) -> None:
        put(self.dataset, image_id, generation, n_rows)
        self.state[image_id] = (generation, n_rows)
        self.due.add(image_id)

    def delete(self, image_id: str) -> None:
        self.dataset.delete_image(image_id)
        del self.state[image_id]
        self.due.discard(image_id)

    def change(self, choose: random.Random) -> None:
        """Change, add and delete some images."""
        for image_id in choose.sample("abcdefghijklmnopqrst", choose.randint(1, 12)):
            if image_id in self.state and choose.random() < 0.2:
                self.delete(image_id)
            else:
                self.generation += 1
                self.put(image_id, self.generation, choose.randint(0, 4))

    def begin(self, child: Child, point: str | None = None) -> None:
        """Let a child begin an update."""
        given = {"dataset": str(self.dataset.path), "log": str(self.log)}
        child.tell("update", **given, batch=BATCH, point=point)

    def look(self) -> bool:
        """Check that the table is the old one or the new one; tell whether it is the new one."""
        self.kills += 1
        path = self.dataset.tables.path(TABLE)
        if not path.exists():
            assert self.table is None
            return False
        readers = [
            pl.read_parquet(path),
            duckdb.read_parquet(str(path)).pl(),
            pl.DataFrame(pq.read_table(path)),
        ]
        for rows in readers:
            assert rows.equals(readers[0])
            assert held(rows) in (self.table, with_rows(self.state))
        assert set(check(self.dataset)["kind"]) <= EXPECTED
        return held(readers[0]) == with_rows(self.state)

    def recover(self) -> None:
        """Run to the end, and check that all is as if no run had been killed."""
        staged = self._staged()
        before = self._extracted()
        report = KymDataset(self.dataset).update_index(
            GenerationIndexer(self.log), mode="incremental"
        )
        again = self._extracted() - before
        assert set(again) <= self.due - staged
        assert self._extracted().total() <= len(self.due) + self.kills * BATCH
        assert report.rows == sum(n for _, n in self.state.values())
        assert held(self.dataset.load_table(TABLE)) == with_rows(self.state)
        self._check_ledger()
        self._check_nothing_is_left()
        self.done()

    def done(self) -> None:
        """Start again: the table has taken in all there is."""
        self.table, self.due, self.kills = with_rows(self.state), set(), 0
        self.log.write_text("")

    def _staged(self) -> set[str]:
        runs = (self.dataset.path / "index" / "staging" / TABLE).glob("*/*.runs.parquet")
        parts = [pl.read_parquet(path) for path in runs if not path.name.startswith(".")]
        return {image_id for part in parts for image_id in part["image_id"]}

    def _extracted(self) -> Counter[str]:
        return Counter(self.log.read_text().splitlines())

    def _check_ledger(self) -> None:
        columns = ("image_id", "params_hash", "status", "n_rows")
        runs = set(Ledger(self.dataset, TABLE).load(*columns).rows())
        assert runs == {
            (image_id, params_hash({"generation": generation}), "ok", n_rows)
            for image_id, (generation, n_rows) in self.state.items()
        }
        known = set(Ledger(self.dataset, TABLE).load_params()["params_hash"])
        assert {made_with for _, made_with, *_ in runs} <= known

    def _check_nothing_is_left(self) -> None:
        found = check(self.dataset, repair=True, abandoned_after=timedelta(0))
        # A run killed between its lock and its folder leaves an empty file, one that asks
        # the clock its probe: both are found, and repaired.
        assert all(path.endswith(".lock") or "/.clock." in path for path in found["path"]), (
            found.to_dicts()
        )
        assert check(self.dataset, abandoned_after=timedelta(0)).is_empty()


@pytest.fixture
def trial(tmp_path: Path, crew: Crew) -> Trial:
    """Return a dataset of eight images, three of which are due since the table was built."""
    trial = Trial(tmp_path, crew)
    for number, image_id in enumerate("abcdefgh"):
        trial.put(image_id, 1, number % 3)
    trial.recover()
    for image_id, n_rows in {"a": 2, "b": 0, "c": 1, "d": 0, "i": 3}.items():
        trial.put(image_id, 2, n_rows)
    trial.delete("h")
    return trial


@pytest.mark.parametrize(
    "point",
    [
        *POINTS,
        *(pytest.param(each, marks=pytest.mark.long) for each in (*MORE_POINTS, *EVERY_WRITE)),
    ],
)
def test_a_run_killed_at_any_point_is_made_up_for(trial: Trial, point: str) -> None:
    child = trial.crew.child()
    trial.begin(child, point)
    assert child.died()
    assert child.kill() == signal.SIGKILL
    trial.look()
    trial.recover()


@pytest.mark.parametrize(
    ("kills", "seed"), [(3, 0), *(pytest.param(50, n, marks=pytest.mark.long) for n in range(1, 5))]
)
def test_runs_killed_at_any_moment_are_made_up_for(
    tmp_path: Path, crew: Crew, kills: int, seed: int
) -> None:
    trial = Trial(tmp_path, crew)
    choose = random.Random(seed)
    lasting = 0.2
    survived, committed = 0, 0
    child = crew.child()
    while survived < kills:
        trial.change(choose)
        for _ in range(choose.randint(1, 3)):
            trial.begin(child)
            if child.answers(within=choose.uniform(0, lasting)):
                lasting = max(0.05, lasting * 0.9)  # it had ended: aim earlier
                trial.done()
                break
            lasting *= 1.05
            assert child.kill() == signal.SIGKILL
            survived += 1
            committed += trial.look()
            child = crew.child()
        trial.recover()
    assert kills < 50 or 0 < committed < kills, "all kills met one side of the commit"
