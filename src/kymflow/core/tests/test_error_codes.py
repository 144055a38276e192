from __future__ import annotations

import re
from pathlib import Path

from kymflow.core.errors import ErrorCode
from kymflow_zarr.errors import DatasetError

ROOT = Path(__file__).parents[4]


def tree(cls: type[DatasetError]) -> list[type[DatasetError]]:
    return [cls, *(leaf for sub in cls.__subclasses__() for leaf in tree(sub))]


def test_one_enumeration_holds_the_code_of_every_error() -> None:
    shipped = {cls for cls in tree(DatasetError) if cls.__module__.startswith("kymflow")}
    assert {cls.code for cls in shipped} == set(ErrorCode)
    assert {type(cls.code) for cls in shipped} == {str}  # a member would be odd in a frame


def test_every_code_is_documented_with_its_class() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `([\w-]+)` \| `(\w+)` \| \S", page, re.MULTILINE)
    shipped = {cls for cls in tree(DatasetError) if cls.__module__.startswith("kymflow")}
    assert sorted(told) == sorted((cls.code, cls.__name__) for cls in shipped)
