from __future__ import annotations

import datetime
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow.core.artifacts.provenance import dumps_parsed, params_hash, stable_json_dumps
from kymflow.core.errors import ParamsError
from kymflow_zarr.store.codecs import parse_json

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abµ"), inner),
    max_leaves=20,
)


def test_key_order_does_not_count() -> None:
    assert params_hash({"a": 1, "b": 2}) == params_hash({"b": 2, "a": 1})


def test_hash_is_that_of_the_earlier_kymflow() -> None:
    params = {"win_cmp_sec": 0.25, "note": "µ", "deep": {"b": [1, None], "a": True}}
    assert stable_json_dumps(params) == (
        '{"deep":{"a":true,"b":[1,null]},"note":"µ","win_cmp_sec":0.25}'
    )
    assert params_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.long
@given(values)
def test_text_is_stable_over_a_round_trip(value: object) -> None:
    text = stable_json_dumps(value)
    assert stable_json_dumps(json.loads(text)) == text


@given(values)
def test_the_short_cut_for_parsed_json_gives_the_same_text(value: object) -> None:
    parsed = json.loads(json.dumps(value))
    assert dumps_parsed(parsed) == stable_json_dumps(parsed)


@pytest.mark.parametrize("blob", [b'{"a":1e999}', b'{"a":"\\ud800"}'])
def test_the_short_cut_refuses_the_same(blob: bytes) -> None:
    with pytest.raises(ParamsError):
        dumps_parsed(json.loads(blob))


def test_equal_values_have_one_hash() -> None:
    plain = params_hash({"a": [1, 2.5, True, 0.0]})
    assert params_hash({"a": (np.int32(1), np.float64(2.5), np.bool_(True), -0.0)}) == plain
    assert params_hash({"a": np.array([1, 2])}) == params_hash({"a": [1, 2]})
    assert params_hash({"a": np.float32(0.5)}) == params_hash({"a": 0.5})


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": math.nan}, "params.a is nan"),
        ({"a": [0, math.inf]}, r"params.a\[1\] is inf"),
        ({"a": np.float64("nan")}, "params.a is nan"),
        ({1: "a"}, "the key 1"),
        ({"a": {None: 1}}, "params.a has the key None"),
        ({"a": datetime.date(2025, 1, 1)}, "params.a is a date"),
        ({"a": {1}}, "params.a is a set"),
        ({"a": b"x"}, "params.a is a bytes"),
        ({"a": np.datetime64("2025-01-01")}, "params.a is a datetime64"),
        ({"a": "\ud800"}, "Unicode"),
        ({"a": 10**5000}, "no JSON form"),
    ],
)
def test_what_has_no_canonical_form_is_a_clear_error(value: object, place: str) -> None:
    with pytest.raises(ParamsError, match=place):
        stable_json_dumps(value)


def test_a_circle_is_a_clear_error() -> None:
    circle: dict[str, object] = {}
    circle["a"] = circle
    with pytest.raises(ParamsError, match="nested"):
        stable_json_dumps(circle)


@pytest.mark.parametrize(
    "blob", [b"{", b'{"a":1,"a":2}', b'{"a":NaN}', b"-Infinity", b"\xff", b"[" * 100_000, b""]
)
def test_parsing_is_strict(blob: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is Python's own
        parse_json(blob)


def test_a_byte_order_mark_is_let_pass() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a":1}') == {"a": 1}
