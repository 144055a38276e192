"""Text is text in a picture: no title, name or value becomes markup, script or a pattern."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from kymflow.core.plots import draw_image, plot, save
from kymflow.core.plots.style import KINDS
from kymflow_zarr import UsageError, ZarrDataset

HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "<!--<script>",
    "'\"><svg onload=alert(1)>",
    "\u2028\u2029]]>&lt;",
    "\x1b]0;title\x07\x00\ufffe",
    "datum.x || alert(1)",
    "{expr: 'alert(1)'}",
    "__proto__",
    "https://example.org/x.png",
]


class Page(HTMLParser):
    """Collects what a browser would take for elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.policy = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.handlers += [name for name in found if name.startswith("on") or name == "src"]
        if tag == "script":
            self.scripts.append((found, ""))
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"] or ""

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["script"] and self.scripts and not self.scripts[-1][1]:
            self.scripts[-1] = (self.scripts[-1][0], data)


def check_page(path: Path, *texts: str) -> None:
    page = Page(path.read_text())
    assert page.tags == [
        "html",
        "head",
        "meta",
        "meta",
        "title",
        "style",
        "body",
        "div",
        *["script"] * 3,
    ]
    assert page.handlers == []
    (kind, spec), *scripts = page.scripts
    assert kind == {"type": "application/json", "id": "spec"}
    told = json.dumps(json.loads(spec), ensure_ascii=False)
    for text in texts:
        assert json.dumps(fit(text), ensure_ascii=False)[1:-1] in told
    hashes = {
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for _, text in scripts
    }
    policy = dict(rule.split(" ", 1) for rule in page.policy.split("; "))
    assert policy["default-src"] == "'none'"
    assert set(policy["script-src"].split()) == hashes
    assert "unsafe-eval" not in page.policy


def check_svg(path: Path) -> None:
    elements = list(ElementTree.parse(path).iter())
    names = {element.tag.rpartition("}")[2] for element in elements}
    assert names <= {
        "svg",
        "g",
        "path",
        "rect",
        "line",
        "text",
        "tspan",
        "defs",
        "clipPath",
        "image",
    }
    attributes = {name for element in elements for name in element.attrib}
    assert not [name for name in attributes if name.startswith("on") or name.endswith("href")] or (
        names & {"image"}
    )


def fit(text: str) -> str:
    return re.sub(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]", "\N{REPLACEMENT CHARACTER}", text
    )


@pytest.mark.wide
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_plot_becomes_markup(tmp_path: Path, kind: str, text: str) -> None:
    names = [f"{text}{n}" for n in range(3)]
    frame = pl.DataFrame(
        {names[0]: [1.0, 2.0, 4.0], names[1]: [1.0, 3.0, 2.0], names[2]: [text, "b", "c"]}
    )
    x, y, color = names
    chosen = {"y": None} if kind == "hist" else {"y": y}
    if kind in ("bar", "box"):
        x = color
    chart = plot(frame, kind, x=x, color=color, title=text, **chosen)
    save(chart, tmp_path / "plot.html")
    check_page(tmp_path / "plot.html", text)
    save(chart, tmp_path / "plot.svg")
    check_svg(tmp_path / "plot.svg")


@pytest.mark.long
def test_no_text_of_an_image_becomes_markup(tmp_path: Path, dataset: ZarrDataset) -> None:
    times = np.arange(400) / 100
    for number, text in enumerate(HOSTILE):
        record = dataset.add_image(np.zeros((40, 8), np.uint8), image_id=f"image-{number}")
        record.save_metadata_payload(
            {
                "source": {"path": f"a/{text}"},
                "header": {"voxels": [0.1, 0.3]},
                "rois": [{"roi_id": text, "x0": 1, "x1": 4, "y0": 3, "y1": 20}],
            }
        )
        trace = {"roi_id": [1] * 400, "channel": [1] * 400, "time": times, "velocity": times}
        record.save_df_parquet("velocity/trace", pl.DataFrame(trace))
        events = {"roi_id": [1], "channel": [1], "event_id": ["1"], "t_start_s": [1.0]}
        words = {name: [text] for name in ("event_type", "user_type", "note")}
        record.save_df_parquet("velocity_events/events", pl.DataFrame({**events, **words}))
        save(draw_image(record), tmp_path / "image.html")
        check_page(tmp_path / "image.html", text)
        save(draw_image(record), tmp_path / "image.svg")
        check_svg(tmp_path / "image.svg")


@pytest.mark.wide
@pytest.mark.parametrize(
    "metadata",
    [
        {"header": [1]},
        {"header": {"voxels": 5}},
        {"header": {"voxels": "ab"}},
        {"header": {"voxels": [10**400, -1]}},
        {"header": {"voxels": [1e308, 1e-320]}},
        {"source": "x", "rois": "y", "header": None},
        {"rois": [1, {"x0": 10**400, "x1": 1, "y0": 1, "y1": 2}, {"roi_id": [{}]}]},
    ],
)
def test_odd_metadata_is_drawn_without(
    tmp_path: Path, dataset: ZarrDataset, metadata: dict
) -> None:
    record = dataset.add_image(np.zeros((40, 8), np.uint8), image_id="a")
    record.save_metadata_payload(metadata)
    save(draw_image(record), tmp_path / "image.svg")
    check_svg(tmp_path / "image.svg")


