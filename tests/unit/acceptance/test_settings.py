"""Settings: their sources, their defaults, and the reason if one is missing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pytest_prodstatus import Blocked, Money
from tests.acceptance.support.secrets import Secret
from tests.acceptance.support.settings import Settings
from tests.acceptance.support.variables import read_dotenv
from tests.unit.acceptance.purchases import ARMED

Make = Callable[..., Settings]


def test_nothing_is_needed_to_make_them(variables: Make) -> None:
    """Every default is the one that is documented."""
    found = variables()
    assert (found.environment, found.user_id) == ("production", 1)
    assert (found.window, found.payout_grace) == (timedelta(days=30), timedelta(hours=1))
    graces = (found.purchase_grace, found.sale_grace)
    assert graces == (timedelta(minutes=30), timedelta(minutes=10))
    bounds = (found.connect_timeout, found.lock_timeout, found.statement_timeout)
    assert [bound.total_seconds() for bound in bounds] == [10, 5, 60]
    assert found.snapshot_budget == timedelta(seconds=60)
    assert found.lookup_budget == timedelta(minutes=5)
    assert found.database_url is None
    assert not found.purchase.armed


def test_the_environment_wins_over_the_file() -> None:
    """And a blank variable is an unset one."""
    found = Settings.from_environment(
        {"TEST_USER_ID": "7", "DATABASE_URL": " "},
        target="production",
        dotenv={"TEST_USER_ID": "8", "DATABASE_URL": "postgresql://h/d"},
    )
    assert (found.user_id, found.require_database_url()) == (7, Secret("postgresql://h/d"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRODSTATUS_WINDOW", "a month"),
        ("PRODSTATUS_WINDOW", "0d"),
        ("TEST_USER_ID", "0"),
        ("PRODSTATUS_PAYOUT_SAMPLE", "-1"),
        ("PAYPAL_ENVIRONMENT", "live"),
        ("PRODSTATUS_SPEND_LIMIT", "25"),
        ("PRODSTATUS_SPEND_LIMIT", "-1 USD"),
        ("PRODSTATUS_PLACEORDER_MODE", "pay"),
        ("PRODSTATUS_ENVIRONMENT", "sandbox"),
        ("PAYPAL_API_BASE_URL", "http://paypal.example"),
        ("ALIEXPRESS_API_BASE_URL", "api-sg.aliexpress.com"),
        ("ALIEXPRESS_API_BASE_URL", "https://api..example"),
        ("PAYPAL_API_BASE_URL", "https://user:planted@paypal.example"),
        ("ALIEXPRESS_DROPSHIPPING_ACCESS_TOKEN", "planted\udcff"),
        ("ENCRYPTION_SALT", "planted\udcff"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(variables: Make, name: str, value: str) -> None:
    """Never replaced by the default: a person set it on purpose."""
    with pytest.raises(Blocked) as caught:
        variables(**{name: value})
    assert caught.value.reason.kind.value == "missing-config"
    assert name in caught.value.reason.text


def test_sandbox_rows_are_for_another_target(variables: Make) -> None:
    """The production target judges production rows; others those configured, else the sandbox."""
    assert variables(target="staging").environment == "sandbox"
    assert variables(target="staging", PRODSTATUS_ENVIRONMENT="production").environment == (
        "production"
    )


def test_the_production_application_wins(variables: Make) -> None:
    """If either of its variables is set, both have to be."""
    both = {"PAYPAL_CLIENT_ID": "a", "PAYPAL_CLIENT_SECRET": "b"}
    assert variables(**both).require_paypal().client_id == Secret("a")
    found = variables(
        **both, PAYPAL_PRODUCTION_CLIENT_ID="c", PAYPAL_PRODUCTION_CLIENT_SECRET="d"
    ).require_paypal()
    assert (found.client_id, found.client_secret) == (Secret("c"), Secret("d"))
    for half, other in (("ID", "SECRET"), ("SECRET", "ID")):
        with pytest.raises(Blocked, match=f"^PAYPAL_PRODUCTION_CLIENT_{other} is not set$"):
            variables(**both, **{f"PAYPAL_PRODUCTION_CLIENT_{half}": "c"}).require_paypal()


def test_a_sandbox_paypal_does_not_prove_production(variables: Make) -> None:
    """It is another PayPal altogether."""
    with pytest.raises(Blocked, match="PAYPAL_ENVIRONMENT is 'sandbox'"):
        variables(PAYPAL_ENVIRONMENT="sandbox", PAYPAL_CLIENT_ID="a").require_paypal()


@pytest.mark.parametrize(
    ("target", "host", "right"),
    [
        ("production", "https://api-m.sandbox.paypal.com", False),
        ("production", "https://API-M.Sandbox.PayPal.com.:443/", False),
        ("production", "https://api.sandbox.paypal.com", False),
        ("production", "https://api-m.paypal.com", True),
        ("production", "https://sandbox.paypal.com.example.test", True),
        ("staging", "https://api-m.paypal.com", False),
        ("staging", "https://api-m.sandbox.paypal.com/", True),
        ("staging", "http://127.0.0.1:8080", True),
    ],
)
def test_a_host_of_paypal_is_that_of_the_environment(
    variables: Make, target: str, host: str, right: bool
) -> None:
    """The sandbox's answers prove nothing about production; a host of one's own may be either."""
    access = {"PAYPAL_CLIENT_ID": "a", "PAYPAL_CLIENT_SECRET": "b", "PAYPAL_API_BASE_URL": host}
    found = variables(target=target, **access)
    if right:
        assert found.require_paypal().base_url == host
        return
    with pytest.raises(Blocked, match=r"^PAYPAL_API_BASE_URL is") as caught:
        found.require_paypal()
    assert caught.value.reason.kind.value == "missing-config"


_DOTENV = "TEST_USER_ID=7\r\nTEST_CITY='Málaga-Centro'\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    """A byte-order mark is no part of the first name."""
    path = tmp_path / ".env"
    path.write_bytes(_DOTENV.encode(encoding))
    assert read_dotenv(path) == {"TEST_USER_ID": "7", "TEST_CITY": "Málaga-Centro"}


@pytest.mark.parametrize(
    ("encoding", "line"), [("latin-1", 2), ("cp1252", 2), ("utf-16-le", 1), ("utf-16-be", 1)]
)
def test_a_file_in_another_encoding_is_refused(tmp_path: Path, encoding: str, line: int) -> None:
    """A guess could send the one real order elsewhere; the line is named, and not shown."""
    path = tmp_path / ".env"
    path.write_bytes(_DOTENV.encode(encoding))
    with pytest.raises(Blocked, match=rf"^line {line} of \.env is not in UTF-8") as caught:
        read_dotenv(path)
    assert (caught.value.reason.kind.value, "laga" in caught.value.reason.text) == (
        "missing-config",
        False,
    )


def test_secrets_and_people_are_not_shown(variables: Make) -> None:
    """Not in a traceback's locals either."""
    shown = repr(variables(DATABASE_URL="postgresql://u:hunter2@h/d", **ARMED))
    assert "hunter2" not in shown
    assert "A. Person" not in shown
    assert "555" not in shown


