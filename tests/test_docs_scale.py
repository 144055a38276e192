"""The examples of docs/scale.md run, on a cluster of processes of this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest
from distributed import LocalCluster

from kymflow.core.kym_dataset.tests.cluster import cluster
from kymflow_zarr import ZarrDataset
from tests.test_docs import ROOT, blocks

PAGE = ROOT / "docs" / "scale.md"


class SLURMCluster(LocalCluster):
    """Stands for the one of dask-jobqueue: the same interface, and workers without Slurm."""

    def __init__(self, *, cores: int, processes: int, memory: str, walltime: str) -> None:
        assert (cores, processes) == (8, 8)
        super().__init__(n_workers=0, threads_per_worker=1, dashboard_address="127.0.0.1:0")

    def scale(self, n: int = 0, *, jobs: int = 0) -> object:
        return super().scale(n or min(jobs, 1))


@contextmanager
def nothing(*_: object) -> Iterator[str]:
    yield "unused"


@pytest.mark.long
@pytest.mark.parametrize("number", range(2))
def test_an_example_runs(
    number: int, dataset: ZarrDataset, add_image, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_image("a", 2)
    dataset.path.rename(dataset.path.with_name("lab.zarr"))
    monkeypatch.chdir(dataset.path.parent)
    jobqueue = ModuleType("dask_jobqueue")
    jobqueue.SLURMCluster = SLURMCluster  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dask_jobqueue", jobqueue)
    example = blocks(PAGE, "python cluster")[number]
    with cluster(workers=1) if "tcp://" in example else nothing() as (address, *_):
        exec(example.replace("tcp://scheduler:8786", address), {})
    assert ZarrDataset("lab.zarr", mode="a").list_table_names()


def test_every_example_is_run() -> None:
    assert len(blocks(PAGE, "python cluster")) == 2
