"""The demo, the whole way: pixels, velocities, events, tables; change one image; ask, draw."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click
import polars as pl

from kymflow.cli.output import TABLE, Output
from kymflow.cli.results import suggest, tell, tell_report
from kymflow.core.artifacts.trace import load_trace
from kymflow.core.errors import MissingExtraError
from kymflow.core.kym_dataset import (
    ImageIndexer,
    KymDataset,
    VelocityEventIndexer,
    VelocityIndexer,
)
from kymflow.core.synthetic import (
    Stretch,
    add_synthetic_image,
    compare_with_truth,
    write_synthetic_tiff,
)
from kymflow.core.velocity import VelocityParams, velocity_dataset
from kymflow.core.velocity_events import detect_dataset, set_params
from kymflow.core.wording import counted
from kymflow_zarr import ZarrDataset
from kymflow_zarr.errors import UsageError

IMAGES: tuple[list[Stretch], ...] = (
    [Stretch(1.5, 2.5), Stretch(4.0, 4.6)],
    [Stretch(3.0, 3.8)],
    [Stretch(1.5, 2.3), Stretch(4.5, 5.3, speed=0.6)],
    [Stretch(1.2, 1.7), Stretch(3.0, 3.5, "dark"), Stretch(5.0, 5.6, "still")],
    [],
    [Stretch(2.0, 2.6, "dark"), Stretch(4.2, 5.0, speed=0.3)],
)
"""What happens in each image."""
CHANGED, FLOOR = "demo-02", 0.6
NO_FURTHER = {"top_k_total": 0}
MEASURED = VelocityParams(window_lines=32, min_quality=0.5)
"""Longer windows bear more noise, and those of noise alone get no velocity: docs/velocity.md."""


TIFFS = 12
"""How many recordings a lab folder of the demo holds."""


def write_lab_folder(folder: Path) -> None:
    """Write the demo's kymographs as a lab folder of TIFFs.

    Raises:
        UsageError: If the folder holds something.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; name another", artifact=str(folder))
    for number in range(TIFFS):
        write_synthetic_tiff(folder, number, IMAGES[number % len(IMAGES)])
    tell(f"demo tiffs={TIFFS} folder={folder}", f"{counted(TIFFS, 'TIFF')} in {folder}")
    suggest(f"kymflow run {quote(str(folder))} lab.zarr --fields '{{condition}}/{{date}}/{{name}}'")


def run_demo(folder: Path) -> None:
    """Run the demo in a folder; a demo made there before is made afresh.

    Raises:
        UsageError: If the folder holds something else.
    """
    path, picture = folder / "demo.zarr", folder / f"{CHANGED}.png"
    own = {path.name, picture.name}
    others = [p.name for p in folder.iterdir() if p.name not in own] if folder.is_dir() else []
    if others:
        raise UsageError(
            f"{folder} holds other files ({others[0]} …); name an empty or new folder",
            artifact=str(folder),
        )
    _say(f"1. Make {len(IMAGES)} synthetic kymographs in {path}")
    dataset = ZarrDataset(path, mode="w")
    for number, stretches in enumerate(IMAGES):
        add_synthetic_image(dataset, number, stretches, with_trace=False)
    kym = KymDataset(dataset)
    events = VelocityEventIndexer()

    _say("2. Measure the velocity in their pixels, mm/s, and compare it with the one they show")
    tell_report(velocity_dataset(dataset, MEASURED))
    Output(TABLE).print(_measured_and_true(dataset))

    _say("3. Detect the events of each trace; one has none")
    tell_report(detect_dataset(dataset, changes=NO_FURTHER))

    _say("4. Build the tables")
    for indexer in (ImageIndexer(), VelocityIndexer(), events):
        tell_report(kym.update_index(indexer, mode="incremental"))

    _say("5. Run again: every image is fresh, those without events too")
    tell_report(velocity_dataset(dataset))
    tell_report(detect_dataset(dataset))
    tell_report(kym.update_index(events, mode="incremental"))

    _say(f"6. Raise the threshold of {CHANGED}, and ask why it is stale")
    set_params(dataset.record(CHANGED), {"abs_score_floor": FLOOR})
    click.echo(str(kym.explain(events, CHANGED)))

    _say("7. Detect and update: one image is made again, no old row of it stays")
    tell_report(detect_dataset(dataset))
    tell_report(kym.update_index(events, mode="incremental"))

    _say("8. Ask: events per image")
    Output(TABLE).print(kym.query("events_per_image"))

    _say(f"9. Draw {CHANGED}")
    _draw(dataset, picture)
    question = "SELECT condition, count(*) AS images FROM kym_images GROUP BY condition"
    click.echo(f'Go on: kymflow sql {path} "{question}"')


def _measured_and_true(dataset: ZarrDataset) -> pl.DataFrame:
    rows = []
    for number, (record, stretches) in enumerate(zip(dataset, IMAGES, strict=True)):
        figures = compare_with_truth(load_trace(record), number, stretches)
        rows.append({"image": record.image_id} | {name: round(x, 3) for name, x in figures.items()})
    return pl.DataFrame(rows)


def _draw(dataset: ZarrDataset, picture: Path) -> None:
    from kymflow.core.plots import draw_image, save

    try:
        save(draw_image(dataset.record(CHANGED)), picture)
    except MissingExtraError as error:
        click.echo(f"left out: {error}")
    else:
        click.echo(f"wrote {picture}")


def _say(text: str) -> None:
    click.secho(f"\n{text}", bold=True)
