"""``kymflow queries``."""

from __future__ import annotations

import click

from kymflow.cli import completing
from kymflow.cli.output import Output, output_options


@click.group("queries", invoke_without_command=True)
@output_options
@click.pass_context
def command(ctx: click.Context, output: Output) -> None:
    """List the named queries, or show one's SQL.

    `kymflow sql DATASET --query NAME -p PARAMETER=VALUE` asks one. Parameters that are not given
    have the values listed; one without a value restricts nothing.
    """
    from kymflow.core.queries.columns import describe_queries

    if ctx.invoked_subcommand is None:
        output.print(describe_queries())


@command.command("show")
@click.argument("name", shell_complete=completing.queries, help="The query.")
def show(name: str) -> None:
    """Print a named query's SQL, what it reads and returns."""
    from kymflow.core.queries.library import named_query

    click.echo(named_query(name).sql)
