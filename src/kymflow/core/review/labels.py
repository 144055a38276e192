"""The labels that a dataset's events may be given: the usual ones, and those it lists itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymflow.core.errors import ReviewError
from kymflow_zarr.store import layout
from kymflow_zarr.store.codecs import decode_object, encode_json
from kymflow_zarr.store.containment import resolve_within
from kymflow_zarr.store.files import write_atomic
from kymflow_zarr.store.reads import read_file, reading

if TYPE_CHECKING:
    from pathlib import Path

    from kymflow_zarr.store.store import Store

UNREVIEWED = "unreviewed"
USUAL = ("true_stall", "reversal", "other", UNREVIEWED)
_PROPOSED = {"stall_candidate": "true_stall"}


def proposed_label(machine_type: str | None) -> str:
    """Return the label by which a person agrees with the detector, given what it calls an event."""
    return _PROPOSED.get(machine_type or "", "other")


def labels_of(store: Store) -> list[str]:
    """List the labels of a dataset: the usual ones, then its own from ``review/settings.json``.

    Raises:
        ReviewError: If the settings can't be used.
        OutsideError: If they lie behind a link out of the dataset.
    """
    path = _path(store)
    resolve_within(store.path, path)
    try:
        with reading(path):
            blob = read_file(path)
        own = decode_object(blob).get("labels", [])
    except FileNotFoundError:
        return list(USUAL)
    except ValueError as error:
        raise ReviewError(f"the review settings can't be read ({error}); repair {path}") from error
    if not isinstance(own, list) or not all(isinstance(each, str) and each for each in own):
        raise ReviewError(f"'labels' in the review settings is not a list of texts; repair {path}")
    return list(dict.fromkeys([*USUAL, *own]))


def add_label(store: Store, label: str) -> list[str]:
    """Add a label to those of a dataset; return all of them.

    Raises:
        ReadOnlyError: If the dataset is open for reading only.
        ReviewError: If the label is empty.
    """
    store.check_writable("add a label", layout.logs(store.path))
    if not label.strip():
        raise ReviewError("a label must not be empty")
    own = [each for each in (*labels_of(store), label.strip()) if each not in USUAL]
    write_atomic(_path(store), encode_json({"labels": list(dict.fromkeys(own))}))
    return labels_of(store)


def _path(store: Store) -> Path:
    return layout.logs(store.path) / "settings.json"
