"""The docs say what the code does: their examples run."""

from __future__ import annotations

import ast
import io
import json
import re
import runpy
import shlex
import tomllib
from itertools import takewhile
from pathlib import Path

import click
import polars as pl
import pytest

from kymflow.cli.main import app
from kymflow.core.kym_dataset import (
    ImageIndexer,
    KymDataset,
    VelocityEventIndexer,
    VelocityIndexer,
)
from kymflow.core.kym_dataset.update.decide import REASONS
from kymflow.core.plots.style import EVENT_COLOURS
from kymflow.core.velocity import VelocityParams
from kymflow.core.velocity_events import param_specs
from kymflow_zarr import ZarrDataset

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
OF_ANY_DATASET = [path for path in DOCS if path.name != "sql.md"]  # its answers: test_docs_sql
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)")
NAMED_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL)


def test_python_in_the_docs_runs(dataset: ZarrDataset, add_image, monkeypatch) -> None:
    add_image("a", 2)
    dataset.path.rename(dataset.path.with_name("lab.zarr"))
    monkeypatch.chdir(dataset.path.parent)
    examples = [block for path in OF_ANY_DATASET for block in blocks(path, "python")]
    assert len(examples) >= 3
    for example in examples:
        exec(example, {})


def test_an_indexer_of_the_docs_indexes(dataset: ZarrDataset, add_image) -> None:
    add_image("a")
    names: dict[str, object] = {}
    exec(blocks(ROOT / "docs" / "indexers.md", "python")[0], names)
    KymDataset(dataset).update_index(names["Brightness"]())
    assert dataset.load_table("kym_brightness")["mean"].to_list() == [0.0]


@pytest.mark.long
def test_sql_in_the_docs_is_answered(dataset: ZarrDataset, add_image) -> None:
    trace = pl.DataFrame({"time": [0.0, 0.1], "velocity": [1.0, 2.0]})
    add_image("a", 2).save_df_parquet("velocity/trace", trace)
    kym = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityIndexer(), VelocityEventIndexer()):
        kym.update_index(indexer)
    for path in OF_ANY_DATASET:
        for query in blocks(path, "sql"):
            assert kym.sql(query).height == 1
        for query in re.findall(r'kymflow (?:sql|plot) \S+ "(SELECT[^"]+)"', path.read_text()):
            assert kym.sql(query).height >= 1


def test_commands_in_the_docs_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.json").touch()
    monkeypatch.setattr(click.Command, "invoke", lambda *_: None)
    lines = [line for path in DOCS for line in command_lines(path)]
    assert len(lines) > 30
    for line in lines:
        words = list(takewhile(lambda word: word not in "|>", shlex.split(line, comments=True)))
        app.main(words[1:], prog_name=line, standalone_mode=False)
    with pytest.raises(click.NoSuchOption):
        app.main(["tables", "convert", "lab.zarr", "--ot", "parquet"], standalone_mode=False)


def command_lines(path: Path) -> list[str]:
    """Return the commands shown in a page, without those that only show their usage."""
    shown = re.sub(r"```text\n.*?```", "", path.read_text(), flags=re.DOTALL)
    return re.findall(r"^kymflow .*", shown, re.MULTILINE)


def test_every_reason_is_explained() -> None:
    text = (ROOT / "docs" / "design.md").read_text()
    assert [reason for reason in REASONS if f"`{reason}`" not in text] == []


def test_every_event_param_is_explained_as_it_is() -> None:
    lines = (ROOT / "docs" / "events.md").read_text().splitlines()
    for spec in param_specs():
        values = f"{'whole, ' if spec.whole else ''}{spec.range} | {spec.unit}"
        row = f"| `{spec.key}` | {json.dumps(spec.default)} | {values} | {spec.meaning} |"
        assert row in lines


def test_every_velocity_param_is_explained_as_it_is() -> None:
    lines = (ROOT / "docs" / "velocity.md").read_text().splitlines()
    for spec in VelocityParams.specs():
        values = f"{spec.kind}, {spec.range}" if spec.multiple > 1 else spec.range
        row = f"| `{spec.key}` | {json.dumps(spec.default)} | {values} | {spec.unit} | "
        assert f"{row}{spec.meaning} |" in lines


@pytest.mark.long
def test_every_event_type_has_its_picture(tmp_path: Path) -> None:
    drawn = runpy.run_path(str(ROOT / "docs" / "events" / "draw.py"))
    drawn["draw"](tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        path.name for path in (ROOT / "docs" / "events").glob("*.png")
    }
    text = (ROOT / "docs" / "events.md").read_text()
    for path in tmp_path.iterdir():
        assert f"(events/{path.name})" in text
    for event_type in EVENT_COLOURS:
        assert re.search(rf"^### .*`{event_type}`", text, re.MULTILINE)


@pytest.mark.long
def test_the_pictures_of_velocity_are_drawn(tmp_path: Path) -> None:
    drawn = runpy.run_path(str(ROOT / "docs" / "velocity" / "draw.py"))
    drawn["draw"](tmp_path)
    text = (ROOT / "docs" / "velocity.md").read_text()
    names = {path.name for path in (ROOT / "docs" / "velocity").glob("*.png")}
    assert {path.name for path in tmp_path.iterdir()} == names
    for name in names:
        assert f"(velocity/{name})" in text


