"""A queue is drawn as asked, and whoever judges by it is not told which images it is of."""

from __future__ import annotations

import collections
from pathlib import Path

import pytest

from kymflow.core.errors import ReviewConflictError, ReviewError
from kymflow.core.kym_dataset import ImageIndexer, KymDataset
from kymflow.core.review.blind import SHOWN, BlindReviews
from kymflow.core.review.decision import EventKey
from kymflow.core.review.queue import Queue, draw, load_queue, queue_names, save_queue
from kymflow.core.review.reviews import Reviews
from kymflow.core.review.selection import find_events
from kymflow.core.velocity_events import EventParams, detect_dataset
from kymflow.core.velocity_events.tests.conftest import flow
from kymflow_zarr import ZarrDataset
from kymflow_zarr.errors import ImageNotFoundError, InvalidNameError, TableNotFoundError

TREATED = {"mouse-1": "saline", "mouse-2": "saline", "mouse-3": "drug"}


@pytest.fixture
def lab(dataset: ZarrDataset, add_trace) -> ZarrDataset:
    """Return a dataset of three images of two treatments, each with some stalls."""
    for number, (image_id, treatment) in enumerate(TREATED.items()):
        record = add_trace(image_id, flow(2.0, 4.0, 6.0, seed=number))
        record.save_metadata_payload(
            {
                "source": {"path": f"secret/{image_id}.tif"},
                "experiment_metadata": {"treatment": treatment},
            }
        )
    detect_dataset(dataset, EventParams(top_k_total=0))
    KymDataset(dataset).update_index(ImageIndexer())
    return dataset


def drawn(lab: ZarrDataset, **given: object) -> Queue:
    return draw(lab, "first", **{"size": 2, "per": "treatment", "reviewer": "pi", **given})


def test_so_many_of_each_group_are_drawn_in_an_order_of_their_own(lab: ZarrDataset) -> None:
    queue = drawn(lab, seed=7)
    assert collections.Counter(item.group for item in queue.items) == {"saline": 2, "drug": 2}
    assert all(TREATED[item.key.image_id] == item.group for item in queue.items)
    assert len({item.key for item in queue.items}) == 4
    assert drawn(lab, seed=7).items == queue.items
    orders = {tuple(item.key for item in drawn(lab, seed=seed).items) for seed in range(5)}
    assert len(orders) > 1
    everything = drawn(lab, size=1000, per=None)
    assert {item.key for item in everything.items} == set(find_events(lab).keys)
    assert everything.items != tuple(sorted(everything.items, key=lambda item: item.key))


def test_events_that_do_not_count_are_not_drawn(lab: ZarrDataset) -> None:
    keys = find_events(lab).keys
    Reviews(lab, reviewer="ann").reject(keys[:1])
    assert {item.key for item in drawn(lab, size=1000).items} == set(keys[1:])
    chosen = drawn(lab, size=1000, where="image_id = 'mouse-3'")
    assert {item.key.image_id for item in chosen.items} == {"mouse-3"}


def test_a_queue_is_kept_once(lab: ZarrDataset) -> None:
    queue = drawn(lab)
    save_queue(lab, queue)
    assert load_queue(lab, "first") == queue
    assert queue_names(lab) == ["first"]
    with pytest.raises(ReviewError, match="there is a queue 'first' already"):
        save_queue(lab, queue)


@pytest.mark.long
def test_what_cannot_be_drawn_is_refused(lab: ZarrDataset) -> None:
    for given, message in (
        ({"size": 0}, "1 event or more"),
        ({"per": "colour"}, "have a column 'colour'"),
        ({"where": "false"}, "no event to draw from"),
    ):
        with pytest.raises(ReviewError, match=message):
            drawn(lab, **given)
    with pytest.raises(InvalidNameError):
        draw(lab, "../first", size=1, reviewer="pi")
    with pytest.raises(ReviewError, match="no queue 'second'; queues here: none yet"):
        BlindReviews(lab, "second")
    lab.delete_table("kym_images")
    with pytest.raises(TableNotFoundError, match="kym_images"):
        drawn(lab)


@pytest.mark.wide
@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"name": "first", "items": [3]}', '{"name": "first", "items": 1}']
)
def test_a_queue_that_cannot_be_used_is_said(lab: ZarrDataset, content: str) -> None:
    path = Path(save_queue(lab, drawn(lab)))
    path.write_text(content)
    with pytest.raises(ReviewError, match="the queue 'first' can't be used"):
        load_queue(lab, "first")


def told(reviews: BlindReviews) -> str:
    """Return all that a blind reviewer can be told."""
    said = [reviews.find().frame.write_json(), str(reviews.progress())]
    for verb in (
        lambda key: reviews.reject([key._replace(event_id="99")]),
        lambda key: reviews.edit(key, start=1e6),
        lambda key: reviews.remove([key]),
        lambda key: reviews.add(key.image_id, start=1.0, roi_id=9),
        lambda key: reviews.label([key._replace(image_id="mouse-1")], "other"),
        lambda key: reviews.events("mouse-1"),
    ):
        with pytest.raises(ReviewError) as error:
            verb(reviews.find().keys[0])
        said.append(str(error.value))
    return "\n".join(said)


