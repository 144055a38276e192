"""The engine against a model of a few lines, over any sequence of changes, updates and deaths."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from kymflow.core.artifacts.provenance import params_hash
from kymflow.core.kym_dataset import ArtifactIndexer, KymDataset
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.update import extract
from kymflow_zarr import ZarrDataset
from kymflow_zarr.tables.types import TableKey
from tests.support.points import die_at

TABLE = "kym_modelled"
KINDS: dict[str, pl.DataType | None] = {
    "absent": None,
    "whole": pl.Int32(),
    "wide": pl.Int64(),
    "fraction": pl.Float64(),
    "text": pl.String(),
}
BEFORE_TABLE = ("before part", "after part", "before copy tables/", "before rename tables/")
AROUND_SEEN = ("before apply sidecar='seen'", "after apply sidecar='seen'")
BEFORE_SEEN = ("after rename tables/", AROUND_SEEN[0])
BEFORE_LEDGER = ("after apply sidecar='seen'", "before apply sidecar='runs'")
AFTER_LEDGER = ("after apply sidecar='runs'", "before clear")

images = st.sampled_from("abcde")
kinds = st.sampled_from(sorted(KINDS))
modes = st.sampled_from(["incremental", "incremental", "replace"])
some = st.none() | st.sets(images, min_size=1)
counts = st.integers(0, 3)


class Killed(BaseException):
    """Stands for a signal: nothing catches it."""


class ModelledIndexer(ArtifactIndexer):
    """Index whatever the rows artifact holds."""

    name = "modelled"
    params_artifact = "it/params"
    rows_artifacts = ("it/rows",)
    schema = {"tag": pl.Int64()}  # noqa: RUF012

    def __init__(self, version: str) -> None:
        self.version = version  # type: ignore[misc]


@dataclass(frozen=True)
class Image:
    """What an image holds: its params, its rows, and whether they can be read."""

    params: int
    rows: tuple[tuple[int, Any], ...]
    kind: str
    damage: str | None = None

    @property
    def file(self) -> object:
        """What tells the bytes of its rows file from others."""
        damage = self.damage if self.damage != "params cut" else None
        return self.rows, self.kind, damage


@dataclass(frozen=True)
class Run:
    """The last run of an image."""

    status: str
    made_with: tuple[int | None, str]
    n_rows: int | None = None


@dataclass(frozen=True)
class Held:
    """An image's rows in the table."""

    made_with: tuple[int, str]
    rows: tuple[tuple[int, Any], ...]


@dataclass(frozen=True)
class Seen:
    """What an image's rows in the table were made of, and which those were."""

    file: object
    rows: Held | None


