"""Each reviewer's standing verdict on each event, side by side: table ``kym_reviews``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from kymflow.core.artifacts.provenance import params_hash, stable_json_dumps
from kymflow.core.artifacts.schemas import VERDICT_SCHEMA
from kymflow.core.kym_dataset.indexers.base import BaseIndexer, ExtractedBatch, ParamsHashes
from kymflow.core.review.decision import TIMES, Change, Decision
from kymflow.core.review.journal import Journal, active
from kymflow.core.review.labels import UNREVIEWED

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord
    from kymflow_zarr.store.store import Store

Row = dict[str, Any]


class ReviewIndexer(BaseIndexer):
    """Index what reviewers say: one row per image, reviewer and event.

    ``verdict`` is the reviewer's label, ``rejected``, or ``added`` for an event that the reviewer
    added without a label; null if only a note was written or times were corrected. ``label`` is
    what the reviewer called it, also where they rejected it afterwards (``rejected``); ``settled``
    the label by which the reviewer settled the event for all. Times, s, are those that the reviewer
    gave, or those at the last decision. Decisions that were undone are left out. The rows are made
    of the journal alone: whoever decides makes that image due, and no other.
    """

    name = "reviews"
    version: ClassVar[str] = "kymflow.reviews@0.2"

    def analysis_version(self) -> str:
        """Return the version of the rows."""
        return self.version

    def params(self, rec: ZarrImageRecord) -> dict[str, Any]:
        """Describe the decisions on an image: how many, and a hash of their ids."""
        return _state(Journal(rec.dataset).of_image(rec.image_id))

    def extract_rows(self, rec: ZarrImageRecord) -> pl.DataFrame:
        """Return one image's rows."""
        return self.extract_batch(rec.dataset, [rec.image_id]).rows

    def params_hashes(self, dataset: Store, image_ids: Sequence[str]) -> ParamsHashes:
        """Return the hashes for many images; the journal is read once."""
        journal = Journal(dataset)
        reviewed = journal.images()
        none = _state(())
        states = (_state(journal.of_image(i)) if i in reviewed else none for i in image_ids)
        texts: dict[str, str] = {}
        hashes: list[str | None] = []
        for state in states:
            hashed = params_hash(state)
            texts.setdefault(hashed, stable_json_dumps(state))
            hashes.append(hashed)
        return ParamsHashes(hashes, texts=texts)

    def extract_batch(self, dataset: Store, image_ids: Sequence[str]) -> ExtractedBatch:
        """Return the rows of many images."""
        journal = Journal(dataset)
        rows = [
            row
            for image_id in image_ids
            for row in standing_verdicts(image_id, journal.of_image(image_id))
        ]
        return ExtractedBatch(pl.DataFrame(rows, schema=VERDICT_SCHEMA))


def standing_verdicts(image_id: str, decisions: Sequence[Decision]) -> list[Row]:
    """List what each reviewer says of each event of an image.

    Args:
        image_id: The image.
        decisions: The decisions on it, first to last, undone ones and undos included.

    Returns:
        Rows as of :class:`ReviewIndexer`, by reviewer and event.
    """
    rows: dict[tuple[str, object, object, str], Row] = {}
    for decision in active(decisions):
        for change in decision.changes:
            key = change.key
            if key.image_id != image_id:
                continue
            place = (decision.reviewer, key.roi_id, key.channel, key.event_id)
            row = rows.setdefault(place, _new_row(decision, change))
            _apply(row, decision, change)
    for row in rows.values():
        row["verdict"] = _verdict(row)
    order = sorted(rows, key=lambda place: tuple(map(str, place)))
    return [{name: rows[place][name] for name in VERDICT_SCHEMA} for place in order]


def _new_row(decision: Decision, change: Change) -> Row:
    flags = dict.fromkeys(("added", "edited", "removed", "rejected"), False)
    head = {**change.key._asdict(), "reviewer": decision.reviewer, **flags, "n_decisions": 0}
    return {**dict.fromkeys(("label", "settled", "note")), **head}


def _apply(row: Row, decision: Decision, change: Change) -> None:
    row["n_decisions"] += 1
    row["decided_at"] = decision.decided_at
    row.update(zip(TIMES, change.at, strict=True))
    after = change.after
    if after is None:
        row["removed"] = True
        return
    row.update({name: after[name] for name in TIMES if name in after})
    if change.before is None:
        row.update(added=True, removed=False)
    if decision.verb == "edit":
        row["edited"] = True
    if "user_type" in after:
        row["settled" if decision.verb == "settle" else "label"] = after["user_type"]
    row.update({name: after[name] for name in ("note", "rejected") if name in after})


def _verdict(row: Row) -> str | None:
    if row["removed"]:
        return None if row["added"] else "rejected"
    if row["rejected"]:
        return "rejected"
    label = (row["label"] or UNREVIEWED).strip() or UNREVIEWED
    return label if label != UNREVIEWED else "added" if row["added"] else None


def _state(decisions: Sequence[Decision]) -> dict[str, Any]:
    ids = "\n".join(decision.id for decision in decisions)
    digest = hashlib.blake2b(ids.encode(), digest_size=16).hexdigest()
    return {"n_decisions": len(decisions), "decisions": digest}
