"""``kymflow review``: what people decide on events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kymflow.cli.commands.review_queues import queues, sample, unblind
from kymflow.cli.deciding import (
    chosen,
    decision_options,
    event_argument,
    event_options,
    name_event,
    optional_image,
    queue_option,
    reviewer_option,
    reviews_of,
    tell,
    tell_count,
    tell_turn,
    where_option,
)
from kymflow.cli.errors import FAILED, warn_of_failures
from kymflow.cli.options import (
    FolderPath,
    dataset_argument,
    found_image,
    image_argument,
    open_dataset,
)
from kymflow.cli.output import Output, output_options
from kymflow.cli.results import tell as tell_line
from kymflow.core.wording import counted

if TYPE_CHECKING:
    from kymflow.core.review.reviews import Reviews

SHOWN = (
    *("image_id", "roi_id", "channel", "event_id", "event_type"),
    *("t_start_s", "peak_t_s", "t_end_s", "strength"),
    *("user_type", "rejected", "edited", "note"),
)


@click.group("review")
def command() -> None:
    """Decide on events: label, note, reject, correct, add; undo.

    Every decision is written to a journal that is never changed, with who made it and when. It
    outlives a new detection, and can be undone at any time. `kymflow index` brings the tables up
    to date afterwards.
    """


@command.command("list")
@dataset_argument
@optional_image
@where_option
@queue_option
@reviewer_option
@output_options
@click.pass_context
def list_events(
    ctx: click.Context,
    path: Path,
    image: str | None,
    where: str | None,
    queue: str | None,
    reviewer: str | None,
    output: Output,
) -> None:
    """List events as they are now, rejected ones included.

    By a queue they are in its order, and labels, notes and rejections are your own.
    """
    found = reviews_of(open_dataset(path), reviewer, queue).find(image, where)
    output.print(found.frame.select(SHOWN))
    if warn_of_failures(found.failures):
        ctx.exit(FAILED)


@command.command("label")
@dataset_argument
@click.argument(
    "user_type", metavar="LABEL", help="true_stall, reversal, other, unreviewed or one of yours."
)
@event_options
@decision_options
def label(reviews: Reviews, user_type: str, **named: Any) -> None:
    """Say what events are."""
    events = chosen(reviews, **named)
    tell(reviews, "label", events, reviews.label(events.keys, user_type))


@command.command("settle")
@dataset_argument
@click.argument("user_type", metavar="LABEL", help="What they are, whatever was said of them.")
@event_options
@decision_options
def settle(reviews: Reviews, user_type: str, **named: Any) -> None:
    """Decide what events are where reviewers disagree; later labels don't count.

    `kymflow sql DATASET --query disagreements` lists them.
    """
    events = chosen(reviews, **named)
    tell(reviews, "settle", events, reviews.settle(events.keys, user_type))


@command.command("note")
@dataset_argument
@click.argument("text", metavar="TEXT", help="The note; an empty one takes the old one away.")
@event_options
@decision_options
def note(reviews: Reviews, text: str, **named: Any) -> None:
    """Write a note on events, in place of the one they have."""
    events = chosen(reviews, **named)
    tell(reviews, "note", events, reviews.note(events.keys, text))


@command.command("reject")
@dataset_argument
@event_options
@decision_options
def reject(reviews: Reviews, **named: Any) -> None:
    """Say that what was detected is no event."""
    events = chosen(reviews, **named)
    tell(reviews, "reject", events, reviews.reject(events.keys))


@command.command("restore")
@dataset_argument
@event_options
@decision_options
def restore(reviews: Reviews, **named: Any) -> None:
    """Say that rejected events are events after all."""
    events = chosen(reviews, **named)
    tell(reviews, "restore", events, reviews.restore(events.keys))


@command.command("edit")
@dataset_argument
@image_argument
@event_argument
@click.option("--start", metavar="S", type=float, help="When it begins, s.")
@click.option("--peak", metavar="S", type=float, help="When it peaks, s.")
@click.option("--end", metavar="S", type=float, help="When it ends, s.")
@decision_options
def edit(
    reviews: Reviews,
    image: str,
    event: str,
    start: float | None,
    peak: float | None,
    end: float | None,
) -> None:
    """Correct the times of an event; those not given stay."""
    events = chosen(reviews, image, (event,), None)
    [key] = events.keys
    tell(reviews, "edit", events, [reviews.edit(key, start=start, peak=peak, end=end)])


@command.command("add")
@dataset_argument
@image_argument
@click.option("--start", metavar="S", type=float, required=True, help="When it begins, s.")
@click.option("--peak", metavar="S", type=float, help="When it peaks, s.")
@click.option("--end", metavar="S", type=float, help="When it ends, s.")
@click.option(
    "--roi", metavar="N", type=click.IntRange(min=1), default=1, show_default=True, help="The ROI."
)
@click.option(
    "--channel",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="The channel.",
)
@click.option(
    "--label", "user_type", metavar="LABEL", default="unreviewed", show_default=True,
    help="What it is.",
)  # fmt: skip
@click.option("--note", metavar="TEXT", default="", help="A note on it.")
@decision_options
def add(reviews: Reviews, image: str, roi: int, **values: Any) -> None:
    """Add an event that was not detected."""
    image_id = reviews.find_image(image)
    row = reviews.add(image_id, roi_id=roi, **values)
    click.echo(f"{name_event(image_id, row)}: {'would be ' if reviews.dry_run else ''}added")


@command.command("remove")
@dataset_argument
@event_options
@decision_options
def remove(reviews: Reviews, **named: Any) -> None:
    """Take away events that a person added."""
    events = chosen(reviews, **named)
    reviews.remove(events.keys)
    would = "would be " if reviews.dry_run else ""
    for row in events.frame.to_dicts():
        click.echo(f"{name_event(row['image_id'], row)}: {would}removed")
    tell_count("remove", events.frame.height, dry_run=reviews.dry_run)


@command.command("undo")
@dataset_argument
@decision_options
def undo(reviews: Reviews) -> None:
    """Undo your last decision; again for the one before."""
    decision = reviews.undo()
    tell_turn(reviews, "undo", decision.verb, [change.key for change in decision.changes])


@command.command("redo")
@dataset_argument
@decision_options
def redo(reviews: Reviews) -> None:
    """Bring back what you undid last."""
    decision = reviews.redo()
    tell_turn(reviews, "redo", decision.verb, [change.key for change in decision.changes])


@command.command("log")
@dataset_argument
@optional_image
@click.option("--reviewer", metavar="NAME", help="Only decisions of this reviewer.")
@output_options
def log(path: Path, image: str | None, reviewer: str | None, output: Output) -> None:
    """List all decisions, first to last, undone ones included."""
    from kymflow.core.review.overview import review_log

    dataset = open_dataset(path)
    image_id = None if image is None else found_image(dataset, image)
    output.print(review_log(dataset, image_id=image_id, reviewer=reviewer))


@command.command("progress")
@dataset_argument
@where_option
@click.option(
    "--by", metavar="COLUMN", help="A group per value of this column, such as event_type."
)
@click.option("--queue", metavar="NAME", help="How far everyone has come with this queue instead.")
@output_options
@click.pass_context
def progress(
    ctx: click.Context,
    path: Path,
    where: str | None,
    by: str | None,
    queue: str | None,
    output: Output,
) -> None:
    """Count how many events are reviewed, rejected, corrected."""
    from kymflow.core.review.blind import BlindReviews
    from kymflow.core.review.overview import review_progress
    from kymflow.core.review.selection import find_events

    if queue is not None:
        if where or by:
            raise click.UsageError("--queue counts a whole queue; leave out --where and --by")
        output.print(BlindReviews(open_dataset(path), queue).progress())
        return
    found = find_events(open_dataset(path), where=where)
    output.print(review_progress(found.frame, by))
    if warn_of_failures(found.failures):
        ctx.exit(FAILED)


@command.command("replay")
@dataset_argument
@optional_image
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
def replay_journal(path: Path, image: str | None, dry_run: bool) -> None:
    """Bring the events to what the journal of decisions says.

    What a killed process or an older file left out is put right. What another program changed is
    written into the journal, as decisions of the reviewer external, and stays.
    """
    from kymflow.core.review.replay import disagreements, replay

    dataset = open_dataset(path, writing=not dry_run)
    image_ids = None if image is None else [found_image(dataset, image)]
    found = [*disagreements(dataset, image_ids)] if dry_run else replay(dataset, image_ids)
    for each in found:
        click.echo(f"{each.image_id}: {each}")
    tell_count("replay", len(found), dry_run=dry_run)


@command.command("export")
@dataset_argument
@click.argument(
    "folder", metavar="FOLDER", type=FolderPath(), help="The lab folder to write to; made if new."
)
@click.option("--replace", is_flag=True, help="Replace events files that are there.")
def export(path: Path, folder: Path, replace: bool) -> None:
    """Write the events as a lab folder's own *_events.json files.

    Rejected events are written too, marked as such: an import brings back what was exported.
    """
    from kymflow.core.review.lab_export import export_events

    written = export_events(open_dataset(path), folder, replace=replace)
    tell_line(f"export files={len(written)}", f"{counted(len(written), 'file')} written")


for each in (sample, queues, unblind):
    command.add_command(each)
