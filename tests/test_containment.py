"""A place is a dataset's own if it lies in its folder once all links are followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kymflow_zarr import OutsideError, ReadOnlyError
from kymflow_zarr.store.containment import (
    delete_within,
    is_within,
    resolve_all_within,
    resolve_within,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with links that lead about, and out of it, beside one that they lead to."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    (outside / "folder").mkdir(parents=True)
    (root / "own" / "deep").mkdir(parents=True)
    for path in (outside / "file", outside / "folder" / "file", root / "own" / "file"):
        path.write_text("precious")
    links = {
        "out": outside,
        "own/file_out": outside / "file",
        "own/relative": Path("../../outside"),
        "about": root / "own",
        "chain": Path("about/deep/../relative"),
        "loop": Path("loop"),
        "dangling": outside / "none",
        "own/dangling_in": root / "none",
    }
    for name, to in links.items():
        (root / name).symlink_to(to)
    return root


IN = ["", ".", "own", "own/file", "own/none/deeper", "about/file", "own/dangling_in", "own/../own/"]
OUT = [
    *("..", "../outside/file", "own/../../outside", "out", "out/file", "out/none", "own/file_out"),
    *("own/relative/folder/file", "chain/folder", "dangling", "about/../../outside", "/", "/etc"),
    *("../root2", "http://127.0.0.1/x", "s3://bucket/x", "file:/etc/passwd", "file:///etc/passwd"),
]


@pytest.mark.parametrize("place", IN)
def test_a_place_is_where_its_links_lead(root: Path, place: str) -> None:
    expected = Path(os.path.realpath(root / place))
    assert resolve_within(root, place) == expected
    assert resolve_within(root, root / place) == expected
    assert is_within(root, place)
    link = root.with_name("link")
    link.symlink_to(root)
    assert resolve_within(link, link / place) == expected


@pytest.mark.parametrize("place", OUT)
def test_a_place_elsewhere_is_refused(root: Path, place: str) -> None:
    before = sorted(root.parent.rglob("*"))
    with pytest.raises(OutsideError, match="lies") as caught:
        resolve_within(root, place)
    assert isinstance(caught.value, ReadOnlyError)
    assert not is_within(root, place)
    with pytest.raises(OutsideError):
        resolve_all_within(root, ["own/file", place])
    assert sorted(root.parent.rglob("*")) == before


def test_a_link_to_itself_is_deleted_as_a_link(root: Path) -> None:
    assert delete_within(root, "loop")
    assert not (root / "loop").is_symlink()


def test_of_a_link_only_the_link_is_deleted(root: Path) -> None:
    outside = root.with_name("outside")
    assert delete_within(root, "own/file_out")
    assert delete_within(root, "out")
    assert (outside / "file").read_text() == "precious"
    assert delete_within(root, "own/file")
    assert not delete_within(root, "own/file")


@pytest.mark.parametrize("place", ["out/file", "../outside/file", "own/relative/file", "..", ""])
def test_nothing_elsewhere_is_deleted(root: Path, place: str) -> None:
    before = sorted(root.parent.rglob("*"))
    with pytest.raises(OutsideError):
        delete_within(root, place)
    assert sorted(root.parent.rglob("*")) == before
