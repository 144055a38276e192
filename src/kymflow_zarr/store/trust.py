"""The hosts that a user allowed datasets to name: no other is ever connected to.

Whoever makes a dataset chooses what it says, and a client that connects where it says gives away
the user's name, address, and by its own settings a password. So a dataset may name a host, and
only its user may allow it: by :func:`trust`, which keeps it in a file of the user's own, or by the
environment variable :data:`VARIABLE`. Every client of a catalog, store or endpoint that a dataset
names asks :func:`check_trusted` first. No secret is kept here, nor in any dataset.
"""

from __future__ import annotations

import os
import re
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from kymflow_zarr.errors import UntrustedHostError, UsageError
from kymflow_zarr.store.files import write_atomic
from kymflow_zarr.store.reads import read_file, reading

VARIABLE = "KYMFLOW_TRUSTED_HOSTS"
"""Environment variable that allows hosts for one process, separated by commas or spaces."""
_ENTRY = re.compile(r"\[(?P<v6>[^\]\s]+)\](?::(?P<p6>\d+))?|(?P<host>[^\s:,]+)(?::(?P<port>\d+))?")


class Host(NamedTuple):
    """A host that is allowed.

    Attributes:
        name: Its name or address, in lower case, or the folder of a local socket.
        port: The only port that is allowed; None stands for all of them.
    """

    name: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Host:
        """Read ``HOST``, ``HOST:PORT``, or ``[ADDRESS]:PORT`` where the address holds colons.

        Raises:
            UsageError: If it is none of these.
        """
        named = _ENTRY.fullmatch(text)
        if named is None and _is_address(text):
            return cls(_folded(text))
        if named is None:
            raise UsageError(f"{text!r} is no host; give HOST or HOST:PORT, such as db.lab:5432")
        port = named["p6"] or named["port"]
        return cls(_folded(named["v6"] or named["host"]), int(port) if port else None)

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"

    def covers(self, other: Host) -> bool:
        """Tell whether this allows another."""
        return self.name == other.name and self.port in (None, other.port)


def settings_file() -> Path:
    """Return the user's own file of hosts, one per line, whether or not it exists.

    It is ``kymflow/trusted-hosts`` in ``$XDG_CONFIG_HOME``, by default ``~/.config``; on Windows
    in ``%APPDATA%``.
    """
    named = os.environ.get("APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME", "")
    folder = Path(named) if os.path.isabs(named) else Path.home() / ".config"
    return folder / "kymflow" / "trusted-hosts"


def trusted_hosts() -> list[Host]:
    """Return the hosts that the user's file and the environment allow.

    Raises:
        UsageError: If an entry is no host.
        ReadError: If the file can't be read.
    """
    named = re.split(r"[\s,]+", os.environ.get(VARIABLE, ""))
    return [*_kept(), *(Host.parse(each) for each in named if each)]


def is_trusted(host: Host) -> bool:
    """Tell whether the user allowed a host."""
    return any(each.covers(host) for each in trusted_hosts())


def check_trusted(host: Host, *, what: str, dataset: Path | None = None) -> None:
    """Refuse a host that the user did not allow.

    Args:
        host: The host, with the port that is to be connected to.
        what: What it is, for the message, such as ``"the catalog of the tables"``.
        dataset: The dataset that names it.

    Raises:
        UntrustedHostError: If it is not allowed.
    """
    if not is_trusted(host):
        raise UntrustedHostError(
            f"the dataset names the host {str(host)!a} for {what}, which you have not allowed; "
            f"nothing was sent there. If it is yours, allow it in {settings_file()} or {VARIABLE}",
            dataset=None if dataset is None else str(dataset),
        )


def trust(host: Host) -> None:
    """Allow a host from now on, for all of the user's processes.

    Raises:
        WriteError: If the file can't be written.
    """
    kept = _kept()
    if host not in kept:
        _keep([*kept, host])


def distrust(host: Host) -> bool:
    """Allow a host no longer; return whether it was in the user's file.

    Raises:
        WriteError: If the file can't be written.
    """
    kept = _kept()
    if host in kept:
        _keep([each for each in kept if each != host])
    return host in kept


def _kept() -> list[Host]:
    path = settings_file()
    try:
        with reading(path):
            lines = read_file(path).decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    entries = (line.partition("#")[0].strip() for line in lines)
    return [Host.parse(entry) for entry in entries if entry]


def _keep(hosts: list[Host]) -> None:
    text = "# Hosts that datasets may name, one per line.\n" + "".join(
        f"{each}\n" for each in hosts
    )
    write_atomic(settings_file(), text.encode())


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _folded(name: str) -> str:
    return name if name.startswith("/") else name.lower().rstrip(".")
