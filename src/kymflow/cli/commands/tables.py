"""``kymflow tables``: list them, keep them in another way, adopt a copy's, compact them."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.errors import warn
from kymflow.cli.options import Finite, dataset_argument, open_dataset, open_tables
from kymflow.cli.output import Output, output_options
from kymflow.cli.results import tell
from kymflow.core.wording import counted

LIST = "list"


class _ListsByDefault(click.Group):
    """A group that lists the tables where none of its commands is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default in front of a dataset."""
        known = {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, args if args and args[0] in known else [LIST, *args])


@click.command("tables", cls=_ListsByDefault)
def command() -> None:
    """List tables, move them into a DuckLake and back, compact.

    `kymflow tables DATASET` lists them.
    """


@command.command(LIST)
@dataset_argument
@click.option("--no-stale", is_flag=True, help="Don't count stale images: faster where many are.")
@output_options
def list_tables(path: Path, no_stale: bool, output: Output) -> None:
    """List the tables: rows, images, columns, size, stale.

    stale counts the images whose rows an update would make again or prune; it is null for tables
    that belong to no registered indexer.
    """
    from kymflow.core.kym_dataset.overview import describe_tables

    kym = open_tables(path)
    output.print(describe_tables(kym.dataset, None if no_stale else kym.staleness))


@command.command("convert")
@dataset_argument
@click.option(
    "--to",
    required=True,
    type=click.Choice(["ducklake", "parquet"]),
    help="A DuckLake, which changes in place and keeps a history; or one plain Parquet file each.",
)
@click.option(
    "--catalog",
    metavar="postgres:CONNECTION",
    help="The database of the lake's catalog, such as 'postgres:host=db dbname=lab'; by default a "
    "file in the dataset.",
)
def convert_tables(path: Path, to: str, catalog: str | None) -> None:
    """Keep all tables in a DuckLake, or in plain files again.

    Queries, updates and checks work on both. What the tables were before stays behind. The host of
    a catalog that you name here is allowed from then on, as by `kymflow trust`.
    """
    converted = open_dataset(path, writing=True).tables.convert(to, catalog=catalog)  # type: ignore[arg-type]
    kept = "a DuckLake" if to == "ducklake" else "Parquet files"
    tell(
        f"convert to={to} tables={len(converted)}",
        f"{counted(len(converted), 'table')} now in {kept}",
    )


@command.command("adopt")
@dataset_argument
@click.option(
    "--moved", is_flag=True, help="This is the original, at a new place; it keeps the catalog."
)
def adopt_tables(path: Path, moved: bool) -> None:
    """Give a copied dataset a catalog of its own.

    A copy of a dataset whose catalog is in PostgreSQL names the catalog of its original, so its
    tables are only read. Its own is on the same server, and holds all versions up to the newest
    whose files were copied.
    """
    adopted = open_dataset(path, writing=True).tables.adopt(moved=moved)
    if adopted is None:
        tell("adopt moved=yes", "the catalog is this dataset's, at its new place")
        return
    tell(
        f"adopt version={adopted.version} newest={adopted.newest}",
        f"a catalog of its own, up to version {adopted.version} of {adopted.newest}",
    )
    if adopted.version < adopted.newest:
        warn("the original was changed since it was copied; `kymflow index` makes up for that")


@command.command("compact")
@dataset_argument
@click.option(
    "--keep-days",
    metavar="DAYS",
    type=Finite(min=0, max=1_000_000),
    default=7,
    show_default=True,
    help="Forget older versions; the newest always stays.",
)
def compact_tables(path: Path, keep_days: float) -> None:
    """Merge small files of a DuckLake, forget old versions.

    Files that only forgotten versions need are removed an hour later, by the next compaction:
    queries that began before may still read them.
    """
    from datetime import timedelta

    done = open_dataset(path, writing=True).tables.compact(timedelta(days=keep_days))
    tell(
        f"compact files={done.files_before}→{done.files_after} versions_forgotten={done.versions} "
        f"files_removed={done.removed}",
        f"{counted(done.files_before, 'file')} merged into {done.files_after:,}, "
        f"{counted(done.versions, 'version')} forgotten, {counted(done.removed, 'file')} removed",
    )
