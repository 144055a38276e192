"""``kymflow params``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from kymflow.cli import completing
from kymflow.cli.errors import printable
from kymflow.cli.options import dataset_argument, image_argument, open_dataset, record_of
from kymflow.cli.output import Output, output_options


@click.group("params")
def command() -> None:
    """Read and change an image's event params.

    Each image may have params of its own; the others are detected with the defaults.
    """


@command.command("get")
@dataset_argument
@image_argument
@click.option("--file", "as_file", is_flag=True, help="As JSON that `detect --params` reads.")
@output_options
def get(path: Path, image: str, as_file: bool, output: Output) -> None:
    """List an image's params, with their units and defaults."""
    import polars as pl

    from kymflow.core.velocity_events import get_params, param_specs

    params = get_params(record_of(open_dataset(path), image)).to_dict()
    if as_file:
        click.echo(json.dumps(params, indent=2))
        return
    rows = [
        (spec.key, _text(_value(params, spec.key)), spec.unit or None, _text(spec.default))
        for spec in param_specs()
    ]
    schema = ("key", "value", "unit", "default")
    output.print(pl.DataFrame(rows, dict.fromkeys(schema, pl.String), orient="row"))


@command.command("set")
@dataset_argument
@image_argument
@click.argument(
    "assignments",
    metavar="KEY=VALUE...",
    nargs=-1,
    required=True,
    shell_complete=completing.event_params,
    help="The values.",
)
def set_(path: Path, image: str, assignments: tuple[str, ...]) -> None:
    """Change some of an image's params.

    Its events stay as they are until `kymflow detect`, which then makes them again.
    """
    from kymflow.cli.changes import parse_changes
    from kymflow.core.velocity_events import set_params

    record = record_of(open_dataset(path, writing=True), image)
    for change in set_params(record, parse_changes(assignments)):
        click.echo(printable(str(change)))


@command.command("diff")
@dataset_argument
@image_argument
@click.argument(
    "other",
    metavar="[OTHER]",
    required=False,
    shell_complete=completing.images,
    help="Another image; the defaults if none is named.",
)
def diff(path: Path, image: str, other: str | None) -> None:
    """List how an image's params differ from the defaults, or from another's."""
    from kymflow.core.velocity_events import EventParams, diff_params, get_params

    dataset = open_dataset(path)
    before = get_params(record_of(dataset, other)) if other else EventParams()
    for change in diff_params(before, get_params(record_of(dataset, image))):
        click.echo(printable(str(change)))


def _value(params: dict[str, Any], key: str) -> object:
    value: Any = params
    for part in key.split("."):
        value = value[part]
    return value


def _text(value: object) -> str:
    return json.dumps(value)
