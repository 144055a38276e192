"""The optional extras: what to say where one is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kymflow.core.errors import MissingExtraError


@contextmanager
def needs_extra(extra: str, purpose: str) -> Iterator[None]:
    """Turn a failed import into an error that names the extra to install.

    Args:
        extra: The extra whose libraries are imported in the block.
        purpose: What they are for, e.g. ``"plots"``.

    Raises:
        MissingExtraError: If one of them is not there.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{purpose} need the package {error.name!r}, which is not installed; install it "
            f"with: pip install 'kymflow[{extra}]'"
        ) from error
