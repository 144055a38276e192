"""What an indexer that breaks its contract is told, and that nothing is written then."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl
import pytest

from kymflow.core.errors import IndexerOutputError, InvalidIndexerError
from kymflow.core.kym_dataset import BaseIndexer, KymDataset
from kymflow.core.kym_dataset.indexers.base import ExtractedBatch, ParamsHashes
from kymflow_zarr import ArtifactSchemaError, ZarrDataset, ZarrImageRecord


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


@pytest.fixture
def kym(dataset: ZarrDataset, fill) -> KymDataset:
    return KymDataset(fill(dataset, dict.fromkeys("abc", 0)))


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
        (
            Bulk(lambda ids: pl.DataFrame({"image_id": ids, "x": [{1}, {2}, {3}]})),
            IndexerOutputError,
            "rows that can't be stored: .*'x'",
        ),
        (
            Plain(rows=lambda image_id: pl.DataFrame({"x": ["1" if image_id == "b" else 1]})),
            IndexerOutputError,
            "'x' holds Int64 for one image and String for another",
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
