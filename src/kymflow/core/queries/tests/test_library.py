from __future__ import annotations

import math
import re

import duckdb
import polars as pl
import pytest

from kymflow.core.kym_dataset import (
    ImageIndexer,
    KymDataset,
    VelocityEventIndexer,
    VelocityIndexer,
)
from kymflow.core.queries.header import read_header
from kymflow.core.queries.library import fill, named_queries, named_query
from kymflow.core.review.verdicts import ReviewIndexer
from kymflow_zarr import QueryError, TableNotFoundError, UsageError, ZarrDataset
from kymflow_zarr.sql.statement import parse
from tests.support.images import add_image

REST = "-- Output   z\n-- Plot     bar, x=z\nSELECT 1"
ODD = 'it\'s "odd"; {by} -- 50%'


def index_three_images(dataset: ZarrDataset) -> None:
    for number, image_id in enumerate("abc"):
        record = add_image(dataset, image_id, number, mad_k=3.0)
        record.save_metadata_payload(
            {
                "header": {"voxels": [2.0, 0.3]},
                "experiment_metadata": {"condition": "AngII", ODD: f"lab {number % 2}"},
            }
        )
    kym = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityIndexer(), VelocityEventIndexer(), ReviewIndexer()):
        kym.update_index(indexer, on_error="record")


@pytest.fixture
def kym(dataset: ZarrDataset, made_once) -> KymDataset:
    return KymDataset(made_once(dataset, index_three_images))


@pytest.mark.wide
@pytest.mark.parametrize("query", named_queries(), ids=lambda query: query.name)
def test_a_header_says_what_the_sql_does(kym: KymDataset, query) -> None:
    sql, values = fill(kym.dataset, query.name, {})
    with duckdb.connect() as con:
        parsed = parse(con, sql)
    named = {table.format(table="kym_velocity_events") for table in query.tables}
    assert parsed.tables is not None
    assert parsed.tables - parsed.own == named
    assert parsed.parameters == set(values)
    for parameter in query.parameters:
        assert f"${parameter.name}" in query.sql or f"{{{parameter.name}" in query.sql
        assert parameter.default is not None or parameter.about.startswith(("only", "without"))
    columns = kym.query(query.name).columns
    assert query.units.keys() <= set(columns)
    assert [
        n for n in columns if n.endswith(("_s", "_min", "_percent")) if n not in query.units
    ] == []
    assert {query.axes.x, query.axes.y, query.axes.colour} - {None} <= set(columns)
    assert [name for name in columns if not re.search(rf"\b{name}\b", query.output)] == []
    assert query.summary.endswith(".")
    assert query.about.startswith(query.summary)


def test_there_are_many_and_each_is_found_by_name() -> None:
    queries = named_queries()
    assert len(queries) >= 12
    assert [named_query(query.name) for query in queries] == list(queries)


def test_a_parameter_is_described() -> None:
    by, event_type = named_query("event_rate").parameters
    assert (by.kind, by.tables, by.default) == ("column", ("kym_images",), "condition")
    assert (event_type.kind, event_type.default) == ("text", None)
    [within] = named_query("duplicate_events").parameters
    assert (within.kind, within.unit, within.default) == ("number", "s", 0.05)
    assert named_query("distribution").parameters[0].tables == ("kym_events", "kym_images")


def test_texts_are_read_as_from_a_command_line(kym: KymDataset) -> None:
    texts = kym.query("strongest_events", limit="1", unreviewed_only="no")
    assert texts.equals(kym.query("strongest_events", limit=1, unreviewed_only=False))
    assert kym.query("duplicate_events", within_s="0.5").height == 1


def test_any_column_may_be_named(kym: KymDataset) -> None:
    assert kym.query("event_rate", by=ODD)["group"].to_list() == ["lab 0", "lab 1"]
    assert kym.query("event_rate", by="CONDITION")["group"].to_list() == ["AngII"]
    assert kym.query("distribution", of="kym_images.n_lines")["median"].to_list() == [8.0]


