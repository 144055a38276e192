from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow_zarr import ZarrDataset
from kymflow_zarr.store.codecs import decode_csv_gz, encode_csv_gz
from kymflow_zarr.store.csv_frames import decode_csv

ROWS = {"a": [1, 3], "b": [2.5, 4.5]}
BLANK = {
    "none": b"a,b\n1,2.5\n3,4.5\n",
    "between": b"a,b\n1,2.5\n\n\n3,4.5\n",
    "behind the header": b"a,b\n\n1,2.5\n3,4.5\n",
    "before the header": b"\n\n  \na,b\n1,2.5\n3,4.5\n",
    "at the end": b"a,b\n1,2.5\n3,4.5\n\n\n\n",
    "no break at the end": b"a,b\n1,2.5\n\n3,4.5",
    "of blanks": b"a,b\n1,2.5\n   \n\t\n3,4.5\n  ",
    "CRLF": b"a,b\r\n\r\n1,2.5\r\n\r\n3,4.5\r\n\r\n",
    "CR": b"a,b\r1,2.5\r\r3,4.5\r",
    "mark of UTF-8": b"\xef\xbb\xbfa,b\n1,2.5\n\n3,4.5\n",
    "in quotes": b'"a","b"\n"1","2.5"\n\n"3","4.5"\n',
}


@pytest.mark.parametrize("name", BLANK)
def test_a_blank_line_is_no_row(name: str) -> None:
    assert decode_csv(BLANK[name]).to_dict(as_series=False) == ROWS


def test_a_blank_line_within_quotes_stays() -> None:
    text = b'a,b\n1,"x\n\ny"\n\n2,"\n\n"\n'
    assert decode_csv(text)["b"].to_list() == ["x\n\ny", "\n\n"]


def test_a_line_of_commas_is_a_row() -> None:
    assert decode_csv(b"a,b\n,\n1,2\n").rows() == [(None, None), (1, 2)]


def test_in_one_column_blank_lines_are_no_rows_and_quotes_are() -> None:
    assert decode_csv(b'a\n1\n\n""\n2\n\n')["a"].to_list() == [1, None, 2]
    assert decode_csv(b"a\n  \nx\n")["a"].to_list() == ["  ", "x"]


@pytest.mark.parametrize(
    "values",
    [[1, None, 3], [None, None], [0.5, None], [True, None], ["x", "y z", " "], [None, 2**60]],
)
def test_one_column_with_nulls_comes_back(values: list[object]) -> None:
    frame = pl.DataFrame({"a": values})
    back = decode_csv_gz(encode_csv_gz(frame))["a"].to_list()
    assert [value if value != "" else None for value in back] == values


TYPED = {
    "whole": ("1\n-2\n0", [1, -2, 0]),
    "64 bits": (f"{2**63 - 1}\n{-(2**63)}", [2**63 - 1, -(2**63)]),
    "beyond 64 bits": (f"{2**63}\n1", [str(2**63), "1"]),
    "fractions": ("1\n0.5\n-3e-2\n.5\n2.", [1.0, 0.5, -0.03, 0.5, 2.0]),
    "exact beside fractions": (f"{2**53 + 1}\n0.5", [str(2**53 + 1), "0.5"]),
    "exact beside NaN": (f"nan\n{2**53 + 1}", ["nan", str(2**53 + 1)]),
    "leading zeros": ("007\n008", ["007", "008"]),
    "leading zeros in fractions": ("00.5\n1.5", ["00.5", "1.5"]),
    "underscores": ("1_2\n3", ["1_2", "3"]),
    "hexadecimal": ("0x10\n1", ["0x10", "1"]),
    "blanks": (" 5\n6", [" 5", "6"]),
    "other digits": ("１２\n3", ["１２", "3"]),
    "dates": ("2022-11-02\n2022-11-03", ["2022-11-02", "2022-11-03"]),
    "too large": ("1e400\n2", ["1e400", "2"]),
    "infinite": ("inf\n-inf\n1", [math.inf, -math.inf, 1.0]),
    "truth": ("true\nFalse\nTRUE", ["true", "False", "TRUE"]),
    "truth alone": ("true\nFalse", [True, False]),
    "texts": ("x\n1", ["x", "1"]),
}


@pytest.mark.parametrize("name", TYPED)
def test_a_number_is_what_is_written_as_one(name: str) -> None:
    text, values = TYPED[name]
    read = decode_csv(f"a,b\n{text.replace(chr(10), ',x' + chr(10))},x\n".encode())["a"].to_list()
    assert read == values
    assert [type(value) for value in read] == [type(value) for value in values]


def test_columns_of_texts_stay_texts() -> None:
    text = b"event_id,n\n007,1\n1e5,2\n7.0,3\nnan,4\n"
    assert decode_csv(text, texts=["event_id", "absent"])["event_id"].to_list() == [
        *("007", "1e5", "7.0", "nan")
    ]
    floats = b"event_id,n\n7.0,1\n,2\n12.0,3\n"  # of whole numbers beside a missing one, by pandas
    assert decode_csv(floats, texts=["event_id"])["event_id"].to_list() == ["7", None, "12"]


def test_other_separators() -> None:
    assert decode_csv(b"a;b\n1;x\n\n2;y\n", separator=";").rows() == [(1, "x"), (2, "y")]
    with pytest.raises(ValueError, match="20,000 columns"):
        decode_csv(b";" * 20_001 + b"\n", separator=";")


@pytest.mark.long
@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none()
            | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_what_is_written_is_read(rows: list[tuple[object, ...]]) -> None:
    schema = {"n": pl.Int64, "x": pl.Float64, "text": pl.String}
    frame = pl.DataFrame(rows, schema, orient="row")
    back = decode_csv(gzip.decompress(encode_csv_gz(frame)), texts=["text"])
    assert back["n"].cast(pl.Int64).to_list() == frame["n"].to_list()
    if back["x"].dtype == pl.Float64:
        assert back["x"].to_list() == frame["x"].to_list()
    texts = frame["text"].to_list()
    if not all(t is None or t == "" or t.endswith(".0") for t in texts):
        assert back["text"].to_list() == texts


def test_artifacts_keep_ids(dataset: ZarrDataset, add_image) -> None:
    record = add_image("a")
    record.save_df_csv_gz("x", pl.DataFrame({"id": ["007", "1e5"], "n": [1, 2]}))
    assert record.load_df_csv_gz("x", texts=["id"])["id"].to_list() == ["007", "1e5"]


@pytest.mark.parametrize("head", ["xڀ", "x\x01", "(µ/", "\ufeffa"])
def test_a_header_that_begins_like_a_packed_file_is_text(head: str) -> None:
    assert decode_csv(f"{head},b\n1,2\n".encode()).rows() == [(1, 2)]


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "zlib"])
def test_what_is_packed_in_a_csv_is_not_unpacked(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b"a,b\n" + b"1,2\n" * 100_000)
    try:
        frame = decode_csv(packed)
    except ValueError:
        return
    assert frame.height < 1_000
    assert "a" not in frame.columns
