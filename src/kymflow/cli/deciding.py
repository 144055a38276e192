"""Deciding on events from the command line: who decides, on which events, and what is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kymflow.cli.errors import remark
from kymflow.cli.options import IMAGE, open_dataset
from kymflow.cli.results import tell as tell_line
from kymflow.core.wording import counted

if TYPE_CHECKING:
    from kymflow.core.review.decision import EventKey
    from kymflow.core.review.reviews import Reviews
    from kymflow.core.review.selection import Events
    from kymflow_zarr import ZarrDataset

COMPARED = ("user_type", "note", "rejected", "t_start_s", "peak_t_s", "t_end_s")
Values = Mapping[str, Any]

where_option = click.option(
    "--where", metavar="SQL", help="Events that this condition on kym_velocity_events picks."
)
optional_image = click.argument("image", metavar="[IMAGE]", required=False, help=IMAGE)
event_argument = click.argument(
    "event", metavar="EVENT", help="The event's id, where needed with its ROI in front: 2:17."
)


queue_option = click.option(
    "--queue", metavar="NAME", help="Blind, by this queue: images are named by their aliases."
)
reviewer_option = click.option(
    "--reviewer",
    metavar="NAME",
    help="Who decides; $KYMFLOW_REVIEWER by default, else your user name.",
)


def reviews_of(
    dataset: ZarrDataset, reviewer: str | None, queue: str | None, *, dry_run: bool = False
) -> Reviews:
    """Return the reviews of a reviewer, blind if they go by a queue."""
    from kymflow.core.review.blind import BlindReviews
    from kymflow.core.review.reviews import Reviews

    if queue is None:
        return Reviews(dataset, reviewer=reviewer, dry_run=dry_run)
    return BlindReviews(dataset, queue, reviewer=reviewer, dry_run=dry_run)


def decision_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of whoever decides; it takes them as ``reviews``."""

    @queue_option
    @reviewer_option
    @click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
    @wraps(command)
    def with_reviews(
        path: Path, queue: str | None, reviewer: str | None, dry_run: bool, **kwargs: Any
    ) -> None:
        dataset = open_dataset(path, writing=not dry_run)
        command(reviews=reviews_of(dataset, reviewer, queue, dry_run=dry_run), **kwargs)

    return with_reviews


def event_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the arguments and options that name events, see :func:`chosen`."""
    events = click.argument(
        "events",
        metavar="[EVENT]...",
        nargs=-1,
        help="Ids of its events, where needed with their ROI in front: 2:17.",
    )
    return optional_image(events(where_option(command)))


def chosen(
    reviews: Reviews, image: str | None, events: tuple[str, ...], where: str | None
) -> Events:
    """Find the events that a command is to change.

    Raises:
        click.UsageError: If none are named.
        ReviewError: If an id names no event, or several.
        ArtifactError: If a condition is over events that can't be read.
    """
    from kymflow.core.errors import ReviewError
    from kymflow.core.review.selection import pick

    if where is None and not events:
        raise click.UsageError("name an image and its events, or give --where")
    found = reviews.find(image, where)
    if found.failures:  # a condition over some of the events would do half of what was meant
        first = found.failures[0]
        raise ReviewError(
            f"nothing was changed: the events of {counted(len(found.failures), 'image')} can't be "
            f"read, first {first.image_id}: {first.message}"
        )
    picked = pick(found, events) if events else found
    if where is not None:
        images = picked.frame["image_id"].n_unique()
        remark(f"{counted(picked.frame.height, 'event')} of {counted(images, 'image')}")
    return picked


def tell(reviews: Reviews, verb: str, before: Events, after: Sequence[Values]) -> None:
    """Print a line per event that changed, and how many there are."""
    changed = 0
    for old, new in zip(before.frame.to_dicts(), after, strict=True):
        changes = [
            f"{name}: {_text(old[name])} → {_text(new[name])}"
            for name in COMPARED
            if old[name] != new[name]
        ]
        changed += bool(changes)
        click.echo(f"{name_event(old['image_id'], old)}: {', '.join(changes) or 'as it was'}")
    tell_count(verb, changed, dry_run=reviews.dry_run)


def tell_turn(reviews: Reviews, turn: str, verb: str, keys: Sequence[EventKey]) -> None:
    """Print what was undone or done again."""
    would = "would " if reviews.dry_run else ""
    images = len({key.image_id for key in keys})
    events = f"{counted(len(keys), 'event')} of {counted(images, 'image')}"
    tell_line(
        f"{would}{turn} {verb} events={len(keys)} images={images}",
        f"{would}{turn} {verb}: {events}",
    )


def tell_count(verb: str, changed: int, *, dry_run: bool) -> None:
    """Print how many events a decision changed."""
    change = "would change" if dry_run else "changed"
    tell_line(f"{verb} {change}={changed}", f"{verb}: {counted(changed, 'event')} {change}")


def name_event(image_id: str, row: Values) -> str:
    """Name an event for a person."""
    time = "" if row.get("t_start_s") is None else f" at {row['t_start_s']:.3f} s"
    return f"{image_id} {row['event_type']} {row['roi_id']}:{row['event_id']}{time}"


def _text(value: object) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
