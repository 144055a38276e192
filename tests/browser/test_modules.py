"""The page's modules: run by Node where they need no browser, and checked for their types."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kymflow.explore.app import STATIC

pytestmark = pytest.mark.browser
HERE = Path(__file__).parent


def test_modules_that_need_no_browser() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    done = subprocess.run(
        [node, "--test", str(HERE / "modules.test.mjs")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_stays_small() -> None:
    """The lines of code, comments and docstrings aside."""
    package = STATIC.parent
    python = sum(_python_lines(p) for p in package.rglob("*.py") if "tests" not in p.parts)
    script = sum(_script_lines(p) for p in STATIC.glob("*.js"))
    style = sum(len(p.read_text().splitlines()) for p in STATIC.glob("*.css"))
    assert python <= 1_300
    assert script <= 2_350
    assert style <= 350


def _python_lines(path: Path) -> int:
    text = path.read_text()
    docs = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or 0) + 1)
    }
    lines = enumerate(text.splitlines(), start=1)
    return sum(
        bool(t.strip()) and not t.strip().startswith("#") and n not in docs for n, t in lines
    )


def _script_lines(path: Path) -> int:
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    lines = (line.strip() for line in text.splitlines())
    return sum(bool(line) and not line.startswith("//") for line in lines)
