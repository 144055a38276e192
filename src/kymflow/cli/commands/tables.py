"""``kymflow tables``: list them, keep them in another way, compact them."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.options import dataset_argument, open_dataset, open_tables
from kymflow.cli.output import Output, output_options

LIST = "list"


class _ListsByDefault(click.Group):
    """A group that lists the tables where none of its commands is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default in front of a dataset."""
        known = {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, args if args and args[0] in known else [LIST, *args])


@click.command("tables", cls=_ListsByDefault)
def command() -> None:
    """List tables, move them into a DuckLake or back, compact.

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

    output.print(describe_tables(open_tables(path), stale=not no_stale))


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

    Queries, updates and checks work on both. What the tables were before stays behind.
    """
    converted = open_dataset(path, writing=True).tables.convert(to, catalog=catalog)  # type: ignore[arg-type]
    click.echo(f"convert to={to} tables={len(converted)}")


@command.command("compact")
@dataset_argument
@click.option(
    "--keep-days",
    metavar="DAYS",
    type=click.FloatRange(min=0),
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
    click.echo(
        f"compact files={done.files_before}→{done.files_after} versions_forgotten={done.versions} "
        f"files_removed={done.removed}"
    )
