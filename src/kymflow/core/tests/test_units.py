from __future__ import annotations

import pytest

from kymflow.core.artifacts.events import EVENT_SCHEMA
from kymflow.core.units import label, unit_of


@pytest.mark.parametrize(
    ("column", "unit", "shown"),
    [
        ("t_start_s", "s", "t start (s)"),
        ("um_per_pixel", "µm/pixel", "um per pixel (µm/pixel)"),
        ("peak_value", "mm/s", "peak value (mm/s)"),
        ("max_score", "mm/s", "max score (mm/s)"),
        ("avg(duration_s)", "s", "avg(duration) (s)"),
        ("round(avg(peak_value), 2)", "mm/s", "round(avg(peak value), 2) (mm/s)"),
        ("count(duration_s)", None, "count(duration s)"),
        ("count_star()", None, "count"),
        ("n_events", None, "n events"),
        ("s", None, "s"),
        ("width_um", "µm", "width (µm)"),
        ("", None, ""),
    ],
)
def test_units_and_labels(column: str, unit: str | None, shown: str) -> None:
    assert unit_of(column) == unit
    assert label(column) == shown


def test_velocities_and_times_of_events_have_units() -> None:
    without = {name for name in EVENT_SCHEMA if unit_of(name) is None}
    assert without.isdisjoint({"t_start_s", "peak_t_s", "duration_s", "peak_value", "score"})
    assert {"i_start", "strength", "n_valid", "note"} <= without
