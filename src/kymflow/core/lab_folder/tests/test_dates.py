from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from kymflow.core.lab_folder import import_folder
from kymflow.core.lab_folder.dates import local_epoch_ns, parse_date
from kymflow.core.lab_folder.tests.headers import header
from kymflow_zarr import ZarrDataset

EPOCH = datetime(1970, 1, 1)
SECOND = datetime(2022, 11, 2, 14, 30, 15, 461000)
TOLD_ALONE = {
    "22/11/2022 14:30:15.461": datetime(2022, 11, 22, 14, 30, 15, 461000),
    "11/22/2022 02:30:15.461 PM": datetime(2022, 11, 22, 14, 30, 15, 461000),
    "07/22/2025 12:13:14.620 AM": datetime(2025, 7, 22, 0, 13, 14, 620000),
    "07/22/2025 12:13:14 PM": datetime(2025, 7, 22, 12, 13, 14),
    "2022/11/02 14:30:15.461": SECOND,
    "2022-11-02T14:30:15.461": SECOND,
    "2022-11-02 14:30:15,461": SECOND,
    "2022-11-02T14:30:15.461Z": SECOND,
    "2022-11-02T14:30:15.461+09:00": SECOND,
    "2022.11.02 14:30": datetime(2022, 11, 2, 14, 30),
    "2-Nov-2022 14:30:15.461": SECOND,
    "02 November 2022 2:30:15.461 pm": SECOND,
    "Nov 2, 2022 02:30:15.461 PM": SECOND,
    "02/02/2022 14:30:15": datetime(2022, 2, 2, 14, 30, 15),
    "11/02/2022 12:30:15.461 PM": datetime(2022, 11, 2, 12, 30, 15, 461000),  # a US clock
    "02.11.2022 14:30:15.461": SECOND,
    "2. 11. 2022 14:30:15.461": SECOND,
}
NO_DATES = [
    *("tomorrow", "11/02/2022", "14:30:15", "11/02/22 14:30:15", "22/22/2022 14:30:15"),
    *("00/00/0000 00:00:00", "29/02/2023 14:30:15", "11/22/2022 25:30:15", "1/2/3 14:30"),
    *("22/11/2022 02:30:15 XM", "22/11/2022 14:30 AM", "2 Foo 2022 14:30", "1669041015"),
    *("22-11/2022 14:30:15", "x22/11/2022 14:30:15", "22/11/2022 14:30:15" + " " * 100 + "x"),
]
IN_TWO_WAYS = [
    *("02/11/2022 14:30:15.461", "2/11/2022 14:30", "02-11-2022 14:30:15"),
    *("02-11-2022 02:30:15 PM", "02/11/2022 02:30:15 p.m. +01:00"),
]


