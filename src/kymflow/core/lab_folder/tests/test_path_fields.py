"""A rule tells the fields of a path, or that it does not fit it."""

from __future__ import annotations

import pytest

from kymflow.core.lab_folder.path_fields import PathFields
from kymflow_zarr.errors import UsageError


@pytest.mark.parametrize(
    ("rule", "path", "fields"),
    [
        ("{condition}/{date}/{name}", "28d AngII/20250722/a.tif", ("28d AngII", "20250722")),
        ("{condition}/{date}/{name}", "lab/28d/20250722/a.b.tif", ("28d", "20250722")),
        ("{condition}/{date}/{name}", "20250722/a.tif", None),
        ("{date}_{animal}_*", "x/20250722_A89_0002.tif", ("20250722", "A89")),
        ("{date}_{animal}_*", "x/20250722-A89.tif", None),
        ("{condition}/*/*", "µ g/2025/a.ome.tif", ("µ g",)),
        ("{a.b}[{c}]", "x[1].tif", ("x", "1")),
        ("{condition}/{_}", " control /a.tif", ("control",)),
    ],
)
def test_the_fields_of_a_path(rule: str, path: str, fields: tuple[str, ...] | None) -> None:
    made = PathFields(rule)
    expected = None if fields is None else dict(zip(made.names, fields, strict=True))
    assert made.of(path) == expected


@pytest.mark.parametrize(
    "rule", ["", "condition", "{name}", "{}", "{a", "a}", "{a}{a}", "{a/b}", "{a}/{name}/{name}"]
)
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(UsageError, match="the rule"):
        PathFields(rule)
