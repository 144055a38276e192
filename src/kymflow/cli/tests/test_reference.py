from __future__ import annotations

from pathlib import Path

import click
import pytest

from kymflow.cli.main import COMMANDS, app
from kymflow.cli.reference import refreshed

PAGE = Path(__file__).parents[4] / "docs" / "cli.md"


def commands(group: click.Group, *path: str) -> list[tuple[str, click.Command]]:
    context = click.Context(group)
    found: list[tuple[str, click.Command]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        found.append((" ".join([*path, name]), command))
        if isinstance(command, click.Group):
            found += commands(command, *path, name)
    return found


ALL = commands(app)


def test_the_reference_is_what_the_commands_say() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == refreshed(page), "run `python -m kymflow.cli.reference docs/cli.md`"


@pytest.mark.parametrize(("name", "command"), ALL, ids=[name for name, _ in ALL])
def test_every_command_and_option_has_help(name: str, command: click.Command) -> None:
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), parameter.name


def test_the_help_fits_a_terminal_and_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], *([*name.split(), "--help"] for name, _ in ALL)):
        app.main(arguments, prog_name="kymflow", standalone_mode=False, terminal_width=80)
        out = capsys.readouterr().out
        assert max(map(len, out.splitlines())) <= 80, arguments
        if arguments == ["--help"]:
            assert [line.split()[0] for line in out.splitlines()[-len(COMMANDS) :]] == [*COMMANDS]
            assert "..." not in out.split("Commands:")[1]


def test_an_unknown_command_is_none_of_ours() -> None:
    assert app.get_command(click.Context(app), "commands") is None
