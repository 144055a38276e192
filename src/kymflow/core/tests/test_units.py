from __future__ import annotations

import pytest

from kymflow.core.artifacts.schemas import EVENT_SCHEMA
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
        ("max_s", "s", "max (s)"),
        ("share_percent", "%", "share (%)"),
        ("", None, ""),
    ],
)
def test_units_and_labels(column: str, unit: str | None, shown: str) -> None:
    assert unit_of(column) == unit
    assert label(column) == shown


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("speed_um_per_s", "µm/s"),
        ("max_speed_mm_per_s", "mm/s"),
        ("avg(speed_mm_per_s)", "mm/s"),
        ("speed_um_per_ms", "µm/ms"),
        ("rate_per_s", "1/s"),
        ("events_per_s", "1/s"),
    ],
)
def test_a_unit_over_another_is_no_time(column: str, unit: str) -> None:
    assert unit_of(column) == unit
    assert label(column).endswith(f" ({unit})")


@pytest.mark.parametrize(
    "column",
    [
        *("velocity_um_s", "v_mm_s", "dose_mm_ms", "per_s", "um_per_s", "_s"),
        *("n_s", "count_duration_s", "var_duration_s", "log_duration_s", "rank_by_duration_s"),
        *("1000 * duration_s", "-duration_s", "duration_s + 1", "duration_s/60"),
        *("avg(a_s) / avg(b_s)", "avg(a_s) * avg(b_s)", "a_s / b_s", "variance(duration_s)"),
    ],
)
def test_what_declares_no_unit_has_none(column: str) -> None:
    assert unit_of(column) is None
    assert "(s)" not in label(column)


def test_velocities_and_times_of_events_have_units() -> None:
    without = {name for name in EVENT_SCHEMA if unit_of(name) is None}
    assert without.isdisjoint({"t_start_s", "peak_t_s", "duration_s", "peak_value", "score"})
    assert {"i_start", "strength", "n_valid", "note"} <= without
