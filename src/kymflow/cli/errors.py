"""The one place that turns errors into lines on stderr and exit codes."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kymflow.cli.output import warn

if TYPE_CHECKING:
    import typer

FAILED = 1
USAGE = 2


def reported(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run a command line; report errors as one line each.

    Args:
        app: The command.
        arguments: Its arguments, without the program's name.

    Returns:
        The exit code: 0 for success, 1 where something failed, 2 for bad usage.
    """
    from kymflow_zarr.errors import DatasetError, UsageError

    warnings.showwarning = _show_warning
    try:
        app(args=list(arguments), prog_name="kymflow", standalone_mode=True)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else FAILED
    except (DatasetError, OSError) as error:
        if "--debug" in arguments:
            raise
        warn(" ".join(str(error).split("\n\n")), kind="error")
        return USAGE if isinstance(error, UsageError) else FAILED
    except KeyboardInterrupt:
        warn("interrupted; what was committed stands", kind="error")
        return 130
    return 0


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    warn(str(message))
    sys.stderr.flush()
