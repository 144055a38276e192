"""What a shell offers behind Tab: images, tables, queries, params and fields of a dataset.

Each completer gets what was typed so far. A dataset that can't be read completes to nothing: a
shell has no place for an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import split_arg_string

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

MOST = 200
"""The most that is offered: nobody picks from more."""

Completer = Callable[[click.Context, click.Parameter, str], list[str]]
_Words = Callable[[click.Context], Iterable[str]]


def _completer(words: _Words) -> Completer:
    """Make a completer of what may be typed; after a comma a list goes on."""

    @wraps(words)
    def complete(ctx: click.Context, _: click.Parameter, typed: str) -> list[str]:
        from kymflow_zarr.errors import DatasetError

        before, comma, last = typed.rpartition(",")
        found: list[str] = []
        with suppress(DatasetError, OSError):
            fitting = (f"{before}{comma}{w}" for w in words(ctx) if w.startswith(last))
            found.extend(islice(fitting, MOST))
        return found

    return complete


@_completer
def images(ctx: click.Context) -> Iterator[str]:
    """Offer the images: by the names of their files, then by their ids."""
    from kymflow.core.artifacts.image_names import source_paths

    dataset = _dataset(ctx)
    ids = dataset.list_image_ids()
    for _, path in source_paths(dataset, ids):
        yield path
        yield path.rpartition("/")[2]
    yield from ids


@_completer
def trashed(ctx: click.Context) -> Iterator[str]:
    """Offer the images in the trash."""
    from kymflow.core.artifacts.image_names import trashed_paths

    for image_id, path in trashed_paths(_dataset(ctx)).items():
        yield from filter(None, (path, image_id))


@_completer
def tables(ctx: click.Context) -> Iterable[str]:
    """Offer the tables."""
    return _dataset(ctx).list_table_names()


@_completer
def views(ctx: click.Context) -> Iterable[str]:
    """Offer the tables and the views over them."""
    from kymflow.core.queries.views import kym_views

    return kym_views(_dataset(ctx)).by_name


@_completer
def queries(_: click.Context) -> Iterable[str]:
    """Offer the named queries."""
    from kymflow.core.queries.library import named_queries

    return [query.name for query in named_queries()]


@_completer
def indexers(_: click.Context) -> Iterable[str]:
    """Offer the registered indexers."""
    from kymflow.core.kym_dataset import available_indexers

    return available_indexers()


@_completer
def query_params(ctx: click.Context) -> Iterable[str]:
    """Offer the parameters of the named query that is asked."""
    from kymflow.core.queries.library import named_query

    name = ctx.params.get("name")
    return [f"{each.name}=" for each in named_query(name).parameters] if name else []


@_completer
def event_params(_: click.Context) -> Iterable[str]:
    """Offer the detector's params."""
    from kymflow.core.velocity_events import param_specs

    return [f"{spec.key}=" for spec in param_specs()]


@_completer
def velocity_params(_: click.Context) -> Iterable[str]:
    """Offer the params of the measurement of velocities."""
    from kymflow.core.velocity import VelocityParams

    return [f"{spec.key}=" for spec in VelocityParams.specs()]


@_completer
def fields(_: click.Context) -> Iterable[str]:
    """Offer the scale and the usual fields of the experiment."""
    from kymflow.core.artifacts.metadata import SCALE
    from kymflow.core.kym_dataset.indexers.images import OWN_FIELDS

    return [f"{name}=" for name in (*SCALE, *OWN_FIELDS)]


def images_or_fields(ctx: click.Context, param: click.Parameter, typed: str) -> list[str]:
    """Offer images, and what may be set in them."""
    return [*fields(ctx, param, typed), *images(ctx, param, typed)]


def _dataset(ctx: click.Context) -> ZarrDataset:
    from kymflow_zarr import ZarrDataset

    path = ctx.params.get("path")
    if path is None:  # click drops all arguments where the option that is completed has no value
        typed = split_arg_string(os.environ.get("COMP_WORDS", ""))
        path = next((word for word in typed if Path(word).is_dir()), ".")
    return ZarrDataset(Path(path), mode="r")
