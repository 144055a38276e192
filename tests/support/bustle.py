"""Many processes that change, update and read one dataset at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kymflow_zarr import ZarrDataset
from tests.support.crew import Crew
from tests.support.generations import State


def bustle(
    dataset: ZarrDataset,
    crew: Crew,
    folder: Path,
    *,
    images: Sequence[Sequence[str]],
    readers: Sequence[str],
    updates: int,
    whole: bool,
) -> State:
    """Let writers update while readers look, until all is done, and return what the images hold.

    Args:
        dataset: The dataset.
        crew: Where the processes come from.
        folder: For files by which they agree.
        images: The images that each writer changes.
        readers: How each reader reads.
        updates: How many times each writer updates.
        whole: Whether writers update all images, or the one that they have changed.
    """
    over = folder / "over"
    reading = [crew.child() for _ in readers]
    writing = [crew.child() for _ in images]
    for reader, how in zip(reading, readers, strict=True):
        reader.tell("read", dataset=str(dataset.path), how=how, until=str(over))
    for number, (writer, own) in enumerate(zip(writing, images, strict=True)):
        writer.tell(
            "write",
            dataset=str(dataset.path),
            images=own,
            first_generation=1 + 1000 * number,
            updates=updates,
            edit_lock=str(folder / "edit.lock"),
            whole=whole,
        )
    for writer in writing:
        assert writer.answer() == updates
    over.touch()
    for reader in reading:
        assert reader.answer() > 0
    crew.take_back(*reading, *writing)
    return {image_id: _held(dataset, image_id) for image_id in dataset.list_image_ids()}


def _held(dataset: ZarrDataset, image_id: str) -> tuple[int, int]:
    record = dataset.record(image_id)
    rows = record.load_df_parquet("gen/rows")
    return record.load_json("gen/params")["generation"], rows.height
