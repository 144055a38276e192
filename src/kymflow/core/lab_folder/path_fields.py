"""Fields of the experiment that a lab writes into the names of its folders and files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from kymflow.core.artifacts.image_names import source_path
from kymflow.core.artifacts.metadata import Changes, get_fields, set_fields
from kymflow.core.workers.progress import Failure
from kymflow_zarr.errors import ArtifactError, UsageError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

_NO_FIELDS = ("name", "_")
_PLACEHOLDER = re.compile(r"\{([^{}/]*)\}|(\*)|([^{}*]+)|(.)")


@dataclass(frozen=True, slots=True)
class PathFields:
    """A rule such as ``{condition}/{date}/{name}`` for the end of a path without its ending.

    Each ``{field}`` stands for one name or a part of it, ``*`` for any; ``{name}`` and ``{_}`` set
    nothing. Folders before those that the rule names may be any.

    Args:
        rule: The rule.

    Raises:
        UsageError: If it is none.

    Examples:
        >>> PathFields("{condition}/{date}_{animal}").of("2025/28d AngII/20250722_A89.tif")
        {'condition': '28d AngII', 'date': '20250722', 'animal': 'A89'}
    """

    rule: str
    _pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        text, names = "", [name for name, *_ in _PLACEHOLDER.findall(self.rule) if name]
        for name, any_, literal, odd in _PLACEHOLDER.findall(self.rule):
            if odd or not (name or any_ or literal):
                raise UsageError(f"the rule {self.rule!r} has a brace too many or an empty name")
            text += rf"(?P<f{names.index(name)}>[^/]+?)" if name else ""
            text += "[^/]*" if any_ else re.escape(literal)
        told = [name for name in names if name not in _NO_FIELDS]
        if not told or len(names) != len(set(names)):
            raise UsageError(
                f"the rule {self.rule!r} must name one field or more, each once, as in "
                "{condition}/{date}/{name}"
            )
        object.__setattr__(self, "_pattern", re.compile(f"(?:.*/)?{text}"))

    @property
    def names(self) -> list[str]:
        """The fields that it sets."""
        named = [name for name, *_ in _PLACEHOLDER.findall(self.rule) if name]
        return [name for name in named if name not in _NO_FIELDS]

    def of(self, path: str) -> dict[str, str] | None:
        """Tell the fields of a path; None if the rule does not fit it."""
        found = self._pattern.fullmatch(str(PurePosixPath(path).with_suffix("")))
        if found is None:
            return None
        named = [name for name, *_ in _PLACEHOLDER.findall(self.rule) if name]
        values = {name: found[f"f{place}"].strip() for place, name in enumerate(named)}
        return {name: value for name, value in values.items() if name not in _NO_FIELDS}


@dataclass(frozen=True, slots=True)
class FieldsReport:
    """What a rule did.

    Attributes:
        changes: What changed, by image and key: the text before and after.
        unlike: The paths that the rule does not fit.
        failures: The images whose metadata could not be set.
    """

    changes: dict[str, Changes] = field(default_factory=dict)
    unlike: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def set_path_fields(
    dataset: ZarrDataset,
    rule: PathFields,
    image_ids: Iterable[str],
    *,
    replace: bool = False,
    by: str | None = None,
    dry_run: bool = False,
) -> FieldsReport:
    """Set fields of images by their files' paths in the lab folder.

    Args:
        dataset: The dataset, open for writing unless it is a dry run.
        rule: The rule.
        image_ids: The images.
        replace: Whether to replace values that are there; else only fields without one are set.
        by: Who sets them, for the history.
        dry_run: Whether to change nothing, and only say what would change.

    Returns:
        What was done. Images of no file are passed over.

    Raises:
        ReadOnlyError: If the dataset is open for reading only.
    """
    report = FieldsReport()
    for image_id in image_ids:
        rec = dataset.record(image_id)
        path = source_path(dataset, image_id)
        values = None if path is None else rule.of(path)
        if values is None:
            report.unlike.extend([] if path is None else [path])
            continue
        try:
            there = {} if replace else get_fields(rec)
            wanted = {key: text for key, text in values.items() if key not in there}
            changes = set_fields(rec, wanted, by=by, dry_run=dry_run) if wanted else {}
        except (ArtifactError, UsageError) as error:
            report.failures.append(Failure.of(image_id, error))
            continue
        if changes:
            report.changes[image_id] = changes
    return report
