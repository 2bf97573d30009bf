"""DATABASE_URL: libpq's form and Prisma's are read, all else is BLOCKED without being shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_prodstatus import Blocked
from tests.acceptance.support.database.address import Address, read_address
from tests.acceptance.support.secrets import Secret


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take libpq's variables away."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)


def read(url: str) -> Address:
    """Return the address of a URL."""
    return read_address(Secret(url))


def test_prismas_parameters_are_honoured_or_left_out() -> None:
    """`schema` and what libpq knows count; Prisma's pool and TLS library don't."""
    address = read(
        "postgres://u:p%40ss@db.example:6432/shop?schema=shop_v2&connection_limit=5"
        "&pgbouncer=true&pool_timeout=10&sslmode=require&sslaccept=strict&sslcert=ca.pem"
    )
    assert address.schema == "shop_v2"
    assert address.place == "db.example:6432"
    assert address.parameters == {
        "user": "u",
        "password": "p@ss",
        "host": "db.example",
        "port": "6432",
        "dbname": "shop",
        "sslmode": "require",
    }


def test_a_clients_certificate_goes_with_its_key() -> None:
    """Then it is libpq's parameter and not Prisma's."""
    found = read("postgresql://u@h/d?sslcert=c.pem&sslkey=k.pem&sslpassword=long-enough").parameters
    assert found["sslcert"] == "c.pem"
    assert found["sslkey"] == "k.pem"
    assert found["sslpassword"] == "long-enough"
    prismas = read("postgresql://u@h/d?sslidentity=c.p12&sslpassword=long-enough").parameters
    assert "sslpassword" not in prismas


@pytest.mark.parametrize(
    ("url", "place", "kept"),
    [
        ("postgresql://u@localhost/d?host=/run/pg", "/run/pg:5432", {"host": "/run/pg"}),
        ("postgresql://u@%2Frun%2Fpg/d", "/run/pg:5432", {"host": "/run/pg"}),
        (
            "postgresql:///shop?host=/cloudsql/p:r:i&user=app&password=longpassword1",
            "/cloudsql/p:r:i:5432",
            {"user": "app", "password": "longpassword1", "dbname": "shop"},
        ),
        (
            "postgresql://app:pw@h1:5432,h2:5433/shop?target_session_attrs=read-write",
            "h1:5432,h2:5433",
            {"host": "h1,h2", "port": "5432,5433", "target_session_attrs": "read-write"},
        ),
        ("postgresql://u@/d?host=h1,h2&port=6432", "h1:6432,h2:6432", {"host": "h1,h2"}),
        ("postgresql://u@h1,h2/d", "h1:5432,h2:5432", {"host": "h1,h2"}),
        ("postgresql://u@[::1]:5433/d", "[::1]:5433", {"host": "::1"}),
        ("postgresql://u@/d?hostaddr=10.0.0.1", "10.0.0.1:5432", {"hostaddr": "10.0.0.1"}),
        ("postgresql:///d", "the local socket:5432", {"dbname": "d"}),
        ("postgresql://?service=shop", "service shop", {"service": "shop"}),
        ("postgresql+asyncpg://u@h/d?ssl=true", "h:5432", {"sslmode": "require"}),
        ("postgresql://u@h/d?options=-c%20jit%3Doff", "h:5432", {"options": "-c jit=off"}),
        ("postgresql://u@h/d?passfile=/run/pass", "h:5432", {"passfile": "/run/pass"}),
    ],
)
def test_a_url_is_read_as_libpq_reads_it(url: str, place: str, kept: dict[str, str]) -> None:
    """Sockets, parameters, several hosts, a service: nothing is dropped."""
    address = read(url)
    assert address.place == place
    assert kept.items() <= address.parameters.items()
    assert "longpassword1" not in repr(address)


def test_what_the_url_leaves_out_comes_from_libpqs_variables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It reads them itself when it connects; a message names the same place."""
    monkeypatch.setenv("PGHOST", "db.example")
    monkeypatch.setenv("PGPORT", "6432")
    monkeypatch.setenv("PGDATABASE", "shop")
    address = read("postgresql://")
    assert (address.place, dict(address.parameters)) == ("db.example:6432", {})
    assert read("postgresql://other/d").place == "other:6432"
    services = tmp_path / "services"
    services.write_text("[shop]\nhost=served.example\ndbname=shop\n", encoding="utf-8")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.delenv("PGHOST")
    monkeypatch.setenv("PGSERVICE", "shop")
    assert read("postgresql://").place == "served.example:6432"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://app:pw@/shop?host=h1:5432&host=h2:5433", "'host' 2 times"),
        ("postgresql://app:pw@/shop?host=h1:5432", "a port in its parameter host ('h1:5432')"),
        ("postgresql://u:pw@h/d?sslmod=require", "'sslmod', which neither libpq nor Prisma knows"),
        ("postgresql://u:pw@h1,h2,h3:1,h4/d?port=1,2", "2 ports for 4 hosts"),
        ("postgresql://u:pw@h:99999/d", "a port that isn't a number"),
        ("postgresql://u:1/topsecret@h/d", "holds a / in its user name or password"),
        ("postgresql://u:a?topsecret@h/d", "holds a ? in its user name or password"),
        ("postgresql://u:a?x=topsecret@h/d", "holds a ? in its user name or password"),
        ("postgresql://u:100%topsecret@h/d", "a % as %25"),
        ("host=h dbname=d password=topsecret", "must begin with postgresql://"),
    ],
)
def test_what_can_not_be_kept_is_refused_with_the_reason(url: str, why: str) -> None:
    """Nothing is dropped silently, and no part of a password is shown."""
    with pytest.raises(Blocked) as caught:
        read(url)
    assert why in caught.value.reason.text
    assert "topsecret" not in str(caught.value.reason)


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
        read(url)
    assert caught.value.reason.kind.value == "missing-config"
    assert caught.value.reason.text.startswith("DATABASE_URL ")
    assert "topsecret" not in str(caught.value.reason)
