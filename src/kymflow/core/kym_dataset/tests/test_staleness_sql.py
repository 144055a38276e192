"""The one statement that decides, against every row of its truth table, read both ways."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import duckdb
import polars as pl
import pytest

from kymflow_sql import statement

H, V, NEVER = "hash", "v1", "never"
OK = (H, V, "ok")
IMAGE = {"image_id": pl.String}
CURRENT = {**IMAGE, "params_hash": pl.String, "rows_changed": pl.Boolean}
EXISTING = {**IMAGE, "params_hash": pl.String, "analysis_version": pl.String}
LEDGER = {**EXISTING, "status": pl.String, "n_rows": pl.Int64}

Image = tuple[str, str | None, bool]
Row = tuple[str | None, str | None, str | None]
Run = tuple[str, str | None, str, str, int | None]


def decide(
    way: str, current: Sequence[Image], rows: Sequence[Row], runs: Sequence[Run]
) -> set[tuple[object, ...]]:
    """Decide with what the table holds told by the rows, or by the ledger."""
    con = connection()
    con.register("current", pl.DataFrame(list(current), CURRENT, orient="row"))
    con.register("existing", pl.DataFrame(list(rows), EXISTING, orient="row"))
    con.register("ledger", pl.DataFrame(list(runs), LEDGER, orient="row"))
    con.execute("SET VARIABLE analysis_version = $1", [V])
    con.execute("SET VARIABLE never_analysed = $1", [NEVER])
    con.execute(statement(f"engine/held_by_{way}"))
    answer = con.sql(statement("engine/staleness"))
    assert answer.columns == ["image_id", "action", "reason", "n_rows", "recorded"]
    return set(answer.fetchall())


@cache
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def verdict(
    rows: Sequence[tuple[str | None, str | None]],
    run: tuple[str | None, str, str, int | None] | None = None,
    params: str | None = H,
    *,
    changed: bool = False,
    in_dataset: bool = True,
    way: str = "rows",
) -> tuple[object, ...]:
    """Decide on one image with these (hash, version) rows and this ledger entry."""
    current = [("i", params, changed)] if in_dataset else []
    runs = [("i", *run)] if run else []
    [(image_id, *answer, _)] = decide(way, current, [("i", *row) for row in rows], runs)
    assert image_id == "i"
    return tuple(answer)


def is_of_this_table(
    rows: Sequence[tuple[str | None, str | None]],
    run: tuple[str | None, str, str, int | None] | None,
) -> bool:
    """Tell whether a commit can leave these rows and this run behind."""
    if run is None:
        return not rows
    params_hash, version, status, n_rows = run
    return status != "ok" or (len(rows) == n_rows and set(rows) <= {(params_hash, version)})


TRUTH = [
    # rows that match, with and without the ledger's word
    ([(H, V)] * 2, None, ("skip", "fresh", 2)),
    ([(H, V)] * 2, (*OK, 2), ("skip", "fresh", 2)),
    ([(H, V)] * 2, ("other", V, "ok", 9), ("skip", "fresh", 2)),
    ([(H, V)], ("other", V, "failed", None), ("skip", "fresh", 1)),
    # no rows
    ([], (*OK, 0), ("skip", "fresh_zero_rows", 0)),
    ([], None, ("update", "missing", 0)),
    ([], (*OK, 3), ("update", "missing", 0)),
    ([], ("other", V, "ok", 0), ("update", "params_changed", 0)),
    ([], (H, "v0", "ok", 0), ("update", "version_changed", 0)),
    ([], (None, V, "failed", None), ("update", "missing", 0)),
    # rows that earlier releases marked, unless they no longer are what the mark was for
    ([(H, V)] * 2, (H, V, "outdated", None), ("update", "rows_changed", 2)),
    ([("other", V)], (H, V, "outdated", None), ("update", "params_changed", 1)),
    ([], (H, V, "outdated", None), ("update", "missing", 0)),
    ([], (H, V, "outdated", 0), ("update", "missing", 0)),
    # rows that don't match
    ([("other", V)], None, ("update", "params_changed", 1)),
    ([("other", V)], ("other", V, "ok", 1), ("update", "params_changed", 1)),
    ([(H, "v0")], None, ("update", "version_changed", 1)),
    ([(H, "v0")] * 3, (H, "v0", "ok", 3), ("update", "version_changed", 3)),
    ([("other", "v0")], None, ("update", "params_changed", 1)),
    ([("other", "v0")], ("other", "v0", "ok", 1), ("update", "params_changed", 1)),
    # rows that disagree, or hold nulls
    ([(H, V), ("other", V)], None, ("update", "mixed_provenance", 2)),
    ([(H, V), ("other", V)], (H, V, "failed", None), ("update", "failed", 2)),
    ([(H, V), ("other", V)], ("x", V, "failed", None), ("update", "mixed_provenance", 2)),
    ([(H, V), (H, "v0")], (*OK, 2), ("update", "mixed_provenance", 2)),
    ([(H, V), (None, V)], (*OK, 2), ("update", "mixed_provenance", 2)),
    ([(H, V), (H, None)], None, ("update", "mixed_provenance", 2)),
    ([(None, None)], None, ("update", "mixed_provenance", 1)),
    # rows lost or doubled since
    ([(H, V)], (*OK, 2), ("update", "row_count_mismatch", 1)),
    ([(H, V)] * 4, (*OK, 2), ("update", "row_count_mismatch", 4)),
    ([(H, V)], (*OK, 0), ("update", "row_count_mismatch", 1)),
    # the last try failed
    ([], (H, V, "failed", None), ("update", "failed", 0)),
    ([(H, V)], (H, V, "failed", None), ("update", "failed", 1)),
    ([("other", V)], (H, V, "failed", None), ("update", "failed", 1)),
]


@pytest.mark.parametrize(("rows", "run", "expected"), TRUTH)
def test_truth_table(rows, run, expected) -> None:  # type: ignore[no-untyped-def]
    assert verdict(rows, run) == expected


@pytest.mark.wide
@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("params", [H, None, NEVER])
@pytest.mark.parametrize(
    ("rows", "run"), [(rows, run) for rows, run, _ in TRUTH if is_of_this_table(rows, run)]
)
def test_ledger_and_rows_tell_the_same(rows, run, params, changed) -> None:  # type: ignore[no-untyped-def]
    told = verdict(rows, run, params, changed=changed, way="ledger")
    assert told == verdict(rows, run, params, changed=changed)
    gone = verdict(rows, run, in_dataset=False, way="ledger") if rows or run else None
    assert gone == (verdict(rows, run, in_dataset=False) if rows or run else None)


@pytest.mark.parametrize("way", ["rows", "ledger"])
@pytest.mark.parametrize(
    ("rows", "run", "expected"),
    [
        ([(H, V)] * 2, (*OK, 2), ("update", "rows_changed", 2)),
        ([], (*OK, 0), ("update", "rows_changed", 0)),
        # what is otherwise comes first: it says more
        ([("other", V)], ("other", V, "ok", 1), ("update", "params_changed", 1)),
        ([(H, "v0")], (H, "v0", "ok", 1), ("update", "version_changed", 1)),
        ([], ("other", V, "ok", 0), ("update", "params_changed", 0)),
        ([(H, V)], (H, V, "failed", None), ("update", "failed", 1)),
    ],
)
def test_rows_of_another_file_are_due(way, rows, run, expected) -> None:  # type: ignore[no-untyped-def]
    assert verdict(rows, run, changed=True, way=way) == expected


@pytest.mark.parametrize("way", ["rows", "ledger"])
def test_an_image_without_params_and_rows_was_never_analysed(way: str) -> None:
    run = (NEVER, V, "ok", 0)
    assert verdict([], run, NEVER, way=way) == ("skip", "never_analysed", 0)
    assert verdict([], run, H, way=way) == ("update", "params_changed", 0)
    assert verdict([], None, NEVER, way=way) == ("update", "missing", 0)


@pytest.mark.parametrize("way", ["rows", "ledger"])
def test_rows_of_a_deleted_image_are_pruned(way: str) -> None:
    assert verdict([(H, V)] * 3, (*OK, 3), in_dataset=False, way=way) == ("prune", "deleted", 3)


@pytest.mark.parametrize("way", ["rows", "ledger"])
def test_params_that_can_not_be_read_are_a_failure(way: str) -> None:
    assert verdict([(H, V)], (*OK, 1), None, way=way) == ("update", "failed", 1)
    assert verdict([], None, None, way=way) == ("update", "failed", 0)


def test_rows_without_an_image_are_pruned() -> None:
    answer = decide("rows", [("i", H, False)], [(None, H, V)], [])
    assert answer == {("i", "update", "missing", 0, False), (None, "prune", "deleted", 1, False)}


@pytest.mark.parametrize("way", ["rows", "ledger"])
def test_what_the_ledger_knows_comes_with_the_verdict(way: str) -> None:
    images = ("fresh", "other-failed", "failed", "zero", "old")
    rows = [("fresh", H, V), ("other-failed", H, V), ("failed", H, V), ("old", H, "v0")]
    runs: list[Run] = [
        ("fresh", *OK, 1),
        ("gone", *OK, 1),
        ("forgotten", *OK, 0),
        ("other-failed", "other", V, "failed", None),
        ("failed", H, V, "failed", None),
        ("zero", *OK, 0),
        ("old", H, "v0", "ok", 1),
    ]
    answer = decide(way, [(name, H, False) for name in images], [*rows, ("gone", H, V)], runs)
    assert {(name, action, n_rows, recorded) for name, action, _, n_rows, recorded in answer} == {
        ("fresh", "skip", 1, True),
        ("other-failed", "skip", 1, False),
        ("failed", "update", 1, False),
        ("zero", "skip", 0, True),
        ("old", "update", 1, False),
        ("gone", "prune", 1, False),
        ("forgotten", "forget", 0, False),
    }


def test_rows_the_ledger_does_not_know_are_told_by_the_rows() -> None:
    answer = decide("rows", [("i", H, False)], [("i", H, V)], [("i", "other", V, "ok", 1)])
    assert answer == {("i", "skip", "fresh", 1, False)}
