"""The journal is read on, not again; and read again where it was not only appended to."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kymflow.core.review import journal_reader
from kymflow.core.review.decision import Change, Decision, EventKey
from kymflow.core.review.journal import Journal
from kymflow.core.review.journal_reader import JournalReader
from kymflow_zarr import ZarrDataset
from kymflow_zarr.store import layout
from kymflow_zarr.store.append_log import AppendLog

START = datetime(2026, 1, 1, tzinfo=UTC)


def label(
    number: int, *, reviewer: str = "ann", image: str = "a", at: int | None = None
) -> Decision:
    key = EventKey(image, 1, 1, str(number))
    time = START + timedelta(seconds=number if at is None else at)
    return Decision(
        "label", reviewer, [Change(key, {"user_type": None}, {"user_type": "other"})], None, time
    )


@pytest.fixture
def journal(dataset: ZarrDataset) -> Journal:
    return Journal(dataset)


def ids(decisions: object) -> list[str]:
    return [decision.id for decision in decisions]  # type: ignore[attr-defined]


def path_of(journal: Journal, reviewer: str = "ann") -> Path:
    return layout.logs(journal._store.path) / f"{reviewer}.jsonl"


def test_only_what_was_appended_is_read(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        journal.record(label(number))
    assert len(journal.decisions()) == 50
    size = path_of(journal).stat().st_size
    begins: list[int] = []
    real = AppendLog.read

    def read(self: AppendLog, after):
        begins.append(after.end)
        return real(self, after)

    monkeypatch.setattr(AppendLog, "read", read)
    journal.record(label(50))
    assert len(journal.of_image("a")) == 51
    assert len(journal.decisions()) == 51
    assert begins == [size]


@pytest.mark.wide
@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_it_says_what_a_first_reading_does(journal: Journal, seed: int) -> None:
    """Several reviewers, times that go back, torn ends, logs cut, replaced, deleted, damaged."""
    rng = random.Random(seed)
    for number in range(120):
        who = rng.choice(["ann", "bob"])
        at = number if rng.random() < 0.8 else rng.randrange(number + 1)
        made = label(number, reviewer=who, image=rng.choice("abc"), at=at)
        journal.record(made)
        if rng.random() < 0.2:
            journal.record(Decision("undo", who, (), made.id, made.decided_at))
        path, what = path_of(journal, who), rng.random()
        if what < 0.05:
            with path.open("ab") as file:
                file.write(b'{"verb": "la')
        elif what < 0.1:
            os.truncate(path, rng.randrange(path.stat().st_size))
        elif what < 0.13:
            other = path.with_suffix(".other")
            other.write_bytes(path.read_bytes()[: rng.randrange(2000)])
            other.replace(path)
        elif what < 0.15:
            path.unlink()
        elif what < 0.2:
            with path.open("ab") as file:
                file.write(b"no entry\n")
        fresh = JournalReader(layout.logs(journal._store.path))
        assert ids(journal.decisions()) == ids(fresh.decisions())
        assert journal.damaged() == fresh.damaged()
        assert journal.images() == fresh.images()
        for image_id in "abc":
            assert ids(journal.of_image(image_id)) == ids(fresh.of_image(image_id))


def test_a_file_of_the_same_length_is_read_again(journal: Journal) -> None:
    journal.record(label(1))
    assert journal.images() == {"a"}
    path = path_of(journal)
    changed = path.read_bytes().replace(b'"image_id": "a"', b'"image_id": "b"')
    path.write_bytes(changed)
    os.utime(path, ns=(1, 1))
    assert journal.images() == {"b"}


def test_few_journals_are_kept(tmp_path: Path) -> None:
    for number in range(20):
        journal_reader.reader_of(tmp_path / str(number))
    assert len(journal_reader._readers) == 4
