"""One canonical JSON text, and so one hash, for every set of params.

The canonical form is ``json.dumps(obj, sort_keys=True, separators=(",", ":"),
ensure_ascii=False)``, hashed with SHA-256 over its UTF-8 bytes: the form of the earlier kymflow, so
that hashes of old and new rows agree. Beyond what that call accepts:

========================  ==========================================================
value                     form
========================  ==========================================================
NumPy scalar              the Python number or bool of the same value
tuple, NumPy array        a list
negative zero             ``0.0``, to which it is equal
NaN, infinity             :class:`ParamsError`: JSON has no such numbers
key that is not a string  :class:`ParamsError`: ``{1: x}`` and ``{"1": x}`` would meet
date, set, bytes, other   :class:`ParamsError`: pass a string, a list or a number
========================  ==========================================================

Integers and floats stay apart (``1`` is not ``1.0``), as they do in a JSON file.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from kymflow.core.errors import ParamsError

_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


def stable_json_dumps(obj: object) -> str:
    """Return the canonical JSON text of a value.

    Args:
        obj: Any nesting of mappings with string keys, lists, tuples, strings, finite numbers,
            booleans and None; NumPy scalars and arrays of these too.

    Returns:
        The text: keys sorted, no spaces, non-ASCII characters as they are.

    Raises:
        ParamsError: If a value has no canonical form; the message names the place.
    """
    try:
        text = _encode(_canonical(obj, "params"))
        text.encode("utf-8")
    except RecursionError as error:
        raise ParamsError("params are nested too deeply, or within themselves") from error
    except UnicodeEncodeError as error:
        raise ParamsError(f"params hold text that is not valid Unicode ({error.reason})") from error
    except ValueError as error:
        if isinstance(error, ParamsError):
            raise
        raise ParamsError(f"params have no JSON form: {error}") from error
    return text


def dumps_parsed(value: object) -> str:
    """Return :func:`stable_json_dumps` of a value parsed from JSON, in a third of the time.

    Such a value holds nothing that could need another form but negative zeros.
    """
    try:
        text = _encode(value)
        text.encode("utf-8")
    except (ValueError, RecursionError):
        return stable_json_dumps(value)
    return stable_json_dumps(value) if "-0.0" in text else text


def params_hash(params: Mapping[str, Any] | None) -> str:
    """Return the SHA-256 of the canonical JSON of some params, in hexadecimal.

    Args:
        params: The params; None stands for "never analysed" and hashes like JSON's ``null``.

    Raises:
        ParamsError: If the params have no canonical form.
    """
    return text_hash(stable_json_dumps(params))


def text_hash(text: str) -> str:
    """Return the SHA-256 of a text's UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _canonical(value: object, where: str) -> object:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ParamsError(
                f"{where} is {value}, which JSON can't hold; use null or leave it out"
            )
        return float(value) or 0.0
    if isinstance(value, int):
        return value
    if isinstance(value, Mapping):
        return {_key(k, where): _canonical(v, f"{where}.{k}") for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item, f"{where}[{i}]") for i, item in enumerate(value)]
    plain = _from_numpy(value)
    if plain is not value:
        return _canonical(plain, where)
    raise ParamsError(
        f"{where} is a {type(value).__name__}, which has no canonical JSON form; "
        f"pass a string, a number or a list"
    )


def _from_numpy(value: object) -> object:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return value
    if isinstance(value, numpy.bool_ | numpy.integer | numpy.floating | numpy.ndarray):
        plain: object = value.tolist()
        return value if type(plain) is type(value) else plain
    return value


def _key(key: object, where: str) -> str:
    if isinstance(key, str):
        return key
    raise ParamsError(f"{where} has the key {key!r}, a {type(key).__name__}; keys must be strings")
