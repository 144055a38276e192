"""Bring events artifacts and the journal together after a crash, or after another program's edit.

A process killed between the two leaves its last decision in the journal alone, and a file written
over with an older state lacks several: they are carried out. Whatever else differs was written by
another program: it goes into the journal as a decision of ``external``, and stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kymflow.core.artifacts.detection import read_detections, written_events
from kymflow.core.review.decision import Change, Decision
from kymflow.core.review.event_rows import load_events, save_events
from kymflow.core.review.external import reconciled
from kymflow.core.review.journal import Journal

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord


@dataclass(frozen=True, slots=True)
class Disagreement:
    """How an image's events differ from what the journal says.

    Attributes:
        image_id: The image.
        behind: Whether its events lack decisions that the journal has.
        external: What another program changed, as decisions.
    """

    image_id: str
    behind: bool
    external: tuple[Decision, ...]

    @property
    def changes(self) -> list[Change]:
        """What another program changed."""
        return [change for decision in self.external for change in decision.changes]

    def __str__(self) -> str:
        told = ["decisions are in the journal only"] if self.behind else []
        if self.external:
            n_events = len({change.key for change in self.changes})
            told.append(f"another program changed {n_events} event{'s' * (n_events != 1)}")
        return " and ".join(told)


def disagreements(
    dataset: ZarrDataset, image_ids: Sequence[str] | None = None
) -> Iterator[Disagreement]:
    """Yield how events differ from the journal, image by image; nothing is changed.

    Raises:
        ArtifactError: If an image's events can't be read.
    """
    journal = Journal(dataset)
    for rec in _records(dataset, journal, image_ids):
        rows = load_events(rec).to_dicts()
        decisions = journal.of_image(rec.image_id)
        current, external = reconciled(rec.image_id, rows, decisions, written_events(rec))
        if external or current != rows:
            yield Disagreement(rec.image_id, current != rows, tuple(external))


def replay(dataset: ZarrDataset, image_ids: Sequence[str] | None = None) -> list[Disagreement]:
    """Bring events to what the journal says, and what other programs wrote into the journal.

    Args:
        dataset: The dataset, open for writing.
        image_ids: Of these images; of all that were reviewed or changed by another program if None.

    Returns:
        How they differed until now.

    Raises:
        ReadOnlyError: If the dataset is open for reading only.
        ArtifactError: If an image's events can't be read.
    """
    dataset.check_writable("replay the journal")
    journal = Journal(dataset)
    done: list[Disagreement] = []
    for rec in _records(dataset, journal, image_ids):
        with rec.lock():
            rows = load_events(rec).to_dicts()
            decisions = journal.of_image(rec.image_id)
            current, external = reconciled(rec.image_id, rows, decisions, written_events(rec))
            for decision in external:
                journal.record(decision)
            if current != rows:
                save_events(rec, current)
            if external or current != rows:
                done.append(Disagreement(rec.image_id, current != rows, tuple(external)))
    return done


def images_to_compare(dataset: ZarrDataset, journal: Journal) -> list[str]:
    """List the images that were reviewed, or whose events are not as they were written here."""
    everyone = dataset.list_image_ids()
    found = zip(everyone, read_detections(dataset, everyone), strict=True)
    changed = {image_id for image_id, each in found if each.record and not each.same_events}
    return sorted(changed | (journal.images() & set(everyone)))


def _records(
    dataset: ZarrDataset, journal: Journal, image_ids: Sequence[str] | None
) -> Iterator[ZarrImageRecord]:
    chosen = images_to_compare(dataset, journal) if image_ids is None else sorted(set(image_ids))
    for image_id in chosen:
        if dataset.has_image(image_id):
            yield dataset.record(image_id)
