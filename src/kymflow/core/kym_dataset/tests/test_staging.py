"""Runs that die: what they staged is taken over where it is still right."""

from __future__ import annotations

import polars as pl
import pytest

from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset import extract as extract_module

EVENTS = VelocityEventIndexer()


class Killed(BaseException):
    """Stands for a signal: nothing catches it."""


class Dying(VelocityEventIndexer):
    """Dies at the image named, after counting what it was asked for."""

    die_at = "c"
    asked: list[str] = []  # noqa: RUF012

    def extract_batch(self, dataset, image_ids):
        if self.die_at in image_ids:
            raise Killed
        self.asked.extend(image_ids)
        return super().extract_batch(dataset, image_ids)


@pytest.fixture
def kym(dataset, add_image, monkeypatch) -> KymDataset:
    monkeypatch.setattr(extract_module, "BATCH", 1)
    monkeypatch.setattr(Dying, "asked", [])
    for image_id in "abcd":
        add_image(image_id, 2)
    return KymDataset(dataset)


def die(kym: KymDataset) -> None:
    with pytest.raises(Killed):
        kym.update_index(Dying())
    assert not kym.dataset.list_table_names()
    Dying.asked.clear()


def finish(kym: KymDataset, mode: str = "incremental"):
    indexer = Dying()
    indexer.die_at = "never"
    return kym.update_index(indexer, mode=mode)


@pytest.mark.parametrize("mode", ["incremental", "replace"])
def test_the_next_run_computes_only_what_was_not_staged(kym, mode: str) -> None:
    die(kym)
    report = finish(kym, mode)
    assert (report.resumed, report.updated, Dying.asked) == (2, 4, ["c", "d"])
    rows = kym.dataset.load_table("kym_velocity_events")
    assert rows.group_by("image_id").len().sort("image_id").rows() == [(i, 2) for i in "abcd"]
    assert list((kym.dataset.path / "index/staging/kym_velocity_events").iterdir()) == []


def test_staged_rows_of_images_touched_since_are_computed_again(kym, set_events) -> None:
    die(kym)
    set_events(kym.dataset.record("a"), 5)
    assert finish(kym).resumed == 1
    assert Dying.asked == ["a", "c", "d"]
    rows = kym.dataset.load_table("kym_velocity_events")
    assert rows.filter(pl.col("image_id") == "a").height == 5


def test_rows_staged_by_other_code_are_not_taken_over(kym) -> None:
    die(kym)
    assert kym.update_index(EVENTS).resumed == 0
    assert list((kym.dataset.path / "index/staging/kym_velocity_events").iterdir()) == []
