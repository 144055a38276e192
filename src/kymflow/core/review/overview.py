"""What was decided, and how far the review has come, as frames."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.errors import ReviewError
from kymflow.core.review.journal import Journal, active
from kymflow.core.review.labels import UNREVIEWED

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

_LOG = {
    "decided_at": pl.Datetime("us", "UTC"),
    "reviewer": pl.String(),
    "verb": pl.String(),
    "image_id": pl.String(),
    "roi_id": pl.Int32(),
    "channel": pl.Int32(),
    "event_id": pl.String(),
    "before": pl.String(),
    "after": pl.String(),
    "undone": pl.Boolean(),
    "decision": pl.String(),
    "target": pl.String(),
}


def review_log(
    dataset: ZarrDataset, *, image_id: str | None = None, reviewer: str | None = None
) -> pl.DataFrame:
    """List all decisions, first to last; undone ones, undos and redos included.

    Args:
        dataset: The dataset.
        image_id: Only those on this image.
        reviewer: Only those of this reviewer.

    Returns:
        Frame (decided_at datetime UTC, reviewer, verb, image_id, roi_id, channel, event_id, before
        and after as JSON, undone bool, decision, target), a row per event that a decision is on.
        target is the decision that an undo or a redo is about.
    """
    journal = Journal(dataset)
    decisions = journal.decisions() if image_id is None else journal.of_image(image_id)
    standing = {decision.id for decision in active(journal.decisions())}
    rows: list[tuple[object, ...]] = []
    for decision in decisions:
        if reviewer is not None and decision.reviewer != reviewer:
            continue
        head = (decision.decided_at, decision.reviewer, decision.verb)
        turned = decision.verb in ("undo", "redo")
        tail = (False if turned else decision.id not in standing, decision.id, decision.target)
        if not decision.changes:
            rows.append((*head, None, None, None, None, None, None, *tail))
        for change in decision.changes:
            if image_id is None or change.key.image_id == image_id:
                rows.append((*head, *change.key, *map(_json, (change.before, change.after)), *tail))
    return pl.DataFrame(rows, _LOG, orient="row")


def _json(values: object) -> str | None:
    return None if values is None else json.dumps(values, ensure_ascii=False)


def review_progress(events: pl.DataFrame, by: str | None = None) -> pl.DataFrame:
    """Count how far the review of events has come.

    An event counts as reviewed if it has a label or was rejected.

    Args:
        events: Events with the columns of review, see :func:`~.selection.find_events`.
        by: The column that groups them; all are one group if None.

    Returns:
        Frame (the group, n_events, n_reviewed, n_rejected, n_edited, reviewed_percent), by group;
        the percentage is null where there are no events.

    Raises:
        ReviewError: If there is no such column.
    """
    if by is not None and by not in events.columns:
        raise ReviewError(f"events have no column {by!r}; they have {', '.join(events.columns)}")
    unlabelled = pl.col("user_type").replace("", None).fill_null(UNREVIEWED) == UNREVIEWED
    reviewed = (~unlabelled | pl.col("rejected")).sum()
    counts = {
        "n_events": pl.len(),
        "n_reviewed": reviewed,
        "n_rejected": pl.col("rejected").sum(),
        "n_edited": pl.col("edited").sum(),
        "reviewed_percent": pl.when(pl.len() > 0).then(100 * reviewed / pl.len()),
    }
    if by is None:
        return events.select(**counts)
    return events.group_by(by).agg(**counts).sort(by, nulls_last=True)