def test_any_table_may_be_named(kym: KymDataset) -> None:
    [row] = kym.query("provenance_audit", table="kym_images").rows(named=True)[:1]
    assert row["analysis_version"] == ImageIndexer.version


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("event_rat", {}, r"no query 'event_rat'\. Did you mean 'event_rate'(.|\n)*Queries: acq"),
        (
            "event_rate",
            {"bye": 1},
            r"no parameter 'bye'; it takes by, event_type\. Did you mean 'by'",
        ),
        ("events_per_image", {"by": 1}, "no parameter 'by'; it takes none"),
        (
            "event_rate",
            {"by": "conditon"},
            r"'conditon'\. Did you mean 'condition'(.|\n)*kym_images has",
        ),
        ("event_rate", {"by": "strength"}, "by names no column of kym_images: 'strength'"),
        ("event_rate", {"by": 'x" FROM kym_images; DROP TABLE y; --'}, "names no column"),
        ("event_rate", {"by": "image_id || 'x'"}, "names no column"),
        ("event_rate", {"by": None}, "by must be a column, not None"),
        ("event_rate", {"by": 3}, "by must be a column, not 3"),
        ("event_rate", {"event_type": 3}, "event_type must be a text, not 3"),
        ("strongest_events", {"limit": "many"}, "limit must be an integer, not 'many'"),
        ("strongest_events", {"limit": 1.5}, r"limit must be an integer, not 1\.5"),
        ("strongest_events", {"limit": True}, "limit must be an integer, not True"),
        ("strongest_events", {"unreviewed_only": "maybe"}, "must be a boolean, not 'maybe'"),
        ("duplicate_events", {"within_s": "near"}, "within_s must be a number, not 'near'"),
        ("duplicate_events", {"within_s": "nan"}, "must be a finite number, not 'nan'"),
        ("duplicate_events", {"within_s": math.inf}, "must be a finite number, not inf"),
        ("event_timing", {"bin_s": 0}, "bin_s must be a finite number above 0, not 0"),
        ("event_timing", {"bin_s": "-5"}, "bin_s must be a finite number above 0, not '-5'"),
        ("distribution", {"of": "kym_images.strength"}, "names no column"),
    ],
)
def test_wrong_calls_are_explained(
    kym: KymDataset, name: str, params: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        kym.query(name, **params)


def test_a_missing_table_is_named(kym: KymDataset, dataset: ZarrDataset) -> None:
    with pytest.raises(TableNotFoundError, match=r"needs the table 'kym_image'(.|\n)*'kym_images'"):
        kym.query("failed_runs", table="kym_image")
    with pytest.raises(TableNotFoundError, match="'x\" FROM y; --'"):
        kym.query("failed_runs", table='x" FROM y; --')
    dataset.delete_table("kym_images")
    with pytest.raises(TableNotFoundError, match=r"needs the table 'kym_images'.*`kymflow index`"):
        kym.query("events_per_image")


def test_a_column_that_does_not_fit_is_an_error_of_ours(kym: KymDataset) -> None:
    with pytest.raises(QueryError, match="Could not convert string"):
        kym.query("distribution", of="analysis_version")


def test_the_sql_can_be_had_to_stream_it(kym: KymDataset) -> None:
    sql, values = fill(kym.dataset, "strongest_events", {"limit": 2})
    frame = pl.from_arrow(kym.sql_lazy(sql, values))
    assert isinstance(frame, pl.DataFrame)
    assert frame.equals(kym.query("strongest_events", limit=2))


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 1", "does not say"),
        ("-- A question.\n-- Tables   x\nSELECT 1", "does not say"),
        (
            f"-- A.\n-- Tables   x\n-- Params   x  colour  = red  y\n{REST}",
            "no parameter",
        ),
        ("-- A.\n-- Tables   x\n-- Output   z\nSELECT 1", "its Plot"),
        (f"-- A.\n-- Tables   x\n-- Units    x in s\n{REST}", "no columns with their units"),
        ("-- A.\n-- Tables   x\n-- Output   z\n-- Plot     bar of x\nSELECT 1", "no plot"),
    ],
)
def test_a_bad_header_is_refused(sql: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_header("bad", sql)
