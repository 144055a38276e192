from __future__ import annotations

import json
from collections.abc import Callable

import polars as pl
import pytest

from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.schemas import PARAMS
from kymflow.core.queries import params_view
from kymflow.core.queries.images import select_images
from kymflow_zarr import QueryError, ZarrDataset

SaveParams = Callable[..., KymDataset]


@pytest.fixture
def kym(dataset: ZarrDataset, add_image) -> KymDataset:
    add_image("a", 2, mad_k=3.0, nan_gap={"min_duration_sec": 0.2})
    add_image("b", 1, mad_k=4.5, nan_gap={"min_duration_sec": 0.1})
    kym = KymDataset(dataset)
    kym.update_index(VelocityEventIndexer())
    return kym


@pytest.fixture
def save_params(dataset: ZarrDataset) -> SaveParams:
    """Return a function that makes a table with some params, given as values or as JSON."""

    def save(*params: object) -> KymDataset:
        texts = [each if isinstance(each, str) else json.dumps(each) for each in params]
        hashes = [f"hash{n}" for n in range(len(texts))]
        frame = pl.DataFrame({"params_hash": hashes, "params": texts}, schema=PARAMS)
        frame.write_parquet(dataset.path / "index" / "kym_x.params.parquet")
        dataset.save_table("kym_x", pl.DataFrame({"params_hash": hashes}))
        return KymDataset(dataset)

    return save


def test_rows_are_joined_with_their_run_and_their_params(kym: KymDataset) -> None:
    query = (
        "SELECT image_id, mad_k, nan_gap__min_duration_sec, status, count(*) AS n "
        "FROM kym_velocity_events AS events "
        "JOIN kym_velocity_events_params USING (params_hash) "
        "JOIN kym_velocity_events_runs AS runs USING (image_id) GROUP BY ALL ORDER BY image_id"
    )
    assert kym.sql(query).rows() == [("a", 3.0, 0.2, "ok", 2), ("b", 4.5, 0.1, "ok", 1)]
    assert kym.connect().execute(query).fetchall() == kym.sql(query).rows()
    assert kym.sql_lazy(query).read_all().num_rows == 2


def test_all_views_are_listed(kym: KymDataset) -> None:
    kym.update_index(ImageIndexer())
    tables = ("kym_images", "kym_velocity_events")
    expected = [f"{name}{kind}" for name in tables for kind in ("", "_params", "_runs")]
    expected = ["kym_analysed", "kym_events", *expected]
    assert kym.sql("SHOW TABLES")["name"].to_list() == expected
    assert kym.sql("SHOW TABLES", tables=["kym_images"])["name"].to_list() == ["kym_images"]


def test_an_unknown_table_says_which_there_are(kym: KymDataset, dataset: ZarrDataset) -> None:
    with pytest.raises(QueryError, match="Tables here: kym_events, kym_velocity_events, kym_vel"):
        kym.sql("SELECT * FROM nope")
    dataset.delete_table("kym_velocity_events")
    with pytest.raises(QueryError, match="Tables here: none yet: run `kymflow index` first"):
        kym.sql("SELECT * FROM kym_velocity_events")


def test_a_table_hides_the_ledger_of_another(kym: KymDataset, dataset: ZarrDataset) -> None:
    dataset.save_table("kym_velocity_events_runs", pl.DataFrame({"mine": [1]}))
    assert kym.sql("FROM kym_velocity_events_runs").columns == ["mine"]


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**63 - 1, 10**15, 10**20 + 1])
@pytest.mark.parametrize("other", ["0.5", "1e300", "null", "7"])
def test_whole_numbers_among_params_keep_their_digits(
    save_params: SaveParams, number: int, other: str
) -> None:
    kym = save_params(f'{{"seed": {number}}}', f'{{"seed": {other}}}')
    [seed, _] = kym.sql("SELECT seed FROM kym_x_params ORDER BY params_hash")["seed"]
    assert int(seed) == number


def test_params_become_typed_columns(save_params: SaveParams) -> None:
    kym = save_params(
        {"k": 3, "f": 1, "b": True, "s": "x", "n": None, "o": {"p": {"q": 1.5}}, "l": [1, "a"]},
        {"k": -4, "f": 2.5, "b": False, "s": "1", "n": None, "o": {"p": {"q": 2}}, "more": 1},
    )
    frame = kym.sql("SELECT * EXCLUDE (params) FROM kym_x_params ORDER BY params_hash")
    assert frame.schema == {
        "params_hash": pl.String,
        "k": pl.Int64,
        "f": pl.Float64,
        "b": pl.Boolean,
        "s": pl.String,
        "n": pl.String,
        "o__p__q": pl.Float64,
        "l": pl.String,
        "more": pl.Int64,
    }
    assert frame.rows() == [
        ("hash0", 3, 1.0, True, "x", None, 1.5, '[1,"a"]', None),
        ("hash1", -4, 2.5, False, "1", None, 2.0, None, 1),
    ]


