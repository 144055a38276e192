"""Where extracted batches wait for their commit, and outlive a run that is killed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.conflicts import without
from kymflow.core.kym_dataset.schemas import PARAMS
from kymflow_zarr.errors import DatasetError, ReadError
from kymflow_zarr.reasons import reason
from kymflow_zarr.store import parquet
from kymflow_zarr.store.files import atomic_path, write_atomic, writing
from kymflow_zarr.store.leases import delete, lease

if TYPE_CHECKING:
    from types import TracebackType

    from kymflow_zarr import ZarrDataset

MAKER = "run.json"
BEGUN = ".begun"


@dataclass(frozen=True, slots=True)
class Part:
    """One staged batch: its rows, the runs that made them, and the params that were new in it.

    The runs file is written last: a part without it does not count. A part without new params has
    no params file.
    """

    rows: Path
    runs: Path
    params: Path

    @classmethod
    def in_folder(cls, folder: Path, name: str) -> Part:
        """Return the part of this name in a folder."""
        return cls(*(folder / f"{name}.{kind}.parquet" for kind in ("rows", "runs", "params")))

    def half(self, number: int) -> Part:
        """Return the place of one half of this part, between it and the next one."""
        name = self.rows.name.removesuffix(".rows.parquet")
        return Part.in_folder(self.rows.parent, f"{name}-{number}")

    @contextmanager
    def begun(self, image_ids: Sequence[str]) -> Iterator[None]:
        """Leave a mark, naming the images, if the process dies within the block.

        Raises:
            WriteError: If the mark can't be written.
        """
        mark = self.rows.with_name(self.rows.name.removesuffix(".rows.parquet") + BEGUN)
        try:
            with writing(mark):
                mark.write_text(json.dumps(image_ids))
            yield
        finally:
            mark.unlink(missing_ok=True)

    def write(self, rows: pl.DataFrame, runs: pl.DataFrame, params: pl.DataFrame) -> None:
        """Write the files durably."""
        _write(self.rows, rows)
        self.write_runs(runs, params)

    def write_runs(self, runs: pl.DataFrame, params: pl.DataFrame) -> None:
        """Write the runs and their params alone, for images whose rows stand as they are."""
        if not params.is_empty():
            _write(self.params, params)
        _write(self.runs, runs)

    def copy_to(self, other: Part, odd: Mapping[str, str]) -> dict[str, str]:
        """Write this part to another, less odd columns and the images that hold something there.

        Args:
            other: The part to write.
            odd: The columns, each with what is wrong.

        Returns:
            The images left out, each with what is wrong.
        """
        rows, out = without(parquet.scan(self.rows).collect(), odd)
        runs = parquet.scan(self.runs).filter(~pl.col("image_id").is_in(list(out))).collect()
        other.write(rows, runs, self.read_params())
        return out

    def read_params(self) -> pl.DataFrame:
        """Return the new params."""
        held = self.params.exists()
        return parquet.scan(self.params).collect() if held else pl.DataFrame(schema=PARAMS)


class Staging:
    """The staged parts of one run, in ``index/staging/<table>/<run>/``.

    The run owns its folder, which tells the parts of a dead run from those of a run at work.

    Args:
        dataset: The dataset.
        table: The table's name.
        maker: What makes the rows; another run takes over only what is made alike.

    Attributes:
        home: The folder of all runs of the table.
        folder: The folder of this run.
        maker: As given.
    """

    def __init__(self, dataset: ZarrDataset, table: str, maker: dict[str, str | None]) -> None:
        self._dataset = dataset
        self.home = staging_home(dataset, table)
        self.folder = self.home / uuid.uuid4().hex
        self.maker = maker
        self._held = ExitStack()
        self._count = 0

    def __enter__(self) -> Staging:
        self._dataset.check_writable("stage rows", self.home)
        self._held.enter_context(lease(self.folder))
        write_atomic(self.folder / MAKER, json.dumps(self.maker).encode())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.close()

    def next_part(self) -> Part:
        """Return the place of the next part of this run."""
        self._count += 1
        return Part.in_folder(self.folder, f"{self._count:06d}")

    def ledger_only_part(self) -> Part:
        """Return the place of a part without rows; no other run takes it over."""
        self._count += 1
        return Part.in_folder(self.folder, f"standing-{self._count:06d}")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Name this folder where what is staged can't be read within the block.

        Raises:
            ReadError: If it can't; it stays where it is, for the next run.
        """
        try:
            yield
        except DatasetError:
            raise
        except parquet.read_errors() as error:
            raise ReadError(
                f"what was staged can't be read ({reason(error)}): see to the disk, and run "
                f"the update again",
                artifact=str(self.folder),
            ) from error

    def clear(self) -> None:
        """Remove what is staged here, once it is committed."""
        delete(self.folder)
        self._held.close()


def staging_home(dataset: ZarrDataset, table: str) -> Path:
    """Return the folder that holds a folder for each run of a table."""
    return dataset.path / "index" / "staging" / table


def _write(path: Path, frame: pl.DataFrame) -> None:
    with atomic_path(path) as temporary:
        parquet.write(frame, temporary, level=1)
