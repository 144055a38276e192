"""System calls that fail: the disk has errors or no room, or a network file system can't do it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from kymflow.core.kym_dataset.ledger import Ledger
from tests.support.crew import Child
from tests.support.faults import Endurance, compiled
from tests.support.generations import TABLE

EIO, ENOSPC = errno.EIO, errno.ENOSPC


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """Return a process whose system calls fail when they are told to."""
    child = Child(LD_PRELOAD=str(compiled(tmp_path_factory.mktemp("faults"))))
    yield child
    child.kill()


@pytest.fixture
def endurance(tmp_path: Path) -> Endurance:
    return Endurance(tmp_path)


WRITTEN = {
    "run.json": "WriteError",
    "/.000002.rows": "WriteError",
    "/.000001.params": "WriteError",
    "/.000002.runs": "WriteError",
    f"/tables/.{TABLE}.": "CommitError",
    f"/index/.{TABLE}.params": "CommitError",
    f"/index/.{TABLE}.runs": "CommitError",
}
"""Every file that an update writes, and the error where it can't be."""

BRIEFLY = {
    ("write", EIO, "/.000002.rows"),
    ("write", ENOSPC, f"/tables/.{TABLE}."),
    ("write", ENOSPC, f"/index/.{TABLE}.runs"),
    ("fsync", EIO, f"/tables/.{TABLE}."),
}


def cases() -> Iterator[Any]:
    """Yield every call that may fail on every file, those that take long in sum marked."""
    for case in product(("write", "fsync", "rename"), (EIO, ENOSPC), WRITTEN):
        call, number, place = case
        name = f"{call} {place.strip('/.')} {errno.errorcode[number]}"
        yield pytest.param(*case, marks=[] if case in BRIEFLY else [pytest.mark.long], id=name)


@pytest.mark.wide
@pytest.mark.parametrize(("call", "number", "place"), list(cases()))
def test_what_cant_be_written_costs_nothing(
    endurance: Endurance, child: Child, call: str, number: int, place: str
) -> None:
    """What can't be flushed is not renamed into its place."""
    target = place.replace("/.", "/") if call == "rename" else place
    outcome = endurance.meet(child, f"{call} {number} {target}")
    assert outcome.error == WRITTEN[place]
    assert endurance.renewed == place.startswith("/index")
    endurance.recover()


@pytest.mark.parametrize("artifact", ["rows", pytest.param("params", marks=pytest.mark.long)])
def test_an_artifact_that_cant_be_read_fails_its_image_alone(
    endurance: Endurance, child: Child, artifact: str
) -> None:
    outcome = endurance.meet(child, f"read {EIO} images/c/analysis/gen/{artifact}")
    assert list(outcome.failed or {}) == ["c"]
    assert "Input/output error" in (outcome.failed or {})["c"]
    assert endurance.renewed
    endurance.recover()


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("images/c/analysis/gen/rows.parquet", "unreadable_artifact"),
        (f"tables/{TABLE}.parquet", "unreadable_table"),
        (f"index/{TABLE}.runs.parquet", "unreadable_ledger"),
        (f"index/{TABLE}.params.parquet", "unreadable_params"),
    ],
)
def test_a_check_names_what_cant_be_read(
    endurance: Endurance, child: Child, place: str, kind: str
) -> None:
    folder = str(endurance.dataset.path)
    child.tell("examine", dataset=folder, faults=[f"read {EIO} {place}"])
    found = [row for row in child.answer(within=60) if row[0].startswith("unreadable")]
    assert [row[:2] for row in found] == [[kind, place]]
    assert "Input/output error" in found[0][2]


READ = [
    f"/tables/{TABLE}.",
    f"/index/{TABLE}.runs",
    f"/index/{TABLE}.params",
    "/000001.rows",
    "/000001.runs",
]


@pytest.mark.parametrize(
    "place",
    [
        f"/index/{TABLE}.params",
        *(pytest.param(p, marks=pytest.mark.long) for p in READ if ".params" not in p),
    ],
)
def test_what_cant_be_read_is_not_taken_for_damaged(
    endurance: Endurance, child: Child, place: str
) -> None:
    """A ledger that is damaged is made again; one that the disk refuses for once is kept."""
    ledger = Ledger(endurance.dataset, TABLE)
    before = ledger.load_params()
    outcome = endurance.meet(child, f"read {EIO} {place}")
    assert outcome.error == "ReadError"
    assert "restore" not in outcome.text
    assert ledger.load_params().equals(before)
    assert not endurance.renewed
    endurance.recover()


@pytest.mark.parametrize(
    "rule",
    [
        f"link {errno.EPERM} /",
        f"fsync {errno.EINVAL} /tables$",
        f"flock {errno.ENOSYS} /",
        *(
            pytest.param(f"flock {number} /", marks=pytest.mark.long)
            for number in (errno.ENOLCK, errno.EOPNOTSUPP)
        ),
    ],
)
def test_what_a_network_file_system_lacks_is_borne(
    endurance: Endurance, child: Child, rule: str
) -> None:
    """Files of locks that were taken elsewhere are there, and stand in nobody's way."""
    outcome = endurance.meet(child, rule)
    assert outcome.error is None
    assert endurance.renewed
    endurance.recover()


@pytest.mark.long
def test_locks_that_fail_are_an_error(endurance: Endurance, child: Child) -> None:
    outcome = endurance.meet(child, f"flock {EIO} /")
    assert outcome.error == "WriteError"
    assert "lock" in outcome.text
    endurance.recover()
