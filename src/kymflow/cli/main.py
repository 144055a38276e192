"""The commands of ``kymflow`` and their arguments."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from kymflow.cli.errors import reported
from kymflow.cli.output import Format, Output, warn

app = typer.Typer(
    name="kymflow",
    help="Keep tables over a Zarr dataset of line-scan kymographs up to date, and query them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Dataset = Annotated[Path, typer.Argument(help="The dataset, a .zarr folder.", show_default=False)]
Names = Annotated[
    list[str] | None,
    typer.Argument(help="Indexers by name; all registered ones if none is named."),
]
FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="How to print; a table on a terminal, csv in a pipe."),
]
Images = Annotated[
    list[str] | None,
    typer.Option("--images", help="Only these image ids: repeat the option, or use commas."),
]


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Hold the options that come before the command; they are read by ``run``."""
    if version:
        import kymflow

        typer.echo(kymflow.__version__)
        raise typer.Exit


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="The lab folder.", show_default=False)],
    dataset: Dataset,
    changed: Annotated[
        bool, typer.Option("--changed", help="Import again what differs from its source.")
    ] = False,
) -> None:
    """Import a lab folder: TIFFs, headers, sidecars, traces and events.

    What is already there is skipped. A broken file is listed and does not stop the rest.
    """
    from kymflow.cli.progress import import_bar
    from kymflow.core.lab_folder import import_folder
    from kymflow_zarr import ZarrDataset

    with import_bar() as progress:
        report = import_folder(
            folder, ZarrDataset(dataset, mode="a"), changed=changed, progress=progress
        )
    counts = (len(report.added), len(report.updated), len(report.skipped), len(report.changed))
    typer.echo(
        "import added={} updated={} skipped={} changed={} failed={}".format(
            *counts, len(report.failed)
        )
    )
    if report.changed and not changed:
        warn(f"{len(report.changed)} images differ from their source; --changed imports them again")
    for path, message in report.failed:
        warn(f"{path}: {message}", kind="failed")
    if report.failed:
        raise typer.Exit(1)


@app.command()
def index(
    dataset: Dataset,
    indexers: Names = None,
    mode: Annotated[
        Literal["incremental", "replace"],
        typer.Option(help="incremental makes stale images anew, replace makes all."),
    ] = "incremental",
    images: Images = None,
    where: Annotated[
        str | None, typer.Option("--where", help="Only images that this SQL over kym_images picks.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
) -> None:
    """Bring tables up to date: recompute what is stale, skip what is fresh, prune what is gone."""
    from kymflow.cli.progress import update_bar
    from kymflow.core.kym_dataset import KymDataset, load_indexer

    kym = KymDataset(_open(dataset, writing=not dry_run))
    chosen = [load_indexer(name) for name in _indexer_names(indexers)]
    image_ids = _image_ids(kym, images, where)
    failed = False
    for indexer in chosen:
        if dry_run:
            verdicts = kym.staleness(indexer, image_ids=image_ids, mode=mode)
            Output(None).print(_named(indexer, _counted(verdicts)))
            continue
        with update_bar(indexer.name) as progress:
            report = kym.update_index(
                indexer,
                mode=mode,
                image_ids=image_ids,
                on_error="record",
                progress=progress,
            )
        typer.echo(report.summary)
        for failure in report.failures:
            warn(f"{failure.image_id}: {failure.message}", kind="failed")
        failed = failed or bool(report.failures)
    if failed:
        raise typer.Exit(1)


@app.command()
def status(
    dataset: Dataset,
    indexers: Names = None,
    images: Annotated[bool, typer.Option("--images", help="List every image.")] = False,
    reason: Annotated[
        list[str] | None, typer.Option("--reason", help="Only images with this reason.")
    ] = None,
    explain: Annotated[
        str | None, typer.Option("--explain", metavar="IMAGE_ID", help="Why is this image stale?")
    ] = None,
    format_: FormatOption = None,
) -> None:
    """Say what is fresh and what is stale, and why. Nothing is changed."""
    import polars as pl

    from kymflow.core.kym_dataset import KymDataset, load_indexer
    from kymflow.core.kym_dataset.decide import REASONS

    for name in reason or []:
        if name not in REASONS:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(REASONS)}")
    kym = KymDataset(_open(dataset))
    frames = []
    for indexer in (load_indexer(name) for name in _indexer_names(indexers)):
        if explain:
            typer.echo(f"{indexer.name}  {kym.explain(indexer, explain)}")
            continue
        verdicts = kym.staleness(indexer)
        if reason:
            verdicts = verdicts.filter(pl.col("reason").is_in(reason))
        if not images:
            verdicts = _counted(verdicts)
        frames.append(_named(indexer, verdicts))
    if frames:
        Output(format_).print(pl.concat(frames))


@app.command()
def sql(
    dataset: Dataset,
    query: Annotated[str, typer.Argument(help="DuckDB SQL.", show_default=False)],
    format_: FormatOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to a file instead.")
    ] = None,
) -> None:
    """Answer a SQL query over the dataset's tables, read-only."""
    from kymflow.core.kym_dataset import KymDataset

    Output(format_, output).print(KymDataset(_open(dataset)).sql(query))


@app.command()
def tables(dataset: Dataset, format_: FormatOption = None) -> None:
    """List the dataset's tables with their rows, images, columns and size."""
    from kymflow.core.queries.catalog import describe_tables

    Output(format_).print(describe_tables(_open(dataset)))


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to make the demo dataset.")] = Path(
        "kymflow-demo"
    ),
) -> None:
    """Make a small dataset of synthetic kymographs, index it, change it, and query it."""
    from kymflow.cli.demo import run_demo

    run_demo(folder)


def run(arguments: list[str] | None = None) -> None:
    """Run the command and end the process with its exit code: 0, 1 for failures, 2 for usage."""
    arguments = sys.argv[1:] if arguments is None else arguments
    sys.exit(reported(app, arguments))


def _open(path: Path, *, writing: bool = False) -> Any:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.errors import DatasetNotFoundError

    if not path.exists():
        raise DatasetNotFoundError(
            "there is no such dataset; make one with `kymflow import FOLDER DATASET`",
            dataset=str(path),
        )
    return ZarrDataset(path, mode="a" if writing else "r")


def _indexer_names(names: list[str] | None) -> list[str]:
    from kymflow.core.kym_dataset import available_indexers

    return names or available_indexers()


def _image_ids(kym: Any, images: list[str] | None, where: str | None) -> list[str] | None:
    from kymflow.core.queries.images import select_images

    named = [name for group in images or [] for name in group.split(",") if name]
    if where is None:
        return named or None
    picked = select_images(kym.dataset, where)
    return [image_id for image_id in picked if not named or image_id in named]


def _counted(verdicts: Any) -> Any:
    import polars as pl

    counts = verdicts.group_by("action", "reason").agg(images=pl.len(), rows=pl.col("n_rows").sum())
    return counts.sort("action", "images", "reason", descending=[False, True, False])


def _named(indexer: Any, frame: Any) -> Any:
    import polars as pl

    return frame.select(pl.lit(indexer.name).alias("indexer"), pl.all())


if __name__ == "__main__":
    run()
