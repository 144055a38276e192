from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kymflow.core.errors import SourceFileError
from kymflow.core.lab_folder.traces import read_trace


@pytest.fixture
def read(tmp_path: Path):
    """Return a function that reads a trace from its text."""

    def read(text: str) -> pl.DataFrame:
        (tmp_path / "a.csv").write_bytes(text.encode())
        return read_trace(tmp_path / "a.csv")

    return read


TWO = {"roi_id": [1, 2], "channel": [1, 1], "time": [0.5, 1.0], "velocity": [-1.25, 2.0]}
SAME = {
    "plain": "roi_id,channel,time,velocity\n1,1,0.5,-1.25\n2,1,1,2\n",
    "no channel": "roi_id,time,velocity\n1,0.5,-1.25\n2,1,2\n",
    "channel empty": "roi_id,channel,time,velocity\n1,,0.5,-1.25\n2,,1,2\n",
    "ids as floats": "roi_id,channel,time,velocity\n1.0,1.0,0.5,-1.25\n2.0,1.0,1,2\n",
    "pandas' index": ",roi_id,time,velocity\n0,1,0.5,-1.25\n1,2,1,2\n",
    "blank lines": "\nroi_id,time,velocity\n\n1,0.5,-1.25\n\n\n2,1,2\n\n",
    "lines of commas": "roi_id,time,velocity\n1,0.5,-1.25\n,,\n2,1,2\n,,\n,,\n",
    "CR": "roi_id,time,velocity\r1,0.5,-1.25\r2,1,2\r",
    "CRLF": "roi_id,time,velocity\r\n1,0.5,-1.25\r\n2,1,2\r\n",
    "blanks": "roi_id, time, velocity\n1, 0.5, -1.25\n2, 1, 2\n",
    "a mark": "\ufeffroi_id,time,velocity\n1,0.5,-1.25\n2,1,2\n",
    "semicolons": "roi_id;time;velocity\n1;0,5;-1,25\n2;1,0;2\n",
    "semicolons and points": "roi_id;time;velocity\n1;0.5;-1.25\n2;1.0;2\n",
    "tabs": "roi_id\ttime\tvelocity\n1\t0.5\t-1.25\n2\t1\t2\n",
    "exponents": "roi_id,time,velocity\n1,5e-1,-125E-2\n2,1,2\n",
}


@pytest.mark.parametrize("name", SAME)
def test_a_trace_is_read_however_it_is_written(read, name: str) -> None:
    assert read(SAME[name]).to_dict(as_series=False) == TWO


def test_without_roi_it_is_that_of_1(read) -> None:
    assert read("time,velocity\n1,2\n").row(0) == (1, 1, 1.0, 2.0)
    assert read("roi_id,time,velocity\n,1,2\n").row(0) == (1, 1, 1.0, 2.0)


@pytest.mark.parametrize("written", ["NaN", "nan", "", "inf", "-inf"])
def test_a_time_that_is_none_is_null_and_a_velocity_nan(read, written: str) -> None:
    trace = read(f"time,velocity,absVelocity\n{written},1,1\n2,{written or 'nan'},\n")
    assert trace["time"].to_list() == [None, 2.0]
    assert not math.isfinite(trace["velocity"][1])
    assert trace["velocity"].null_count() == trace["absVelocity"].null_count() == 0


def test_other_columns_keep_what_is_written(read) -> None:
    row: dict[str, Any] = read("time,velocity,mouse,seed\n1,2,007,9007199254740993\n").row(
        0, named=True
    )
    assert (row["mouse"], row["seed"]) == ("007", 9007199254740993)


REFUSED = {
    "a fraction for a ROI": ("roi_id,time,velocity\n1.5,1,2\n", "whole numbers"),
    "a fraction for a channel": ("roi_id,channel,time,velocity\n1,0.5,1,2\n", "whole numbers"),
    "a text for a ROI": ("roi_id,time,velocity\none,1,2\n", "roi_id"),
    "an underscore for a ROI": ("roi_id,time,velocity\n1_2,1,2\n", "roi_id"),
    "a ROI too large": ("roi_id,time,velocity\n99999999999,1,2\n", "roi_id"),
    "some without a ROI": ("roi_id,time,velocity\n1,1,2\n,2,3\n", "tell of no roi_id"),
    "an underscore in a time": ("time,velocity\n1_2,3\n", "time"),
    "commas of thousands or decimals": ('time,velocity\n1,"1,284"\n', "velocity"),
    "points and commas": ("time;velocity\n1;1.284,5\n", "velocity"),
    "points or commas": ("time;velocity\n1;1.284\n2;0,5\n", "velocity"),
    "no velocity": ("time\n1\n", "no column velocity"),
    "names that meet": ("time, time,velocity\n1,2,3\n", "time"),
    "nothing": ("", "no column time"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_trace_is_refused(read, name: str) -> None:
    text, why = REFUSED[name]
    with pytest.raises(SourceFileError) as raised:
        read(text)
    assert why in raised.value.message
    assert raised.value.message.isprintable()
