"""What commands say they did: words on a terminal, ``key=value`` elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow.cli.tests.test_command import run
from kymflow.core.kym_dataset import UpdateReport
from kymflow.core.lab_folder.report import ImportReport
from kymflow.core.velocity.dataset import VelocityReport
from kymflow.core.velocity_events.report import DetectReport
from kymflow_zarr import ZarrDataset
from tests.support.images import add_image
from tests.support.terminal import on_terminal


def update(**counts: int) -> UpdateReport:
    given = dict.fromkeys(("updated", "skipped", "missing", "pruned", "failed", "resumed"), 0)
    named = {"indexer": "velocity_events", "mode": "incremental", "table": "kym_velocity_events"}
    return UpdateReport(**{**given, "rows": 14, **counts}, **named, reasons={}, seconds=0.31)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (update(updated=4, missing=4), "velocity_events: 4 images new, 14 rows, 0.3 s"),
        (
            update(updated=1, skipped=2000, rows=1),
            "velocity_events: 1 image made again, 2,000 up to date, 1 row, 0.3 s",
        ),
        (
            update(updated=3, missing=2, pruned=1, failed=1),
            "velocity_events: 2 images new, 1 image made again, 1 removed, 1 failed, 14 rows, "
            "0.3 s",
        ),
        # One that is new and fails was missing, and was not updated.
        (update(missing=1, failed=1), "velocity_events: 0 up to date, 1 failed, 14 rows, 0.3 s"),
        (
            DetectReport("incremental", 4, 0, 1, 0, 5, 1, 2, seconds=130.0),
            "events: 4 images searched, 1 without a trace, 1 event, "
            "2 decisions moved to new events, 2.2 min",
        ),
        (DetectReport("incremental", 0, 0, 0, 0, 0, 0, 0), "events: 0 up to date"),
        (
            VelocityReport("incremental", 1, 2, 3, 4, 5, 2, 1200, seconds=3.0),
            "traces: 1 image measured, 2 up to date, 3 imported, 4 without pixels, 5 failed, "
            "1,200 windows in 2 traces, 3.0 s",
        ),
        (ImportReport(), "import: 0 images new"),
        (ImportReport(skipped=["a"]), "import: 1 up to date"),
        (
            ImportReport(added=[("a", "1")], failed=[("b", "no TIFF")], trashed=["c"]),
            "import: 1 image new, 1 deleted before and left out, 1 failed",
        ),
    ],
)
def test_a_report_tells_people_what_was_done(report: UpdateReport, sentence: str) -> None:
    assert report.sentence == sentence


@pytest.mark.long
def test_a_terminal_gets_words_and_a_pipe_gets_keys(tmp_path: Path) -> None:
    dataset = ZarrDataset(tmp_path / "my lab.zarr", mode="a")
    add_image(dataset, "a", 2)
    shown = on_terminal("index", dataset.path, "velocity_events")
    assert "velocity_events: 1 image new, 2 rows, " in shown
    assert "updated=" not in shown
    assert f"next: kymflow queries; kymflow explore '{dataset.path}'" in shown
    piped = run("index", dataset.path, "velocity_events")
    assert "updated=0 skipped=1" in piped.stdout
    assert "next:" not in piped.stderr