def test_an_armed_purchase_has_everything(variables: Make) -> None:
    """Product, address and cap as they were given."""
    found = variables(**ARMED).purchase
    assert found.missing == ()
    assert (found.product_id, found.limit) == ("1005001234567890", Money("25.00", "USD"))
    assert found.recipient is not None
    assert (found.recipient.country, found.recipient.phone_country, found.recipient.phone) == (
        "US",
        "+1",
        "5550100000",
    )


@pytest.mark.parametrize("name", sorted(ARMED))
def test_every_missing_condition_is_named(variables: Make, name: str) -> None:
    """There are no placeholders."""
    found = variables(**{key: value for key, value in ARMED.items() if key != name})
    assert [name in text for text in found.purchase.missing] == [True]


@pytest.mark.parametrize("value", ["true", " 1", "1 ", "01", "yes", ""])
def test_arming_is_exactly_one(variables: Make, value: str) -> None:
    """Anything else is not armed."""
    assert not variables(**{**ARMED, "REAL_PLACEORDER": value}).purchase.armed


def test_a_file_never_arms() -> None:
    """It may have been forgotten, or come with a checkout."""
    found = Settings.from_environment({}, target="production", dotenv=ARMED)
    assert found.purchase.missing == ("REAL_PLACEORDER is not 1 in the process environment",)


def test_each_name_of_the_recipient_is_private(variables: Make) -> None:
    """However short: Ng and Li are names, an initial is none."""
    private = variables(**{**ARMED, "TEST_FULL_NAME": "J. Li Ng"}).purchase.private
    assert private.mask("Mr NG, J. li, of J") == "Mr ********, J. ********, of J"


@pytest.mark.parametrize(
    "url", ["01005001234567890", "https://www.aliexpress.com/item/0100500123.html"]
)
def test_a_product_has_one_number(variables: Make, url: str) -> None:
    """With a zero in front it would be another product to the journal, and be bought again."""
    assert variables(**{**ARMED, "TEST_PRODUCT_URL": url}).purchase.product_id is None


@pytest.mark.parametrize(
    ("place", "known"),
    [
        ("https://www.aliexpress.com", True),
        ("https://es.aliexpress.com", True),
        ("HTTPS://AliExpress.com", True),
        ("http://m.aliexpress.us", True),
        ("www.aliexpress.com", True),
        ("https://evil-aliexpress.com", False),
        ("https://aliexpress.com.evil.example", False),
        ("https://aliexpress.com@evil.example", False),
        ("https://evil.example@aliexpress.com", False),
        ("https://evil.example\\@aliexpress.com", False),
        ("https://evil.example#@aliexpress.com", False),
        ("https://evil.example/aliexpress.com", False),
        ("https://evil.example?aliexpress.com", False),
        ("https://aliexpress.com:8443", False),
        ("https://aliexpress.co", False),
        ("https://\u0430liexpress.com", False),
        ("https://aliexpre\u017f\u017f.com", False),
        ("ftp://www.aliexpress.com", False),
        ("https://", False),
        ("", False),
    ],
)
def test_a_product_is_aliexpresss(variables: Make, place: str, known: bool) -> None:
    """The number of another shop's page is another product's at the supplier."""
    url = f"{place}/item/1005001234567890.html"
    purchase = variables(**{**ARMED, "TEST_PRODUCT_URL": url}).purchase
    assert purchase.product_id == ("1005001234567890" if known else None)
    assert known or any("not a product's at AliExpress" in text for text in purchase.missing)