@pytest.mark.parametrize("kind", KINDS)
def test_columns_are_taken_by_their_very_names(kind: str) -> None:
    frame = pl.DataFrame(
        {"a": [100.0, 300.0], "^a$": [1.0, 3.0], "*": [2.0, 4.0], "^.*$": ["p", "q"]}
    )
    x, y = ("^.*$", "*") if kind in ("bar", "box") else ("^a$", None if kind == "hist" else "*")
    spec = plot(frame, kind, x=x, y=y, color="^.*$").to_dict()
    told = json.dumps(spec["datasets"] if "datasets" in spec else spec["data"])
    assert "100" not in told
    assert "300" not in told


NOTHING = [
    [float("nan")],
    [float("nan"), None],
    [float("inf"), float("-inf")],
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("values", NOTHING, ids=str)
def test_nothing_to_draw_is_an_error(kind: str, values: list[float | None]) -> None:
    frame = pl.DataFrame({"x": values, "y": values}, {"x": pl.Float64, "y": pl.Float64})
    with pytest.raises(UsageError, match="no rows to plot: none has a finite value"):
        plot(frame, kind, x="x", y=None if kind == "hist" else "y")


EXTREMES = [
    [1e300, 1.0001e300],
    [1e300],
    [5e-324, 0.0],
    [2**63 - 1, 2**63 - 2],
    [2**53 + 1, 2**53 + 3],
    [-1e-300, 2e-300],
]


@pytest.mark.parametrize("values", EXTREMES, ids=str)
def test_a_histogram_of_extreme_numbers_counts_all(values: list[float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = plot(pl.DataFrame({"x": values}), "hist").to_dict()
    [rows] = spec["datasets"].values()
    assert sum(row["count"] for row in rows) == len(values)


@pytest.mark.parametrize(
    ("kind", "x", "y"), [("hist", "t", None), ("bar", "t", "u"), ("box", "t", "u")]
)
def test_texts_are_no_numbers(kind: str, x: str, y: str | None) -> None:
    with pytest.raises(UsageError, match="which takes numbers"):
        plot(pl.DataFrame({"t": ["a", "b"], "u": ["c", "d"]}), kind, x=x, y=y)


@pytest.mark.long
def test_thousands_of_points_of_text_are_drawn() -> None:
    frame = pl.DataFrame({"x": [str(n % 7) for n in range(6000)], "y": range(6000)})
    with pytest.warns(UserWarning, match="5,000 of 6,000"):
        plot(frame, "scatter", x="x", y="y")


FAR = [
    pl.Series([0, (1 << 63) - 1]).cast(pl.Datetime("us")),
    pl.Series([0, -(1 << 63) + 1]).cast(pl.Datetime("us")),
    pl.Series([0, (1 << 63) - 1]).cast(pl.Datetime("ns")),
    pl.Series([0, (1 << 63) - 1]).cast(pl.Datetime("us", "UTC")),
    pl.Series([0, (1 << 31) - 1], dtype=pl.Int32).cast(pl.Date),
    pl.Series([0, 9 * 10**18]).cast(pl.Datetime("us")),
]


@pytest.mark.wide
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("times", FAR, ids=lambda times: str(times.dtype))
def test_times_beyond_the_calendar_are_left_out_and_said(
    tmp_path: Path, kind: str, times: pl.Series
) -> None:
    frame = pl.DataFrame({"t": times, "y": [1.0, 2.0]})
    with warnings.catch_warnings(record=True) as said:
        save(plot(frame, kind, x="t", y=None if kind == "hist" else "y"), tmp_path / "plot.svg")
    assert "1 times of t beyond the calendar left out" in [str(each.message) for each in said]


@pytest.mark.parametrize("size", [0, -1, 8_001, 10**12])
def test_sizes_that_cant_be_drawn_are_refused(dataset: ZarrDataset, size: int) -> None:
    for wrong in ({"width": size}, {"height": size}):
        with pytest.raises(UsageError, match="8,000 px"):
            plot(pl.DataFrame({"x": [1, 2], "y": [1, 2]}), **wrong)
    record = dataset.add_image(np.zeros((40, 8), np.uint8), image_id="a")
    with pytest.raises(UsageError, match="8,000 px"):
        draw_image(record, width=size)


@pytest.mark.parametrize(
    ("start", "end"), [(0, float("inf")), (float("nan"), 1), (float("-inf"), 1)]
)
def test_a_time_that_is_not_finite_is_refused(
    dataset: ZarrDataset, start: float, end: float
) -> None:
    record = dataset.add_image(np.zeros((40, 8), np.uint8), image_id="a")
    with pytest.raises(UsageError, match="both be finite"):
        draw_image(record, start=start, end=end)
