"""``kymflow explore``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.deciding import reviewer_option
from kymflow.cli.errors import remark
from kymflow.cli.options import dataset_argument, open_dataset


@click.command("explore")
@dataset_argument
@click.option("--read-only", is_flag=True, help="Look only: nothing can be decided or run.")
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65_535),
    default=0,
    help="The port; else a free one.",
)
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on. Any but this machine's own lets others on the network in who "
    "have the token.",
)
@reviewer_option
def command(
    path: Path, read_only: bool, no_browser: bool, port: int, host: str, reviewer: str | None
) -> None:
    """See, question and review a dataset on a page in the browser.

    The address that is printed opens the page once, in one browser. The page needs no network.
    A dataset that may not be written to is opened to be looked at. Ctrl-C ends it.
    """
    from kymflow.core.extras import needs_extra

    with needs_extra("explore", "pages"):
        from kymflow.explore.server import serve

    dataset = open_dataset(path, writing=not read_only and _may_write(path))
    if dataset.read_only and not read_only:
        remark("the dataset can't be written to: it is opened to be looked at only")

    def ready(address: str) -> None:
        click.echo(address)
        remark("open it in a browser; Ctrl-C ends it")
        if not no_browser:
            import webbrowser

            webbrowser.open(address)

    serve(dataset, host=host, port=port, reviewer=reviewer, ready=ready)


def _may_write(path: Path) -> bool:
    import os

    return os.access(path, os.W_OK)
