from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from kymflow_zarr import NoJournalError, ZarrDataset, ZarrImageRecord
from kymflow_zarr.store import journal as module
from kymflow_zarr.store import layout

ROWS = pl.DataFrame({"n": [1, 2]})
PIXELS = np.zeros((8, 4), np.uint16)
WRITES: dict[str, Callable[[ZarrImageRecord], Any]] = {
    "json": lambda rec: rec.save_json("velocity_events/params", {"mad_k": 3}),
    "parquet": lambda rec: rec.save_df_parquet("velocity_events/events", ROWS),
    "csv": lambda rec: rec.save_df_csv_gz("velocity_events/events", ROWS),
    "metadata": lambda rec: rec.save_metadata_payload({"note": "x"}),
    "pixels": lambda rec: rec.save_array(PIXELS, axes=["t", "x"]),
    "array": lambda rec: rec.save_array_artifact("mask", PIXELS),
    "delete one": lambda rec: rec.delete_file("kept.json"),
    "delete all": lambda rec: rec.delete_analysis(),
    "delete image": lambda rec: rec.dataset.delete_image(rec.image_id),  # type: ignore[attr-defined]
}


@pytest.fixture
def dataset(tmp_path: Path) -> ZarrDataset:
    made = ZarrDataset(tmp_path / "lab.zarr")
    for image_id in "ab":
        made.add_image(PIXELS, axes=["t", "x"], image_id=image_id).save_json("kept", 1)
    made.journal.turn_on()
    return made


def noted(dataset: ZarrDataset, reader: str = "one") -> list[str]:
    """Take the notes as a reader does, and say that they were dealt with."""
    notes = dataset.journal.read(reader)
    assert notes.whole
    dataset.journal.keep(reader, notes)
    return list(notes.image_ids)


def begin(dataset: ZarrDataset, *readers: str) -> None:
    for reader in readers or ("one",):
        notes = dataset.journal.read(reader)
        assert not notes.whole
        dataset.journal.keep(reader, notes)


def test_without_a_journal_nothing_is_noted(tmp_path: Path) -> None:
    dataset = ZarrDataset(tmp_path / "lab.zarr")
    dataset.add_image(PIXELS, axes=["t", "x"], image_id="a").save_json("kept", 1)
    assert not dataset.journal.is_on
    assert not layout.journal(dataset.path).exists()
    with pytest.raises(NoJournalError):
        dataset.journal.read("one")


@pytest.mark.parametrize("kind", WRITES)
def test_every_write_is_noted(dataset: ZarrDataset, kind: str) -> None:
    begin(dataset)
    WRITES[kind](dataset.record("a"))
    assert noted(dataset) == ["a"]
    assert noted(dataset) == []


def test_images_added_and_replaced_are_noted_when_they_join(dataset: ZarrDataset) -> None:
    begin(dataset)
    with dataset.stage_image("c") as staged:
        staged.save_array(PIXELS, axes=["t", "x"])
        staged.save_json("kept", 1)
        assert noted(dataset) == []
    assert noted(dataset) == ["c"]
    with dataset.stage_image("c", replacing=True) as staged:
        staged.save_array(PIXELS, axes=["t", "x"])
    assert noted(dataset) == ["c"]


def test_each_reader_takes_the_notes_for_itself(dataset: ZarrDataset) -> None:
    begin(dataset, "one", "two")
    dataset.record("a").save_json("x", 1)
    assert noted(dataset, "one") == ["a"]
    dataset.record("b").save_json("x", 1)
    assert noted(dataset, "one") == ["b"]
    assert noted(dataset, "two") == ["a", "b"]


def test_a_write_under_way_is_told_until_after_its_end(dataset: ZarrDataset) -> None:
    """Whoever read the note and looked before the rename has seen the old file."""
    begin(dataset)
    with dataset.journal.noting("a"):
        assert noted(dataset) == ["a"]
        assert noted(dataset) == ["a"]
    assert noted(dataset) == ["a"]  # it ended after the reader had looked
    assert noted(dataset) == []


def test_a_write_that_fails_is_told_once(dataset: ZarrDataset) -> None:
    begin(dataset)
    with pytest.raises(KeyError), dataset.journal.noting("a"):
        raise KeyError
    assert noted(dataset) == ["a"]
    assert noted(dataset) == []


