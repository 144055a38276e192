"""The one statement that decides, against every row of its truth table."""

from __future__ import annotations

import duckdb
import polars as pl
import pytest

from kymflow_sql import statement

H, V = "hash", "v1"
OK = (H, V, "ok")
CURRENT = {"image_id": pl.String, "params_hash": pl.String}
EXISTING = {**CURRENT, "analysis_version": pl.String}
LEDGER = {**EXISTING, "status": pl.String, "n_rows": pl.Int64}


def decided(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    con.execute("SET VARIABLE analysis_version = $1", [V])
    return con.sql(statement("engine/staleness")).select("image_id", "action", "reason", "n_rows")


def verdict(
    rows: list[tuple[str | None, str | None]],
    run: tuple[str | None, str, str, int | None] | None = None,
    current: list[tuple[str, str | None]] | None = None,
) -> list[tuple[str, str, int]]:
    """Decide on image ``i`` with these (hash, version) rows and this ledger entry."""
    with duckdb.connect() as con:
        images = [("i", H)] if current is None else current
        con.register("current", pl.DataFrame(images, CURRENT, orient="row"))
        held = [("i", *row) for row in rows]
        con.register("existing", pl.DataFrame(held, EXISTING, orient="row"))
        runs = [("i", *run)] if run else []
        con.register("ledger", pl.DataFrame(runs, LEDGER, orient="row"))
        answer = decided(con)
        assert answer.columns == ["image_id", "action", "reason", "n_rows"]
        return [row[1:] for row in answer.fetchall()]


@pytest.mark.parametrize(
    ("rows", "run", "expected"),
    [
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
        # rows marked as outdated, unless they no longer are what the mark was for
        ([(H, V)] * 2, (H, V, "outdated", None), ("update", "outdated", 2)),
        ([(H, V)] * 2, (H, "v0", "outdated", None), ("skip", "fresh", 2)),
        ([("other", V)], (H, V, "outdated", None), ("update", "params_changed", 1)),
        ([], (H, V, "outdated", None), ("update", "missing", 0)),
        ([], (H, V, "outdated", 0), ("update", "missing", 0)),
        # rows that don't match
        ([("other", V)], None, ("update", "params_changed", 1)),
        ([(H, "v0")], None, ("update", "version_changed", 1)),
        ([("other", "v0")], None, ("update", "params_changed", 1)),
        # rows that disagree, or hold nulls
        ([(H, V), ("other", V)], None, ("update", "mixed_provenance", 2)),
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
    ],
)
def test_truth_table(rows, run, expected) -> None:  # type: ignore[no-untyped-def]
    assert verdict(rows, run) == [expected]


def test_rows_of_a_deleted_image_are_pruned() -> None:
    assert verdict([(H, V)] * 3, (*OK, 3), current=[]) == [("prune", "deleted", 3)]


def test_params_that_can_not_be_read_are_a_failure() -> None:
    assert verdict([(H, V)], (*OK, 1), current=[("i", None)]) == [("update", "failed", 1)]
    assert verdict([], None, current=[("i", None)]) == [("update", "failed", 0)]


def test_rows_without_an_image_are_pruned() -> None:
    with duckdb.connect() as con:
        con.register("current", pl.DataFrame([("i", H)], CURRENT, orient="row"))
        con.register("existing", pl.DataFrame([(None, H, V)], EXISTING, orient="row"))
        con.register("ledger", pl.DataFrame(schema=LEDGER))
        answer = decided(con).fetchall()
    assert set(answer) == {("i", "update", "missing", 0), (None, "prune", "deleted", 1)}


def test_what_the_ledger_knows_comes_with_the_verdict() -> None:
    current = [("fresh", H), ("unrecorded", H), ("failed", H), ("zero", H), ("old", H)]
    rows = [("fresh", H, V), ("unrecorded", H, V), ("failed", H, V), ("old", H, V), ("gone", H, V)]
    runs = [
        *[(image_id, *OK, 1) for image_id in ("fresh", "gone", "forgotten")],
        ("unrecorded", "other", V, "ok", 1),
        ("failed", H, V, "failed", None),
        ("zero", *OK, 0),
        ("old", H, "v0", "ok", 1),
    ]
    with duckdb.connect() as con:
        con.register("current", pl.DataFrame(current, CURRENT, orient="row"))
        con.register("existing", pl.DataFrame(rows, EXISTING, orient="row"))
        con.register("ledger", pl.DataFrame(runs, LEDGER, orient="row"))
        con.execute("SET VARIABLE analysis_version = $1", [V])
        answer = con.sql(statement("engine/staleness"))
        found = answer.select("image_id", "action", "n_rows", "recorded").fetchall()
    assert set(found) == {
        ("fresh", "skip", 1, True),
        ("unrecorded", "skip", 1, False),
        ("failed", "update", 1, False),
        ("zero", "skip", 0, True),
        ("old", "skip", 1, False),
        ("gone", "prune", 1, False),
        ("forgotten", "forget", 0, False),
    }
