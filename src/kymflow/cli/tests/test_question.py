from __future__ import annotations

import pytest

from kymflow.cli.question import parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("3.0", 3.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("007", "007"),
        ("1_000", "1_000"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("0x10", "0x10"),
        ('"3"', "3"),
        ('""', ""),
        ("", ""),
        ("28d AngII", "28d AngII"),
        ("'x'", "'x'"),
        ("e5", "e5"),
        (".", "."),
    ],
)
def test_values_have_the_type_they_look_like(text: str, value: object) -> None:
    parsed = parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)
