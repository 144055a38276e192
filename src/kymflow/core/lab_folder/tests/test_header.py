from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kymflow.core.lab_folder.header import Header, read_header
from kymflow.core.lab_folder.tests.headers import header

SECONDS, UM = 0.00117, 0.284


@pytest.fixture
def read(tmp_path: Path):
    """Return a function that reads a header from text or bytes."""

    def read(text: str | bytes) -> Header:
        path = tmp_path / "a.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_header(path)

    return read


def test_what_a_header_says(read) -> None:
    found = read(header())
    assert (found.seconds_per_line, found.um_per_pixel) == (SECONDS, UM)
    assert (found.shape, found.notes, found.decimal) == ((100, 8), [], ".")
    assert found.date == "11/02/2022 12:30:15.461 PM"
    assert found.sections["General"]["Name"] == "a.oir"
    assert found.sections["Reference Image"]["Image Size"] == "512 * 512 [pixel]"


SAME = {
    "decimal commas": {
        "x": "8, 0,0 - 2,272 [um], 0,284 [um/pixel]",
        "total": "2,272 [um] * 117,000 [ms]",
    },
    "exponents": {"x": "8, 0.0 - 2.272E0 [um], 2.84E-1 [um/pixel]"},
    "no blanks": {
        "x": "8, 0.0 - 2.272[um],0.284[um/pixel]",
        "size": "8*100[pixel]",
        "total": "2.272[um]*117.000[ms]",
    },
    "nanometres": {"x": "8, 0.0 - 2272 [nm], 284 [nm/pixel]"},
    "nanometres, thousands set off": {"x": "8, 0.0 - 2,272.0 [nm], 284 [nm/pixel]"},
    "millimetres": {"x": "8, 0.0 - 0.002272 [mm], 0.000284 [mm/pixel]"},
    "micrometres in all": {"total": "2.272 [um] * 117000 [us]"},
    "total in nm": {"total": "2272 [nm] * 117.000 [ms]"},
    "total in s": {"total": "2.272 [um] * 0.117 [s]"},
    "total in µs": {"total": "2.272 [um] * 117,000.0 [µs]"},
    "time first": {"total": "117.000 [ms] * 2.272 [um]"},
    "time first, pixels too": {"size": "100 * 8 [pixel]", "total": "117.000 [ms] * 2.272 [um]"},
    "time first, no X": {"x": "", "size": "100 * 8 [pixel]", "total": "117.0 [ms] * 2.272 [um]"},
    "no step": {"x": "8, 0.0 - 2.272 [um]"},
    "no X Dimension": {"x": ""},
    "a step per line": {"total": "", "t": "100, 0.0 - 0.117 [s], 1.17 [ms/line]"},
    "a range of time": {"total": "", "t": "1, 0.000 - 0.117 [s], Interval FreeRun"},
    "other words": {"x": "8, 0.0 - 2.272 [micron], 0.284 [micron/px]"},
    "a times sign": {"size": "8 × 100 [pixel]", "total": "2.272 [um] × 117.000 [ms]"},
    "signs of µ": {"x": "8, 0.0 - 2.272 [μm], 0.284 [µm/pixel]"},
}


@pytest.mark.parametrize("name", SAME)
def test_numbers_and_units_are_converted(read, name: str) -> None:
    found = read(header(**SAME[name]))
    assert found.notes == []
    assert found.um_per_pixel == pytest.approx(UM, rel=1e-9)
    assert found.seconds_per_line == pytest.approx(SECONDS, rel=1e-9)
    assert found.shape == (100, 8)