KILLED = """
import os, signal, sys
from kymflow_zarr import ZarrDataset
real = os.replace
def replace(source, target):
    if "/analysis/" in str(target):
        if sys.argv[2] == "after":
            real(source, target)
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, target)
os.replace = replace
ZarrDataset(sys.argv[1]).record("a").save_json("kept", 2)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_writer_killed_beside_its_rename_loses_no_note(dataset: ZarrDataset, when: str) -> None:
    begin(dataset)
    command = [sys.executable, "-c", KILLED, str(dataset.path), when]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert dataset.record("a").load_json("kept") == (2 if when == "after" else 1)
    assert noted(dataset) == ["a"]
    assert noted(dataset) == []  # it has died, and its rename came before that if ever


def write_many(path: str, image_id: str) -> None:
    journal = ZarrDataset(path).journal
    for number in range(100):
        with journal.noting(f"{image_id}{number}"):
            pass


@pytest.mark.long
def test_many_processes_append_at_once(
    dataset: ZarrDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 2_000)  # so that segments change meanwhile
    begin(dataset)
    found: set[str] = set()
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(write_many, str(dataset.path), name) for name in "xyz"]
        while not all(each.done() for each in running):
            found.update(noted(dataset))
        for each in running:
            each.result()
    found.update(noted(dataset))
    assert found == {f"{name}{number}" for name in "xyz" for number in range(100)}
    assert noted(dataset) == []
    assert len(os.listdir(layout.journal(dataset.path))) <= 2


def test_a_reader_left_behind_looks_at_everything(
    dataset: ZarrDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(dataset, "one", "two")
    monkeypatch.setattr(module, "SEGMENT_BYTES", 0)
    with dataset.journal.noting("a"):
        for _ in range(3):
            dataset.record("b").save_json("x", 1)
            assert noted(dataset) == ["a", "b"]
        notes = dataset.journal.read("two")
        assert not notes.whole
        dataset.journal.keep("two", notes)
    assert noted(dataset, "two") == ["a"]  # its note was in a segment that is gone


def test_a_copy_and_a_restored_journal_are_others(dataset: ZarrDataset, tmp_path: Path) -> None:
    begin(dataset)
    kept = shutil.copytree(layout.journal(dataset.path), tmp_path / "kept")
    dataset.record("a").save_json("x", 1)
    assert noted(dataset) == ["a"]
    shutil.copytree(dataset.path, tmp_path / "copy.zarr")
    begin(ZarrDataset(tmp_path / "copy.zarr"))
    for file in kept.iterdir():  # under the old inode, but shorter than what was read
        layout.journal_segment(dataset.path, 1).write_bytes(file.read_bytes())
    begin(dataset)


def test_turned_off_and_on_again_it_is_another(dataset: ZarrDataset) -> None:
    begin(dataset)
    dataset.journal.turn_off()
    dataset.record("a").save_json("x", 1)
    dataset.journal.turn_on()
    begin(dataset)


@pytest.mark.parametrize("left", [b"\n+torn", b"\nnonsense\n", b"\n+\xff\xfe\n", b"\0\0\0"])
def test_a_torn_note_has_everything_looked_at_once(dataset: ZarrDataset, left: bytes) -> None:
    begin(dataset)
    with layout.journal_segment(dataset.path, 1).open("ab") as file:
        file.write(left)
    dataset.record("a").save_json("x", 1)
    notes = dataset.journal.read("one")
    assert not notes.whole
    assert "a" in notes.image_ids
    dataset.journal.keep("one", notes)
    assert noted(dataset) == []


def test_a_note_that_cant_be_written_stops_the_write(dataset: ZarrDataset) -> None:
    from kymflow_zarr import WriteError

    segment = layout.journal_segment(dataset.path, 1)
    segment.unlink()
    os.mkfifo(segment)
    with pytest.raises(WriteError):
        dataset.record("a").save_json("kept", 2)
    assert dataset.record("a").load_json("kept") == 1


def test_a_journal_behind_a_link_is_not_written(dataset: ZarrDataset, tmp_path: Path) -> None:
    from kymflow_zarr import OutsideError

    folder = layout.journal(dataset.path)
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutsideError):
        dataset.record("a").save_json("kept", 2)
