"""The history of metadata: every change is told, and taken back as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymflow.core.artifacts.metadata import set_fields, undo_fields, unset_fields
from kymflow.core.artifacts.metadata_history import HISTORY_ARTIFACT, load_history
from kymflow_zarr import ZarrDataset, ZarrImageRecord
from kymflow_zarr.errors import ArtifactSchemaError, UsageError

OF_FILES: dict[str, Any] = {
    "header": {"voxels": [0.001, 0.5], "voxels_units": ["s", "um"], "shape": [100, 8]},
    "experiment_metadata": {"condition": "baseline", "depth": "100"},
    "rois": [{"roi_id": 1}],
}


@pytest.fixture
def rec(dataset: ZarrDataset, add_image) -> ZarrImageRecord:
    image = add_image("a")
    image.save_metadata_payload(OF_FILES)
    return image


def test_each_change_is_told_and_taken_back_last_first(rec: ZarrImageRecord) -> None:
    states = [rec.load_metadata_payload()]
    for values in ({"condition": "AngII"}, {"um_per_pixel": "0.25", "note": "x"}, {"depth": ""}):
        set_fields(rec, values, by="ann")
        states.append(rec.load_metadata_payload())
    unset_fields(rec, ["condition"], OF_FILES, by="bob")
    assert rec.load_metadata_payload()["experiment_metadata"]["condition"] == "baseline"
    assert undo_fields(rec, by="ann") == {"condition": ("baseline", "AngII")}
    for state in reversed(states[:-1]):
        assert rec.load_metadata_payload() != state
        assert undo_fields(rec, by="ann")
        assert rec.load_metadata_payload() == state
    assert undo_fields(rec) is None
    told = [(entry.by, entry.texts, entry.undoes) for entry in load_history(rec)]
    assert told[0] == ("ann", {"condition": ("baseline", "AngII")}, None)
    assert told[3] == ("bob", {"condition": ("AngII", "baseline")}, None)
    assert [undoes for _, _, undoes in told] == [None, None, None, None, 3, 2, 1, 0]


def test_a_change_after_an_undo_is_undone_first(rec: ZarrImageRecord) -> None:
    set_fields(rec, {"condition": "one"})
    undo_fields(rec)
    set_fields(rec, {"condition": "two"})
    assert undo_fields(rec) == {"condition": ("two", "baseline")}
    assert undo_fields(rec) is None


def test_a_dry_run_and_a_change_of_nothing_leave_no_entry(rec: ZarrImageRecord) -> None:
    set_fields(rec, {"condition": "AngII"}, dry_run=True)
    assert load_history(rec) == []
    set_fields(rec, {"condition": "AngII"})
    set_fields(rec, {"condition": "AngII"})
    assert undo_fields(rec, dry_run=True) == {"condition": ("AngII", "baseline")}
    assert len(load_history(rec)) == 1


def test_what_was_changed_since_by_other_means_is_not_overwritten(rec: ZarrImageRecord) -> None:
    set_fields(rec, {"condition": "AngII"})
    metadata = rec.load_metadata_payload()
    metadata["experiment_metadata"]["condition"] = "of a newer file"
    rec.save_metadata_payload(metadata)
    with pytest.raises(UsageError, match="'condition' was changed since"):
        undo_fields(rec)
    assert rec.load_metadata_payload() == metadata


def test_a_change_that_a_kill_prevented_is_passed_over(
    rec: ZarrImageRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_fields(rec, {"condition": "AngII"})
    with monkeypatch.context() as killed:
        killed.setattr(ZarrImageRecord, "save_metadata_payload", _dies)
        with pytest.raises(KeyboardInterrupt):
            set_fields(rec, {"depth": "200"})
    assert len(load_history(rec)) == 2
    assert undo_fields(rec) == {"condition": ("AngII", "baseline")}
    assert rec.load_metadata_payload() == OF_FILES


def _dies(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_file_that_is_no_history_is_an_error_and_stays(rec: ZarrImageRecord) -> None:
    path = rec.save_json(HISTORY_ARTIFACT, {"entries": [{"at": 1}]})
    before = path.read_bytes()
    with pytest.raises(ArtifactSchemaError, match="no history of metadata"):
        set_fields(rec, {"condition": "AngII"})
    assert path.read_bytes() == before
    assert rec.load_metadata_payload() == OF_FILES


@settings(max_examples=60, deadline=None)
@given(
    changes=st.lists(
        st.dictionaries(
            st.sampled_from(["condition", "note", "um_per_pixel", "seconds_per_line"]),
            st.sampled_from(["", "0.25", "2", "0.001"]),
            min_size=1,
        ),
        max_size=6,
    )
)
def test_undoing_everything_gives_the_files_back(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, str]]
) -> None:
    dataset = ZarrDataset(tmp_path_factory.mktemp("undo") / "lab.zarr", mode="w")
    with dataset.stage_image("a") as staged:
        staged.save_metadata_payload(OF_FILES)
    image = dataset.record("a")
    states = [json.dumps(image.load_metadata_payload(), sort_keys=True)]
    for values in changes:
        set_fields(image, values)
        state = json.dumps(image.load_metadata_payload(), sort_keys=True)
        if state != states[-1]:
            states.append(state)
    for state in reversed(states[:-1]):
        assert undo_fields(image) is not None
        assert json.dumps(image.load_metadata_payload(), sort_keys=True) == state
    assert undo_fields(image) is None
