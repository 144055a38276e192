"""Fields of the experiment that are told by paths, on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kymflow.cli.errors import warn, warn_of_failures
from kymflow.cli.options import open_dataset

if TYPE_CHECKING:
    from kymflow.core.lab_folder import ImportReport

fields_option = click.option(
    "--fields",
    metavar="RULE",
    help="Set fields of new images by their paths, such as '{condition}/{date}/{name}'; see "
    "`kymflow metadata from-path`.",
)


def set_fields_of_new(path: Path, report: ImportReport, rule: str | None) -> int:
    """Set the fields of images just imported by a rule; return how many failed."""
    if rule is None or not report.added:
        return 0
    from kymflow.core.lab_folder.path_fields import PathFields, set_path_fields
    from kymflow.core.review.reviewer import reviewer_name

    dataset = open_dataset(path, writing=True)
    added = [image_id for _, image_id in report.added]
    done = set_path_fields(dataset, PathFields(rule), added, by=reviewer_name())
    tell_unlike(done.unlike, rule)
    return warn_of_failures(done.failures)


def check_fields(rule: str | None) -> None:
    """Refuse a rule that is none, before anything is done.

    Raises:
        UsageError: If it is none.
    """
    if rule is not None:
        from kymflow.core.lab_folder.path_fields import PathFields

        PathFields(rule)


def tell_unlike(paths: Sequence[str], rule: str) -> None:
    """Say that a rule for paths does not fit some."""
    if paths:
        more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
        warn(f"the rule {rule!r} does not fit {paths[0]}{more}: nothing was set there")
