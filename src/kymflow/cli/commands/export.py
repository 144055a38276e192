"""``kymflow export``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli import completing
from kymflow.cli.options import dataset_argument, open_tables, target_option


@click.command("export")
@dataset_argument
@click.argument(
    "tables",
    metavar="[TABLE]...",
    shell_complete=completing.views,
    nargs=-1,
    help="Tables, or views such as kym_events, <table>_runs or <table>_params.",
)
@target_option("Its ending decides the format.")
def command(path: Path, tables: tuple[str, ...], target: Path) -> None:
    """Write tables to parquet, csv, xlsx, duckdb and others.

    A .duckdb file holds all tables and views if none is named, and queries run in it as they do
    here. Other files hold one table: .parquet, .csv, .tsv, .json, .jsonl, .md, .arrow,
    and .xlsx (at most 1,048,575 rows, and 32,767 characters a cell).
    """
    from kymflow.core.queries.export import export

    export(open_tables(path), target, tables)
