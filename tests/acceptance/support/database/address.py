"""Reading DATABASE_URL: Prisma's form is accepted as it is.

Prisma adds parameters of its own to PostgreSQL's URL. `schema` names the tables' schema; others
(`connection_limit`, `pgbouncer`, `pool_timeout`, `sslaccept`, …) steer Prisma's pool or its TLS
library and mean nothing here. What libpq knows is passed on; anything else is left out.
Source: https://www.prisma.io/docs/orm/overview/databases/postgresql and libpq's parameter keywords.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from pytest_prodstatus import blocked
from tests.acceptance.support.secrets import Secret

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_SCHEMES = ("postgresql", "postgres")
_LIBPQ = frozenset(
    {
        "host",
        "hostaddr",
        "port",
        "sslmode",
        "sslrootcert",
        "sslcert",
        "sslkey",
        "sslcrl",
        "sslcrldir",
        "sslsni",
        "sslnegotiation",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "channel_binding",
        "require_auth",
        "gssencmode",
        "krbsrvname",
        "target_session_attrs",
        "load_balance_hosts",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "passfile",
        "service",
        "options",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A database that can be connected to.

    Attributes:
        url: SQLAlchemy's form, with the password (its own repr masks that).
        place: host and port as a message may show them.
        schema: the tables' schema, None for the role's own search path.
    """

    url: URL
    place: str
    schema: str | None


def read_address(secret: Secret) -> Address:
    """Return the address that a URL names.

    Raises:
        Blocked: missing-config, if it isn't a PostgreSQL URL; the message never shows it.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(secret.reveal())
        port = url.port
    except (ArgumentError, ValueError):
        _refuse("can't be read as a URL")
    if "@" in (url.host or ""):  # it would be shown as part of the host
        _refuse("holds an @ in its user name or password: write it as %40")
    if url.get_backend_name() not in _SCHEMES:
        _refuse("is not a PostgreSQL URL: it must begin with postgresql://")
    if not url.database:
        _refuse("names no database")
    parameters = {key: _last(value) for key, value in url.query.items()}
    host = parameters.get("host") or url.host or "localhost"
    known = {key: value for key, value in parameters.items() if key in _LIBPQ}
    if "sslkey" not in known:
        # To Prisma it is the server's certificate, to libpq the client's, which needs a key.
        known.pop("sslcert", None)
    return Address(
        url=url.set(drivername="postgresql+psycopg", query=known),
        place=f"{host}:{parameters.get('port') or port or 5432}",
        schema=parameters.get("schema") or None,
    )


def _last(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else value[-1]


def _refuse(why: str) -> NoReturn:
    blocked(
        f"DATABASE_URL {why}",
        kind="missing-config",
        remedy="set DATABASE_URL as in postgresql://user:password@host:5432/database",
    )