@pytest.fixture
def acquired(tmp_path: Path, dataset: ZarrDataset):
    """Return a function that imports images with these dates; it returns what became of them."""

    def acquired(dates: Mapping[str, str], **more: str) -> tuple[dict[str, datetime | None], str]:
        lab = tmp_path / "lab"
        for name, date in dates.items():
            tif = lab / f"{name}.tif"
            tif.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(tif, np.full((100, 8), crc32(name.encode()) % 60_000, np.uint16))
            tif.with_suffix(".txt").write_text(header(date=date, **more), encoding="utf-8")
        report = import_folder(lab, dataset)
        assert report.failed == []
        found = {}
        for record in dataset.iter_records():
            payload = record.load_metadata_payload()
            path = payload["source"]["path"].removesuffix(".tif")
            since = payload["header"]["acquired_local_epoch_ns"]
            found[path] = None if since is None else EPOCH + timedelta(microseconds=since // 1000)
        return found, " ".join(note for _, note in report.warnings)

    return acquired


@pytest.mark.parametrize("date", TOLD_ALONE)
def test_dates_that_tell_themselves(acquired, date: str) -> None:
    assert acquired({"a": date}) == ({"a": TOLD_ALONE[date]}, "")


@pytest.mark.parametrize("date", NO_DATES)
def test_what_is_no_date_is_null_and_said(acquired, date: str) -> None:
    found, said = acquired({"a": date})
    assert found == {"a": None}
    assert "is not understood" in said


def test_no_date_is_null(acquired) -> None:
    assert acquired({"a": ""}) == ({"a": None}, "")


@pytest.mark.parametrize("date", IN_TWO_WAYS)
def test_what_can_be_read_in_two_ways_is_null_and_said(acquired, date: str) -> None:
    found, said = acquired({"a": date})
    assert found == {"a": None}
    assert "2022-11-02 or 2022-02-11; no other header tells" in said


def test_decimal_commas_tell_that_the_day_is_first(acquired) -> None:
    numbers = {
        "x": "8, 0,0 - 2,272 [um], 0,284 [um/pixel]",
        "total": "2,272 [um] * 117,000 [ms]",
    }
    found, said = acquired({"a": "02/11/2022 14:30:15.461"}, **numbers)
    assert (found, said) == ({"a": SECOND}, "")
    found, said = acquired({"b": "02/11/2022 02:30:15.461 PM"}, **numbers)
    assert found["b"] is None
    assert "no other header tells" in said


FOLDERS = {
    "another date tells the day": (
        {"a": "02/11/2022 14:30:15.461", "b": "22/11/2022 09:00:00"},
        SECOND,
    ),
    "another date tells the month": (
        {"a": "11/02/2022 14:30:15.461", "b": "11/22/2022 09:00:00"},
        SECOND,
    ),
    "one of many does": (
        {"a": "02/11/2022 14:30:15.461", "b": "03/11/2022 1:00", "c": "31/10/2022 1:00"},
        SECOND,
    ),
    "a folder below": ({"a": "02/11/2022 14:30:15.461", "in/b": "22/11/2022 09:00:00"}, SECOND),
    "the folder above": ({"in/a": "02/11/2022 14:30:15.461", "b": "22/11/2022 09:00"}, SECOND),
    "a folder beside": ({"1/a": "02/11/2022 14:30:15.461", "2/b": "22/11/2022 09:00"}, SECOND),
    "its own folder before others": (
        {"1/a": "02/11/2022 14:30:15.461", "1/b": "22/11/2022 9:00", "2/c": "11/22/2022 9:00"},
        SECOND,
    ),
    "day first with AM and PM": (
        {"a": "02/11/2022 02:30:15.461 PM", "b": "22/11/2022 09:00:00 AM"},
        SECOND,
    ),
    "they contradict one another": (
        {"a": "02/11/2022 14:30:15.461", "b": "22/11/2022 9:00", "c": "11/22/2022 9:00"},
        None,
    ),
    "they contradict one another, with AM and PM": (
        {"a": "02/11/2022 02:30 PM", "b": "22/11/2022 9:00 AM", "c": "11/22/2022 9:00 AM"},
        None,
    ),
    "another form tells nothing": (
        {"a": "02/11/2022 14:30:15.461", "b": "22-11-2022 09:00:00", "c": "11/22/2022 9:00 AM"},
        None,
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_the_dates_around_tell_the_order(acquired, name: str) -> None:
    dates, expected = FOLDERS[name]
    found, said = acquired(dates)
    image = next(path for path in dates if path.endswith("a"))
    assert found[image] == expected
    assert bool(said) == (expected is None)
    for other in dates.keys() - {image}:
        assert found[other] is not None


def test_images_that_are_there_already_tell_the_order_too(acquired) -> None:
    acquired({"b": "22/11/2022 09:00:00"})
    found, said = acquired({"b": "22/11/2022 09:00:00", "a": "02/11/2022 14:30:15.461"})
    assert (found["a"], said) == (SECOND, "")


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))
def test_a_date_is_one_of_those_it_can_be(when: datetime) -> None:
    iso, clock = when.isoformat(timespec="microseconds"), f"{when:%H:%M:%S.%f}"
    year, month, day = f"{when.year:04d}", f"{when:%m}", f"{when:%d}"
    for text in (iso, f"{day}/{month}/{year} {clock}", f"{month}/{day}/{year} {clock}"):
        written = parse_date(text)
        assert written is not None
        assert when in written.readings.values()
        may_be_another = text != iso and when.day <= 12 and when.day != when.month
        assert written.is_ambiguous == may_be_another
    exact = (when - datetime(1970, 1, 1)).total_seconds() * 1e9
    assert local_epoch_ns(when) == pytest.approx(exact, abs=1e6)
