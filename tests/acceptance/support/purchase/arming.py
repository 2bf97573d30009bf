"""What the one real order needs, and which of it is missing.

REAL_PLACEORDER arms only from the process environment: a line in a file that was forgotten, or
that came with a checkout, must not be able to spend money. It is the switch of the store's own
script too, so the command line has to ask for the order as well (`prodstatus_unintended`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pytest_prodstatus import Money
from tests.acceptance.support.purchase.store_command import StoreCommand
from tests.acceptance.support.secrets import Private
from tests.acceptance.support.variables import Variables

MODES = ("paid", "unpaid", "quote")
JOURNAL_LASTS = "this machine keeps it"
"""The words of PRODSTATUS_LOCAL_JOURNAL by which a journal in the user's state folder may guard."""
# Without a zero in front: one product would have two keys in the journal.
_PRODUCT_ID = re.compile(r"[1-9][0-9]{5,19}")
_PRODUCT_PATH = re.compile(r"(?:/[^/]+)*/(?:item|i)/(?:[^/]+/)?([1-9][0-9]{5,19})(?:\.html)?/?")
_HOST = re.compile(r"(?:[a-z0-9-]+\.)*aliexpress\.(?:com|us)", re.I | re.A)
_PERSON = ("FULL_NAME", "ADDRESS", "CITY", "STATE", "ZIP", "COUNTRY", "PHONE")
_PHONE = re.compile(r"\+(\d{1,3})[ -](\d[\d ()-]{3,18}\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """The recipient of the order; a person's data, so the repr shows only the country."""

    full_name: str = field(repr=False)
    address: str = field(repr=False)
    city: str = field(repr=False)
    state: str = field(repr=False)
    zip: str = field(repr=False)
    country: str
    phone: str = field(repr=False)
    phone_country: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseSettings:
    """The settings of the one real order.

    Attributes:
        armed: whether REAL_PLACEORDER is exactly `1` in the process environment.
        mode: "paid" buys, "unpaid" places an order that lapses, "quote" only gets the price.
        limit: the most that may be spent (PRODSTATUS_SPEND_LIMIT).
        product_id: the supplier's product, out of TEST_PRODUCT_URL.
        sku: the variant (TEST_PRODUCT_SKU); None for the cheapest in stock.
        recipient: the address, if all of it is given.
        private: the recipient's data, which nobody's words may repeat.
        command: the operators' own purchase command, None if none is configured.
        missing: the conditions that aren't met, each in words that name its variable.
    """

    armed: bool
    mode: str
    limit: Money | None
    product_id: str | None
    sku: str | None
    recipient: Recipient | None
    private: Private
    command: StoreCommand | None
    missing: tuple[str, ...]

    @classmethod
    def read(cls, read: Variables) -> PurchaseSettings:
        """Read what is given; nothing has a default but the mode and the variant."""
        armed = read.environ.get("REAL_PLACEORDER") == "1"
        missing = []
        if not armed:
            missing.append("REAL_PLACEORDER is not 1 in the process environment")
        limit = read.money("PRODSTATUS_SPEND_LIMIT")
        if limit is None:
            missing.append("PRODSTATUS_SPEND_LIMIT is not set")
        url = read.text("TEST_PRODUCT_URL")
        product_id = product_of(url) if url else None
        if url is None:
            missing.append("TEST_PRODUCT_URL is not set")
        elif product_id is None:
            missing.append(
                "TEST_PRODUCT_URL is not a product's at AliExpress, as in "
                "https://www.aliexpress.com/item/1005001234567890.html"
            )
        keeps = " ".join((read.text("PRODSTATUS_LOCAL_JOURNAL") or "").split()).lower()
        if read.text("PRODSTATUS_STATE_URL") is None and keeps != JOURNAL_LASTS:
            missing.append(
                "PRODSTATUS_STATE_URL is not set, and PRODSTATUS_LOCAL_JOURNAL does not say "
                f"{JOURNAL_LASTS!r}: a journal that gets lost prevents no second order"
            )
        recipient, wanting = _recipient(read)
        private = _private(read)
        command, lacking = StoreCommand.read(read, product_id=product_id, private=private)
        mode = read.one_of("PRODSTATUS_PLACEORDER_MODE", MODES, "paid")
        if command is not None and mode == "unpaid":
            missing.append(
                "PRODSTATUS_PLACEORDER_MODE is 'unpaid', which PRODSTATUS_PURCHASE_COMMAND can't do"
            )
        return cls(
            armed=armed,
            mode=mode,
            limit=limit,
            product_id=product_id,
            sku=read.text("TEST_PRODUCT_SKU"),
            recipient=recipient,
            private=private,
            command=command,
            missing=(*missing, *wanting, *lacking),
        )


def product_of(url: str) -> str | None:
    """Return the supplier's product that a URL, or a number by itself, names; None for no product.

    The host is AliExpress's, and nothing else stands beside it: another shop's number is another
    product. The number is read from the path alone: one in the query may be another product's.
    """
    if _PRODUCT_ID.fullmatch(url):
        return url
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc):
        return None
    found = _PRODUCT_PATH.fullmatch(parts.path)
    return found[1] if found else None


def _private(read: Variables) -> Private:
    """Return the recipient's data in every form in which it is sent, and each name by itself."""
    values = [value for name in _PERSON if (value := read.text(f"TEST_{name}"))]
    phone = _PHONE.fullmatch(read.text("TEST_PHONE") or "")
    if phone:
        values += [re.sub(r"\D", "", phone[2]), f"+{phone[1]}"]
    country = read.text("TEST_COUNTRY")
    names = re.findall(r"[^\W\d_]{2,}", read.text("TEST_FULL_NAME") or "")
    return Private([*values, *names, *([country.upper()] if country else [])])


def _recipient(read: Variables) -> tuple[Recipient | None, tuple[str, ...]]:
    parts = {name: read.text(f"TEST_{name}") for name in _PERSON}
    missing = [f"TEST_{name} is not set" for name, value in parts.items() if value is None]
    given = {name: value or "" for name, value in parts.items()}
    country = given["COUNTRY"].upper()
    if country and not re.fullmatch(r"[A-Z]{2}", country):
        missing.append("TEST_COUNTRY is not a country code of two letters")
    phone = _PHONE.fullmatch(given["PHONE"])
    if given["PHONE"] and phone is None:
        missing.append("TEST_PHONE is not of the form '+1 5550100000'")
    if missing or phone is None:
        return None, tuple(missing)
    recipient = Recipient(
        full_name=given["FULL_NAME"],
        address=given["ADDRESS"],
        city=given["CITY"],
        state=given["STATE"],
        zip=given["ZIP"],
        country=country,
        phone=re.sub(r"\D", "", phone[2]),
        phone_country=f"+{phone[1]}",
    )
    return recipient, ()
