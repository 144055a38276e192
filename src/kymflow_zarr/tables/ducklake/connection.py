"""What libpq connects by: read, cut down to what a dataset may say, and written out again.

libpq knows settings that read files (``passfile``, ``sslkey``), write them (``sslkeylogfile``), ask
other addresses (``service``, ``oauth_issuer``) or hold secrets. A dataset may say where the server
is, and which database; all else is the user's own: environment variables, ``~/.pgpass``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from kymflow_zarr.errors import UsageError
from kymflow_zarr.store.trust import Host, check_trusted

_PLACE = ("host", "port", "dbname", "user")
# How the connection is made; where the user's own environment says it, that counts.
_MANNER = {
    "sslmode": "PGSSLMODE",
    "gssencmode": "PGGSSENCMODE",
    "channel_binding": "PGCHANNELBINDING",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "application_name": "PGAPPNAME",
}
_SECRETS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key")
_URI = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^/?#]*)@)?(?P<hosts>[^/?#@]*)(?:/(?P<dbname>[^?#]*))?"
    r"(?:\?(?P<more>[^#]*))?"
)
_PAIR = re.compile(r"\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)", re.DOTALL)
DEFAULT_PORT = 5432


class Connection:
    """A server and a database that a dataset names.

    Args:
        text: ``key=value`` pairs or a ``postgresql://`` address, as libpq takes them.

    Raises:
        UsageError: If it is neither, or says what a dataset may not say; what it says is not
            repeated, for it may be a secret.
    """

    def __init__(self, text: str) -> None:
        pairs = _address(text) if "://" in text.partition("=")[0] else _pairs(text)
        self._pairs = _checked(pairs)

    @property
    def hosts(self) -> list[Host]:
        """The hosts that may be connected to; without one, where the user's own libpq goes."""
        named = self._pairs.get("host") or os.environ.get("PGHOST") or "localhost"
        ports = (self._pairs.get("port") or os.environ.get("PGPORT") or "").split(",")
        names = named.split(",")
        if len(ports) not in (1, len(names)) or not all(re.fullmatch(r"\d*", p) for p in ports):
            raise UsageError("a catalog's ports are numbers, one for each host or one for all")
        each = ports * len(names) if len(ports) == 1 else ports
        return [
            Host(Host.parse(f"[{name}]" if ":" in name else name).name, int(port or DEFAULT_PORT))
            for name, port in zip(names, each, strict=True)
        ]

    def check_trusted(self, dataset: Path) -> None:
        """Refuse hosts that the user did not allow.

        Raises:
            UntrustedHostError: If there is one.
        """
        for host in self.hosts:
            check_trusted(host, what="the catalog of its tables", dataset=dataset)

    def __str__(self) -> str:
        """Return ``key='value'`` pairs that no reader takes for anything else."""
        own = {key for key, variable in _MANNER.items() if os.environ.get(variable)}
        return " ".join(
            f"{key}={_quoted(value)}" for key, value in self._pairs.items() if key not in own
        )


def _checked(pairs: Mapping[str, str]) -> dict[str, str]:
    for key in pairs:
        if key in _SECRETS:
            raise UsageError(
                "leave the password out of the catalog, which is kept in the dataset for all to "
                "read; libpq takes it from ~/.pgpass or PGPASSWORD"
            )
        if key not in (*_PLACE, *_MANNER):
            raise UsageError(
                f"a catalog may not set {key!r}; say {', '.join(_PLACE)}, and leave the rest to "
                f"libpq's environment variables"
            )
    if any("\0" in value for value in pairs.values()):
        raise UsageError("a catalog may hold no NUL")
    if re.search(r"=|://", pairs.get("dbname", "")):  # libpq may take it for all of a connection
        raise UsageError("a catalog's dbname may hold neither '=' nor '://'")
    return dict(pairs)


def _pairs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    place = 0
    while place < len(text.rstrip()):
        pair = _PAIR.match(text, place)
        if pair is None:
            raise UsageError(
                "a catalog is given by key=value pairs or a postgresql:// address, as libpq takes "
                "them"
            )
        value = pair[3] if pair[2] is None else pair[2]
        found[pair[1].lower()] = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        place = pair.end()
    return found


def _address(text: str) -> dict[str, str]:
    parts = _URI.fullmatch(text)
    if parts is None:
        raise UsageError("a catalog's address is postgresql://USER@HOST:PORT/DATABASE")
    user, colon, _ = (parts["user"] or "").partition(":")
    found = {"password": ""} if colon else {}
    hosts = [re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d*))?", h) for h in parts["hosts"].split(",")]
    if None in hosts:
        raise UsageError("a catalog's address is postgresql://USER@HOST:PORT/DATABASE")
    named = [(unquote(h[1]).strip("[]"), h[2] or "") for h in hosts if h is not None]
    values = {
        "user": unquote(user),
        "host": ",".join(name for name, _ in named),
        "port": ",".join(port for _, port in named).strip(","),
        "dbname": unquote(parts["dbname"] or ""),
    }
    found |= {key: value for key, value in values.items() if value}
    return found | {key.lower(): value for key, value in parse_qsl(parts["more"] or "")}


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
