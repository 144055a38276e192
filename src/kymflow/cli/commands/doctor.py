"""``kymflow doctor``."""

from __future__ import annotations

import click

from kymflow.cli.output import Output, output_options


@click.command("doctor")
@output_options
def command(output: Output) -> None:
    """Say what is installed and what is missing, with the command that helps.

    Libraries under "kymflow" are always needed; the others belong to extras, and are missed only by
    what they are for. The exit code is 1 if something that is installed does not work.
    """
    from kymflow.core.installation import examine, is_sound

    parts = examine()
    output.print(parts)
    if not is_sound(parts):
        click.get_current_context().exit(1)
