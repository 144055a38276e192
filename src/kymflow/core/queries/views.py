"""The views of a dataset of kymographs: its tables, what lies beside them, and what counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymflow.core.queries.event_views import (
    select_analysed,
    select_events,
    select_images,
    select_reviews,
    select_velocity,
    select_verdict_pairs,
)
from kymflow.core.queries.params_view import select_params
from kymflow_zarr.sql.views import View, Views, as_it_is
from kymflow_zarr.tables.types import TableKey

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.tables.backend import Backend

EVENTS = "kym_events"
ANALYSED = "kym_analysed"
PAIRS = "kym_verdict_pairs"
_ALL_EVENTS = TableKey("kym_velocity_events")
_IMAGES = TableKey("kym_images")
_REVIEWS = TableKey("kym_reviews")
_COMPLETED = {
    "kym_images": select_images,
    "kym_reviews": select_reviews,
    "kym_velocity": select_velocity,
}
"""Tables with columns that queries rely on even where they have no rows."""


def kym_views(dataset: ZarrDataset) -> Views:
    """Return every view that SQL over a dataset has.

    They are its tables; beside each the last runs (``_runs``) and the params (``_params``);
    ``kym_events``, the events that count; ``kym_analysed``, the traces that were searched for
    them; and ``kym_verdict_pairs``, what each two reviewers say of the same event. A table named
    like another view hides it.

    Args:
        dataset: The dataset; reading it is enough.
    """
    backend = dataset.tables.backend
    tables = backend.names()
    views = {name: View(TableKey(name)) for name in tables}
    for name, completed in _COMPLETED.items():
        if name in views:
            views[name] = View(TableKey(name), completed)
    for sidecar, select in (("runs", as_it_is), ("params", select_params)):
        for name in sorted(set(backend.names(sidecar)).intersection(tables)):
            views.setdefault(f"{name}_{sidecar}", View(TableKey(name, sidecar), select))
    if _ALL_EVENTS.name in tables:
        for name, view in _event_views(backend).items():
            views.setdefault(name, view)
    if _REVIEWS.name in tables:
        views.setdefault(PAIRS, View(_REVIEWS, select_verdict_pairs))
    none_yet = "none yet: run `kymflow index` first"
    return Views(dict(sorted(views.items())), backend, dataset.path, none_yet)


def hidden(views: Views, name: str) -> bool:
    """Tell whether a table hides the view of events, traces or verdicts that has its name."""
    return name in (EVENTS, ANALYSED, PAIRS) and views.by_name.get(name) == View(TableKey(name))


def _event_views(backend: Backend) -> dict[str, View]:
    beside = {
        "params": TableKey(_ALL_EVENTS.name, "params"),
        "runs": TableKey(_ALL_EVENTS.name, "runs"),
        "metadata": TableKey(_IMAGES.name, "params"),
    }
    others = {name: table for name, table in beside.items() if backend.exists(table)}
    params = {name: table for name, table in others.items() if name == "params"}
    views = {EVENTS: View(_ALL_EVENTS, select_events, params)}
    if backend.exists(_IMAGES):
        views[ANALYSED] = View(_ALL_EVENTS, select_analysed, {"images": _IMAGES, **others})
    return views
