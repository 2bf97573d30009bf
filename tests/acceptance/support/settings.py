"""The suite's settings: one typed object from the environment and `.env`.

Reading them calls no provider. A criterion gets a setting with `require_…`; if the variable is not
set, the criterion is BLOCKED, missing-config, with the variable's name. The names are the store's
own; those that begin with PRODSTATUS_ are this suite's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from pytest_prodstatus import blocked
from tests.acceptance.support.purchase.arming import PurchaseSettings
from tests.acceptance.support.secrets import Secret
from tests.acceptance.support.variables import Variables

ENVIRONMENTS = ("production", "sandbox")
_KEY_LENGTH = 32
DEFAULT_SALT = (
    "ivanreseller-production-salt-v1"  # of the store's format, not a secret; .env.example says it
)
_PAYPAL_HOSTS = {
    "production": "https://api-m.paypal.com",
    "sandbox": "https://api-m.sandbox.paypal.com",
}
_ALIEXPRESS_HOST = "https://api-sg.aliexpress.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPalAccess:
    """PayPal's address and the application that calls it."""

    base_url: str
    client_id: Secret
    client_secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that the suite is configured with.

    Attributes:
        target: the system judged, as the record names it.
        environment: which rows of the store are the target's: "production" or "sandbox".
        user_id: whose credential the OAuth criteria judge (TEST_USER_ID).
        window: how far back rows are judged (PRODSTATUS_WINDOW).
        purchase_grace: how long a paid order may take to be bought.
        sale_grace: how long a purchased order may take to become a sale.
        payout_grace: how long a sale may take to be paid out.
        max_unpurchased: how many paid orders in the window may have failed to be purchased.
        supplier_sample: how many of the newest orders are looked up at the supplier.
        payout_sample: how many of the newest sales have their payouts looked up.
        cycle_sample: how many of the newest candidates are traced through the whole cycle.
        accept_payoneer: whether payouts by Payoneer, which can't be looked up, are accepted.
        former_receivers: payout addresses that were right when older payouts were made.
        statement_timeout: how long one statement may run.
        lock_timeout: how long one statement may wait for a lock.
        connect_timeout: how long connecting may take.
        snapshot_budget: how long all questions to the database may take together.
        retry_budget: how long one question to a provider may take with its repeats.
        lookup_budget: how long all look-ups of one criterion may take together.
        wait: how long a new order may take to settle at the supplier.
        database_url: the store's database.
        encryption_key: ENCRYPTION_KEY, or JWT_SECRET if that is unset.
        encryption_salt: ENCRYPTION_SALT as it is, or the store's own default.
        supplier_token: the token that the store takes from its environment if it has no row.
        supplier_app_key: the application of that token.
        supplier_app_secret: signs its calls.
        aliexpress_base_url: the supplier's host.
        paypal_environment: which PayPal the configured application belongs to.
        paypal_base_url: PayPal's host, if it isn't the public one.
        paypal_prefix: what the names of the application's two variables begin with.
        paypal_client_id: the application.
        paypal_client_secret: its secret.
        purchase: what the one real order needs.
    """

    target: str
    environment: str
    user_id: int
    window: timedelta
    purchase_grace: timedelta
    sale_grace: timedelta
    payout_grace: timedelta
    max_unpurchased: int
    supplier_sample: int
    payout_sample: int
    cycle_sample: int
    accept_payoneer: bool
    former_receivers: frozenset[str] = field(repr=False)
    statement_timeout: timedelta
    lock_timeout: timedelta
    connect_timeout: timedelta
    snapshot_budget: timedelta
    retry_budget: timedelta
    lookup_budget: timedelta
    wait: timedelta
    database_url: Secret | None
    encryption_key: Secret | None
    encryption_salt: Secret
    supplier_token: Secret | None
    supplier_app_key: str | None
    supplier_app_secret: Secret | None
    aliexpress_base_url: str
    paypal_environment: str
    paypal_base_url: str | None
    paypal_prefix: str
    paypal_client_id: Secret | None
    paypal_client_secret: Secret | None
    purchase: PurchaseSettings

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], *, target: str, dotenv: Mapping[str, str]
    ) -> Settings:
        """Read the settings; the process environment wins over the `.env` file.

        Raises:
            Blocked: missing-config, if a variable is set to something that it can't be.
        """
        read = Variables(environ, dotenv)
        environment = _environment(read, target)
        paypal_environment = read.one_of("PAYPAL_ENVIRONMENT", ENVIRONMENTS, environment)
        prefix = "PAYPAL_"
        if paypal_environment == "production" and (
            read.text("PAYPAL_PRODUCTION_CLIENT_ID") or read.text("PAYPAL_PRODUCTION_CLIENT_SECRET")
        ):
            prefix = "PAYPAL_PRODUCTION_"
        return cls(
            target=target,
            environment=environment,
            user_id=read.number("TEST_USER_ID", 1, least=1),
            window=read.duration("PRODSTATUS_WINDOW", timedelta(days=30)),
            purchase_grace=read.duration("PRODSTATUS_PURCHASE_GRACE", timedelta(minutes=30)),
            sale_grace=read.duration("PRODSTATUS_SALE_GRACE", timedelta(minutes=10)),
            payout_grace=read.duration("PRODSTATUS_PAYOUT_GRACE", timedelta(hours=1)),
            max_unpurchased=read.number("PRODSTATUS_MAX_UNPURCHASED", 0),
            supplier_sample=read.number("PRODSTATUS_SUPPLIER_SAMPLE", 5, least=1),
            payout_sample=read.number("PRODSTATUS_PAYOUT_SAMPLE", 100, least=1),
            cycle_sample=read.number("PRODSTATUS_CYCLE_SAMPLE", 5, least=1),
            accept_payoneer=read.flag("PRODSTATUS_ACCEPT_PAYONEER"),
            former_receivers=read.words("PRODSTATUS_FORMER_PAYOUT_RECEIVERS"),
            statement_timeout=read.duration("PRODSTATUS_STATEMENT_TIMEOUT", timedelta(seconds=60)),
            lock_timeout=read.duration("PRODSTATUS_LOCK_TIMEOUT", timedelta(seconds=5)),
            connect_timeout=read.duration("PRODSTATUS_CONNECT_TIMEOUT", timedelta(seconds=10)),
            snapshot_budget=read.duration("PRODSTATUS_SNAPSHOT_BUDGET", timedelta(seconds=60)),
            retry_budget=read.duration("PRODSTATUS_RETRY_BUDGET", timedelta(seconds=30)),
            lookup_budget=read.duration("PRODSTATUS_LOOKUP_BUDGET", timedelta(minutes=5)),
            wait=read.duration("PRODSTATUS_WAIT", timedelta(seconds=60)),
            database_url=read.secret("DATABASE_URL"),
            encryption_key=read.secret("ENCRYPTION_KEY") or read.secret("JWT_SECRET"),
            encryption_salt=read.verbatim("ENCRYPTION_SALT") or Secret(DEFAULT_SALT),
            supplier_token=read.secret("ALIEXPRESS_DROPSHIPPING_ACCESS_TOKEN"),
            supplier_app_key=read.text("ALIEXPRESS_DROPSHIPPING_APP_KEY"),
            supplier_app_secret=read.secret("ALIEXPRESS_DROPSHIPPING_APP_SECRET"),
            aliexpress_base_url=read.base_url("ALIEXPRESS_API_BASE_URL") or _ALIEXPRESS_HOST,
            paypal_environment=paypal_environment,
            paypal_base_url=read.base_url("PAYPAL_API_BASE_URL"),
            paypal_prefix=prefix,
            paypal_client_id=read.secret(f"{prefix}CLIENT_ID"),
            paypal_client_secret=read.secret(f"{prefix}CLIENT_SECRET"),
            purchase=PurchaseSettings.read(read),
        )

    @property
    def people(self) -> frozenset[str]:
        """Text about people, to redact: the recipient's data, and earlier payout addresses."""
        recipient = self.purchase.recipient
        return self.former_receivers | frozenset(astuple(recipient) if recipient else ())

    @property
    def paypal_url(self) -> str:
        """PayPal's address in the target's environment."""
        return self.paypal_base_url or _PAYPAL_HOSTS[self.environment]

    def require_database_url(self) -> Secret:
        """Return the database's URL, or end as BLOCKED."""
        return self.database_url or _missing("DATABASE_URL", "the store's PostgreSQL URL")

    def require_encryption_key(self) -> Secret:
        """Return the key that credentials are encrypted with, or end as BLOCKED."""
        name = "ENCRYPTION_KEY"
        key = self.encryption_key or _missing(name, "the store's key (or its JWT_SECRET)")
        if len(key.reveal()) < _KEY_LENGTH:
            blocked(
                f"{name} (or JWT_SECRET) is shorter than {_KEY_LENGTH} characters, "
                "so it can't be the store's key",
                kind="missing-config",
                remedy=f"set {name} to the value that the store runs with",
            )
        return key

    def require_paypal(self) -> PayPalAccess:
        """Return the access to the PayPal of the target's environment, or end as BLOCKED."""
        if self.paypal_environment != self.environment:
            blocked(
                f"PAYPAL_ENVIRONMENT is {self.paypal_environment!r}, while the rows judged are "
                f"those of {self.environment!r}",
                kind="missing-config",
                remedy=f"set PAYPAL_ENVIRONMENT={self.environment} with that environment's client",
            )
        host = _host(self.paypal_base_url or "")
        theirs = "sandbox" if host.endswith(".sandbox.paypal.com") else "production"
        if host.endswith(".paypal.com") and theirs != self.environment:
            blocked(
                f"PAYPAL_API_BASE_URL is {theirs}'s host {host!r}, while the rows judged are "
                f"those of {self.environment!r}",
                kind="missing-config",
                remedy=f"unset PAYPAL_API_BASE_URL: {_PAYPAL_HOSTS[self.environment]} is the host",
            )
        description = f"the {self.environment} PayPal application's"
        names = (f"{self.paypal_prefix}CLIENT_ID", f"{self.paypal_prefix}CLIENT_SECRET")
        return PayPalAccess(
            base_url=self.paypal_url,
            client_id=self.paypal_client_id or _missing(names[0], description),
            client_secret=self.paypal_client_secret or _missing(names[1], description),
        )


def _environment(read: Variables, target: str) -> str:
    name = "PRODSTATUS_ENVIRONMENT"
    usual = "production" if target in ("production", "demo") else "sandbox"
    environment = read.one_of(name, ENVIRONMENTS, usual)
    if target == "production" and environment != "production":
        blocked(
            f"{name} is {environment!r}, and only production rows prove the production target",
            kind="missing-config",
            remedy=f"unset {name}, or judge another target with --target",
        )
    return environment


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:  # brackets without an address between them
        return ""


def _missing(name: str, description: str) -> Secret:
    blocked(
        f"{name} is not set",
        kind="missing-config",
        remedy=f"set {name} ({description}) in the environment or in .env",
    )
