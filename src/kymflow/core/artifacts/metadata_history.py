"""What people changed in an image's metadata, one entry per change: ``metadata_history``.

An entry says who changed which key from what to what, and when. It is written before the change
itself: of a process killed between the two it tells of a change that was never made, which an undo
passes over. Undoing is an entry as well; no entry is ever changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kymflow_zarr.errors import ArtifactNotFoundError, ArtifactSchemaError, UsageError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord

HISTORY_ARTIFACT = "metadata_history"
SECTIONS = ("header", "experiment_metadata", "set_by_hand")
"""The sections of the metadata that people change."""

Texts = dict[str, tuple[str | None, str | None]]
Values = dict[str, dict[str, dict[str, Any]]]
"""By section and key: ``was`` and ``now``, each left out where the key was not there."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change.

    Attributes:
        at: When, UTC, ISO 8601.
        by: Who; None if nobody said.
        texts: By key: the text before and after, None where there was none.
        values: What changed in the file, so that it can be put back as it was.
        undoes: The number of the entry that this one takes back, from 0; None for any other change.
    """

    at: str
    by: str | None
    texts: Texts
    values: Values
    undoes: int | None = None


def load_history(rec: ZarrImageRecord) -> list[Entry]:
    """Load the changes of an image's metadata, first to last.

    Raises:
        ArtifactUnreadableError: If the artifact can't be read.
        ArtifactSchemaError: If it is not a history.
    """
    try:
        stored = rec.load_json(HISTORY_ARTIFACT)
    except ArtifactNotFoundError:
        return []
    try:
        return [
            Entry(
                str(each["at"]),
                each["by"],
                {key: (before, after) for key, (before, after) in each["texts"].items()},
                each["values"],
                each["undoes"],
            )
            for each in stored["entries"]
        ]
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise ArtifactSchemaError(
            "this is no history of metadata; move the file away to begin another",
            dataset=str(rec.dataset.path),
            image_id=rec.image_id,
            artifact=HISTORY_ARTIFACT,
        ) from error


def record_change(
    rec: ZarrImageRecord,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    texts: Texts,
    by: str | None,
    undoes: int | None = None,
) -> None:
    """Add an entry; the caller holds the image's lock, and changes the metadata next."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    entry = Entry(at, by, texts, _values(before, after), undoes)
    entries = [asdict(each) for each in (*load_history(rec), entry)]
    rec.save_json(HISTORY_ARTIFACT, {"entries": entries})


def undoable(entries: Sequence[Entry], metadata: Mapping[str, Any]) -> int | None:
    """Find the last change that still stands: its number, None if there is none."""
    undone = {each.undoes for each in entries}
    for number in reversed(range(len(entries))):
        entry = entries[number]
        if entry.undoes is None and number not in undone and not _never_made(entry, metadata):
            return number
    return None


def taken_back(metadata: Mapping[str, Any], entry: Entry, image_id: str) -> dict[str, Any]:
    """Return metadata as they were before a change.

    Raises:
        UsageError: If a key was changed since by other means, such as an import.
    """
    sections = {name: dict(metadata.get(name) or {}) for name in SECTIONS}
    for name, keys in entry.values.items():
        for key, value in keys.items():
            if not _holds(sections[name], key, value, "now"):
                raise UsageError(
                    f"{key!r} was changed since by other means; set it again with "
                    f"`kymflow metadata set`",
                    image_id=image_id,
                )
            if "was" in value:
                sections[name][key] = value["was"]
            else:
                sections[name].pop(key, None)
    kept = {name: value for name, value in sections.items() if value or name in metadata}
    if not kept.get("set_by_hand", True):
        del kept["set_by_hand"]
    return {**{n: v for n, v in metadata.items() if n not in SECTIONS}, **kept}


def _values(before: Mapping[str, Any], after: Mapping[str, Any]) -> Values:
    found: Values = {}
    for name in SECTIONS:
        old, new = before.get(name) or {}, after.get(name) or {}
        for key in dict.fromkeys([*old, *new]):
            if key in old and key in new and old[key] == new[key]:
                continue
            value = {"was": old[key]} if key in old else {}
            found.setdefault(name, {})[key] = value | ({"now": new[key]} if key in new else {})
    return found


def _never_made(entry: Entry, metadata: Mapping[str, Any]) -> bool:
    """Tell whether the metadata are as they were before a change, as after a kill."""
    return all(
        _holds(metadata.get(name) or {}, key, value, "was")
        for name, keys in entry.values.items()
        for key, value in keys.items()
    )


def _holds(section: Mapping[str, Any], key: str, value: Mapping[str, Any], side: str) -> bool:
    return section.get(key) == value[side] if side in value else key not in section
