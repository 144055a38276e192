from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow.core.quantities import (
    as_number,
    as_whole,
    convert,
    decimal_sign,
    is_uncalibrated,
    parse_count,
    parse_number,
    parse_quantity,
)

READ_IN_ONE_WAY = {
    "0.284": 0.284,
    "0,284": 0.284,
    ".284": 0.284,
    ",284": 0.284,
    "284": 284.0,
    "+5": 5.0,
    "-3.5": -3.5,
    "\u22123.5": -3.5,
    " 2.5 ": 2.5,
    "2.84E-1": 0.284,
    "2,84e-1": 0.284,
    "284e-3": 0.284,
    "1e5": 1e5,
    "2,27": 2.27,
    "12345.678": 12345.678,
    "12345,678": 12345.678,
    "1,284.0": 1284.0,
    "1.284,0": 1284.0,
    "1,234,567": 1234567.0,
    "1.234.567": 1234567.0,
    "1 284,5": 1284.5,
    "1\u00a0284.5": 1284.5,
    "1\u202f234\u202f567": 1234567.0,
    "1'284.5": 1284.5,
    "1\u2019284,5": 1284.5,
    "0.000": 0.0,
}
NOT_NUMBERS = [
    *("", " ", ".", ",", "-", "..", "1.2.3", "1,2,3", "1,00,000.0", "12,34.5", "1.284,000,0"),
    *("nan", "NaN", "inf", "-Infinity", "1_2", "0x10", "1e", "e5", "1e999", "9" * 400),
    *("007", "00.5", "-01", "1 2", "1  284", "1284 567", "12abc", "1/2", "50 %", "１２", "٣"),
    *("1,284e", "1.5.", "--1", "1-2", "O.284", "0.284.", "None", "true"),
]


@pytest.mark.parametrize(("text", "number"), READ_IN_ONE_WAY.items())
@pytest.mark.parametrize("sign", [None, ".", ","])
def test_what_can_be_read_in_one_way_is(text: str, number: float, sign) -> None:
    assert parse_number(text, sign) == number


@pytest.mark.parametrize("text", NOT_NUMBERS)
@pytest.mark.parametrize("sign", [None, ".", ","])
def test_what_is_no_number_is_none(text: str, sign) -> None:
    assert parse_number(text, sign) is None


@pytest.mark.parametrize(
    ("text", "by_sign"),
    [
        ("1,284", {None: None, ".": None, ",": 1.284}),
        ("12,345", {None: None, ".": None, ",": 12.345}),
        ("1.284", {None: 1.284, ".": 1.284, ",": None}),
        ("117.000", {None: 117.0, ".": 117.0, ",": None}),
    ],
)
def test_what_can_be_read_in_two_ways_needs_the_sign_of_its_file(text, by_sign) -> None:
    assert {sign: parse_number(text, sign) for sign in by_sign} == by_sign


@given(st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=3))
def test_no_way_of_writing_a_number_gives_another(number: Decimal) -> None:
    plain = f"{number:,.3f}"
    swiss = plain.replace(",", "'")
    german = plain.translate(str.maketrans(",.", ".,"))
    french = german.replace(".", "\u202f")
    for written in (plain, german, french, swiss, f"{number}", f"{number:E}"):
        for sign in (None, ".", ","):
            assert parse_number(written, sign) in (float(number), None)
        if "," not in f"{number:,}":
            continue
        assert float(number) in {parse_number(written, sign) for sign in (".", ",")}


@pytest.mark.parametrize(
    ("texts", "sign"),
    [
        (["8, 0.0 - 2.272 [um], 0.284 [um/pixel]"], "."),
        (["8, 0,0 - 2,272 [um], 0,284 [um/pixel]"], ","),
        (["117.000 [ms]"], None),
        (["1.284,5 [um]"], ","),
        (["1,234,567 [us]"], "."),
        (["0.5", "0,5"], None),
        (["2.0 [us/pixel]", "2,272 [um]"], "."),
        ([], None),
    ],
)
def test_the_sign_of_a_file_is_told_by_what_can_be_read_in_one_way(texts, sign) -> None:
    assert decimal_sign(texts) == sign


