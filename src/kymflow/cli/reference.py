"""The reference of the command, made from the commands themselves.

``python -m kymflow.cli.reference docs/cli.md`` writes it below the mark in that page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

MARK = "<!-- Made by `python -m kymflow.cli.reference docs/cli.md`: do not edit below. -->"


def reference() -> str:
    """Return the reference of all commands, in Markdown."""
    from kymflow.cli.main import app

    context = click.Context(app, info_name="kymflow")
    return "\n".join(line for command in _commands(context) for line in _section(command)) + "\n"


def refreshed(page: str) -> str:
    """Return a page with the reference below its mark made again."""
    return f"{page.partition(MARK)[0]}{MARK}\n\n{reference()}"


def _commands(context: click.Context) -> Iterator[click.Context]:
    """Yield the command and all below it, in the order of the help."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None:
                yield from _commands(click.Context(command, info_name=name, parent=context))


def _section(context: click.Context) -> Iterator[str]:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield from (f"## {context.command_path}", "", "```text", usage, "```", "")
    for paragraph in (command.help or "").split("\n\n"):
        yield from (_escaped(paragraph), "")
    records = [parameter.get_help_record(context) for parameter in command.params]
    yield from ("| | |", "|---|---|")
    yield from (
        f"| `{_cell(name)}` | {_escaped(_cell(text))} |" for name, text in filter(None, records)
    )
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("<", r"\<")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(refreshed(target.read_text(encoding="utf-8")), encoding="utf-8")
