"""The views of a dataset of kymographs: its tables, their ledgers, and the params behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.queries.params_view import select_params
from kymflow_zarr.sql.views import View, Views

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


def kym_views(dataset: ZarrDataset) -> Views:
    """Return every view that SQL over a dataset has.

    A table named like a ledger or params view of another hides it.

    Args:
        dataset: The dataset; reading it is enough.
    """
    tables = {name: View(dataset.tables.path(name)) for name in dataset.tables.names()}
    views = dict(tables)
    for name in tables:
        ledger = Ledger(dataset, name)
        if ledger.runs_path.is_file():
            views.setdefault(f"{name}_runs", View(ledger.runs_path))
        if ledger.params_path.is_file():
            views.setdefault(f"{name}_params", View(ledger.params_path, select_params))
    return Views(dict(sorted(views.items())), dataset.path, "none yet: run `kymflow index` first")