class Engine(RuleBasedStateMachine):
    """The engine and its model, side by side."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.dataset = ZarrDataset(self.folder / "data.zarr", mode="a")
        self.kym = KymDataset(self.dataset)
        self.images: dict[str, Image] = {}
        self.table: dict[str, Held] | None = None
        self.ledger: dict[str, Run] = {}
        self.seen: dict[str, Seen] = {}
        self.version = 0
        self.tags = 0

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    # What people do

    @rule(image_id=images, params=st.integers(0, 2), n_rows=counts, kind=kinds)
    def put(self, image_id: str, params: int, n_rows: int, kind: str) -> None:
        self.tags += 1
        value = {"text": "x", "fraction": 0.5, "absent": None}.get(kind, 7)
        self.images[image_id] = Image(params, ((self.tags, value),) * n_rows, kind)
        self._save(image_id)

    @rule(image_id=images, n_rows=counts)
    def detect_again_with_the_same_params(self, image_id: str, n_rows: int) -> None:
        if image := self.images.get(image_id):
            self.put(image_id, image.params, n_rows, image.kind)

    @rule(image_id=images, damage=st.sampled_from([None, "rows cut", "rows lost", "params cut"]))
    def damage_or_mend(self, image_id: str, damage: str | None) -> None:
        if image := self.images.get(image_id):
            self.images[image_id] = replace(image, damage=damage)
            self._save(image_id)

    @rule(image_id=images)
    def delete(self, image_id: str) -> None:
        if self.images.pop(image_id, None):
            self.dataset.delete_image(image_id)

    @rule()
    def change_the_code(self) -> None:
        self.version += 1

    @rule()
    def lose_the_table(self) -> None:
        if self.table is not None:
            self.dataset.delete_table(TABLE)
        self.table = None

    @rule()
    def lose_the_ledger(self) -> None:
        self.dataset.tables.backend.drop(Ledger(self.dataset, TABLE).runs)
        self.ledger = {}

    # What the engine does

    @rule(mode=modes, some=some)
    def update(self, mode: str, some: set[str] | None) -> None:
        asked = self._asked(some)
        redone = self._redone(mode, asked)
        self._update(mode, asked)
        self._expect(redone, asked, self._failed(redone))

    @rule(
        mode=modes,
        some=some,
        point=st.sampled_from([*BEFORE_TABLE, *BEFORE_SEEN, *BEFORE_LEDGER, *AFTER_LEDGER]),
    )
    def update_and_die(self, mode: str, some: set[str] | None, point: str) -> None:
        asked = self._asked(some)
        redone = self._redone(mode, asked)
        # A first entry of what rows are made of is written before the rows: then there are none.
        first = not self.dataset.tables.exists(TableKey(TABLE, "seen"))
        try:
            with die_at(point, _die):
                self._update(mode, asked)
        except Killed:
            if point in BEFORE_TABLE or (first and point in AROUND_SEEN):
                return
            if point in (*BEFORE_SEEN, *BEFORE_LEDGER):
                ledger, seen = self.ledger, self.seen
                self._expect(redone, asked, self._not_in_table(redone))
                self.ledger = ledger
                if point in BEFORE_SEEN:
                    self.seen = seen
                return
        self._expect(redone, asked, self._failed(redone))

    # What must hold after every step

    @invariant()
    def the_table_is_as_modelled(self) -> None:
        if self.table is None:
            assert self.dataset.list_table_names() == []
            return
        rows = self.dataset.load_table(TABLE)
        assert rows["image_id"].rle().len() == rows["image_id"].n_unique()
        found = [
            {"value": None, **row}
            for row in rows.sort("image_id", maintain_order=True).iter_rows(named=True)
        ]
        assert found == [
            {
                "value": value,
                "image_id": image_id,
                "tag": tag,
                "analysis_version": held.made_with[1],
                "params_hash": params_hash({"p": held.made_with[0]}),
            }
            for image_id, held in sorted(self.table.items())
            for tag, value in held.rows
        ]

    @invariant()
    def what_is_due_is_as_modelled(self) -> None:
        decision = self.kym.staleness(self._indexer)
        due = decision.filter(pl.col("action") == "update")["image_id"].to_list()
        assert due == sorted(i for i in self.images if self._is_due(i))
        gone = decision.filter(pl.col("action") == "prune")["image_id"].to_list()
        assert gone == sorted(set(self.table or ()) - set(self.images))

    # The model

    @property
    def _indexer(self) -> ModelledIndexer:
        return ModelledIndexer(f"modelled@{self.version}")

    def _is_due(self, image_id: str) -> bool:
        image, run = self.images[image_id], self.ledger.get(image_id)
        held = (self.table or {}).get(image_id)
        made_with = (image.params, f"modelled@{self.version}")
        if image.damage == "params cut":
            return True
        if run is not None and run.made_with == made_with:
            if run.status == "failed":
                return True
            if held is None or held.made_with == made_with:
                return run.n_rows != (len(held.rows) if held else 0) or self._is_otherwise(image_id)
        return held is None or held.made_with != made_with or self._is_otherwise(image_id)

    def _is_otherwise(self, image_id: str) -> bool:
        """Tell whether its rows in the table were made of another file, or are others."""
        held = (self.table or {}).get(image_id)
        return self.seen.get(image_id) != Seen(self.images[image_id].file, held)

    def _asked_of(self, asked: set[str] | None) -> set[str]:
        return set(self.images) if asked is None else asked & set(self.images)

    def _redone(self, mode: str, asked: set[str] | None) -> set[str]:
        """Return the images that an update makes again."""
        return {i for i in self._asked_of(asked) if mode == "replace" or self._is_due(i)}

    def _expect(self, redone: set[str], asked: set[str] | None, odd: set[str]) -> None:
        """Do to the model what an update does.

        Args:
            redone: The images it made again.
            asked: The images it was asked for; None for all.
            odd: Those that did not fit the rest. Which of two equals goes is the engine's choice.
        """
        self._check_odd(redone, odd)
        fresh = {i for i in self._asked_of(asked) - redone if not self._is_due(i)}
        table, ledger, seen = dict(self.table or {}), dict(self.ledger), dict(self.seen)
        version = f"modelled@{self.version}"
        for image_id in redone:
            image = self.images[image_id]
            made_with = (None if image.damage == "params cut" else image.params, version)
            if image.damage or image_id in odd:
                ledger[image_id] = Run("failed", made_with)
                continue
            ledger[image_id] = Run("ok", made_with, len(image.rows))
            table.pop(image_id, None)
            if image.rows:
                table[image_id] = Held(made_with, image.rows)
            seen[image_id] = Seen(image.file, table.get(image_id))
        for image_id in fresh & set(table):  # what the ledger had lost is told by the rows
            held = table[image_id]
            ledger[image_id] = Run("ok", held.made_with, len(held.rows))
        for image_id in (set(table) | set(ledger) | set(seen)) - set(self.images):
            if asked is None or image_id in asked:
                for each in (table, ledger, seen):
                    each.pop(image_id, None)
        self.table, self.ledger, self.seen = table, ledger, seen

    def _check_odd(self, redone: set[str], odd: set[str]) -> None:
        """Check that all values fit, and that images were left out for no other reason."""
        sound = {i for i in redone if self.images[i].damage is None}
        assert odd <= sound
        out = {is_text(value) for i in odd for _, value in self.images[i].rows}
        went = {is_text(value) for i in sound - odd for _, value in self.images[i].rows} - {None}
        held = {is_text(v) for each in (self.table or {}).values() for _, v in each.rows} - {None}
        assert len(went) <= 1
        assert not odd or out | went | held == {False, True}
        assert not odd or went | held

    def _failed(self, redone: set[str]) -> set[str]:
        """Return the images that failed although nothing is wrong with them by themselves."""
        runs = Ledger(self.dataset, TABLE).load("image_id", "status")
        failed = set(runs.filter(status="failed")["image_id"])
        return {i for i in redone & failed if self.images[i].damage is None}

    def _not_in_table(self, redone: set[str]) -> set[str]:
        """Return the images whose new rows did not go into the table."""
        rows = self.dataset.load_table(TABLE)
        held = {
            i: set(own["tag"]) for (i,), own in rows.partition_by("image_id", as_dict=True).items()
        }
        sound = {i for i in redone if self.images[i].damage is None}
        return {i for i in sound if held.get(i, set()) != {tag for tag, _ in self.images[i].rows}}

    # The engine

    def _asked(self, some: set[str] | None) -> set[str] | None:
        """Return the images to ask for: only such as can be asked for."""
        return None if some is None else some & {*self.images, *(self.table or {})} or None

    def _update(self, mode: str, asked: Iterable[str] | None) -> None:
        self.kym.update_index(self._indexer, mode=mode, image_ids=asked, on_error="record")

    def _save(self, image_id: str) -> None:
        image = self.images[image_id]
        if not self.dataset.has_image(image_id):
            with self.dataset.stage_image(image_id):
                pass
        record = self.dataset.record(image_id)
        rows = pl.DataFrame({"tag": [tag for tag, _ in image.rows]}, {"tag": pl.Int64})
        dtype = KINDS[image.kind]
        if dtype is not None:
            values = [value for _, value in image.rows]
            rows = rows.with_columns(pl.Series("value", values, dtype=dtype))
        record.save_df_parquet("it/rows", rows)
        record.save_json("it/params", {"p": image.params})
        damaged = {"rows": ("it/rows", ".parquet"), "params": ("it/params", ".json")}
        if image.damage is not None:
            what, how = image.damage.split()
            path = record.artifact_path(*damaged[what])
            if how == "lost":
                path.unlink()
            else:
                path.write_bytes(path.read_bytes()[:5])


def is_text(value: object) -> bool | None:
    """Tell which of two kinds a value is of; None is of neither."""
    return None if value is None else isinstance(value, str)


def _die() -> None:
    raise Killed


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "BATCH", 2)


def test_briefly() -> None:
    """Eighty steps, always the same."""
    check_steps(20, examples=4, derandomize=True)


@pytest.mark.long
@pytest.mark.parametrize("part", range(3))
def test_at_length(part: int) -> None:
    """Thousands of steps, others each time."""
    check_steps(50, examples=25, print_blob=True)


def check_steps(steps: int, *, examples: int, **more: Any) -> None:
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **more,
    )
    run_state_machine_as_test(Engine, settings=how)
