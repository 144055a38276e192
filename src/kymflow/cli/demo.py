"""The demo: make, index, skip, change one image, update just it, query."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.output import TABLE, Output
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.synthetic import Stall, add_synthetic_image
from kymflow_sql import statement
from kymflow_zarr import ZarrDataset
from kymflow_zarr.errors import UsageError

STALLS = (2, 1, 2, 3, 0, 1)  # of each image
CHANGED = "demo-02"


def run_demo(folder: Path) -> None:
    """Run the demo in a folder; a demo dataset made there before is made afresh.

    Raises:
        UsageError: If the folder holds something else.
    """
    path = folder / "demo.zarr"
    others = [p.name for p in folder.iterdir() if p.name != path.name] if folder.is_dir() else []
    if others:
        raise UsageError(
            f"{folder} holds other files ({others[0]} …); name an empty or new folder",
            artifact=str(folder),
        )
    _say(f"1. Make {len(STALLS)} synthetic kymographs in {path}; one has no events")
    dataset = ZarrDataset(path, mode="w")
    for number, n_stalls in enumerate(STALLS):
        stalls = [Stall(1.0 + 1.4 * n, 1.4 + 1.4 * n) for n in range(n_stalls)]
        add_synthetic_image(dataset, number, stalls)
    kym = KymDataset(dataset)
    events = VelocityEventIndexer()

    _say("2. Build the tables")
    for indexer in (ImageIndexer(), events):
        click.echo(kym.update_index(indexer, mode="incremental").summary)

    _say("3. Run again: every image is fresh, those without events too")
    click.echo(kym.update_index(events, mode="incremental").summary)

    _say(f"4. Raise mad_k of {CHANGED}, and ask why it is stale")
    rec = dataset.record(CHANGED)
    rec.save_json(
        "velocity_events/params", {**rec.load_json("velocity_events/params"), "mad_k": 4.0}
    )
    rec.save_df_parquet("velocity_events/events", rec.load_df_parquet("velocity_events/events")[:1])
    click.echo(str(kym.explain(events, CHANGED)))

    _say("5. Update: one image is made anew, no old row of it stays")
    click.echo(kym.update_index(events, mode="incremental").summary)

    _say("6. Ask: events per image")
    Output(TABLE).print(kym.sql(statement("queries/events_per_image")))
    question = "SELECT condition, count(*) AS images FROM kym_images GROUP BY condition"
    click.echo(f'Go on: kymflow sql {path} "{question}"')


def _say(text: str) -> None:
    click.secho(f"\n{text}", bold=True)
