"""Where a hostile dataset is made: the dataset, what lies outside of it, a listener."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import tifffile
import zarr

from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.lab_folder import import_folder
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import ZarrDataset

SECRET = "canary-5f1d7c0e"
IMAGES = ("a", "b")
LONG_AGO = 1_000_000_000
TABLE = "kym_velocity_events"


class Listener:
    """Listens on loopback, and counts who connects."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.heard = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            caller, _ = self._socket.accept()
            self.heard += 1
            caller.close()


class Canary:
    """Files outside of the dataset, which nobody may read, write or delete."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        secret = pl.DataFrame({"image_id": ["a"], "secret": [SECRET]})
        for name in ("secret.txt", "image/secret.txt"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(SECRET)
        (folder / "secret.json").write_text(json.dumps({"secret": SECRET}))
        secret.write_parquet(folder / "secret.parquet")
        secret.write_csv(folder / "secret.csv")
        zarr.create_array(str(folder / "array"), shape=(2, 2), dtype="u1", chunks=(2, 2))[...] = 1
        for table in ("main/kym_velocity_events", "velocity"):
            (folder / table).mkdir(parents=True)
            secret.write_parquet(folder / table / "trace.parquet")
        with duckdb.connect(str(folder / "secret.duckdb")) as con:
            con.execute(f"CREATE TABLE secret AS SELECT '{SECRET}' AS secret")
        self._before = self._state()
        self.rest()

    def rest(self) -> None:
        """Have the files look as if nobody had read them for long."""
        for path in self.folder.rglob("*"):
            if path.is_file():
                os.utime(path, ns=(LONG_AGO, path.stat().st_mtime_ns))

    def harm(self, *, may_read: bool) -> list[str]:
        """List the harm done to it."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        read = [path.name for path in files if path.stat().st_atime_ns != LONG_AGO]
        found = [] if may_read else [f"read {name}" for name in read]
        after = self._state()
        for name in sorted({*self._before, *after}):
            if name not in after:
                found.append(f"deleted {name}")
            elif after[name] != self._before.get(name):
                found.append(f"wrote {name}")
        self.rest()
        return found

    def _state(self) -> dict[str, tuple[int, int, str]]:
        return {
            path.relative_to(self.folder).as_posix(): (
                path.stat().st_mode,
                path.stat().st_mtime_ns if path.is_file() else 0,
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
            )
            for path in self.folder.rglob("*")
        }


class Place:
    """A folder with a dataset, and a canary beside it.

    Args:
        folder: An empty folder.
        lake: Whether its tables are in a lake.
    """

    def __init__(self, folder: Path, *, lake: bool) -> None:
        self.folder = folder
        self.path = folder / "d.zarr"
        self.lake = lake
        self.listener = Listener()
        self.canary = Canary(folder / "outside")
        self.outside = self.canary.folder
        self._honest = folder / "honest.zarr"
        make_honest(self._honest, lake=lake)

    @property
    def port(self) -> int:
        """Of the listener."""
        return self.listener.port

    def renew(self) -> None:
        """Put the honest dataset in the place of what became of it."""
        self._clear(self.path)
        for path in self.folder.glob("out.*"):
            path.unlink()
        shutil.copytree(self._honest, self.path, symlinks=True)

    def image(self, name: str = "a") -> Path:
        """The folder of an image."""
        return self.path / "images" / name

    def analysis(self, name: str = "a") -> Path:
        """The folder of an image's artifacts."""
        return self.image(name) / "analysis"

    def link(self, at: Path | str, to: Path | str) -> None:
        """Put a link in the place of whatever is there."""
        path = self.path / at
        self._clear(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(to if str(to).startswith(("/", "..")) else self.outside / to)

    def write(self, at: Path | str, data: bytes | str | dict[str, object] | list[object]) -> None:
        """Write a file."""
        path = self.path / at
        self._clear(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, dict | list):
            data = json.dumps(data)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())

    def special(self, path: Path) -> None:
        """Put a pipe in the place of whatever is there: whoever opens it waits."""
        self._clear(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)

    def change(self, at: Path | str, **values: object) -> None:
        """Change values in a JSON file."""
        path = self.path / at
        self.write(at, {**json.loads(path.read_text()), **values})

    def say_source(self, **values: object) -> None:
        """Change what an image's metadata say of where it came from."""
        path = self.analysis() / "metadata.json"
        source = json.loads(path.read_text())["source"]
        self.change(path, source={**source, **values})

    def name_lake(self, catalog: str, schema: str = "main") -> None:
        """Say in ``lake.json`` where the catalog is."""
        self.write("tables/lake.json", {"catalog": catalog, "schema": schema})

    @contextmanager
    def catalog(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection to the lake's catalog, as any program can open it."""
        with duckdb.connect(str(self.path / "tables/lake/catalog.ducklake")) as con:
            yield con

    def _clear(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def make_honest(path: Path, *, lake: bool) -> None:
    """Make a dataset of two images, imported, detected and indexed; in a lake one of them twice.

    The lab folder that they came from lies beside it, and was changed since.
    """
    lab = path.with_name("lab")
    lab.mkdir()
    (lab / "flow-analysis").mkdir()
    for number, name in enumerate(IMAGES):
        tifffile.imwrite(lab / f"{name}.tif", np.full((64, 16), number + 1, np.uint16))
        trace(number).write_csv(lab / "flow-analysis" / f"{name}_radon.csv")
    dataset = ZarrDataset(path, mode="a")
    import_folder(lab, dataset, seconds_per_line=0.001, um_per_pixel=0.3)
    for record in list(dataset.iter_records()):
        name = record.load_metadata_payload()["source"]["path"].removesuffix(".tif")
        record.path.rename(record.path.with_name(name))
    detect_dataset(dataset)
    kym = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityEventIndexer()):
        kym.update_index(indexer)
    dataset.update_manifest()
    if lake:
        dataset.tables.convert("ducklake")
        detect_dataset(dataset, changes={"mad_k": 4.0}, image_ids=["a"])
        kym.update_index(VelocityEventIndexer(), mode="incremental")
    for name in IMAGES:
        metadata = {"experiment_metadata": {"condition": "corrected"}}
        (lab / f"{name}.json").write_text(json.dumps(metadata))


def trace(seed: int) -> pl.DataFrame:
    """Return a trace of ten seconds with a stall."""
    rng, time = np.random.default_rng(seed), np.arange(1000) / 100
    velocity = np.where((time > 4) & (time < 5), 0.1, 1.2) + rng.normal(0, 0.03, 1000)
    ones = pl.Series([1] * 1000, dtype=pl.Int32)
    return pl.DataFrame({"roi_id": ones, "channel": ones, "time": time, "velocity": velocity})
