"""A host that a dataset names is called only if its user allowed it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from kymflow.cli.tests.test_command import run
from kymflow_zarr import DatasetFormatError, UntrustedHostError, UsageError, ZarrDataset
from kymflow_zarr.store.trust import Host, distrust, is_trusted, settings_file, trust, trusted_hosts
from kymflow_zarr.tables.ducklake.connection import Connection
from tests.hostile.place import Listener


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have settings of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    for name in ("PGHOST", "PGPORT", "PGSSLMODE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def listener() -> Listener:
    return Listener()


def named(path: Path, catalog: str) -> ZarrDataset:
    dataset = ZarrDataset(path, mode="a")
    config = {"catalog": catalog, "schema": "main"}
    (path / "tables" / "lake.json").write_text(json.dumps(config))
    return dataset


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("db", Host("db")),
        ("DB.Lab.:5432", Host("db.lab", 5432)),
        ("127.0.0.1:1", Host("127.0.0.1", 1)),
        ("[::1]:5432", Host("::1", 5432)),
        ("::1", Host("::1")),
        ("/run/postgresql", Host("/run/postgresql")),
    ],
)
def test_a_host_is_read_and_written(text: str, host: Host) -> None:
    assert Host.parse(text) == host
    assert Host.parse(str(host)) == host


@pytest.mark.parametrize("text", ["", "a b", "a:b", "a,b", ":5432", "a:5432:1 x"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no host"):
        Host.parse(text)


def test_hosts_are_allowed_listed_and_removed() -> None:
    assert run("trust").stdout == ""
    assert run("trust", "DB.lab").stdout == "trust host=db.lab\n"
    run("trust", "db.lab")
    run("trust", "other:5433")
    assert run("trust").stdout == run("trust", "--list").stdout == "db.lab\nother:5433\n"
    assert is_trusted(Host("db.lab", 1))
    assert is_trusted(Host("other", 5433))
    assert not is_trusted(Host("other", 5432))
    assert run("trust", "--remove", "db.lab").stdout == "trust removed=db.lab\n"
    assert "other:5433" in run("trust", "--remove", "db.lab", check=2).stderr
    assert "no host" in run("trust", "a b", check=2).stderr
    assert "--remove needs one" in run("trust", "--remove", check=2).stderr


def test_the_file_is_the_users_to_edit() -> None:
    trust(Host("a"))
    file = settings_file()
    file.write_text(f"# mine\n{file.read_text()}\n  b:1  # the new one\n\n")
    assert trusted_hosts() == [Host("a"), Host("b", 1)]
    assert distrust(Host("a"))
    assert trusted_hosts() == [Host("b", 1)]


def test_no_host_is_called_that_was_not_allowed(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    dataset = named(tmp_path / "d.zarr", f"postgres:host=127.0.0.1 port={listener.port} dbname=x")
    uses = (
        dataset.list_table_names,
        lambda: dataset.load_table("x"),
        lambda: dataset.sql("SELECT 1"),
        dataset.connect,
        lambda: dataset.save_table("x", pl.DataFrame({"n": [1]})),
        lambda: dataset.tables.convert("parquet"),
        dataset.tables.compact,
        dataset.tables.adopt,
    )
    for use in uses:
        with pytest.raises(UntrustedHostError, match=f"127.0.0.1:{listener.port}"):
            use()
    for command in (("status",), ("sql", "SELECT 1"), ("index",), ("tables",)):
        error = run(command[0], dataset.path, *command[1:], check=1).stderr
        assert "kymflow trust HOST" in error
    assert "not allowed" in run("check", dataset.path, check=1).stdout
    assert listener.heard == 0


REFUSED = [
    "host=a password=hunter2",
    "postgresql://u:hunter2@a/b",
    "postgresql://u:@a/b",
    "host=a passfile=/home/me/hunter2",
    "host=a sslkey=hunter2",
    "host=a sslkeylogfile=hunter2",
    "host=a sslpassword=hunter2",
    "service=hunter2",
    "host=a servicefile=hunter2",
    "host=a hostaddr=127.0.0.1",
    "host=a options='-c x=hunter2'",
    "host=a oauth_issuer=http://hunter2",
    "dbname='host=hunter2'",
    "dbname=postgresql://hunter2",
    "host=a,b port=1,2,3",
    "host=a port=x",
    "host=a port='1 host=b'",
    "host=a unquoted hunter2",
    "host='a",
    "hunter2",
    "postgresql://a/b?password=hunter2",
    "postgresql://a/b?host=c&hostaddr=hunter2",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_a_dataset_may_not_say_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        _ = Connection(text).hosts
    assert "hunter2" not in str(caught.value)
    dataset = named(tmp_path / "d.zarr", f"postgres:{text}")
    with pytest.raises((DatasetFormatError, UsageError)):
        dataset.list_table_names()


@pytest.mark.parametrize(
    ("text", "hosts", "said"),
    [
        ("host=a", ["a:5432"], "host='a'"),
        ("HOST = A  port='1'", ["a:1"], "host='A' port='1'"),
        ("host=a,b port=1,2 user=u", ["a:1", "b:2"], "host='a,b' port='1,2' user='u'"),
        ("host=a,b port=7", ["a:7", "b:7"], "host='a,b' port='7'"),
        ("dbname='it''s'", None, None),
        (r"host=a dbname='it\'s \\'", ["a:5432"], r"host='a' dbname='it\'s \\'"),
        ("postgresql://u@a:1/b", ["a:1"], "user='u' host='a' port='1' dbname='b'"),
        ("postgres://[::1]:2/b", ["[::1]:2"], "host='::1' port='2' dbname='b'"),
        ("postgresql://a/b?sslmode=require", ["a:5432"], "host='a' dbname='b' sslmode='require'"),
        ("postgresql:///b?host=/run/pg", ["/run/pg:5432"], "dbname='b' host='/run/pg'"),
        ("dbname=x", ["localhost:5432"], "dbname='x'"),
    ],
)
def test_a_connection_says_again_what_it_was_given(
    text: str, hosts: list[str] | None, said: str | None
) -> None:
    if hosts is None:
        with pytest.raises(UsageError):
            Connection(text)
        return
    connection = Connection(text)
    assert [str(host) for host in connection.hosts] == hosts
    assert str(connection) == said
    assert str(Connection(str(connection))) == said


def test_the_users_own_environment_goes_before_what_a_dataset_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGHOST", "mine")
    assert str(Connection("host=a sslmode=disable")) == "host='a'"
    assert [str(host) for host in Connection("dbname=x").hosts] == ["mine:5432"]