REFUSED = {
    "a step that can be read in two ways": ({"x": "8, 0.0 - 2.272 [um], 1,284 [um/pixel]"}, "um"),
    "points of thousands or decimals": (
        {"x": "8, 0,0 - 2,272 [um], 0,284 [um/pixel]", "total": "2.272 [um] * 117.000 [ms]"},
        "seconds",
    ),
    "many points": ({"x": "8, 0.0 - 2.272 [um], 1.2.3 [um/pixel]"}, "um"),
    "an unknown unit": ({"x": "8, 0.0 - 2.272 [fur], 0.284 [fur/pixel]"}, "um"),
    "pixels per µm": ({"x": "8, 0.0 - 2.272 [um], 3.521 [pixel/um]"}, "um"),
    "a step of nothing": ({"x": "8, 0.0 - 0.0 [um], 0.0 [um/pixel]"}, "um"),
    "a negative step": ({"x": "8, 0.0 - 2.272 [um], -0.284 [um/pixel]"}, "um"),
    "no number": ({"x": "8, 0.0 - 2.272 [um], NaN [um/pixel]"}, "um"),
    "infinite": ({"total": "2.272 [um] * inf [ms]"}, "seconds"),
    "too large": ({"total": f"2.272 [um] * {'9' * 400} [ms]"}, "seconds"),
    "an unknown unit of time": ({"total": "2.272 [um] * 117.000 [fortnight]"}, "seconds"),
    "a size in fractions": ({"size": "8.5 * 100 [pixel]"}, "seconds"),
    "a size with points": ({"size": "8 * 100.000 [pixel]"}, "seconds"),
    "a size of nothing": ({"size": "8 * 0 [pixel]"}, "seconds"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_no_number_and_is_said(read, name: str) -> None:
    changes, which = REFUSED[name]
    found = read(header(**changes))
    # Another figure of the same header may tell it; never is it another number.
    assert found.um_per_pixel in (None, pytest.approx(UM))
    assert found.seconds_per_line in (None, SECONDS)
    assert found.notes
    assert which == "um" or found.seconds_per_line is None


CONTRADICTORY = {
    "thousands": ({"x": "8, 0.0 - 10,272.0 [um], 1,284.0 [um/pixel]"}, (SECONDS, None)),
    "another unit": ({"total": "2.272 [mm] * 117.000 [ms]"}, (SECONDS, None)),
    "another range": ({"x": "8, 0.0 - 9.9 [um], 0.284 [um/pixel]"}, (SECONDS, None)),
    "another time": ({"t": "1, 0.000 - 117.0 [s], Interval FreeRun"}, (None, UM)),
}


@pytest.mark.parametrize("name", CONTRADICTORY)
def test_a_header_that_contradicts_itself_is_not_believed(read, name: str) -> None:
    changes, (seconds, um) = CONTRADICTORY[name]
    found = read(header(**changes))
    assert (found.seconds_per_line, found.um_per_pixel) == (seconds, um)
    assert "neither is used" in " ".join(found.notes)


def test_rounding_and_the_end_of_a_range_are_no_contradiction(read) -> None:
    found = read(
        header(
            x="38, 0.0 - 10.796 [um], 0.284 [um/pixel]",
            t="1, 0.000 - 35.099 [s], Interval FreeRun",
            size="38 * 30000 [pixel]",
            total="10.796 [um] * 35100.000 [ms]",
        )
    )
    assert (found.notes, found.um_per_pixel, found.seconds_per_line) == ([], 0.284, 0.00117)


def test_frames_of_a_movie_are_no_lines(read) -> None:
    found = read(
        header(
            t="50, 0.0 - 25.0 [s], 0.5 [s]",
            size="8 * 100 [pixel]",
            total="2.272 [um] * 28.4 [um]",
        )
    )
    assert found.seconds_per_line is None


MICRO = header(x="8, 0.0 - 2.272 [μm], 0.284 [μm/pixel]")
LATIN = header(name="Käse … „x“", x="8, 0.0 - 2.272 [µm], 0.284 [µm/pixel]")
ENCODED = {
    **{name: MICRO.encode(name) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-32")},
    **{name: MICRO.encode(name) for name in ("utf-16-le", "utf-16-be")},
    **{name: MICRO.encode(name) for name in ("cp932", "gb18030", "euc_kr", "big5", "euc_jp")},
    **{name: LATIN.encode(name) for name in ("cp1252", "cp1250")},
    "latin-1": LATIN.replace("… „x“", "").encode("latin-1"),
    "cp437": header(x="8, 0.0 - 2.272 [µm], 0.284 [µm/pixel]").encode("cp437"),
    "Japanese names": header(name="毛細血管 表").encode("cp932"),
    "bytes of no encoding": header(name="a").encode().replace(b"XT", b"X\x81\xffT"),
}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n", " \r\n"])
@pytest.mark.parametrize("name", ENCODED)
def test_any_encoding_and_line_break_is_read(read, name: str, end: str) -> None:
    wide = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(name, name)
    encoding = wide if wide.startswith("utf-") and wide != "utf-8-sig" else "latin-1"
    data = ENCODED[name].replace("\n".encode(encoding), end.encode(encoding))
    found = read(data)
    assert (found.notes, found.shape) == ([], (100, 8))
    assert (found.seconds_per_line, found.um_per_pixel) == (SECONDS, UM)


NAMES = {
    "quotes": ('a "left" side.oir', 'a "left" side.oir'),
    "a quote at the end": ('5" scale', '5" scale'),
    "doubled quotes, as in CSV": ('a ""left"" side.oir', 'a "left" side.oir'),
    "a tab": ("a\tb", "a\tb"),
    "a vertical tab": ("a\x0bb", "a\x0bb"),
    "a form feed": ("a\x0cb", "a\x0cb"),
    "a file separator": ("a\x1cb", "a\x1cb"),
    "next line": ("a\x85b", "a\x85b"),
    "line separator": ("a\u2028b", "a\u2028b"),
    "paragraph separator": ("a\u2029b", "a\u2029b"),
    "a line break": ("first\nsecond", "first\nsecond"),
    "several line breaks": ("first\n\nthird", "first\n\nthird"),
    "brackets": ("[x]", "[x]"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize("name", NAMES)
def test_values_hold_any_character(read, name: str) -> None:
    written, value = NAMES[name]
    found = read(header(name=written))
    assert found.sections["General"]["Name"] == value
    assert (found.notes, found.um_per_pixel, found.shape) == ([], UM, (100, 8))


DAMAGED = {
    "no quotes at all": header().replace('"', ""),
    "keys in another case": header().replace("X Dimension", "x dimension"),
    "blanks in keys": header().replace("Image Size(Unit", "Image Size (Unit"),
    "sections twice": header() + header(),
    "trailing tabs": header().replace('"\n', '"\t\n'),
    "NUL behind it": header() + "\0\0\0",
}
IN_PART = {
    "a line of something else": header() + "no quotes and no tab\n",
    "a value cut short": header() + '"[Acquisition]"\t""\n"Zoom"\t"x2.2',
    "a line before the first section": '"Date"\t"x"\n' + header(),
    "a note between": header().replace('"[Image]"', '"" "" ""\n"[Image]"'),
}


@pytest.mark.parametrize("name", DAMAGED | IN_PART)
def test_what_is_damaged_costs_only_itself(read, name: str) -> None:
    found = read((DAMAGED | IN_PART)[name])
    assert (found.seconds_per_line, found.um_per_pixel) == (SECONDS, UM)
    assert bool(found.notes) == (name in IN_PART)


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b"my notes of that day", bytes(range(256)), b"\0" * 50, b"\xff\xfe\x00"]
)
def test_what_is_no_header_says_nothing(read, data: bytes) -> None:
    found = read(data)
    assert (found.seconds_per_line, found.um_per_pixel, found.shape) == (None, None, None)
    assert found.notes == ["it has no [Section], so it is not an Olympus header"]


@settings(max_examples=200, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read(read, data: bytes) -> None:
    found = read(data)
    assert all(note.isprintable() for note in found.notes)
    found = read(header().encode() + data)
    assert found.um_per_pixel in (UM, None)
