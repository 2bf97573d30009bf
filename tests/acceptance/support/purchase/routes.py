"""The two ways to buy: the operators' own command, which proves the store's code, or our client."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tests.acceptance.support.aliexpress.client import AliExpressClient
from tests.acceptance.support.aliexpress.orders import Address, OrderRequest
from tests.acceptance.support.aliexpress.quotes import Quote
from tests.acceptance.support.errors import OutcomeUnknown, Skipped
from tests.acceptance.support.purchase.arming import PurchaseSettings, Recipient
from tests.acceptance.support.purchase.store_command import StoreCommand

_STORE, _COMMAND = "the store's", "purchase command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """An order that was made: the supplier's ids, at least one, and further evidence."""

    order_ids: tuple[str, ...]
    details: Mapping[str, object]


class Route(Protocol):
    """A way to place the one real order."""

    @property
    def name(self) -> Literal["direct", "store"]:
        """The route's name in the evidence and the journal."""

    def payload(self, quote: Quote) -> str:
        """Return what will be sent, as text; the journal keeps its digest."""

    def send(self, quote: Quote, out_order_id: str) -> Bought:
        """Place the order, at most once.

        Raises:
            OutcomeUnknown, RepeatedOrder: it is not known whether this made an order.
            ApiError: any other proves that it made none.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectRoute:
    """Our client's one POST."""

    client: AliExpressClient
    settings: PurchaseSettings

    @property
    def name(self) -> Literal["direct"]:
        """Its name."""
        return "direct"

    def payload(self, quote: Quote) -> str:
        """Return the request's parameters."""
        return json.dumps(self._request(quote, "").to_params(), sort_keys=True)

    def send(self, quote: Quote, out_order_id: str) -> Bought:
        """Post the order under its own key."""
        placed = self.client.place_order(self._request(quote, out_order_id))
        return Bought(order_ids=placed.order_ids, details={"request_id": placed.request_id})

    def _request(self, quote: Quote, out_order_id: str) -> OrderRequest:
        # Without a product and an address it would not be armed.
        assert self.settings.product_id
        assert self.settings.recipient
        return OrderRequest(
            out_order_id=out_order_id,
            product_id=self.settings.product_id,
            quantity=1,
            sku_attr=quote.sku.sku_attr,
            logistics_service=quote.delivery.code,
            address=_address(self.settings.recipient),
            currency=quote.total.currency,
            pay=self.settings.mode == "paid",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRoute:
    """The operators' command; it takes no idempotency key, so it is run only once."""

    command: StoreCommand = field(repr=False)

    @property
    def name(self) -> Literal["store"]:
        """Its name."""
        return "store"

    def payload(self, quote: Quote) -> str:
        """Return the command, its variables and what was quoted."""
        call = {"command": self.command.arguments, "variables": dict(self.command.variables)}
        quoted = {"sku": quote.sku.sku_id, "quote": str(quote.total)}
        return json.dumps({**call, **quoted}, sort_keys=True)

    def send(self, quote: Quote, out_order_id: str) -> Bought:
        """Run the command; only exit 0 with a new report of SUCCESS and an id is an order."""
        try:
            ran = self.command.run(sku=quote.sku.sku_id)
        except OSError as error:
            why = f"it could not be started ({error.strerror or type(error).__name__})"
            raise _skipped(why) from error
        report = ran.report
        if report and report.bought and ran.status == 0:
            return Bought(order_ids=(str(report.order_id),), details={"exit_status": ran.status})
        if report and report.skipped and ran.status is not None and ran.status >= 0:
            raise _skipped(f"it skipped the purchase: {ran.words or 'no details'}")
        outcome = "no new report"
        if report:
            order_id = self.command.private.mask(str(report.order_id))
            outcome = f"reports {report.status}, order id {order_id}"
        why = f"{ran.ending}, {outcome}"
        message = f"the order may or may not have been placed: {why} {ran.words}".rstrip()
        raise OutcomeUnknown(provider=_STORE, operation=_COMMAND, message=message)


def choose_route(settings: PurchaseSettings, client: AliExpressClient) -> Route:
    """Return the operators' command if one is configured, else our client."""
    if settings.command is not None:
        return StoreRoute(command=settings.command)
    return DirectRoute(client=client, settings=settings)


def _skipped(why: str) -> Skipped:
    return Skipped(provider=_STORE, operation=_COMMAND, message=why)


def _address(recipient: Recipient) -> Address:
    return Address(
        contact_person=recipient.full_name,
        address=recipient.address,
        city=recipient.city,
        province=recipient.state,
        country=recipient.country,
        zip=recipient.zip,
        mobile_no=recipient.phone,
        phone_country=recipient.phone_country,
    )
