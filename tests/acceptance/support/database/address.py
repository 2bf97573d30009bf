"""Reading DATABASE_URL: as libpq understands it, and Prisma's form too.

libpq itself parses the URL, so a password or a host may also be a parameter, there may be several
hosts, and what the URL leaves out comes from where libpq finds it: PGHOST and its like, a service
file, .pgpass. Nothing is left out silently but Prisma's own parameters, which steer Prisma's pool
and TLS library and mean nothing here; `schema`, which names the tables' schema, is read. Everything
else that libpq doesn't know is refused by its name.
Source: https://www.prisma.io/docs/orm/overview/databases/postgresql and libpq's "Connection URIs".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NoReturn
from urllib.parse import unquote

from pytest_prodstatus import blocked
from tests.acceptance.support.secrets import Secret

# SQLAlchemy's form names a driver, which isn't a matter of the store's.
_SCHEME = re.compile(r"postgres(?:ql)?(?:\+\w+)?://")
_PRISMAS = frozenset(
    {
        "schema",
        "connection_limit",
        "pool_timeout",
        "socket_timeout",
        "pgbouncer",
        "statement_cache_size",
        "sslaccept",
        "sslidentity",
    }
)
_NAME = re.compile(r"\w{1,40}", re.ASCII)
_PORT = re.compile(r"\d{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A database that can be connected to.

    Attributes:
        parameters: libpq's, by their names, the password among them.
        place: hosts and ports as a message may show them.
        schema: the tables' schema, None for the role's own search path.
    """

    parameters: Mapping[str, str] = field(repr=False)
    place: str
    schema: str | None


def read_address(secret: Secret) -> Address:
    """Return the address that a URL names.

    Raises:
        Blocked: missing-config, if it isn't a PostgreSQL URL that libpq understands as a whole; the
            message never shows it.
    """
    text = secret.reveal().strip()
    scheme = _SCHEME.match(text)
    if not scheme:
        _refuse("is not a PostgreSQL URL: it must begin with postgresql://")
    url, _, query = text[scheme.end() :].partition("?")
    pairs = [part.partition("=")[::2] for part in query.split("&") if part]
    user, at, _ = text[scheme.end() :].partition("/")[0].partition("@")
    if at and "?" in user:
        _refuse("holds a ? in its user name or password: write it as %3F")
    known, defaults = _libpqs()
    given = {unquote(name): value for name, value in pairs}
    _require_names([unquote(name) for name, _ in pairs], known)
    prismas = set(_PRISMAS & given.keys())
    if "sslidentity" in prismas:
        prismas.add("sslpassword")  # the password of that file, to Prisma
    if "sslkey" not in given:
        # To Prisma it is the server's certificate, to libpq the client's, which needs a key.
        prismas.add("sslcert")
    kept = "&".join(f"{name}={value}" for name, value in pairs if unquote(name) not in prismas)
    parameters = _parsed(f"postgresql://{url}?{kept}")
    served = "service" in parameters or "service" in defaults
    _require_hosts(parameters)
    if not (parameters.get("dbname") or defaults.get("dbname") or served):
        _refuse("names no database")
    if "@" in parameters.get("dbname", ""):
        _refuse("holds a / in its user name or password: write it as %2F")
    return Address(
        parameters=parameters,
        place=_place({**defaults, **parameters}),
        schema=unquote(given.get("schema", "")) or None,
    )


def _libpqs() -> tuple[frozenset[str], dict[str, str]]:
    """Return the parameters that this machine's libpq knows, and their values from outside a URL.

    These are PGHOST and its like, and the service that PGSERVICE names.
    """
    from psycopg import pq

    options = pq.Conninfo.get_defaults()
    names = frozenset(option.keyword.decode() for option in options)
    values = {o.keyword.decode(): o.val.decode() for o in options if o.val is not None}
    return names | {"ssl"}, values


def _require_names(names: list[str], known: frozenset[str]) -> None:
    for name, times in Counter(names).items():
        shown = repr(name) if _NAME.fullmatch(name) else "whose name isn't a word"
        if name not in known | _PRISMAS:
            _refuse(f"has a parameter {shown}, which neither libpq nor Prisma knows")
        if times > 1:
            _refuse(
                f"gives {shown} {times} times, and only the last would count: write several hosts "
                "as host=one,two&port=5432,5433"
            )


def _parsed(url: str) -> dict[str, str]:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        return {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except (ProgrammingError, UnicodeError):
        # libpq's own message quotes what it can't read, which may be the password.
        _refuse("can't be read as a URL: write a special character as %XX, a % as %25")


def _require_hosts(parameters: Mapping[str, str]) -> None:
    hosts = _listed(parameters, "host")
    ports = _listed(parameters, "port")
    for host in hosts:
        if "@" in host.removeprefix("@"):  # an abstract socket begins with one
            _refuse("holds an @ in its user name or password: write it as %40")
        if re.fullmatch(r"[^/@:]+:\d+", host):
            _refuse(f"has a port in its parameter host ({host!r}): write host=one&port=5432")
    if any(port and not (_PORT.fullmatch(port) and 0 < int(port) < 65_536) for port in ports):
        _refuse("has a port that isn't a number from 1 to 65535")
    addresses = max(len(hosts), len(_listed(parameters, "hostaddr")))
    if len(ports) > 1 and len(ports) != addresses:
        _refuse(f"has {len(ports)} ports for {addresses} hosts: give one, or one for each host")


def _listed(parameters: Mapping[str, str], name: str) -> list[str]:
    return parameters[name].split(",") if parameters.get(name) else []


def _place(parameters: Mapping[str, str]) -> str:
    """Return every host with its port; the service or the local socket if no host is named."""
    hosts = _listed(parameters, "host") or _listed(parameters, "hostaddr")
    if not hosts and parameters.get("service"):
        return f"service {parameters['service']}"
    ports = _listed(parameters, "port") or ["5432"]
    if len(ports) == 1:
        ports *= max(1, len(hosts))
    pairs = zip_longest(hosts or ["the local socket"], ports, fillvalue="5432")
    return ",".join(f"[{h}]:{p or 5432}" if h.count(":") > 1 and "/" not in h else
                    f"{h}:{p or 5432}" for h, p in pairs)  # fmt: skip


def _refuse(why: str) -> NoReturn:
    blocked(
        f"DATABASE_URL {why}",
        kind="missing-config",
        remedy="set DATABASE_URL as in postgresql://user:password@host:5432/database",
    )