def test_a_blind_reviewer_is_told_no_image_and_nobody_elses_verdict(lab: ZarrDataset) -> None:
    save_queue(lab, drawn(lab))
    for key in find_events(lab).keys:
        Reviews(lab, reviewer="bob").label([key], "reversal")
        Reviews(lab, reviewer="bob").note([key], "bob was here")
    reviews = BlindReviews(lab, "first", reviewer="ann")
    said = told(reviews).replace("no image 'mouse-1'", "")  # what ann gave herself
    for word in (*TREATED, "secret", "saline", "drug", "reversal", "bob was"):
        assert word not in said, word
    frame = reviews.find().frame
    assert frame.columns == list(SHOWN)
    assert set(frame["image_id"]) == set(reviews.queue.images)


def test_verdicts_by_a_queue_are_verdicts_on_its_events(lab: ZarrDataset) -> None:
    save_queue(lab, drawn(lab))
    reviews = BlindReviews(lab, "first", reviewer="ann")
    one, two, three, four = reviews.find().keys
    [row] = reviews.label([one], "other")
    assert row["user_type"] == "other"
    reviews.reject([two])
    reviews.note([three], "sure")
    reviews.edit(three, start=reviews.find().frame["t_start_s"][2] - 0.01)
    added = reviews.add(four.image_id, start=8.0, end=8.2)
    items = reviews.queue.items
    real = find_events(lab).frame.to_dicts()
    by_key = {EventKey(r["image_id"], r["roi_id"], r["channel"], r["event_id"]): r for r in real}
    assert by_key[items[0].key]["user_type"] == "other"
    assert by_key[items[1].key]["rejected"]
    assert by_key[items[2].key]["note"] == "sure"
    assert by_key[items[2].key]["edited"]
    own = reviews.find().frame
    assert own["user_type"].to_list()[:3] == ["other", "unreviewed", "unreviewed"]
    assert own["rejected"].to_list()[:3] == [False, True, False]
    assert own["event_id"][-1] == added["event_id"]
    reviews.remove(reviews.find(where="event_type = 'User Added'").keys)
    assert reviews.find().frame.height == 4
    assert {d.target for d in reviews.journal.decisions()} == {"first"}
    [row] = reviews.progress().rows(named=True)
    assert (row["reviewer"], row["n_events"], row["n_judged"]) == ("ann", 4, 2)
    for _ in range(6):
        reviews.undo()
    assert reviews.progress().is_empty()


def test_unblinding_is_on_record_and_is_not_undone(lab: ZarrDataset) -> None:
    save_queue(lab, drawn(lab))
    reviews = BlindReviews(lab, "first", reviewer="ann")
    reviews.label(reviews.find().keys[:1], "other")
    reviews.undo()
    assert reviews.is_blind
    names = reviews.unblind()
    assert dict(names.select("alias", "image_id").iter_rows()) == reviews.queue.images
    reviews.unblind()
    assert [d.verb for d in reviews.journal.decisions()] == ["label", "undo", "unblind"]
    assert not reviews.is_blind
    assert BlindReviews(lab, "first", reviewer="bob").is_blind
    assert reviews.redo().verb == "label"  # what was undone before can still be brought back
    assert reviews.undo().verb == "label"
    with pytest.raises(ReviewError, match="nothing to undo"):
        reviews.undo()
    assert reviews.progress()["unblinded"].to_list() == [True]


@pytest.mark.long
def test_a_dry_run_unblinds_nobody_on_record(lab: ZarrDataset) -> None:
    save_queue(lab, drawn(lab))
    BlindReviews(lab, "first", reviewer="ann", dry_run=True).unblind()
    assert BlindReviews(lab, "first", reviewer="ann").is_blind


@pytest.mark.long
def test_an_image_that_is_gone_is_left_out(lab: ZarrDataset) -> None:
    save_queue(lab, drawn(lab, size=1000))
    lab.delete_image("mouse-2")
    reviews = BlindReviews(lab, "first", reviewer="ann")
    aliases = {alias for alias, image in reviews.queue.images.items() if image != "mouse-2"}
    assert set(reviews.find().frame["image_id"]) == aliases
    [gone] = set(reviews.queue.images) - aliases
    with pytest.raises(ImageNotFoundError, match=gone) as error:
        reviews.label([EventKey(gone, 1, 1, "0")], "other")
    assert "mouse" not in str(error.value)


def test_what_others_say_meanwhile_is_no_conflict_to_a_blind_reviewer(lab: ZarrDataset) -> None:
    queue = drawn(lab)
    save_queue(lab, queue)
    ann = BlindReviews(lab, "first", reviewer="ann")
    [key, *_] = ann.find().keys
    shown = {"user_type": "unreviewed", "rejected": False, "note": ""}
    BlindReviews(lab, "first", reviewer="bob").label([key], "reversal")
    ann.expecting({key: shown}).label([key], "true_stall")
    with pytest.raises(ReviewConflictError) as found:
        BlindReviews(lab, "first", reviewer="ann").expecting({key: shown}).reject([key])
    assert not [image for image in TREATED if image in str(found.value)]
