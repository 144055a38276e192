"""Find what killed processes left lying about, and tell it from what live ones are at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow.core.kym_dataset.integrity.finding import Finding
from kymflow.core.kym_dataset.update.staging import BEGUN
from kymflow_zarr.errors import ReadOnlyError
from kymflow_zarr.store import layout
from kymflow_zarr.store.containment import is_within
from kymflow_zarr.store.files import is_old, remove
from kymflow_zarr.store.leases import delete, is_held, is_leased, take_over

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

_LOCKED = (
    ("tables", ".parquet"),
    ("tables", ".rows"),
    ("index", ".runs.parquet"),
    ("index", ".runs.rows"),
    ("index", ".params.parquet"),
)
"""Files that are written under their table's lock: their folders, and what follows its name."""

REMOVE = "it is safe to delete; a repair does"


class Orphans:
    """Looks for files and folders that nobody will ever come back for.

    Where a lock tells whether the owner lives, the lock is asked. Files that are written in
    milliseconds, without a lock, count as left when they have not been touched for a while.

    Args:
        dataset: The dataset.
        abandoned_after: For how long, s.
    """

    def __init__(self, dataset: ZarrDataset, abandoned_after: float) -> None:
        self._dataset = dataset
        self._abandoned_after = abandoned_after

    def find(self) -> Iterator[Finding]:
        """Yield what is left beside tables, ledgers and images, and in the staging."""
        root = self._dataset.path
        lake = layout.lake(root)
        for folder in (root, root / "tables", layout.index(root), layout.images(root), lake):
            for entry in self._entries(folder):
                yield from self.temporary(entry)
        for entry in self._entries(layout.images(root)):
            yield from self._beside_images(entry)
        for home in self._entries(layout.staging(root)):
            for entry in self._entries(home):
                yield from self._staged(entry)

    def among_tables(self) -> Iterator[Finding]:
        """Yield what the tables don't know of though it lies where they do."""
        for path in self._dataset.tables.abandoned(self._abandoned_after):
            yield self._leftover(path, "nothing refers to it", partial(remove, path))

    def temporary(self, path: Path) -> Iterator[Finding]:
        """Yield a finding if a file is a temporary one whose writer was killed.

        What a commit or a decision spills to disk is a folder of that kind.
        """
        target = layout.temporary_of(path)
        if target is None:
            return
        lock = self._lock_of(target)
        left = not is_held(lock) if lock else self._is_old(path)
        if left and path.exists():
            why = f"a writer of {target.name} was killed"
            yield self._leftover(path, why, partial(remove, path))

    def _lock_of(self, target: Path) -> Path | None:
        """Return the lock that the writers of a table or a ledger share; others have none."""
        root = self._dataset.path
        if target.parent == layout.lake(root):
            return layout.catalog_lock(root)
        for folder, ending in _LOCKED:
            if target.parent == root / folder and target.name.endswith(ending):
                return layout.table_lock(root, target.name.removesuffix(ending))
        return None

    def _beside_images(self, entry: Path) -> Iterator[Finding]:
        if layout.is_staged_image(entry):
            yield from self._owned(entry, "an image was being added when its process was killed")
        elif layout.is_deleted(entry) and self._is_old(entry):
            why = "an image was being deleted when its process was killed"
            yield self._leftover(entry, why, partial(remove, entry))
        elif entry.name == layout.REPLACED and not is_held(
            layout.replacement_lock(self._dataset.path)
        ):
            for image in self._entries(entry):
                yield Finding(
                    "interrupted_swap",
                    image,
                    "the image was being replaced when its process was killed",
                    "open the dataset for writing, as a repair does: it is put back",
                    partial(_reopen, self._dataset),
                )

    def _staged(self, entry: Path) -> Iterator[Finding]:
        if layout.is_deleted(entry):
            why = "a run was clearing up when it was killed"
            yield self._leftover(entry, why, partial(shutil.rmtree, entry))
        elif entry.suffix == layout.LEASE or not _holds_work(entry):
            yield from self._owned(entry, "a run had just begun when it was killed")
        elif not is_leased(entry):
            yield Finding(
                "interrupted_run",
                entry,
                f"an update of {entry.parent.name} was killed before all was committed",
                "run `kymflow index`: it takes over what is done and clears up",
            )

    def _owned(self, entry: Path, why: str) -> Iterator[Finding]:
        """Yield a folder whose owner died, or the lock of a folder that was never made."""
        folder = entry.with_name(entry.name.removesuffix(layout.LEASE))
        if entry.is_dir() and not is_leased(entry):
            yield self._leftover(entry, why, partial(_discard, entry))
        elif entry != folder and not folder.exists() and self._is_old(entry):
            yield self._leftover(entry, why, entry.unlink)

    def _leftover(self, path: Path, why: str, delete: Callable[[], object]) -> Finding:
        return Finding("leftover", path, why, REMOVE, partial(self._delete, path, delete))

    def _delete(self, path: Path, delete: Callable[[], object]) -> bool:
        try:
            self._dataset.check_writable("remove what is left", path.parent)
            delete()
        except (ReadOnlyError, OSError):
            return not path.exists()
        return not path.exists()

    def _entries(self, folder: Path) -> list[Path]:
        """List a folder; empty if it is no folder, or lies outside of the dataset."""
        if folder.is_symlink() or not is_within(self._dataset.path, folder):
            return []
        return sorted(folder.iterdir()) if folder.is_dir() else []

    def _is_old(self, path: Path) -> bool:
        return is_old(path, self._abandoned_after)


def _holds_work(run: Path) -> bool:
    """Tell whether a run has left parts, or the mark of a batch that may have been fatal."""
    return any(run.glob("[0-9]*.runs.parquet")) or any(run.glob(f"[0-9]*{BEGUN}"))


def _discard(folder: Path) -> None:
    with take_over(folder) as own:
        if own:
            delete(folder)


def _reopen(dataset: ZarrDataset) -> bool:
    type(dataset)(dataset.path, mode="a")
    return True
