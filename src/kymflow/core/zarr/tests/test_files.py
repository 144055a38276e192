from __future__ import annotations

from pathlib import Path

import pytest

from kymflow_zarr.store.files import atomic_path, write_atomic
from kymflow_zarr.store.reads import read_many, read_unchanged


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_atomic(target, b"old")

    def fail() -> None:
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_reading_many_keeps_order_and_marks_what_is_absent(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"A" * 3_000_000)
    (tmp_path / "b").write_bytes(b"")
    paths = [str(tmp_path / name) for name in ("b", "none", "a", "a/below-a-file")]
    assert list(read_many(paths)) == [b"", None, b"A" * 3_000_000, None]


def test_a_read_during_which_the_file_is_replaced_is_done_again(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_atomic(target, b"old")
    tries = 0

    def read() -> bytes:
        nonlocal tries
        tries += 1
        data = target.read_bytes()
        if tries == 1:
            write_atomic(target, b"newer")
            raise ValueError("the footer of one and the data of the other")
        if tries == 2:
            write_atomic(target, b"newest")
        return data

    assert read_unchanged([target], read) == b"newest"
    assert tries == 3


def test_an_error_of_a_file_left_alone_is_raised_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_unchanged([tmp_path / "none"], (tmp_path / "none").read_bytes)
