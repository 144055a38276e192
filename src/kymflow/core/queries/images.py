"""Images picked by a SQL condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymflow.core.queries.views import kym_views
from kymflow_zarr.errors import QueryError
from kymflow_zarr.sql.answers import answer

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


def select_images(dataset: ZarrDataset, where: str) -> list[str]:
    """Return the ids of the images that a SQL condition over ``kym_images`` picks.

    Args:
        dataset: The dataset; its ``kym_images`` table must have been built.
        where: What follows ``WHERE``.

    Raises:
        QueryError: If there is no ``kym_images`` table, or DuckDB refuses the condition.
    """
    if not dataset.tables.exists("kym_images"):
        raise QueryError(
            "a condition over kym_images needs that table; run `kymflow index DATASET images`",
            dataset=str(dataset.path),
        )
    query = f"SELECT image_id FROM kym_images WHERE ({where}\n)"
    return answer(kym_views(dataset), query, None, None)["image_id"].to_list()