@pytest.mark.long
def test_the_tutorial_does_what_it_says(tmp_path: Path, monkeypatch, capfd) -> None:
    page = ROOT / "docs" / "tutorial.md"
    tutorial = runpy.run_path(str(page.parent / "tutorial" / "draw.py"))
    monkeypatch.chdir(tmp_path)
    for _, *words in tutorial["commands"]():
        app.main(words, standalone_mode=False)
    printed = capfd.readouterr().out
    counts = pl.read_csv(io.StringIO(printed[printed.index("group,n_images") :]), n_rows=2)
    shown = [line.split() for line in blocks(page, "text")[2].splitlines()]
    told = {row[0]: [float(value) for value in row[1:6]] for row in shown[2:]}
    assert told.keys() == set(counts["group"])
    for group, *values in counts.iter_rows():
        assert [float(value) for value in values[:5]] == pytest.approx(told[group], rel=1e-3)
    for name in tutorial["PICTURES"]:
        assert (tmp_path / name).exists()
        assert (page.parent / "tutorial" / name).exists()
        assert f"(tutorial/{name})" in page.read_text()
    [example] = blocks(page, "python tutorial")
    exec(example, {})
    assert "AngII" in capfd.readouterr().out


def test_every_page_is_in_the_site_and_in_the_list_for_machines() -> None:
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in DOCS[2:]}
    site = (ROOT / "mkdocs.yml").read_text()
    assert set(re.findall(r"^ +- ([\w/-]+\.md)$", site, re.MULTILINE)) == pages
    listed = re.findall(r"\]\(([\w/-]+\.md)\)", (ROOT / "docs" / "llms.txt").read_text())
    assert set(listed) == {page for page in pages if not page.startswith("decisions/")}


def test_every_column_is_explained_as_it_is() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "columns" / "write.py"))
    written = page["write"]()
    assert (ROOT / "docs" / "columns.md").read_text() == written
    assert not re.findall(r"^\| .*\|  \|$", written, re.MULTILINE)


def test_every_extra_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(project["optional-dependencies"]) - {"bench"}
    page = (ROOT / "docs" / "install.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == extras
    [everything] = project["optional-dependencies"]["all"]
    assert set(re.findall(r"[a-z]+", everything)) - {"kymflow"} == extras - {"all", "xarray"}


def test_the_readme_shows_what_the_demo_prints(demo) -> None:
    def without_times(text: str) -> list[str]:
        return [re.sub(r", [\d.]+ s$", "", line) for line in text.splitlines()]

    printed = without_times(demo.printed)
    [shown] = [block for block in blocks(ROOT / "README.md", "") if "events: 6 images" in block]
    for line in without_times(shown):
        assert line in printed


def test_links_lead_somewhere() -> None:
    for path in DOCS:
        for target, anchor in LINK.findall(path.read_text()):
            page = path.parent / target if target else path
            assert page.exists(), f"{path.name}: {target}"
            assert not anchor or anchor in anchors(page), f"{path.name}: {target}#{anchor}"


def test_every_word_of_the_glossary_has_one_line_and_a_place() -> None:
    lines = (ROOT / "docs" / "glossary.md").read_text().splitlines()
    entries = [line for line in lines if line.startswith("- ")]
    assert len(entries) > 30
    for line in entries:
        assert re.match(r'- <a id="([a-z-]+)"></a>\*\*[^*]+\*\*: \S.*\.$', line), line


def anchors(page: Path) -> set[str]:
    """Return the places in a page that links may name: its headings and what has an id."""
    text = page.read_text()
    headings = [heading.lower() for heading in re.findall(r"^#+ (.*)", text, re.MULTILINE)]
    slugs = {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


def test_every_promise_names_tests_that_exist_and_says_which_are_long() -> None:
    page = (ROOT / "docs" / "guarantees.md").read_text()
    assert len(NAMED_TEST.findall(page)) > 20
    for path, name in NAMED_TEST.findall(page):
        assert is_long(path, name) is not None, f"{path}::{name}"
    for line in re.findall(r"^- .*", page, re.MULTILINE):
        for part, long in zip(line.split("*long*"), (False, True), strict=False):
            for path, name in NAMED_TEST.findall(part):
                assert is_long(path, name) == long, f"{path}::{name}"
    for promise in page.split("\n## ")[1:]:
        assert "::" in promise, f"no test holds: {promise.splitlines()[0]}"


def is_long(path: str, name: str) -> bool | None:
    """Tell whether a test is marked as long, whatever its parameters; None if there is none."""
    body = ast.parse((ROOT / path).read_text()).body
    marks = "".join(line for line in map(ast.unparse, body) if line.startswith("pytestmark"))
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            decorators = list(map(ast.unparse, node.decorator_list))
            return "pytest.mark.long" in decorators or "pytest.mark.long" in marks
    return None
