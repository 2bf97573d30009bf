"""DATABASE_URL: Prisma's form is accepted, anything else is BLOCKED without being shown."""

from __future__ import annotations

import pytest

from pytest_prodstatus import Blocked
from tests.acceptance.support.database.address import read_address
from tests.acceptance.support.secrets import Secret


def test_prismas_parameters_are_honoured_or_left_out() -> None:
    """`schema` and what libpq knows count; Prisma's pool and TLS library don't."""
    address = read_address(
        Secret(
            "postgres://u:p%40ss@db.example:6432/shop?schema=shop_v2&connection_limit=5"
            "&pgbouncer=true&pool_timeout=10&sslmode=require&sslaccept=strict&sslcert=ca.pem"
        )
    )
    assert address.schema == "shop_v2"
    assert address.place == "db.example:6432"
    assert address.url.drivername == "postgresql+psycopg"
    assert address.url.password == "p@ss"
    assert dict(address.url.query) == {"sslmode": "require"}


def test_a_socket_is_a_host() -> None:
    """The host may be a parameter, and the port has a default."""
    assert read_address(Secret("postgresql://u@localhost/d?host=/run/pg")).place == "/run/pg:5432"


def test_a_clients_certificate_goes_with_its_key() -> None:
    """Then it is libpq's parameter and not Prisma's."""
    address = read_address(Secret("postgresql://u@h/d?sslcert=c.pem&sslkey=k.pem"))
    assert dict(address.url.query) == {"sslcert": "c.pem", "sslkey": "k.pem"}


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:topsecret@h/d",
        "postgresqll://u:topsecret@h/d",
        "prisma://u:topsecret@h/d",
        "file:./dev.db",
        "postgres",
        "topsecret",
        "postgresql://u:topsecret@h:port/d",
        "postgresql://u:topsecret@h:5432",
        "postgresql://u:p@topsecret@h/d",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_unseen(url: str) -> None:
    """Another database or a typo is missing configuration; the message holds nothing of it."""
    with pytest.raises(Blocked) as caught:
        read_address(Secret(url))
    assert caught.value.reason.kind.value == "missing-config"
    assert caught.value.reason.text.startswith("DATABASE_URL ")
    assert "topsecret" not in str(caught.value.reason)
