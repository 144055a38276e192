from __future__ import annotations

import struct
import subprocess
import sys
import warnings
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kymflow.core.plots import PlotNote, plot, save
from kymflow.core.plots.style import KINDS
from kymflow_zarr.errors import UsageError

EVENTS = pl.DataFrame(
    {
        "image_id": [f"i{n % 7}" for n in range(60)],
        "roi_id": [n % 2 for n in range(60)],
        "condition": ["AngII", "baseline", "saline"] * 20,
        "t_start_s": [0.5 * n for n in range(60)],
        "peak_value": [1.0 + n % 5 for n in range(60)],
        "n_valid": list(range(60)),
        "day": [date(2025, 7, 1 + n % 28) for n in range(60)],
    }
)


def drawn(frame: pl.DataFrame, kind: str, **options: Any) -> dict[str, Any]:
    spec: dict[str, Any] = plot(frame, kind, **options).to_dict()
    return spec


def rows(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return spec["datasets"][spec["data"]["name"]]


def titles(spec: dict[str, Any]) -> dict[str, str]:
    layer = spec["layer"][0] if "layer" in spec else spec
    return {
        channel: encoding["title"]
        for channel, encoding in layer["encoding"].items()
        if isinstance(encoding, dict) and encoding.get("title")
    }


@pytest.mark.parametrize(
    ("kind", "columns", "guessed"),
    [
        ("line", ["t_start_s", "peak_value"], {"x": "t start (s)", "y": "peak value (mm/s)"}),
        ("line", ["peak_value", "day"], {"x": "day", "y": "peak value (mm/s)"}),
        (
            "scatter",
            ["roi_id", "t_start_s", "peak_value", "condition"],
            {"x": "t start (s)", "y": "peak value (mm/s)", "color": "roi id"},
        ),
        ("hist", ["image_id", "n_valid"], {"x": "n valid", "y": "count", "color": "image id"}),
        ("box", ["condition", "peak_value"], {"x": "condition", "y": "peak value (mm/s)"}),
        ("bar", ["condition", "peak_value"], {"x": "condition", "y": "count"}),
    ],
)
def test_columns_are_guessed(kind: str, columns: list[str], guessed: dict[str, str]) -> None:
    assert titles(drawn(EVENTS.select(columns), kind)) == guessed


def test_sums_become_bars_grouped_by_their_second_text() -> None:
    sums = EVENTS.group_by("condition", "image_id").agg(
        pl.mean("peak_value").alias("avg(peak_value)")
    )
    spec = drawn(sums.sort("image_id"), "bar")
    assert titles(spec) == {
        "x": "condition",
        "y": "avg(peak value) (mm/s)",
        "color": "image id",
    }
    assert spec["encoding"]["xOffset"]["field"] == "color"


def test_named_columns_win() -> None:
    spec = drawn(EVENTS, "scatter", x="n_valid", y="t_start_s", color="peak_value", title="T")
    assert titles(spec) == {"x": "n valid", "y": "t start (s)", "color": "peak value (mm/s)"}
    assert spec["encoding"]["color"]["type"] == "quantitative"
    assert spec["title"]["text"] == "T"


def test_means_are_said() -> None:
    with pytest.warns(PlotNote, match="bars are means, of up to 20 rows each"):
        spec = drawn(EVENTS, "bar", x="condition", y="peak_value")
    assert titles(spec)["y"] == "mean peak value (mm/s)"
    assert spec["title"]["text"] == ["bars are means, of up to 20 rows each"]


@pytest.mark.long
def test_thinning_is_said_and_the_data_stay_small() -> None:
    many = pl.DataFrame(
        {
            "time": [n / 100 for n in range(50_000)],
            "velocity": [float(n % 77) for n in range(50_000)],
        }
    )
    for kind in ("line", "scatter"):
        with pytest.warns(PlotNote, match="of 50,000 points drawn"):
            spec = drawn(many, kind, title="Trace")
        assert len(rows(spec)) <= 5_000
        assert "points drawn" in spec["title"]["subtitle"][0]
    assert len(rows(drawn(many, "hist", x="velocity"))) < 100


def test_missing_values_are_said_but_gaps_in_lines_stay() -> None:
    holes = pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1.0, float("nan"), float("inf")]})
    with pytest.warns(PlotNote, match="2 of 3 rows without a value left out"):
        assert len(rows(drawn(holes, "scatter"))) == 1
    assert [row["y"] for row in rows(drawn(holes, "line"))] == [1.0, None, None]


