"""Index the velocity events of two images, then show that nothing is computed twice."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from kymflow.core.kym_dataset import KymDataset, UpdateReport, VelocityEventIndexer
from kymflow_zarr import ZarrDataset


def main() -> None:
    """Make a dataset, index it twice, change one image's params, index again."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = ZarrDataset(Path(folder) / "demo.zarr", mode="a")
        for n_events in (2, 0):
            record = dataset.add_image(np.zeros((100, 38), dtype=np.uint16), axes=["t", "x"])
            record.save_json("velocity_events/params", {"mad_k": 3.0})
            events = pl.DataFrame(
                {
                    "roi_id": [1] * n_events,
                    "event_id": list(range(n_events)),
                    "t_start_s": [0.5 * (n + 1) for n in range(n_events)],
                    "score": [-0.8] * n_events,
                },
                schema={
                    "roi_id": pl.Int32,
                    "event_id": pl.Int64,
                    "t_start_s": pl.Float64,
                    "score": pl.Float64,
                },
            )
            record.save_df_parquet("velocity_events/events", events)

        kym = KymDataset(dataset)
        indexer = VelocityEventIndexer()
        show("replace", kym.update_index(indexer, mode="replace"))
        show("incremental, nothing changed", kym.update_index(indexer, mode="incremental"))
        record.save_json("velocity_events/params", {"mad_k": 4.0})
        show(
            "incremental, one image's params changed", kym.update_index(indexer, mode="incremental")
        )


def show(what: str, report: UpdateReport) -> None:
    """Print the counts of one update."""
    print(f"{what}: updated={report.updated} skipped={report.skipped} rows={report.rows}")


if __name__ == "__main__":
    main()
