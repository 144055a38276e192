"""Params on the command line: ``key=value``, and files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kymflow.core.velocity_events import EventParams


def parse_changes(assignments: Sequence[str]) -> dict[str, Any]:
    """Return the values of assignments such as ``mad_k=4`` and ``nan_gap.enter_frac=0.5``.

    Raises:
        click.BadParameter: If one is not of that form.
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        key, sign, text = assignment.partition("=")
        if not sign or not key:
            raise click.BadParameter(f"{assignment!r} is not KEY=VALUE, such as mad_k=4")
        try:
            changes[key.strip()] = json.loads(text)
        except ValueError:
            changes[key.strip()] = text
    return changes


def read_params(path: Path) -> EventParams:
    """Return the params that a JSON file holds.

    Raises:
        ParamsError: If it does not hold params.
    """
    from kymflow.core.errors import ParamsError
    from kymflow.core.velocity_events import EventParams
    from kymflow_zarr.store.codecs import parse_json
    from kymflow_zarr.store.reads import read_file

    try:
        value: Any = parse_json(read_file(path))
        return EventParams.from_dict(value)
    except ValueError as error:
        why = error.message if isinstance(error, ParamsError) else f"it is not JSON: {error}"
        raise ParamsError(why, artifact=str(path)) from error
