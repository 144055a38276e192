"""A fingerprint of an indexer's own source, so that changed code is not taken for old code."""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from functools import cache
from types import ModuleType
from typing import Any

_ENGINE = "kymflow.core.kym_dataset.indexers.base"


def code_fingerprint(indexer: object) -> str | None:
    """Return a hash of an indexer's source, or None where it has none to read.

    It covers the indexer's classes, and the functions, classes and constants of their modules
    that they use, directly or through one another. Comments, docstrings and layout don't count.

    Args:
        indexer: The indexer.

    Returns:
        SHA-256 in hexadecimal; None for code typed into a bare prompt.
    """
    # mypy takes a class's __hash__ for that of its instances.
    cls: Any = type(indexer)
    return _fingerprint(cls)


@cache
def _fingerprint(indexer: type) -> str | None:
    pieces: list[str] = []
    for cls in indexer.__mro__:
        if cls.__module__ in ("builtins", "abc", "typing", _ENGINE):
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
        except (OSError, TypeError, SyntaxError):
            return None
        pieces.append(_normal(tree))
        pieces.extend(_used_definitions(tree, inspect.getmodule(cls)))
    return hashlib.sha256("\n".join(pieces).encode()).hexdigest()


def _used_definitions(tree: ast.AST, module: ModuleType | None) -> list[str]:
    """Return the source of what a class uses of its module, in the order of the names."""
    if module is None:
        return []
    try:
        top_level = ast.parse(inspect.getsource(module)).body
    except (OSError, TypeError, SyntaxError):
        return []
    defined = {name: node for node in top_level for name in _bound_names(node)}
    found: dict[str, ast.stmt] = {}
    pending: list[ast.AST] = [tree]
    while pending:
        for name in _names_in(pending.pop()):
            if name in defined and name not in found:
                found[name] = defined[name]
                pending.append(defined[name])
    return [_normal(found[name]) for name in sorted(found)]


def _bound_names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def _names_in(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _normal(tree: ast.AST) -> str:
    """Return source text without comments, docstrings and layout."""
    bare = ast.parse(ast.unparse(tree))
    for node in ast.walk(bare):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            continue
        first = node.body[0] if node.body else None
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(bare)
