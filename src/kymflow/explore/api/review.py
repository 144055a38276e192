"""Decisions on events, each a verb of the reviews; where a review stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from kymflow.core.errors import ReviewError, check_choice
from kymflow.core.review.blind import BlindReviews
from kymflow.core.review.decision import EventKey
from kymflow.core.review.journal import active
from kymflow.core.review.labels import UNREVIEWED
from kymflow.core.review.reviews import Reviews
from kymflow.explore.api.endpoint import Asked, reads, writes
from kymflow.explore.api.image import shown_events
from kymflow.explore.encode import rows_of
from kymflow.explore.listings import Listing
from kymflow.explore.workspace import Workspace
from kymflow_zarr.errors import UsageError

_KEY = ("image_id", "roi_id", "channel", "event_id")
_STEP = 20_000
_DECIDED = {
    "image_id": pl.String(), "roi_id": pl.Int64(), "channel": pl.Int64(), "event_id": pl.String(),
    "decided": pl.Boolean(),
}  # fmt: skip


def _decide(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    """Decide on events that the person sees; refused if one is no longer as it was seen."""
    events = asked.list_of("events", dict)
    seen = {_key(each): each["seen"] for each in events if isinstance(each.get("seen"), dict)}
    keys = [_key(each) for each in events]
    with workspace.writing:
        reviews = workspace.reviews(asked.optional("queue")).expecting(seen)
        _carry_out(reviews, asked, keys)
    images = dict.fromkeys(key.image_id for key in keys)
    return {"images": {image: shown_events(reviews.events(image)) for image in images}}


def _decide_listed(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    """Decide on rows of a listing at once: one decision, which one undo takes back."""
    listing = workspace.listings.get(asked.text("listing"))
    keys = list(dict.fromkeys(_listed(listing, asked.list_of("ranges", list))))
    images = len({key.image_id for key in keys})
    if not asked.flag("dry_run"):
        with workspace.writing:
            _carry_out(workspace.reviews(asked.optional("queue")), asked, keys)
    return {"n_events": len(keys), "n_images": images}


def _add(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    image = asked.text("image")
    start = asked.number("start")
    if start is None:
        raise UsageError("start is missing")
    with workspace.writing:
        reviews = workspace.reviews(asked.optional("queue"))
        added = reviews.add(
            image,
            start=start,
            end=asked.number("end"),
            roi_id=asked.whole("roi_id", 1),
            channel=asked.whole("channel", 1),
            user_type=asked.optional("label") or UNREVIEWED,
        )
    events = shown_events(reviews.events(image))
    return {"event_id": added["event_id"], "images": {image: events}}


def _undo(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    return _turn(workspace, asked, "undo")


def _redo(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    return _turn(workspace, asked, "redo")


def _turn(workspace: Workspace, asked: Asked, turn: str) -> dict[str, Any]:
    queue = asked.optional("queue")
    with workspace.writing:
        reviews = workspace.reviews(queue)
        decision = reviews.undo() if turn == "undo" else reviews.redo()
    names: Mapping[str, str] = {}
    if isinstance(reviews, BlindReviews):
        names = {image: alias for alias, image in reviews.queue.images.items()}
        if not all(change.key.image_id in names for change in decision.changes):
            return {"verb": decision.verb, "n_events": len(decision.changes), "events": []}
    keys = [
        change.key._replace(image_id=names.get(change.key.image_id, change.key.image_id))
        for change in decision.changes[:100]
    ]
    return {
        "verb": decision.verb,
        "n_events": len(decision.changes),
        "events": [key._asdict() for key in keys],
    }


def _progress(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    """Tell how far a review of a listing has come: in all, per type, and where it goes on."""
    listing = workspace.listings.get(asked.text("listing"))
    queue = asked.optional("queue")
    decided = _none_decided() if queue else _decided(workspace.reviews(None))
    counts: list[pl.DataFrame] = []
    first: int | None = None
    for start in range(0, listing.n_rows, _STEP):
        judged = _judged(listing, start, decided)
        counts.append(judged.group_by("kind").agg(done=pl.col("judged").sum(), n=pl.len()))
        if first is None:
            still = judged["judged"].arg_min()
            first = start + still if still is not None and not judged["judged"][still] else None
    groups = pl.concat(counts).group_by("kind").sum().sort("kind").rows() if counts else []
    done = sum(group[1] for group in groups)
    return {"n": listing.n_rows, "done": done, "first": first, "groups": [[*g] for g in groups]}


def _judged(listing: Listing, start: int, decided: pl.DataFrame) -> pl.DataFrame:
    """Tell of some rows of a listing which type they are of, and whether they were judged."""
    _check_names_events(listing)
    names = [n for n in (*_KEY, "event_type", "user_type", "rejected") if n in listing.schema.names]
    rows = pl.DataFrame(listing.rows(start, start + _STEP).select(names))
    keyed = rows.with_columns(pl.col("roi_id", "channel").cast(pl.Int64))
    found = keyed.join(decided, on=_KEY, how="left", nulls_equal=True, maintain_order="left")
    judged = pl.col("decided").fill_null(value=False)
    if "user_type" in names:
        judged = judged | (
            pl.col("user_type").replace("", None).fill_null(UNREVIEWED) != UNREVIEWED
        )
    if "rejected" in names:
        judged = judged | pl.col("rejected").fill_null(value=False)
    kind = pl.col("event_type").fill_null("(none)") if "event_type" in names else pl.lit("events")
    return found.select(kind=kind, judged=judged)


def _decided(reviews: Reviews) -> pl.DataFrame:
    """Return the events on which some decision stands, by whomever."""
    found: dict[EventKey, None] = {}
    for decision in active(reviews.journal.decisions()):
        for change in decision.changes:
            if (change.after or {}).get("user_type") == UNREVIEWED:
                found.pop(change.key, None)
            else:
                found[change.key] = None
    return _none_decided().vstack(
        pl.DataFrame([(*key, True) for key in found], _DECIDED, orient="row")
    )


def _none_decided() -> pl.DataFrame:
    return pl.DataFrame(schema=_DECIDED)


def _carry_out(reviews: Reviews, asked: Asked, keys: Sequence[EventKey]) -> None:
    verb = asked.text("verb")
    check_choice("verb", verb, "label", "settle", "note", "reject", "restore", "edit", "remove")
    if not keys:
        raise ReviewError("no event is chosen")
    if verb in ("label", "settle"):
        getattr(reviews, verb)(keys, asked.text("label"))
    elif verb == "note":
        reviews.note(keys, asked.optional("note") or "")
    elif verb == "edit":
        if len(keys) > 1:
            raise ReviewError("times are corrected of one event at a time")
        times = {name: asked.number(name) for name in ("start", "peak", "end")}
        reviews.edit(keys[0], **times)
    else:
        getattr(reviews, verb)(keys)


def _key(event: Mapping[str, Any]) -> EventKey:
    try:
        return EventKey(
            str(event["image_id"]),
            _whole(event["roi_id"]),
            _whole(event["channel"]),
            str(event["event_id"]),
        )
    except KeyError as error:
        raise UsageError(f"an event lacks its {error.args[0]}") from error


def _whole(value: object) -> int | None:
    if value is None or isinstance(value, int):
        return value
    raise UsageError(f"{value!r} is not a whole number")


def _listed(listing: Listing, ranges: Sequence[Sequence[Any]]) -> Iterator[EventKey]:
    _check_names_events(listing)
    for each in ranges:
        if len(each) != 2 or not all(isinstance(place, int) for place in each):
            raise UsageError("ranges are pairs of whole numbers")
        for row in rows_of(listing.rows(*each).select(list(_KEY))):
            yield _key(dict(zip(_KEY, row, strict=True)))


def _check_names_events(listing: Listing) -> None:
    lacking = [name for name in _KEY if name not in listing.schema.names]
    if lacking:
        raise ReviewError(f"the rows don't name events: they have no {', '.join(lacking)}")


READS = [reads("/api/progress", _progress)]
WRITES = [
    writes("/api/decide", _decide),
    writes("/api/decide-listed", _decide_listed),
    writes("/api/add", _add),
    writes("/api/undo", _undo),
    writes("/api/redo", _redo),
]
