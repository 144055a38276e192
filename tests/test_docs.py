"""The docs say what the code does: their examples run."""

from __future__ import annotations

import re
from pathlib import Path

from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.decide import REASONS
from kymflow_zarr import ZarrDataset

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OF_ANY_DATASET = [path for path in DOCS if path.name != "sql.md"]  # its answers: test_docs_sql


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


def test_sql_in_the_docs_is_answered(dataset: ZarrDataset, add_image) -> None:
    add_image("a", 2)
    kym = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityEventIndexer()):
        kym.update_index(indexer)
    for path in OF_ANY_DATASET:
        for query in blocks(path, "sql"):
            assert kym.sql(query).height == 1
        for query in re.findall(r'kymflow (?:sql|plot) \S+ "(SELECT[^"]+)"', path.read_text()):
            assert kym.sql(query).height >= 1


def test_every_reason_is_explained() -> None:
    text = (ROOT / "docs" / "design.md").read_text()
    assert [reason for reason in REASONS if f"`{reason}`" not in text] == []


def test_links_lead_somewhere() -> None:
    for path in DOCS:
        for target in re.findall(r"\]\(([^):]+\.md)\)", path.read_text()):
            assert (path.parent / target).exists(), target


def test_every_promise_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "guarantees.md").read_text()
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", page)
    assert len(named) > 20
    for path, name in named:
        defined = re.findall(r"^(?:def|class) (\w+)", (ROOT / path).read_text(), re.MULTILINE)
        assert name in defined, f"{path}::{name}"
    for promise in page.split("\n## ")[1:]:
        assert "::" in promise, f"no test holds: {promise.splitlines()[0]}"
