"""The interactive SQL prompt of ``kymflow sql DATASET``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kymflow.core.kym_dataset import KymDataset


def run_shell(kym: KymDataset, mode: str) -> None:
    """Ask and answer until the user leaves.

    Args:
        kym: The dataset's tables.
        mode: The format to begin with.

    Raises:
        UsageError: If the format is none of the prompt's.
        MissingExtraError: If the libraries of the extra ``shell`` are not installed.
    """
    from kymflow.core.extras import needs_extra

    with needs_extra("shell", "the SQL prompt"):
        from kymflow.cli.shell.prompt import converse
    converse(kym, mode)
