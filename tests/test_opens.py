"""How often files are opened: what one step has read travels to the next one.

Counted in a child process by Python's audit hook, which sees every ``open`` and ``os.open``, of
files that are not there too. What DuckDB and Polars open by themselves is not seen.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kymflow.core.artifacts.events import TRACE_ARTIFACT
from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import ZarrDataset

N = 40
TABLE = "kym_velocity_events"
PARAMS, METADATA = "velocity_events/params.json", "analysis/metadata.json"
LEDGER = f"index/{TABLE}.runs.parquet"
CHILD = """
import json, os, sys
opened, renamed = [], []
def note(event, arguments):
    if event == "open" and isinstance(arguments[0], str | os.PathLike):
        opened.append(os.fspath(arguments[0]))
    elif event == "os.rename":
        renamed.append(os.fspath(arguments[1]))
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import ZarrDataset
dataset = ZarrDataset(sys.argv[1], mode="a")
kym = KymDataset(dataset)
sys.addaudithook(note)
result = {work}
sys.stdout.write(json.dumps([result, list(map(str, opened)), list(map(str, renamed))]))
"""


class Opens:
    """What a piece of work opened and wrote.

    Args:
        dataset: The dataset.
        work: An expression over ``kym`` and ``dataset`` whose value is a number.
    """

    def __init__(self, dataset: ZarrDataset, work: str) -> None:
        code = CHILD.replace("{work}", work)
        command = [sys.executable, "-c", code, str(dataset.path)]
        ended = subprocess.run(command, check=True, capture_output=True, text=True)
        self.result, self._opened, self._renamed = json.loads(ended.stdout)

    def of(self, ending: str) -> int:
        """Count how often files of such a path were opened."""
        return sum(path.endswith(ending) for path in self._opened)

    def each(self, ending: str) -> Counter[str]:
        """Count the same, file by file."""
        return Counter(Path(path).name for path in self._opened if path.endswith(ending))

    def written(self, ending: str) -> Counter[str]:
        """Count how often files of such a path were put in place."""
        return Counter(Path(path).name for path in self._renamed if path.endswith(ending))


@pytest.fixture
def lab(dataset: ZarrDataset) -> ZarrDataset:
    """Images with a trace, and metadata that differs for each."""
    time = np.arange(400) * 0.01
    velocity = 2 + np.sin(time) - 4 * ((time > 2) & (time < 2.1))
    trace = pl.DataFrame({"time": time, "velocity": velocity})
    for number in range(N):
        record = dataset.add_image(np.zeros((8, 4), np.uint16), image_id=f"{number:03d}")
        record.save_df_parquet(TRACE_ARTIFACT, trace)
        metadata = {"experiment_metadata": {"depth": number, "species": "mouse"}}
        record.save_metadata_payload(metadata)
    return dataset


@pytest.mark.long
def test_detection_opens_params_twice_and_when_idle_once(lab: ZarrDataset) -> None:
    first = Opens(lab, "detect_dataset(dataset).detected")
    assert first.result == N
    assert first.of(PARAMS) <= 2 * N
    idle = Opens(lab, "detect_dataset(dataset).skipped")
    assert idle.result == N
    assert idle.of(PARAMS) <= N


@pytest.mark.long
def test_an_index_opens_each_images_params_once(lab: ZarrDataset) -> None:
    detect_dataset(lab)
    events = Opens(lab, "kym.update_index(VelocityEventIndexer()).updated")
    assert events.result == N
    assert events.of(PARAMS) <= 1.1 * N
    images = Opens(lab, "kym.update_index(ImageIndexer()).updated")
    assert images.result == N
    assert images.of(METADATA) <= 1.1 * N
    depths = KymDataset(lab).sql("SELECT depth FROM kym_images ORDER BY image_id")["depth"]
    assert depths.to_list() == [float(number) for number in range(N)]
    told = "SELECT count(*), count(DISTINCT params_hash) FROM kym_images_params"
    assert KymDataset(lab).sql(told).row(0) == (N, N)


@pytest.mark.long
def test_an_update_reads_the_ledger_once(lab: ZarrDataset) -> None:
    detect_dataset(lab)
    kym = KymDataset(lab)
    kym.update_index(VelocityEventIndexer())
    update = "kym.update_index(VelocityEventIndexer(), mode='incremental')"
    idle = Opens(lab, f"{update}.skipped")
    assert (idle.result, idle.of(LEDGER)) == (N, 2)  # its runs, and its footer
    lab.record("007").save_json("velocity_events/params", {"mad_k": 4.0})
    lab.record("007").artifact_path("velocity_events/detector", ".json").unlink()
    lab.delete_image("008")
    changed = Opens(lab, f"{update}.updated")
    assert changed.result == 1
    assert changed.of(LEDGER) == 3  # the commit looks at the file that it writes again


@pytest.mark.long
def test_a_staged_part_is_written_once_and_read_once(lab: ZarrDataset) -> None:
    detect_dataset(lab)
    made = "kym.update_index(VelocityEventIndexer()).updated"
    code = "(__import__('kymflow.core.kym_dataset.update.extract', fromlist=['x'])"
    opens = Opens(lab, f"{code}.__dict__.update(BATCH=8) or {made})")
    assert opens.result == N
    parts = [f"{number:06d}" for number in range(1, N // 8 + 1)]
    for kind in ("rows", "runs"):
        staged = {f"{part}.{kind}.parquet" for part in parts}
        assert opens.written(f".{kind}.parquet").keys() & staged == staged
        assert {opens.written(name)[name] for name in staged} == {1}
        assert {opens.each(f"/{name}")[name] for name in staged} == {1}
