"""``kymflow completion``: names behind Tab."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import click

from kymflow.cli.errors import remark
from kymflow.cli.results import tell

_VARIABLE = "_KYMFLOW_COMPLETE"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a shell looks for a command's completion.

    Attributes:
        home: Environment variable of the folder.
        default: The folder where that is not set, below the home folder.
        file: The file in it.
        else_: What a person has to add to the shell's own file, where it does not look there.
    """

    home: str
    default: str
    file: str
    else_: str = ""

    @property
    def path(self) -> Path:
        """The file."""
        folder = os.environ.get(self.home) or str(Path.home() / self.default)
        return Path(folder, self.file)


_PLACES = {
    "bash": _Place(
        "XDG_DATA_HOME",
        ".local/share",
        "bash-completion/completions/kymflow",
        "without the package bash-completion, add to ~/.bashrc: source {path}",
    ),
    "zsh": _Place(
        "XDG_DATA_HOME",
        ".local/share",
        "zsh/site-functions/_kymflow",
        "add to ~/.zshrc, before compinit: fpath+=({folder})",
    ),
    "fish": _Place("XDG_CONFIG_HOME", ".config", "fish/completions/kymflow.fish"),
}
_shell = click.argument(
    "shell",
    metavar="[SHELL]",
    required=False,
    type=click.Choice(list(_PLACES)),
    help="bash, zsh or fish; your own by default, as $SHELL names it.",
)


@click.group("completion")
def command() -> None:
    """Have the shell complete commands, images, tables, params."""


@command.command("install")
@_shell
def install(shell: str | None) -> None:
    """Write the file in which a shell looks for it; a new shell then has it."""
    from kymflow_zarr.store.files import write_atomic

    name = shell or _own_shell()
    place = _PLACES[name]
    place.path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(place.path, _script(name).encode())
    tell(f"completion shell={name} file={place.path}", f"wrote {place.path}; open a new {name}")
    if place.else_:
        remark(place.else_.format(path=place.path, folder=place.path.parent))


@command.command("show")
@_shell
def show(shell: str | None) -> None:
    """Print what `install` would write."""
    click.echo(_script(shell or _own_shell()))


def _own_shell() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in _PLACES:
        raise click.UsageError(f"name the shell: {', '.join(_PLACES)}")
    return name


def _script(shell: str) -> str:
    from click.shell_completion import get_completion_class

    from kymflow.cli.main import app

    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"there is no completion for {shell}")
    # The template alone: its own source() would start the shell to ask for its version.
    of_app = completion(app, {}, "kymflow", _VARIABLE)
    script: str = of_app.source_template % of_app.source_vars()
    return script
