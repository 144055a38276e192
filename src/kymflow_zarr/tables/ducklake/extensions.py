"""DuckDB's extensions, from their Python packages where these are installed."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.duck import literal
from kymflow_zarr.errors import MissingExtraError
from kymflow_zarr.reasons import first_line

if TYPE_CHECKING:
    import duckdb


def options() -> dict[str, bool]:
    """Return the options of a connection that is to load extensions.

    A file that came in a Python package was checked when that was installed, as any native module
    of it. To check its signature DuckDB reads all of it, 0.13 s a connection.
    """
    packaged = all(map(_packaged, ("ducklake", "postgres_scanner")))
    return {"allow_unsigned_extensions": True} if packaged else {}


def load(con: duckdb.DuckDBPyConnection, *names: str) -> None:
    """Load extensions into a connection.

    Args:
        con: The connection, made with :func:`options` and not locked down yet.
        names: Of the extensions, such as ``"ducklake"``.

    Raises:
        MissingExtraError: If one is neither in its package, nor installed in DuckDB, nor to be had
            from DuckDB's own repository.
    """
    import duckdb

    for name in names:
        file = _packaged(name)
        try:
            if file is None:
                con.execute(f"INSTALL {name}")
            con.execute(f"LOAD {name if file is None else literal(str(file))}")
        except duckdb.Error as error:
            raise MissingExtraError(
                f"DuckDB {duckdb.__version__} has no extension {name!r} here "
                f"({first_line(error)}); install it with: pip install 'kymflow[ducklake]'"
            ) from error


@cache
def _packaged(name: str) -> Path | None:
    """Return an extension's file from its package; a package is for one version of DuckDB."""
    import duckdb

    package = find_spec(f"duckdb_extension_{name}")
    for place in (package and package.submodule_search_locations) or ():
        file = Path(place, "extensions", f"v{duckdb.__version__}", f"{name}.duckdb_extension")
        if file.is_file():
            return file
    return None
