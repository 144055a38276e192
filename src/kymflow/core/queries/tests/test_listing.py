from __future__ import annotations

import pytest
from conftest import Demo

from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.queries.listing import facets_sql, listing_sql
from kymflow.core.queries.saved import save_query, saved_queries
from kymflow_zarr import ZarrDataset
from kymflow_zarr.errors import (
    InvalidNameError,
    OutsideError,
    QueryError,
    ReadOnlyError,
    TableNotFoundError,
    UsageError,
)


@pytest.fixture
def kym(demo: Demo) -> KymDataset:
    return KymDataset(ZarrDataset(demo.folder / "demo.zarr", mode="r"))


def test_images_are_listed_with_the_events_that_count(kym: KymDataset) -> None:
    listed = kym.sql(listing_sql(kym.dataset, "images"))
    counts = kym.sql("SELECT image_id, count(*) AS n FROM kym_events GROUP BY image_id")
    wanted = dict(counts.iter_rows())
    for image_id, n_events, n_reviewed in listed.select(
        "image_id", "n_events", "n_reviewed"
    ).iter_rows():
        assert (n_events, n_reviewed) == (wanted.get(image_id, 0), 0)
    assert listed["source_path"].is_sorted()
    assert listed.height == len(kym)


def test_events_are_listed_with_the_file_of_their_image(kym: KymDataset) -> None:
    listed = kym.sql(listing_sql(kym.dataset, "events", sort="strength", descending=True))
    stored = kym.sql("SELECT strength FROM kym_velocity_events ORDER BY strength DESC NULLS LAST")
    assert listed["strength"].to_list() == stored["strength"].to_list()
    assert listed["rejected"].to_list() == [False] * listed.height
    assert all(path.endswith(f"{image}.tif") for image, path in
               listed.select("image_id", "source_path").iter_rows())  # fmt: skip


@pytest.mark.parametrize("where", ["depth > 100", "depth > 100 -- deep", "/* { */ depth > 100"])
def test_a_condition_chooses(kym: KymDataset, where: str) -> None:
    listed = kym.sql(listing_sql(kym.dataset, "images", where=where))
    assert 0 < listed.height < len(kym)
    assert listed["depth"].min() > 100


@pytest.mark.parametrize("where", ["nothing = 1", "true) --", "true; SELECT 1"])
def test_a_condition_that_is_none_is_refused(kym: KymDataset, where: str) -> None:
    with pytest.raises(QueryError):
        kym.sql(listing_sql(kym.dataset, "images", where=where))


def test_facets_count_every_image_once(kym: KymDataset) -> None:
    facets = kym.sql(facets_sql(kym.dataset))
    assert set(facets["facet"]) == {"condition", "treatment", "date", "folder"}
    for _, own in facets.group_by("facet"):
        assert own["n_images"].sum() == len(kym)
    deep = kym.sql(facets_sql(kym.dataset, "depth > 100")).filter(facet="condition")
    assert deep["n_images"].sum() < len(kym)


def test_a_listing_needs_its_table(dataset: ZarrDataset) -> None:
    for kind in ("images", "events"):
        with pytest.raises(TableNotFoundError, match="kymflow index"):
            listing_sql(dataset, kind)


def test_a_query_is_kept_and_not_replaced_unasked(dataset: ZarrDataset) -> None:
    assert saved_queries(dataset) == {}
    save_query(dataset, "mine", "  SELECT 'µ'  ")
    with pytest.raises(UsageError, match="already"):
        save_query(dataset, "mine", "SELECT 2")
    save_query(dataset, "other", "SELECT 3")
    assert saved_queries(dataset) == {"mine": "SELECT 'µ'\n", "other": "SELECT 3\n"}
    save_query(dataset, "mine", "SELECT 2", replace=True)
    assert saved_queries(dataset)["mine"] == "SELECT 2\n"
    for name in ("../mine", "", "a/b"):
        with pytest.raises(InvalidNameError):
            save_query(dataset, name, "SELECT 1")
    with pytest.raises(UsageError, match="empty"):
        save_query(dataset, "blank", " \n")
    with pytest.raises(ReadOnlyError):
        save_query(ZarrDataset(dataset.path, mode="r"), "x", "SELECT 1")


def test_a_query_is_kept_in_the_dataset_alone(dataset: ZarrDataset, tmp_path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (dataset.path / "queries").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutsideError):
        save_query(dataset, "mine", "SELECT 1")
    with pytest.raises(OutsideError):
        saved_queries(dataset)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_each_list_does_without_the_other_table(dataset: ZarrDataset, fill) -> None:
    kym = KymDataset(fill(dataset, {"a": 2, "b": 0}))
    kym.update_index(ImageIndexer())
    images = kym.sql(listing_sql(dataset, "images"))
    assert images.select("image_id", "n_events", "n_reviewed").rows() == [
        ("a", None, None), ("b", None, None),
    ]  # fmt: skip
    dataset.tables.delete("kym_images")
    kym.update_index(VelocityEventIndexer())
    events = kym.sql(listing_sql(dataset, "events"))
    assert events.select("image_id", "source_path", "condition").rows() == [("a", None, None)] * 2
