"""Images told apart as fresh by the ledger alone, against a plain loop over the same rules."""

from __future__ import annotations

import random

import polars as pl
import pytest

from kymflow.core.kym_dataset.indexers.base import NEVER_ANALYSED
from kymflow.core.kym_dataset.update.settled import settle
from kymflow_zarr.duck import engine_connection

CURRENT = pl.Schema(
    {"image_id": pl.String(), "params_hash": pl.String(), "rows_changed": pl.Boolean()}
)
RUNS = pl.Schema(
    {
        "image_id": pl.String(),
        "params_hash": pl.String(),
        "analysis_version": pl.String(),
        "status": pl.String(),
        "n_rows": pl.Int64(),
    }
)
HASHES = ["p", "q", NEVER_ANALYSED, None]


def settled(current: pl.DataFrame, runs: pl.DataFrame):
    with engine_connection(None) as con:
        return settle(con, current, runs, "v1")


def drawn(seed: int, changes: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Draw a survey and a ledger that differ in a share of the images, neither in order."""
    choose = random.Random(seed)
    images, runs = [], []
    for number in range(400):
        params = choose.choice(HASHES[:3])
        image = [f"é{number}", params, False]
        run = [f"é{number}", params, "v1", "ok", choose.choice([0, 1, 7])]
        if choose.random() < changes:
            image[1:] = [choose.choice(HASHES), choose.random() < 0.3]
            run[2:] = [
                choose.choice(["v1", "v2", None]),
                choose.choice(["ok", "failed"]),
                choose.choice([0, 2, None]),
            ]
        if choose.random() > changes / 5:
            images.append(image)
        if choose.random() > changes / 5:
            runs.append(run)
    if changes:
        choose.shuffle(runs)
    return (
        pl.DataFrame(images, CURRENT, orient="row"),
        pl.DataFrame(runs, RUNS, orient="row"),
    )


def by_loop(current: pl.DataFrame, runs: pl.DataFrame) -> dict[str, tuple[str, int, str]]:
    last = {run["image_id"]: run for run in runs.iter_rows(named=True)}
    found = {}
    for image_id, params, rows_changed in current.iter_rows():
        run = last.get(image_id)
        if run is None or rows_changed or params is None or run["params_hash"] != params:
            continue
        if run["status"] == "ok" and run["analysis_version"] == "v1" and run["n_rows"] is not None:
            none = "never_analysed" if params == NEVER_ANALYSED else "fresh_zero_rows"
            found[image_id] = ("fresh" if run["n_rows"] else none, run["n_rows"], params)
    return found


@pytest.mark.parametrize("changes", [0.0, 0.05, 0.9])
@pytest.mark.parametrize("seed", range(3))
def test_it_finds_what_a_loop_finds(seed: int, changes: float) -> None:
    current, runs = drawn(seed, changes)
    decision, left, runs_left = settled(current, runs)
    expected = by_loop(current, runs)
    assert {
        row["image_id"]: (row["reason"], row["n_rows"], row["params_hash"])
        for row in decision.iter_rows(named=True)
    } == expected
    assert set(decision["action"]) <= {"skip"}
    assert all(decision["recorded"])
    assert left.equals(current.filter(~pl.col("image_id").is_in(list(expected))))
    assert runs_left.equals(runs.filter(~pl.col("image_id").is_in(list(expected))))


def test_a_ledger_with_an_image_twice_is_for_the_whole_statement() -> None:
    current, runs = drawn(0, 0.0)
    twice = pl.concat([runs, runs.head(1).with_columns(n_rows=pl.lit(9, pl.Int64))])
    decision, left, runs_left = settled(current, twice)
    assert decision.is_empty()
    assert left.equals(current)
    assert runs_left.equals(twice)


def test_two_images_of_one_hash_are_for_the_whole_statement(monkeypatch) -> None:
    current, runs = drawn(0, 0.0)
    monkeypatch.setattr(pl.Expr, "hash", lambda self, seed: self.str.len_bytes().cast(pl.UInt64))
    decision, left, _ = settled(current, runs.reverse())
    assert decision.is_empty()
    assert left.equals(current)


def test_nothing_at_all_is_settled() -> None:
    decision, left, runs_left = settled(pl.DataFrame(schema=CURRENT), pl.DataFrame(schema=RUNS))
    assert (decision.height, left.height, runs_left.height) == (0, 0, 0)
