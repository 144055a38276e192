"""What an update does, end to end, to a table or ledger that people or older writers have changed.

Each verdict alone stands in ``kym_dataset/tests/test_staleness_sql.py``; unchanged, deleted and
failing images, bumped versions, fewer rows and lost ledgers in ``test_update_index.py`` and
``test_failures.py`` beside it.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.integrity.check import check
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow_zarr import ZarrDataset
from tests.support.images import add_image

EVENTS = VelocityEventIndexer()
TABLE = "kym_velocity_events"


class OfALab(VelocityEventIndexer):
    """A lab's own, whose code has a fingerprint; kymflow's has none."""


FIRST = pl.int_range(pl.len()).over("image_id") == 0
OF_B = pl.col("image_id") == "b"


def index_three_images(dataset: ZarrDataset) -> None:
    for image_id, n_events in {"a": 2, "b": 3, "c": 0}.items():
        add_image(dataset, image_id, n_events)
    KymDataset(dataset).update_index(EVENTS)


@pytest.fixture
def kym(dataset, made_once) -> KymDataset:
    return KymDataset(made_once(dataset, index_three_images))


def without(column: str, where: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda rows: rows.with_columns(pl.when(~where).then(column).alias(column))


BY_HAND: dict[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], str]] = {
    "params_hash null in one row": (without("params_hash", OF_B & FIRST), "mixed_provenance"),
    "params_hash null in all rows": (without("params_hash", OF_B), "mixed_provenance"),
    "version null": (without("analysis_version", OF_B), "mixed_provenance"),
    "two hashes": (
        lambda rows: rows.with_columns(
            params_hash=pl.when(OF_B & FIRST).then(pl.lit("other")).otherwise("params_hash")
        ),
        "mixed_provenance",
    ),
    "rows doubled": (lambda rows: pl.concat([rows, rows.filter(OF_B)]), "row_count_mismatch"),
    "a row removed": (lambda rows: rows.filter(~(OF_B & FIRST)), "row_count_mismatch"),
    "a row added": (
        lambda rows: pl.concat([rows, rows.filter(OF_B & FIRST)]),
        "row_count_mismatch",
    ),
    "all rows removed": (lambda rows: rows.filter(~OF_B), "missing"),
}


@pytest.mark.wide
@pytest.mark.parametrize("change", BY_HAND)
def test_an_edited_table_is_made_good(kym: KymDataset, change: str) -> None:
    whole = kym.dataset.load_table(TABLE)
    edit, reason = BY_HAND[change]
    kym.dataset.save_table(TABLE, edit(whole))
    report = kym.update_index(EVENTS, mode="incremental")
    assert report.reasons == {"fresh": 1, "fresh_zero_rows": 1, reason: 1}
    assert kym.dataset.load_table(TABLE).sort("image_id", maintain_order=True).equals(whole)
    assert check(kym.dataset).is_empty()
    assert kym.update_index(EVENTS, mode="incremental").skipped == 3


def test_rows_that_name_no_image_are_pruned(kym: KymDataset) -> None:
    whole = kym.dataset.load_table(TABLE)
    stray = whole.head(1).with_columns(image_id=pl.lit(None, pl.String))
    kym.dataset.save_table(TABLE, pl.concat([whole, stray]))
    assert kym.update_index(EVENTS, mode="incremental").pruned == 1
    assert kym.dataset.load_table(TABLE).equals(whole)


def test_values_edited_by_hand_are_made_again_of_that_image_alone(kym: KymDataset) -> None:
    whole = kym.dataset.load_table(TABLE)
    note = pl.when(OF_B & FIRST).then(pl.lit("seen by me")).otherwise("note")
    kym.dataset.save_table(TABLE, whole.with_columns(note=note))
    report = kym.update_index(EVENTS, mode="incremental")
    assert report.reasons == {"fresh": 1, "fresh_zero_rows": 1, "rows_changed": 1}
    assert kym.dataset.load_table(TABLE).sort("image_id", maintain_order=True).equals(whole)


def test_a_table_written_again_as_it_was_costs_nothing(kym: KymDataset) -> None:
    whole = kym.dataset.load_table(TABLE)
    rows = (
        whole.sample(fraction=1.0, shuffle=True, seed=1)
        .sort("image_id")
        .with_columns(of_mine=pl.lit(None, pl.String))
    )
    kym.dataset.save_table(TABLE, rows)
    assert kym.update_index(EVENTS, mode="incremental").skipped == 3


@pytest.mark.long
def test_a_table_of_before_is_not_fresh(kym: KymDataset, set_events) -> None:
    before = kym.dataset.load_table(TABLE)
    set_events(kym.dataset.record("b"), 2)
    kym.update_index(EVENTS, mode="incremental")
    after = kym.dataset.load_table(TABLE)
    kym.dataset.save_table(TABLE, before)
    reasons = kym.staleness(EVENTS)["reason"].to_list()
    assert reasons == ["fresh", "row_count_mismatch", "fresh_zero_rows"]
    kym.update_index(EVENTS, mode="incremental")
    now = kym.dataset.load_table(TABLE).sort("image_id", maintain_order=True)
    assert now.equals(after.sort("image_id", maintain_order=True))


def test_the_ledger_of_an_older_writer_is_taken_and_carried_on(kym: KymDataset) -> None:
    ledger = Ledger(kym.dataset, TABLE)
    older = ["image_id", "params_hash", "analysis_version", "status", "n_rows"]
    kym.dataset.tables.backend.save(ledger.runs, ledger.load(*older))
    assert kym.update_index(EVENTS, mode="incremental").skipped == 3
    add_image(kym.dataset, "d", 1)
    assert kym.update_index(OfALab(), mode="incremental").updated == 1
    runs = ledger.load()
    assert runs["image_id"].sort().to_list() == list("abcd")
    assert runs.filter(pl.col("image_id") == "d")["code_hash"].null_count() == 0
    assert check(kym.dataset).is_empty()


@pytest.mark.parametrize("odd", [pl.lit("many"), pl.lit([1])], ids=["text", "lists"])
def test_a_ledger_whose_columns_hold_something_else_is_made_anew(
    kym: KymDataset, odd: pl.Expr
) -> None:
    ledger = Ledger(kym.dataset, TABLE)
    kym.dataset.tables.backend.save(ledger.runs, ledger.load().with_columns(n_rows=odd))
    assert kym.update_index(EVENTS, mode="incremental").failed == 0
    assert dict(ledger.load("image_id", "n_rows").iter_rows()) == {"a": 2, "b": 3, "c": 0}
    assert check(kym.dataset).is_empty()
    assert kym.update_index(EVENTS, mode="incremental").skipped == 3


def test_two_rows_that_become_none_stay_fresh_for_ever(kym: KymDataset, set_events) -> None:
    record = kym.dataset.record("a")
    set_events(record, 0)
    record.save_json("velocity_events/params", {"mad_k": 9.0})
    assert kym.update_index(EVENTS, mode="incremental").updated == 1
    for _ in range(3):
        report = kym.update_index(EVENTS, mode="incremental")
        assert report.reasons == {"fresh": 1, "fresh_zero_rows": 2}
    assert set(kym.dataset.load_table(TABLE)["image_id"]) == {"b"}
