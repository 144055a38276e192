"""Do what docs/tutorial.md says, and keep its pictures: ``python docs/tutorial/draw.py``."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from kymflow.cli.main import app

PAGE = Path(__file__).parent.parent / "tutorial.md"
PICTURES = ("vessel-03.png", "rate.png")


def commands() -> list[list[str]]:
    """Return the words of every command that the page has a reader type."""
    shown = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [shlex.split(line) for block in shown for line in block.splitlines()]


def draw(folder: Path) -> None:
    """Type the page's commands in a folder of their own, and put its pictures into another."""
    home = Path.cwd()
    with TemporaryDirectory() as work:
        os.chdir(work)
        try:
            for _, *words in commands():
                app.main(words, standalone_mode=False)
        finally:
            os.chdir(home)
        for name in PICTURES:
            shutil.copy(Path(work, name), folder)


if __name__ == "__main__":
    draw(Path(__file__).parent)
