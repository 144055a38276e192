from __future__ import annotations

import pickle

import pytest

from kymflow.core import errors as core_errors
from kymflow_zarr import errors


def subclasses(cls: type) -> list[type]:
    return [cls, *(leaf for sub in cls.__subclasses__() for leaf in subclasses(sub))]


ALL = list(dict.fromkeys(subclasses(errors.DatasetError)))


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_every_error_survives_a_trip_between_processes(cls: type[errors.DatasetError]) -> None:
    error = cls("what is wrong", dataset="d.zarr", image_id="i", artifact="a")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert str(again) == str(error) == "what is wrong [image_id i, artifact a, dataset d.zarr]"
    assert (again.dataset, again.image_id, again.artifact) == ("d.zarr", "i", "a")


def test_details_follow_on_further_lines() -> None:
    error = errors.QueryError("what is wrong\nLINE 1: here\n        ^", dataset="d.zarr")
    assert str(error) == "what is wrong [dataset d.zarr]\nLINE 1: here\n        ^"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_codes_are_distinct() -> None:
    codes = [cls.code for cls in ALL]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (errors.UsageError, ValueError),
        (errors.ReadOnlyError, PermissionError),
        (errors.MetadataNotFoundError, FileNotFoundError),
        (errors.TableNotFoundError, FileNotFoundError),
        (errors.DatasetFormatError, ValueError),
        (errors.QueryError, ValueError),
        (errors.QueryTimeoutError, TimeoutError),
        (core_errors.ParamsError, ValueError),
        (core_errors.InvalidIndexerError, ValueError),
    ],
)
def test_errors_are_also_builtins(cls: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(cls, builtin)


def test_missing_artifact_is_caught_as_missing_and_as_artifact() -> None:
    assert issubclass(errors.MetadataNotFoundError, errors.ArtifactError)
    assert issubclass(errors.ArtifactNotFoundError, errors.NotFoundError)
