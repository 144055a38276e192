"""An import killed at any moment leaves nothing half, and the next one finishes it."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.integrity.check import check
from kymflow.core.lab_folder import import_folder
from kymflow.core.lab_folder.base import frame_hash
from kymflow.core.lab_folder.fingerprint import pixels_hash
from kymflow_zarr import ZarrDataset
from tests.support.crew import Crew
from tests.support.lab import EVENT, Lab

EVENTS, PARAMS, TRACE = "velocity_events/events", "velocity_events/params", "velocity/trace"
TABLE = "kym_velocity_events"


def add_another(lab: Lab) -> None:
    lab.image("b", 2)


def change_companions(lab: Lab) -> None:
    added = {**EVENT, "event_type": "User Added", "t_start": 7.0, "t_end": 7.5}
    lab.events("a", {**EVENT, "user_type": "reversal"}, added, params={"mad_k": 2.0})
    lab.sidecar("a", condition="AngII", note="corrected")
    lab.trace("a", seed=9)


def acquire_again(lab: Lab) -> None:
    lab.tif("a", 5)
    lab.events("a", {**EVENT, "note": "there"})


def rename(lab: Lab) -> None:
    for path in [*lab.root.glob("a.*"), *lab.root.glob("flow-analysis/a_*")]:
        path.rename(path.with_name(f"vessel_{path.name}"))


CHANGES: dict[str, Callable[[Lab], None]] = {
    "new": add_another,
    "companions": change_companions,
    "pixels": acquire_again,
    "renamed": rename,
}


def held(dataset: ZarrDataset) -> dict[str, Any]:
    """Return all that a dataset holds of each lab image, but for what tells one import apart."""
    found = {}
    for rec in dataset.iter_records():
        metadata = rec.load_metadata_payload()
        source = metadata.pop("source")
        base = json.loads(rec.artifact_path(source["base"], ".json").read_text())
        found[source["path"]] = {
            "metadata": metadata,
            "base": base,
            "files": [(file["path"], file["sha256"]) for file in source["files"]],
            "history": [place["path"] for place in source.get("history", [])],
            "pixels": (source["pixels_sha256"], pixels_hash(rec.load_array())),
            "events": rec.load_df_parquet(EVENTS).to_dicts(),
            "trace": frame_hash(rec.load_df_parquet(TRACE)),
            "params": rec.load_json(PARAMS) if has_params(rec.list_analysis_keys()) else None,
        }
    return found


def has_params(keys: list[str]) -> bool:
    return f"{PARAMS}.json" in keys


class Trial:
    """A lab folder, a dataset that has it, and a change of the folder."""

    def __init__(self, place: Path, change: str) -> None:
        self.lab = Lab(place / "lab")
        self.lab.image("a", 1)
        self.dataset = ZarrDataset(place / "data.zarr", mode="a")
        [(_, image_id)] = import_folder(self.lab.root, self.dataset).added
        rec = self.dataset.record(image_id)
        events = rec.load_df_parquet(EVENTS)
        rec.save_df_parquet(EVENTS, events.with_columns(note=events["event_type"] + " seen"))
        self.n_indexed = KymDataset(self.dataset).update_index(VelocityEventIndexer()).rows
        CHANGES[change](self.lab)

    def finished(self) -> dict[str, Any]:
        """Let an import go to its end, and return what there is."""
        import_folder(self.lab.root, self.dataset, changed=True)
        again = import_folder(self.lab.root, self.dataset, changed=True)
        assert (again.added, again.updated, again.moved, again.copies) == ([], [], [], [])
        return held(self.dataset)

    def check_tables(self) -> None:
        """See that a table brought up to date holds what the artifacts hold."""
        kym = KymDataset(self.dataset)
        kym.update_index(VelocityEventIndexer(), mode="incremental")
        incremental = kym.sql(f"FROM {TABLE} ORDER BY image_id, event_id")
        kym.update_index(VelocityEventIndexer(), mode="replace")
        assert kym.sql(f"FROM {TABLE} ORDER BY image_id, event_id").equals(incremental)

    def check_nothing_is_left(self) -> None:
        check(self.dataset, repair=True, abandoned_after=timedelta(0))
        assert check(self.dataset, abandoned_after=timedelta(0)).is_empty()
        for rec in self.dataset.iter_records():
            base = rec.load_metadata_payload()["source"]["base"]
            assert rec.path.exists()
            assert f"{base}.json" in rec.list_analysis_keys()


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    with Crew(in_stock=1) as crew:
        yield crew


@pytest.mark.parametrize(
    ("change", "step"),
    [
        ("companions", 7),
        pytest.param("pixels", 16, marks=pytest.mark.long),
        *(pytest.param(change, 1, marks=pytest.mark.long) for change in CHANGES),
    ],
)
def test_an_import_killed_at_any_moment_is_finished_by_the_next(
    tmp_path: Path, crew: Crew, change: str, step: int
) -> None:
    untouched = Trial(tmp_path / "whole", change)
    expected = plain(untouched.finished())
    kills = 0
    for moment in count(step - 1, step):
        trial = Trial(tmp_path / str(moment), change)
        child = crew.child()
        child.tell(
            "bring",
            dataset=str(trial.dataset.path),
            lab=str(trial.lab.root),
            changed=True,
            die_at=moment,
        )
        if not child.dies():
            break
        assert child.kill() == signal.SIGKILL
        kills += 1
        reopened = ZarrDataset(trial.dataset.path, mode="a")
        assert len(reopened.list_image_ids()) in (1, len(expected))
        assert plain(trial.finished()) == expected
        trial.check_tables()
        trial.check_nothing_is_left()
        shutil.rmtree(tmp_path / str(moment))
    assert kills >= 2


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """Write values as text in which NaN equals itself."""
    return {path: json.dumps(value, sort_keys=True) for path, value in found.items()}
