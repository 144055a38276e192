"""Write docs/columns.md from what the code says: ``python docs/columns/write.py``."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from kymflow.core.kym_dataset import KymDataset, available_indexers, load_indexer
from kymflow.core.meanings import TABLES
from kymflow.core.queries.columns import describe_columns
from kymflow.core.review.reviews import Reviews
from kymflow.core.synthetic import Stretch, add_synthetic_image
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import ZarrDataset

PAGE = Path(__file__).parent.parent / "columns.md"
HEAD = """# Columns

The one thing to understand: **a column has the same unit in every table.** `kymflow schema DATASET TABLE` says the same of your own tables, with nulls and ranges; Parquet, Arrow and DuckDB files that `kymflow export` writes carry it with each column.
"""  # noqa: E501 - a paragraph of a page is one line
BESIDE = ("kym_velocity_events_runs", "kym_velocity_events_params")


def write() -> str:
    """Return the page."""
    with TemporaryDirectory() as folder:
        dataset = ZarrDataset(Path(folder) / "lab.zarr", mode="w")
        image = add_synthetic_image(dataset, 1, [Stretch(2.0, 3.0)])
        detect_dataset(dataset)
        reviews = Reviews(dataset, reviewer="ann")
        reviews.add(image.image_id, start=1.0, end=1.5)
        kym = KymDataset(dataset)
        for name in available_indexers():
            kym.update_index(load_indexer(name))
        return HEAD + "".join(_section(kym, table) for table in (*TABLES, *BESIDE))


def _section(kym: KymDataset, table: str) -> str:
    shown = table
    for beside in BESIDE:
        if table == beside:
            shown = f"<table>_{beside.rpartition('_')[2]}"
    lines = [f"\n## {shown.replace('<', '').replace('>', '')}\n"]
    lines += ["| column | type | unit | meaning |", "|---|---|---|---|"]
    for row in describe_columns(kym, table).iter_rows(named=True):
        if table.endswith("_params") and row["meaning"] is None:
            continue  # a key of the params each
        cells = (f"`{row['column']}`", f"`{row['type']}`", row["unit"] or "", row["meaning"] or "")
        lines.append(f"| {' | '.join(cells)} |")
    if table.endswith("_params"):
        lines.append("| … |  |  | each key of the params, keys of groups joined by `__` |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(write())
