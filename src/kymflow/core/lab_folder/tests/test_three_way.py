from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymflow.core.lab_folder.three_way import ABSENT, UNKNOWN, Clash, is_same, merge

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(0, 3), st.sampled_from([1.0, 0.5, "", "a", "b"])
)
KEYS = st.sampled_from(["a", "b", "c"])
TREES = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=3),
    lambda inner: st.dictionaries(KEYS, st.one_of(LEAVES, inner), max_size=3),
    max_leaves=8,
)
Flat = dict[tuple[str, ...], Any]


def flat(tree: dict[str, Any], path: tuple[str, ...] = ()) -> Flat:
    """Return the leaves of a tree by their paths."""
    leaves: Flat = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            leaves |= flat(value, (*path, key))
        else:
            leaves[*path, key] = value
    return leaves


def grown(leaves: Flat, *others: Flat) -> dict[str, Any]:
    """Return the tree of some leaves, with the branches of others."""
    tree: dict[str, Any] = {}
    for path in [*leaves, *(path for each in others for path in each)]:
        branch = tree
        for key in path[:-1]:
            branch = branch.setdefault(key, {})
        if path in leaves:
            branch[path[-1]] = leaves[path]
    return tree


def alike(a: object, b: object) -> bool:
    """Compare two leaves as JSON texts, in which true is not 1 and 1.0 is 1."""
    return (isinstance(a, bool), a) == (isinstance(b, bool), b)


NONE = object()


def oracle(base: Flat, theirs: Flat, ours: Flat) -> tuple[Flat, set[str]]:
    """Merge leaf by leaf, by the table of all cases."""
    merged: Flat = {}
    clashes = set()
    for path in base.keys() | theirs.keys() | ours.keys():
        b, t, o = (side.get(path, NONE) for side in (base, theirs, ours))
        we, they = not alike(b, o), not alike(b, t)
        if we and they and not alike(t, o):
            clashes.add(".".join(path))
        value = t if they and not we else o
        if value is not NONE:
            merged[path] = value
    return merged, clashes


@st.composite
def three_trees(draw: st.DrawFn) -> tuple[Flat, Flat, Flat]:
    """Return the leaves of a tree, and of it after two people changed some, none into a branch."""
    base = flat(draw(TREES))
    sides = []
    for _ in range(2):
        side = dict(base)
        paths = [*base, ("new",), ("deep", "new"), ("deep", "other")]
        for path in draw(st.lists(st.sampled_from(paths), max_size=4)):
            if draw(st.booleans()):
                side[path] = draw(LEAVES)
            else:
                side.pop(path, None)
        sides.append(side)
    return base, *sides


@pytest.mark.long
@settings(max_examples=300)
@given(three_trees())
def test_trees_are_merged_leaf_by_leaf(sides: tuple[Flat, Flat, Flat]) -> None:
    base, theirs, ours = (grown(side, *sides) for side in sides)
    clashes: list[Clash] = []
    merged = merge(base, theirs, ours, clashes)
    expected, told = oracle(*sides)
    assert flat(merged) == expected
    assert all(alike(flat(merged)[path], value) for path, value in expected.items())
    assert {clash.field for clash in clashes} == told
    again: list[Clash] = []
    assert merge(base, theirs, merged, again) == merged  # what was killed can be done again
    assert {clash.field for clash in again} <= told
    later: list[Clash] = []
    assert merge(theirs, theirs, merged, later) == merged
    assert later == []


ROI = {"roi_id": 1, "x0": 0, "x1": 9, "name": "a"}


def merged_rois(base: list, theirs: list, ours: list) -> tuple[list, list[str]]:
    clashes: list[Clash] = []
    rois = merge({"rois": base}, {"rois": theirs}, {"rois": ours}, clashes)["rois"]
    return rois, [clash.field for clash in clashes]


def test_rois_are_merged_by_their_ids() -> None:
    two, zero = {"roi_id": 2, "x0": 5}, {"roi_id": 0, "x0": 7}
    theirs = [zero, {**ROI, "x0": 3}, two]
    ours = [{**ROI, "name": "b"}, two]
    assert merged_rois([ROI, two], theirs, ours) == ([{**ROI, "name": "b", "x0": 3}, two, zero], [])
    assert merged_rois([ROI, two], [ROI], ours) == ([{**ROI, "name": "b"}], [])
    both = ([{**ROI, "x0": 4}], ["rois.1.x0"])
    assert merged_rois([ROI], [{**ROI, "x0": 3}], [{**ROI, "x0": 4}]) == both
    twice = [ROI, {**ROI, "x0": 8}]  # no list of ROIs to tell apart: one value
    assert merged_rois([ROI], twice, [{**ROI, "x0": 4}]) == ([{**ROI, "x0": 4}], ["rois"])


@pytest.mark.parametrize(
    ("theirs", "ours", "merged", "told"),
    [
        ({"a": 1}, {"a": 2}, {"a": 2}, ["a"]),
        ({"a": 1}, {"a": ""}, {"a": 1}, []),
        ({"a": 1}, {"a": None}, {"a": 1}, []),
        ({"a": 1}, {}, {"a": 1}, []),
        ({}, {"a": 2}, {"a": 2}, ["a"]),
        ({}, {"a": ""}, {"a": ""}, []),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}, ["a.b"]),
    ],
)
def test_without_a_base_the_datasets_values_win(theirs, ours, merged, told) -> None:
    clashes: list[Clash] = []
    assert merge(UNKNOWN, theirs, ours, clashes) == merged
    assert [clash.field for clash in clashes] == told


def test_true_is_not_one_and_nan_is_itself() -> None:
    assert not is_same(True, 1)
    assert is_same([1, {"a": 2.0}], [1.0, {"a": 2}])
    assert is_same(float("nan"), float("nan"))
    assert not is_same(ABSENT, None)


def test_a_clash_says_all_three_values() -> None:
    assert str(Clash("a.b", 1, "x", None)) == 'a.b: null kept; the folder has "x", 1 before'
    assert str(Clash("a", UNKNOWN, ABSENT, 5)) == "a: 5 kept; the folder has nothing"
    assert len(str(Clash("a", UNKNOWN, ABSENT, "long" * 99))) < 150
