"""What is sent to the browser: values, rows and errors as JSON."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from kymflow.core.errors import ErrorCode, ReviewConflictError
from kymflow_zarr.errors import (
    DatasetError,
    ImageBusyError,
    NotFoundError,
    ReadOnlyError,
    UsageError,
)

if TYPE_CHECKING:
    import pyarrow as pa

_EXACT = 1 << 53  # whole numbers beyond are not all numbers of JavaScript


class JSON(Response):
    """A JSON answer; NaN and infinity are sent as texts."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode the content."""
        return json.dumps(plain(content), ensure_ascii=False, allow_nan=False).encode()


def plain(value: Any) -> Any:
    """Turn a value into what JSON has."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return str(value)
    return value.hex() if isinstance(value, bytes) else str(value)


def rows_of(table: pa.Table) -> list[list[Any]]:
    """Return the rows of a table, as lists in the order of its columns."""
    columns = [column.to_pylist() for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def error_response(error: DatasetError) -> JSON:
    """Answer with an error, its code and the place that it is about."""
    told = {
        "code": error.code,
        "message": error.message,
        "image": error.image_id,
        "artifact": error.artifact,
    }
    return JSON(told, status_code=_status(error))


def refused(status: int, message: str) -> JSON:
    """Answer that a request is refused."""
    return JSON({"code": ErrorCode.USAGE.value, "message": message}, status_code=status)


def _status(error: DatasetError) -> int:
    if isinstance(error, ReviewConflictError | ImageBusyError):
        return 409
    if isinstance(error, NotFoundError):
        return 404
    if isinstance(error, ReadOnlyError):
        return 403
    return 400 if isinstance(error, UsageError) or error.code.startswith("query") else 500