@pytest.mark.parametrize(
    ("text", "sign", "count"),
    [
        ("8", None, 8),
        ("30,000", None, 30_000),
        ("30,000", ".", 30_000),
        ("30,000", ",", None),
        ("30.000", None, None),
        ("30.000", ",", 30_000),
        ("30 000", None, 30_000),
        ("8.0", None, 8),
        ("8.5", None, None),
        ("x", None, None),
        ("", None, None),
    ],
)
def test_counts(text: str, sign, count: int | None) -> None:
    assert parse_count(text, sign) == count


@pytest.mark.parametrize(
    ("value", "unit", "um"),
    [
        *((284, unit, 0.284) for unit in ("nm", "nanometer", "㎚")),
        *(
            (0.284, unit, 0.284)
            for unit in ("um", "µm", "μm", "㎛", "\\u00B5m", "micron", "Microns")
        ),
        *((0.284, unit, 0.284) for unit in (" um ", "micrometer", "micrometre")),
        *((0.000284, unit, 0.284) for unit in ("mm", "㎜")),
        (2840, "Å", 0.284),
        (1, "m", 1e6),
        (1, "cm", 1e4),
        (1, "inch", 25_400),
        *((1, unit, None) for unit in ("s", "pixel", "", "um/pixel", "UM", "Mm", "uM", "furlong")),
    ],
)
def test_lengths(value: float, unit: str, um: float | None) -> None:
    converted = convert(value, unit, "length")
    assert converted == (um if um is None else pytest.approx(um, rel=1e-12))


@pytest.mark.parametrize(
    ("value", "unit", "seconds"),
    [
        *((117, unit, 0.117) for unit in ("ms", "msec", "milliseconds", "㎳")),
        *((0.117, unit, 0.117) for unit in ("s", "sec", "Seconds")),
        *((117_000, unit, 0.117) for unit in ("us", "µs", "μs", "㎲")),
        (2, "min", 120),
        *((1, unit, None) for unit in ("um", "MS", "line", "", "fortnight")),
    ],
)
def test_times(value: float, unit: str, seconds: float | None) -> None:
    converted = convert(value, unit, "time")
    assert converted == (seconds if seconds is None else pytest.approx(seconds, rel=1e-12))


@pytest.mark.parametrize("unit", ["", " ", "pixel", "Pixels", "px", "reference frame"])
def test_units_that_say_there_is_no_scale(unit: str) -> None:
    assert is_uncalibrated(unit)
    assert not is_uncalibrated("um")


@pytest.mark.parametrize(
    ("value", "um"),
    [
        (100, 100.0),
        (99.5, 99.5),
        ("100", 100.0),
        ("100 µm", 100.0),
        ("0,1 mm", 100.0),
        ("100μm", 100.0),
        ("1e5 nm", 100.0),
        *(
            (value, None)
            for value in ("1_20", "nan", "", "deep", "100 s", "1,284", "100 foo", "5-10")
        ),
        *((value, None) for value in (True, None, [100], {}, math.inf, math.nan, 10**400)),
    ],
)
def test_quantities_of_json(value: object, um: float | None) -> None:
    assert parse_quantity(value, "length") == um


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        (3, 3),
        (3.0, 3),
        ("3", 3),
        (" 3 ", 3),
        ("3.0", 3),
        (2**53 + 1, 2**53 + 1),
        (str(2**53 + 1), 2**53 + 1),
        (-(2**63), -(2**63)),
        *(
            (value, None)
            for value in (1.5, "1.5", "1_2", "007", "", "nan", True, None, [], "1,284")
        ),
    ],
)
def test_whole_numbers_of_json(value: object, whole: int | None) -> None:
    assert as_whole(value) == whole


@given(st.integers())
def test_whole_numbers_stay_exact(number: int) -> None:
    assert as_whole(number) == number
    if abs(number) < 10**60:
        assert as_whole(str(number)) == number


@pytest.mark.long
@given(st.text())
def test_any_text_is_a_number_or_none(text: str) -> None:
    for sign in (None, ".", ","):
        number = parse_number(text, sign)
        assert number is None or math.isfinite(number)
    assert as_number(text) == parse_number(text)
