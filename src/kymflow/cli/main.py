"""The ``kymflow`` command: finds its commands, each in a module of its own, and runs them."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module

import click

from kymflow.cli.errors import pipe_may_close, reported
from kymflow.cli.streams import prepare

COMMANDS = (
    "run",
    "import",
    "images",
    "metadata",
    "velocity",
    "detect",
    "params",
    "review",
    "index",
    "indexers",
    "status",
    "sql",
    "queries",
    "tables",
    "history",
    "diff",
    "check",
    "trust",
    "schema",
    "plot",
    "show",
    "explore",
    "export",
    "demo",
    "doctor",
    "completion",
)
"""In the order of the help."""


class Commands(click.Group):
    """The commands, each imported from ``kymflow.cli.commands`` when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a command by its name, None where there is none."""
        if name not in COMMANDS:
            return None
        module = "import_" if name == "import" else name  # the one that is a word of Python's
        command: click.Command = import_module(f"kymflow.cli.commands.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is asked for; suggest what it may have been."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from kymflow_zarr.sql.hints import did_you_mean, near

            meant = did_you_mean(near(args[0], COMMANDS))
            raise click.UsageError(f"{error.message}{meant}", ctx) from None

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was asked for."""
        with pipe_may_close():
            return super().invoke(ctx)


def _print_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from kymflow import __version__

        click.echo(__version__)
        ctx.exit()


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
def app(debug: bool) -> None:
    """Keep tables over a Zarr dataset of line-scan kymographs up to date, and query them."""


def run(arguments: list[str] | None = None) -> None:
    """Run the command and end the process with its exit code, see :mod:`kymflow.cli.errors`."""
    prepare()
    code = reported(app, sys.argv[1:] if arguments is None else arguments)
    running = sys.modules.get("kymflow_zarr.sql.interrupt")
    if running is not None and running.is_query_left_behind():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # Python would wait for a query that hears no interrupt
    gc.freeze()  # else the end looks through every object that was ever loaded: 0.08 s
    sys.exit(code)


if __name__ == "__main__":
    run()
