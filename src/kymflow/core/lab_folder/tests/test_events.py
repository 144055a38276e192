from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kymflow.core.errors import SourceFileError
from kymflow.core.lab_folder.events import read_events


@pytest.fixture
def read(tmp_path: Path):
    """Return a function that reads the events of ROIs from JSON, or from its text."""

    def read(by_roi: dict[str, Any] | str) -> pl.DataFrame:
        path = tmp_path / "a_events.json"
        path.write_text(by_roi if isinstance(by_roi, str) else json.dumps({EVENTS: by_roi}))
        events = read_events(path)
        assert events is not None
        return events.rows

    return read


EVENTS = "velocity_events"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        *(("007", "007"), ("1e5", "1e5"), ("nan", "nan"), (" x ", " x "), ("1_2", "1_2")),
        *((7, "7"), (7.0, "7"), (2**53 + 1, str(2**53 + 1)), (2**70, str(2**70))),
    ],
)
@pytest.mark.parametrize("key", ["event_id", "id"])
def test_ids_stay_as_they_are_written(read, given: object, kept: str, key: str) -> None:
    assert read({"1": [{key: given}, {}]})["event_id"].to_list() == [kept, "1"]


def test_an_id_of_null_is_none_at_all(read) -> None:
    rows = read({"1": [{"event_id": None}, {"event_id": None, "id": "x"}, {}]})
    assert rows["event_id"].to_list() == ["0", "x", "2"]


def test_channels_of_null_are_the_first(read) -> None:
    rows = read({"1": [{"channel": None}, {"channel": 2.0}, {}], "2:3": [{"channel": 9}]})
    assert rows.select("roi_id", "channel").rows() == [(1, 1), (1, 2), (1, 1), (2, 3)]


@pytest.mark.parametrize("keys", [("1", "1:1"), ("1", "01"), ("2:3", "02:03")])
def test_a_roi_twice_is_refused(read, keys: tuple[str, str]) -> None:
    with pytest.raises(SourceFileError, match="is there twice"):
        read({key: [{}] for key in keys})


@pytest.mark.parametrize("key", ["1.0", "1.5", "one", "1_2", "-1", "1:", ":1", "1:x", "１", ""])
def test_rois_are_whole_numbers(read, key: str) -> None:
    with pytest.raises(SourceFileError, match="is not a ROI"):
        read({key: [{}]})


@pytest.mark.parametrize("time", ["t_start", "t_start_s", "t_peak", "t_end", "duration_sec"])
@pytest.mark.parametrize("written", ["NaN", '"NaN"', "null"])
def test_a_time_of_nan_is_null(read, time: str, written: str) -> None:
    rows = read(f'{{"{EVENTS}": {{"1": [{{"{time}": {written}}}, {{"{time}": 0.5}}]}}}}')
    name = {"t_start": "t_start_s", "t_peak": "peak_t_s", "t_end": "t_end_s"}.get(time, time)
    assert rows[name.replace("duration_sec", "duration_s")].to_list() == [None, 0.5]


def test_a_null_under_todays_name_hides_no_older_one(read) -> None:
    rows = read({"1": [{"t_start_s": None, "t_start": 0.5}, {"t_start": 1.5}, {"t_start_s": 2.5}]})
    assert rows["t_start_s"].to_list() == [0.5, 1.5, 2.5]


def test_whole_numbers_beside_fractions_keep_their_digits(read) -> None:
    large = 2**53 + 1
    rows = read({"1": [{"mine": large}, {"mine": 0.5}, {"mine": None}, {"mine": 2.0}]})
    assert rows["mine"].to_list() == [str(large), "0.5", None, "2"]
    rows = read({"1": [{"i_start": large}, {"i_start": 2.0}, {"i_start": None}]})
    assert rows["i_start"].to_list() == [large, 2, None]
    rows = read({"1": [{"mine": large}, {"mine": 3}]})
    assert rows["mine"].to_list() == [large, 3]


@pytest.mark.parametrize(
    "values", [[1, {"a": 1}], [{"a": 1}, 1], [[1], 2], ["x", [1]], [None, 1.5, {}]]
)
def test_no_value_is_lost_to_another_of_its_column(read, values: list[object]) -> None:
    with pytest.raises(SourceFileError, match="both single values and lists or objects"):
        read({"1": [{"mine": value} for value in values]})


@pytest.mark.parametrize(
    "event",
    [{"t_start": "0,5"}, {"t_start": "1_2"}, {"i_start": 1.5}, {"channel": 1.5}, {"channel": "x"}],
)
def test_what_is_no_number_is_refused(read, event: dict[str, object]) -> None:
    with pytest.raises(SourceFileError, match="its events can't be read"):
        read({"1": [event]})


def test_infinity_is_refused(read) -> None:
    with pytest.raises(SourceFileError, match="Infinity is not JSON"):
        read(f'{{"{EVENTS}": {{"1": [{{"t_start": Infinity}}]}}}}')
