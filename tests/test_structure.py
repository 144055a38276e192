"""The tree has no import circles: neither of files nor of packages, types included."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    "kymflow": ROOT / "src" / "kymflow",
    "kymflow_zarr": ROOT / "src" / "kymflow_zarr",
    "kymflow_sql": ROOT / "sql",
}
Graph = dict[str, set[str]]


def modules(root: str) -> dict[str, list[Path]]:
    """Find every module of a package but its tests, with its source and its stub, if any."""
    found: dict[str, list[Path]] = {}
    folder = SOURCES[root]
    for path in sorted(folder.rglob("*.py*")):
        parts = path.relative_to(folder).with_suffix("").parts
        if path.suffix in (".py", ".pyi") and not {"tests", "examples"}.intersection(parts):
            own = parts[:-1] if parts[-1] == "__init__" else parts
            found.setdefault(".".join((root, *own)), []).append(path)
    return found


def imports(module: str, path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, wherever in it: under TYPE_CHECKING too."""
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def import_graph(root: str) -> Graph:
    """Return which files import which; a name counts for the module that holds it."""
    known = modules(root)
    graph: Graph = {module: set() for module in known}
    for module, paths in known.items():
        for name in (name for path in paths for name in imports(module, path)):
            owner = name
            while owner and owner not in known:
                owner = owner.rpartition(".")[0]
            if owner and owner != module:
                graph[module].add(owner)
    return graph


def sibling_graphs(graph: Graph) -> dict[str, Graph]:
    """Return, for each package, which of the modules and packages in it import which."""
    found: dict[str, Graph] = {}
    for source, targets in graph.items():
        for target in targets:
            pairs = zip(source.split("."), target.split("."), strict=False)
            depth = next((n for n, (a, b) in enumerate(pairs) if a != b), None)
            if depth is not None:
                container = ".".join(source.split(".")[:depth])
                left, right = source.split(".")[depth], target.split(".")[depth]
                found.setdefault(container, {}).setdefault(left, set()).add(right)
    return found


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the sets of nodes that all reach one another."""
    reached = {node: _reach(graph, node) for node in graph}
    groups = {
        tuple(sorted(other for other in reach if node in reached.get(other, ())))
        for node, reach in reached.items()
        if node in reach
    }
    return [list(group) for group in sorted(groups)]


def _reach(graph: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    pending = [*graph.get(start, ())]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending.extend(graph.get(node, ()))
    return found


@pytest.mark.parametrize("root", SOURCES)
def test_no_files_import_in_a_circle(root: str) -> None:
    assert circles(import_graph(root)) == []


@pytest.mark.parametrize("root", SOURCES)
def test_no_packages_import_in_a_circle(root: str) -> None:
    graphs = sibling_graphs(import_graph(root))
    assert {name: found for name, graph in graphs.items() if (found := circles(graph))} == {}


def test_circles_are_found_where_there_are_some() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}}) == [["b", "c"], ["d"]]
    siblings = sibling_graphs({"p.a.x": {"p.b.y"}, "p.b.z": {"p.a.x"}, "p.b.y": set()})
    assert circles(siblings["p"]) == [["a", "b"]]
    graph = import_graph("kymflow")
    # A lazy name, a type and an import within a function are imports like any other.
    assert "kymflow.core.kym_dataset.kym_dataset" in graph["kymflow.core.kym_dataset"]
    registry = graph["kymflow.core.kym_dataset.indexers.registry"]
    assert "kymflow.core.kym_dataset.indexers.base" in registry
    assert "kymflow.core.kym_dataset.diff" in graph["kymflow.core.kym_dataset.kym_dataset"]
