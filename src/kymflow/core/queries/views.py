"""The views of a dataset of kymographs: its tables, their ledgers, and the params behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymflow.core.queries.params_view import select_params
from kymflow_zarr.sql.views import View, Views, as_it_is
from kymflow_zarr.tables.types import TableKey

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


def kym_views(dataset: ZarrDataset) -> Views:
    """Return every view that SQL over a dataset has.

    A table named like a ledger or params view of another hides it.

    Args:
        dataset: The dataset; reading it is enough.
    """
    backend = dataset.tables.backend
    tables = backend.names()
    views = {name: View(TableKey(name)) for name in tables}
    for sidecar, select in (("runs", as_it_is), ("params", select_params)):
        for name in sorted(set(backend.names(sidecar)).intersection(tables)):
            views.setdefault(f"{name}_{sidecar}", View(TableKey(name, sidecar), select))
    none_yet = "none yet: run `kymflow index` first"
    return Views(dict(sorted(views.items())), backend, dataset.path, none_yet)
