"""Imports that libraries delay until first use, done early so that they are not timed.

DuckDB imports ``pyarrow.dataset``, and with it pandas where that is installed, when it is first
given a frame or a parameter; pandas imports ``pyarrow.parquet`` at the first file, and the engine
the other two. The child refuses a phase that imports a package while it is timed.
"""

import filelock
import pyarrow.dataset
import pyarrow.parquet

import kymflow_zarr.sql.answers

__all__ = ["filelock", "kymflow_zarr", "pyarrow"]
