"""A run killed for real costs at most its last batch, and never a table."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow_zarr import ZarrDataset

CHILD = """
import os, sys
from pathlib import Path
from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset import commit, extract, ledger
from kymflow_zarr import ZarrDataset, files, merge, tables

extract.BATCH = 2
point, path = sys.argv[1:]

def die_after(module, name):
    real = getattr(module, name)
    def wrapped(*args, **kwargs):
        real(*args, **kwargs)
        os.kill(os.getpid(), 9)
    setattr(module, name, wrapped)

if point == "part":
    die_after(extract.Part, "write")
elif point == "table":
    die_after(tables, "replace_rows")
elif point == "ledger":
    die_after(ledger, "replace_rows")
elif point == "temporary":
    die_after(merge, "_copy")
KymDataset(ZarrDataset(path)).update_index(VelocityEventIndexer(), mode="incremental")
"""


@pytest.mark.parametrize(
    ("point", "resumed", "recomputed"),
    [("part", 2, 4), ("temporary", 6, 0), ("table", 0, 1), ("ledger", 0, 0)],
)
def test_the_next_run_ends_as_if_nothing_had_happened(
    dataset: ZarrDataset, add_image, point: str, resumed: int, recomputed: int
) -> None:
    events = {"a": 2, "b": 1, "c": 3, "d": 0, "e": 1, "f": 2}
    for image_id, n_events in events.items():
        add_image(image_id, n_events)
    child = subprocess.run(
        [sys.executable, "-c", CHILD, point, str(dataset.path)], capture_output=True, check=False
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    kym = KymDataset(dataset)
    report = kym.update_index(VelocityEventIndexer(), mode="incremental")
    assert report.resumed in (resumed, recomputed if point == "table" else resumed)
    assert report.updated - report.resumed in (recomputed, 0 if point == "table" else recomputed)
    rows = dataset.load_table("kym_velocity_events")
    assert dict(rows.group_by("image_id", maintain_order=True).len().iter_rows()) == {
        image_id: n for image_id, n in events.items() if n
    }
    assert kym.update_index(VelocityEventIndexer(), mode="incremental").skipped == 6


def test_a_table_of_temporary_files_is_not_listed(dataset: ZarrDataset) -> None:
    (dataset.path / "tables" / ".kym_x.parquet.0.tmp").write_bytes(b"half")
    assert dataset.list_table_names() == []


def test_two_processes_lose_no_update(dataset: ZarrDataset, add_image, tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer\n"
        "from kymflow_zarr import ZarrDataset\n"
        "kym = KymDataset(ZarrDataset(sys.argv[1]))\n"
        "for image_id in sys.argv[2:]:\n"
        "    kym.update_index(VelocityEventIndexer(), image_ids=[image_id])\n"
    )
    for number in range(8):
        add_image(f"{number}", 2)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(dataset.path), *map(str, range(start, 8, 2))],
            env=os.environ,
        )
        for start in (0, 1)
    ]
    assert [child.wait() for child in children] == [0, 0]
    assert dataset.load_table("kym_velocity_events").height == 16
    report = KymDataset(dataset).update_index(VelocityEventIndexer(), mode="incremental")
    assert report.skipped == 8
