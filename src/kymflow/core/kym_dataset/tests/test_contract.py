"""What an indexer that breaks its contract is told, and that nothing is written then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import polars as pl
import pytest

from kymflow.core.errors import IndexerOutputError, InvalidIndexerError
from kymflow.core.kym_dataset import BaseIndexer, KymDataset
from kymflow.core.kym_dataset.indexers.base import ExtractedBatch, ParamsHashes
from kymflow.core.kym_dataset.update import extract
from kymflow_zarr import ArtifactSchemaError, TableSchemaError, ZarrDataset, ZarrImageRecord


class Plain(BaseIndexer):
    """An indexer that does as it is told by its arguments."""

    name = "plain"

    def __init__(
        self,
        hash_: Callable[[str], object] = lambda image_id: "hash",
        rows: Callable[[str], pl.DataFrame] = lambda image_id: pl.DataFrame({"x": [1]}),
        version: object = "plain@1",
    ) -> None:
        self.hash, self.rows, self.version = hash_, rows, version

    def analysis_version(self) -> str:
        return self.version  # type: ignore[return-value]

    def params_hash(self, rec: ZarrImageRecord) -> str:
        return self.hash(rec.image_id)  # type: ignore[return-value]

    def extract_rows(self, rec: ZarrImageRecord) -> pl.DataFrame:
        return self.rows(rec.image_id)


class Bulk(Plain):
    """The same, a batch at a time."""

    def __init__(
        self,
        batch: Callable[[Sequence[str]], pl.DataFrame] = lambda image_ids: pl.DataFrame(
            {"image_id": image_ids, "x": 1}
        ),
        hashes: Callable[[Sequence[str]], list[str]] = lambda image_ids: ["hash"] * len(image_ids),
    ) -> None:
        super().__init__()
        self.batch, self.all_hashes = batch, hashes

    def params_hashes(self, dataset: ZarrDataset, image_ids: Sequence[str]) -> ParamsHashes:
        return ParamsHashes(self.all_hashes(image_ids), {})

    def extract_batch(self, dataset: ZarrDataset, image_ids: Sequence[str]) -> ExtractedBatch:
        return ExtractedBatch(self.batch(image_ids), {})


def _deep(levels: int) -> pl.DataType:
    dtype: pl.DataType = pl.Int64()
    for _ in range(levels):
        dtype = pl.List(dtype)
    return dtype


@pytest.fixture
def kym(dataset: ZarrDataset, fill) -> KymDataset:
    return KymDataset(fill(dataset, dict.fromkeys("abc", 0)))


@pytest.mark.long
def test_rows_of_either_kind_are_taken(kym: KymDataset) -> None:
    for indexer in (Plain(), Bulk()):
        assert kym.update_index(indexer).updated == 3
        assert kym.dataset.load_table("kym_plain")["x"].to_list() == [1, 1, 1]
        assert kym.update_index(indexer, mode="incremental").skipped == 3


def test_ids_may_be_categories(kym: KymDataset) -> None:
    def batch(image_ids: Sequence[str]) -> pl.DataFrame:
        return pl.DataFrame({"image_id": image_ids}, {"image_id": pl.Categorical})

    kym.update_index(Bulk(batch))
    assert kym.dataset.load_table("kym_plain")["image_id"].to_list() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("indexer", "kind", "message"),
    [
        (Plain(version=""), InvalidIndexerError, "'' for its analysis_version"),
        (Plain(version=2), InvalidIndexerError, "2 for its analysis_version"),
        (Plain(hash_=lambda image_id: None), InvalidIndexerError, "None for a params_hash"),
        (Plain(hash_=lambda image_id: ""), InvalidIndexerError, "'' for a params_hash"),
        (Bulk(hashes=lambda ids: ["h"]), InvalidIndexerError, "answered 1 hashes for 3 images"),
        (
            Bulk(lambda ids: pl.DataFrame({"x": [1]})),
            IndexerOutputError,
            "a batch without image_id",
        ),
        (
            Bulk(lambda ids: pl.DataFrame({"image_id": [*ids, "z"]})),
            IndexerOutputError,
            "rows of an image it was not asked for .image_id z",
        ),
    ],
)
def test_a_breach_is_said_and_nothing_written(
    kym: KymDataset, indexer: Plain, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        kym.update_index(indexer, on_error="record")
    assert kym.dataset.list_table_names() == []


@pytest.mark.parametrize(
    ("indexer", "note"),
    [
        (
            Plain(hash_=lambda image_id: f"{1 // (image_id != 'b')}"),
            "while hashing the params of image_id b",
        ),
        (
            Plain(rows=lambda image_id: pl.DataFrame({"x": [1 // (image_id != "b")]})),
            "while extracting image_id b",
        ),
        (
            Bulk(lambda ids: pl.DataFrame({"image_id": ids, "x": 1 // 0})),
            "while extracting image_ids a … c",
        ),
    ],
)
def test_a_defect_is_raised_as_it_is_with_its_place(
    kym: KymDataset, indexer: Plain, note: str
) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        kym.update_index(indexer, on_error="record")
    assert caught.value.__notes__ == [note]


def test_an_image_whose_params_are_bad_fails_alone(kym: KymDataset) -> None:
    def hash_(image_id: str) -> str:
        if image_id == "b":
            raise ArtifactSchemaError("bad params", image_id="b", artifact="params")
        return "hash"

    report = kym.update_index(Plain(hash_), on_error="record")
    assert (report.updated, [failure.image_id for failure in report.failures]) == (2, ["b"])
    why = str(kym.explain(Plain(hash_), "b"))
    assert why.splitlines()[0] == "b: update, failed (0 rows)"
    assert "  last error: bad params" in why


ODD = {
    "object": [{1}],
    "duration": [timedelta(1)],
    "list of durations": [[timedelta(1)]],
    "struct of durations": [{"took": timedelta(1)}],
    "time of day": [time(1, 2, 3)],
    "128 bits": pl.Series([1], dtype=pl.Int128),
    "fields alike but for case": [{"a": 1, "A": 2}],
    "a field without a name": [{"": 1}],
    "a struct without fields": pl.Series([{}], dtype=pl.Struct([])),
    "nested too deeply": pl.Series([[]], dtype=_deep(60)),
    "of another type": ["1"],
    "a time beyond the calendar": pl.Series([2**62]).cast(pl.Datetime("ms")),
}
"""A column ``x`` of one image that no table can hold, beside whole numbers of the others."""


@pytest.mark.wide
@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("bulk", [False, True], ids=["one by one", "in bulk"])
def test_what_no_table_can_hold_fails_its_image_alone(
    kym: KymDataset, kind: str, bulk: bool
) -> None:
    def rows(image_id: str) -> pl.DataFrame:
        return pl.DataFrame({"x": ODD[kind] if image_id == "b" else [7]})

    def batch(image_ids: Sequence[str]) -> pl.DataFrame:
        # A frame has one type a column: the odd one is in a column of its own.
        frames = [rows(i).rename({"x": f"x{i == 'b'}"}) for i in image_ids]
        owned = [f.with_columns(image_id=pl.lit(i)) for f, i in zip(frames, image_ids, strict=True)]
        return pl.concat(owned, how="diagonal")

    if bulk and kind == "of another type":
        pytest.skip("a frame has one type a column")
    indexer = Bulk(batch) if bulk else Plain(rows=rows)
    report = kym.update_index(indexer, on_error="record")
    assert (report.updated, [failure.image_id for failure in report.failures]) == (2, ["b"])
    [failure] = report.failures
    assert failure.message.startswith("its rows can't be stored: column 'x")
    assert "\n" not in failure.message
    table = kym.dataset.load_table("kym_plain")
    assert table["image_id"].to_list() == ["a", "c"]
    assert table["xFalse" if bulk else "x"].to_list() == [7, 7]
    with pytest.raises((IndexerOutputError, TableSchemaError), match="column 'x"):
        kym.update_index(indexer, mode="incremental")


@pytest.mark.wide
@pytest.mark.parametrize(
    ("values", "stored"),
    [
        (pl.Series([1.5], dtype=pl.Float16), [1.5]),
        (pl.Series(["a"], dtype=pl.Categorical), ["a"]),
        (pl.Series([["a"]], dtype=pl.List(pl.Categorical)), [["a"]]),
        (pl.Series([[1.5, 2.5]], dtype=pl.Array(pl.Float64, 2)), [[1.5, 2.5]]),
        (pl.Series([[]], dtype=pl.Array(pl.Float64, 0)), [[]]),
        (pl.Series([{"a b": [1], '"': "x"}]), [{"a b": [1], '"': "x"}]),
        (pl.Series([datetime(9999, 1, 1)]), [datetime(9999, 1, 1)]),
        (pl.Series([date(9999, 12, 31)]), [date(9999, 12, 31)]),
        (pl.Series([Decimal("12345678901234567890.123")]), [Decimal("12345678901234567890.123")]),
        (pl.Series([b"\x00\xff"]), [b"\x00\xff"]),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, pl.Series) else "",
)
def test_what_a_table_can_hold_reads_back_alike(
    kym: KymDataset, values: pl.Series, stored: list[object]
) -> None:
    kym.update_index(Plain(rows=lambda image_id: pl.DataFrame({"x": values})))
    assert kym.dataset.load_table("kym_plain")["x"].to_list() == stored * 3


@pytest.mark.wide
@pytest.mark.parametrize(
    ("odd", "others"),
    [
        ([datetime(9999, 1, 1)], pl.Series([1]).cast(pl.Datetime("ns"))),
        ([2**53 + 1], [0.5]),
        ([[2**53 + 1]], [[0.5]]),
        ([0.5], [2**53 + 1]),
        (pl.Series([1]).cast(pl.Datetime("ns")), [datetime(9999, 1, 1)]),
    ],
    ids=["year 9999", "digits", "digits in a list", "fractions", "nanoseconds"],
)
@pytest.mark.parametrize("batch", [1, 100])
def test_a_value_that_the_common_type_would_change_fails_its_image_alone(
    kym: KymDataset, odd: object, others: object, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "BATCH", batch)
    held = {"b": pl.DataFrame({"x": odd})}
    indexer = Plain(rows=lambda image_id: held.get(image_id, pl.DataFrame({"x": others})))
    report = kym.update_index(indexer, on_error="record")
    assert [failure.image_id for failure in report.failures] == ["b"]
    assert "'x' holds" in report.failures[0].message
    table = kym.dataset.load_table("kym_plain")
    kept = pl.Series("x", others)
    assert table["x"].equals(pl.concat([kept, kept]))
    held["c"] = pl.DataFrame({"x": odd})  # now against the rows that stay
    again = kym.update_index(indexer, image_ids=["c"], on_error="record")
    assert [failure.image_id for failure in again.failures] == ["c"]
    assert kym.dataset.load_table("kym_plain").equals(table)


@pytest.mark.long
def test_a_column_of_which_no_row_stays_may_change_its_type(kym: KymDataset, fill) -> None:
    grades: list[object] = [1, 2]

    def rows(image_id: str) -> pl.DataFrame:
        return pl.DataFrame({"x": [7]} if image_id == "a" else {"x": [8], "grade": grades[:1]})

    hashes = iter(["1"] * 3 + ["1", "2", "2"] + ["1", "2", "3"])
    indexer = Plain(lambda image_id: next(hashes), rows)
    kym.update_index(indexer)
    grades[:] = ["A", "B"]
    report = kym.update_index(indexer, mode="incremental")
    assert (report.updated, report.skipped) == (2, 1)
    assert kym.dataset.load_table("kym_plain")["grade"].to_list() == [None, "A", "A"]
    grades[:] = [{"of": 3}]
    report = kym.update_index(indexer, mode="incremental", on_error="record")
    [failure] = report.failures
    assert failure.image_id == "c"
    command = f"kymflow index {kym.dataset.path} plain --mode replace"
    assert failure.message.endswith(command)


class BadHeader(Exception):  # noqa: N818 - as users name theirs
    """An error of an indexer's own, which can't be pickled."""

    def __init__(self, *, line: int) -> None:
        super().__init__(f"line {line} is bad\nand more")


class Named(Plain):
    image_errors = (ValueError, BadHeader)


class NamedBulk(Bulk):
    image_errors = (ValueError, BadHeader)


def stumble(image_ids: Sequence[str] | str) -> None:
    if "b" in image_ids:
        raise BadHeader(line=3)


@pytest.mark.wide
@pytest.mark.parametrize("where", ["hash", "rows", "hashes", "batch"])
def test_exceptions_that_an_indexer_names_fail_their_image_alone(
    kym: KymDataset, where: str
) -> None:
    indexer = {
        "hash": Named(lambda image_id: stumble(image_id) or "hash"),
        "rows": Named(rows=lambda image_id: stumble(image_id) or pl.DataFrame({"x": [1]})),
        "hashes": NamedBulk(hashes=lambda ids: stumble(ids) or ["hash"] * len(ids)),
        "batch": NamedBulk(lambda ids: stumble(ids) or pl.DataFrame({"image_id": ids, "x": 1})),
    }[where]
    report = kym.update_index(indexer, on_error="record")
    assert (report.updated, report.rows) == (2, 2)
    [failure] = report.failures
    assert (failure.image_id, failure.message.split(":")[0]) == ("b", failure.code)
    assert failure.message.endswith("BadHeader: line 3 is bad")
    told = kym.sql("SELECT status, error FROM kym_plain_runs WHERE image_id = 'b'").row(0)
    assert told == ("failed", failure.message)
    with pytest.raises((BadHeader, RuntimeError), match="line 3 is bad"):
        kym.update_index(indexer, mode="incremental")


@pytest.mark.parametrize("named", [ValueError, [ValueError], (ValueError, "KeyError"), (int,)])
def test_image_errors_that_are_none_are_refused(kym: KymDataset, named: object) -> None:
    indexer = Plain(lambda image_id: stumble(image_id) or "hash")
    indexer.image_errors = named  # type: ignore[misc,assignment]
    with pytest.raises(InvalidIndexerError, match="image_errors"):
        kym.update_index(indexer, on_error="record")


def test_a_new_version_is_explained(kym: KymDataset) -> None:
    kym.update_index(Plain())
    why = str(kym.explain(Plain(version="plain@2"), "a"))
    assert why.splitlines() == [
        "a: update, version_changed (1 rows)",
        "  analysis_version: plain@1 → plain@2",
    ]


def test_an_indexer_without_params_says_what_it_lacks(kym: KymDataset) -> None:
    class Unfinished(BaseIndexer):
        name = "unfinished"

        def analysis_version(self) -> str:
            return "1"

        def extract_rows(self, rec: ZarrImageRecord) -> pl.DataFrame:
            return pl.DataFrame()

    with pytest.raises(NotImplementedError, match="Unfinished defines neither params"):
        kym.update_index(Unfinished())


def test_a_report_is_a_mapping(kym: KymDataset) -> None:
    report = kym.update_index(Plain())
    assert dict(report)["updated"] == report["updated"] == report.updated == 3
    assert len(report) == len(list(report))
    with pytest.raises(KeyError, match="nope"):
        report["nope"]
