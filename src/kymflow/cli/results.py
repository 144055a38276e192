"""What a command did: a sentence on a terminal, ``key=value`` in a pipe and in logs."""

from __future__ import annotations

import sys
from typing import Protocol

import click

from kymflow.cli.errors import printable, remark


class Report(Protocol):
    """What a step did, told in two ways."""

    @property
    def summary(self) -> str:
        """One line ``step key=value …``."""

    @property
    def sentence(self) -> str:
        """The same for people."""


def tell(line: str, sentence: str) -> None:
    """Print a result.

    Args:
        line: ``verb key=value …``, which programs and logs get.
        sentence: The same in words, for a terminal.
    """
    click.echo(printable(sentence) if is_watched() else line)


def tell_report(report: Report) -> None:
    """Print what a step did."""
    tell(report.summary, report.sentence)


def suggest(command: str) -> None:
    """Say what to do next, to a person who is watching."""
    if is_watched():
        remark(f"next: {command}")


def is_watched() -> bool:
    """Tell whether standard output is a terminal."""
    return sys.stdout.isatty()