def test_many_bars_lie_and_the_longest_are_shown() -> None:
    many = pl.DataFrame(
        {"path": [f"folder/{'x' * 40}/{n:03d}.tif" for n in range(60)], "n": range(60)}
    )
    with pytest.warns(PlotNote, match="40 of 60 bars shown, the longest"):
        spec = drawn(many, "bar")
    assert titles(spec) == {"y": "path", "x": "n"}
    names = [row["x"] for row in rows(spec)]
    assert len(set(names)) == 40
    assert names[0].endswith("/020.tif")
    assert max(map(len, names)) <= 32


def test_numbers_and_days_stand_in_their_order() -> None:
    frame = pl.DataFrame({"branch_order": [10, 2, 1], "n": [1, 2, 3]})
    bars = rows(drawn(frame, "bar", x="branch_order", y="n"))
    assert [row["x"] for row in bars] == ["1", "2", "10"]
    days = pl.DataFrame({"day": [date(2025, 7, 2), date(2025, 7, 1)], "n": [1, 2]})
    assert [row["x"] for row in rows(drawn(days, "bar"))] == [
        "2025-07-01",
        "2025-07-02",
    ]


def test_times_show_their_own_clock() -> None:
    frame = pl.DataFrame({"at": [datetime(2025, 7, 1, 12, tzinfo=UTC)], "n": [1]})
    assert rows(drawn(frame, "line"))[0]["x"] == "2025-07-01T12:00:00.000"


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("pie", {}, "no plot of kind 'pie'; there are line, bar, hist, scatter, box"),
        ("line", {"x": "nope"}, "no column 'nope' to plot; there are image_id, roi_id"),
        ("hist", {"y": "n_valid"}, "counts rows"),
    ],
)
def test_bad_calls_are_clear(kind: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plot(EVENTS, kind, **options)


def test_what_cannot_be_plotted_is_said() -> None:
    with pytest.raises(UsageError, match="a line plot needs a time or number for x"):
        plot(EVENTS.select("condition"), "line")
    with pytest.raises(UsageError, match="no rows to plot"):
        plot(EVENTS.clear(), "line")
    with pytest.raises(UsageError, match="can't be plotted as y"):
        plot(pl.DataFrame({"a": [1], "b": [[1]]}), "line", x="a", y="b")


@pytest.mark.wide
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_written(kind: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chart = plot(
            EVENTS.select("condition", "t_start_s", "peak_value"), kind, width=300, height=200
        )
        for ending in (".png", ".svg", ".html"):
            save(chart, tmp_path / f"plot{ending}")
    png = (tmp_path / "plot.png").read_bytes()
    width, height = struct.unpack(">II", png[16:24])
    assert png.startswith(b"\x89PNG")
    assert (width > 600, height > 400) == (True, True)
    assert (tmp_path / "plot.svg").read_text().startswith("<svg")
    page = (tmp_path / "plot.html").read_text()
    assert "vegaEmbed" in page
    for loads in ("<script src", "<link", 'import("http'):
        assert loads not in page


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.png, \.svg, \.html, not '\.gif'"):
        save(plot(EVENTS, "line"), tmp_path / "plot.gif")
    assert not list(tmp_path.iterdir())


def test_without_the_extra_the_error_names_it() -> None:
    code = (
        "import sys; sys.modules['altair'] = None\n"
        "import polars as pl\n"
        "from kymflow.core.errors import MissingExtraError\n"
        "from kymflow.core.plots import plot\n"
        "try: plot(pl.DataFrame({'a': [1], 'b': [1]}))\n"
        "except MissingExtraError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "kymflow[plot]" in done.stdout
    assert "'altair'" in done.stdout


def test_points_bear_the_numbers_of_their_rows(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [3.0, None, 1.0, 2.0], "b": [1.0, 5.0, 7.0, 4.0]})
    spec = drawn(frame, "scatter", x="a", y="b", numbered=True)
    told = {row["row"]: (row["x"], row["y"]) for row in rows(spec)}
    assert told == {"0": (3.0, 1.0), "2": (1.0, 7.0), "3": (2.0, 4.0)}
    with pytest.warns(PlotNote, match="1 of 4 rows"):
        save(plot(frame, "scatter", x="a", y="b", numbered=True), tmp_path / "p.svg")
    text = (tmp_path / "p.svg").read_text()
    assert all(f'aria-label="{row}"' in text for row in told)
    many = pl.DataFrame({"a": [float(n % 97) for n in range(20_000)], "b": range(20_000)})
    for row in rows(drawn(many, "scatter", x="a", y="b", numbered=True)):
        assert (row["x"], row["y"]) == many.row(int(row["row"]))
    assert "row" not in rows(drawn(frame, "scatter", x="a", y="b"))[0]
    assert "row" not in rows(drawn(frame, "bar", x="a", y="b", numbered=True))[0]