def test_values_of_several_types_are_json_text(save_params: SaveParams) -> None:
    kym = save_params({"x": 1, "y": {"a": 1}}, {"x": "1", "y": 2}, {"x": None, "y": [None]})
    frame = kym.sql("SELECT x, y FROM kym_x_params ORDER BY params_hash")
    assert frame.rows() == [("1", '{"a":1}'), ('"1"', "2"), (None, "[null]")]


def test_whole_numbers_beyond_64_bits_are_json_text(save_params: SaveParams) -> None:
    kym = save_params({"seed": 2**63, "small": 2**63 - 1}, {"seed": 5, "small": -(2**63)})
    frame = kym.sql("SELECT seed, small FROM kym_x_params ORDER BY params_hash")
    assert frame.rows() == [(str(2**63), 2**63 - 1), ("5", -(2**63))]


def test_names_that_are_taken_get_numbers(save_params: SaveParams) -> None:
    kym = save_params({"params": 1, "Params_Hash": 2, "a": {"b": 3}, "a__b": 4, "A__B": 5, "": 6})
    frame = kym.sql("SELECT * EXCLUDE (params_hash, params) FROM kym_x_params")
    assert frame.row(0, named=True) == {
        "params_2": 1,
        "Params_Hash_2": 2,
        "a__b": 3,
        "a__b_2": 4,
        "A__B_3": 5,
        "_": 6,
    }


@pytest.mark.parametrize(
    "key", ["it's", 'a "b"', "a.b/c~d", "{x}", "ünï", "$x", "-- x", "~0", "*", "0"]
)
def test_any_key_may_be_a_column(save_params: SaveParams, key: str) -> None:
    kym = save_params({key: {key: 1}})
    frame = kym.sql("FROM kym_x_params")
    assert frame.row(0)[2:] == (1,)
    assert frame.columns[2] == f"{key}__{key}"


def test_a_key_with_a_control_character_stays_in_the_json(save_params: SaveParams) -> None:
    kym = save_params({"a\nb": 1, "c": {"\u0000": 1, "d": 2}})
    assert kym.sql("SELECT * EXCLUDE (params, params_hash) FROM kym_x_params").rows() == [(2,)]


@pytest.mark.parametrize("params", [(), ("null",), ("[1]", "2"), ({},), ("null", {})])
def test_params_without_keys_are_shown_as_they_are(save_params: SaveParams, params) -> None:
    frame = save_params(*params).sql("FROM kym_x_params")
    assert frame.columns == ["params_hash", "params"]
    assert frame.height == len(params)


def test_too_many_keys_stay_json(save_params: SaveParams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(params_view, "MAX_COLUMNS", 3)
    kym = save_params({"a": 1, "b": {str(n): n for n in range(9)}})
    assert kym.sql("SELECT * EXCLUDE (params, params_hash) FROM kym_x_params").row(
        0, named=True
    ) == {
        "a": 1,
        "b": '{"0":0,"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8}',
    }
    kym = save_params({str(n): n for n in range(9)})
    assert kym.sql("FROM kym_x_params").columns == ["params_hash", "params"]


def test_params_are_looked_into_only_if_the_query_names_them(kym: KymDataset) -> None:
    path = kym.dataset.path / "index" / "kym_velocity_events.params.parquet"
    path.write_bytes(b"damaged")
    assert kym.sql("SELECT count(*) FROM kym_velocity_events").item() == 3
    with pytest.raises(QueryError, match="'kym_velocity_events_params' can't be read"):
        kym.sql("FROM kym_velocity_events_params")


def test_new_params_are_looked_into_again(kym: KymDataset) -> None:
    assert "mad_k" in kym.sql("FROM kym_velocity_events_params").columns
    kym.dataset.record("a").save_json("velocity_events/params", {"new": 1})
    kym.update_index(VelocityEventIndexer())
    assert kym.sql("SELECT count(new) FROM kym_velocity_events_params").item() == 1


def test_images_metadata_is_params_too(kym: KymDataset) -> None:
    record = kym.dataset.record("a")
    record.save_metadata_payload({"experiment_metadata": {"depth": 40, "note": "it's"}})
    kym.update_index(ImageIndexer())
    query = (
        "SELECT image_id, experiment_metadata__depth, experiment_metadata__note "
        "FROM kym_images JOIN kym_images_params USING (params_hash) ORDER BY image_id"
    )
    assert kym.sql(query).rows()[0] == ("a", 40, "it's")


def test_a_condition_picks_images(kym: KymDataset) -> None:
    with pytest.raises(QueryError, match="kymflow index DATASET images"):
        select_images(kym.dataset, "true")
    kym.update_index(ImageIndexer())
    assert select_images(kym.dataset, "image_id > 'a' -- only one") == ["b"]
    with pytest.raises(QueryError, match="Did you mean"):
        select_images(kym.dataset, "image_ = 'a'")
