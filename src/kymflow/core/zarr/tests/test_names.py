from __future__ import annotations

import pytest

from kymflow_zarr import InvalidNameError, ZarrDataset
from kymflow_zarr.store.names import check_artifact_name, check_image_id, check_table_name

ESCAPES = ["", ".", "..", "/etc", "a/../b", "a\\b", "a\0b", "a\nb", ".hidden", "x" * 201, "\ud800"]
WINDOWS = ["C:x", "a:b", "a.", "a ", " ", "nul", "CON", "com1.json", "aux .x", "LPT²", "conin$"]


@pytest.mark.parametrize("name", [*ESCAPES, *WINDOWS, "a/b"])
def test_ids_and_table_names_can_not_leave_the_dataset(name: str) -> None:
    for check in (check_image_id, check_table_name):
        with pytest.raises(InvalidNameError, match="may not be used"):
            check(name)


@pytest.mark.parametrize("name", [*ESCAPES, *WINDOWS, "a/nul/b", "a//b", "a/", "/a", "a/.b"])
def test_artifact_names_can_not_leave_the_image(name: str) -> None:
    with pytest.raises(InvalidNameError):
        check_artifact_name(name)


def test_names_people_use_are_let_pass() -> None:
    for name in ("20250722_A89 0002.µ", "console", "com10", "null", " a", "[a]*?{x}", "<b>", "--"):
        assert check_image_id(name) == name
    assert check_artifact_name("velocity_events/params") == "velocity_events/params"


def test_a_dataset_checks_every_name(dataset: ZarrDataset) -> None:
    for attempt in (
        lambda: dataset.record("../x"),
        lambda: dataset.has_image("../x"),
        lambda: dataset.add_image([[1]], image_id="../x"),
        lambda: dataset.load_table("../x"),
        lambda: dataset.record("x").artifact_path("../../x", ".json"),
    ):
        with pytest.raises(InvalidNameError):
            attempt()
