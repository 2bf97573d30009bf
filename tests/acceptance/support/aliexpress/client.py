"""The AliExpress client: read-only calls, repeated within a budget, and one order, sent once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pytest_prodstatus import Money
from tests.acceptance.support.aliexpress.gateway import (
    PROVIDER,
    REFUSALS,
    Envelope,
    Gateway,
    is_about_token,
)
from tests.acceptance.support.aliexpress.orders import (
    OrderRequest,
    PlacedOrder,
    SupplierOrder,
    is_end_reason,
    read_order,
    read_placed,
)
from tests.acceptance.support.aliexpress.quotes import (
    DeliveryOption,
    Product,
    Quote,
    Sku,
    read_delivery,
    read_product,
)
from tests.acceptance.support.errors import (
    ApiError,
    NetworkFault,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    QuoteUnreadable,
    RepeatedOrder,
    RequestRefused,
    Unavailable,
)
from tests.acceptance.support.masking import MASK

_BENEFIT = "aliexpress.ds.member.benefit.get"
_ORDER = "aliexpress.trade.ds.order.get"
_PRODUCT = "aliexpress.ds.product.get"
_FREIGHT = "aliexpress.ds.freight.query"
_CREATE = "aliexpress.ds.order.create"
_PROBES: Mapping[str, Mapping[str, str]] = {
    _BENEFIT: {},
    "aliexpress.ds.feedname.get": {},
    _ORDER: {"single_order_query": '{"order_id":"1"}'},
}
"""Calls that change nothing, by which a token is tried; the last is one that the suite needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer whose content doesn't matter: the method, and the provider's id of the call."""

    method: str
    request_id: str


class AliExpressClient(Gateway):
    """Makes read-only calls to AliExpress with one seller's token, and places one order.

    Every method raises `errors.ApiError`: OurFault, ProviderFault or NetworkFault.
    """

    def member_benefit(self) -> Answer:
        """Make a harmless read-only call: an answer proves that the token is accepted."""
        return Answer(method=_BENEFIT, request_id=self._ask(_BENEFIT).request_id)

    def proof_of_token(self) -> Answer:
        """Make a read-only call that the application may make; its answer proves the token.

        That the requested thing doesn't exist is an answer, too. A failure of one service says
        nothing of the token, so that the next one is called.

        Raises:
            NotPermitted: the application may make none of them, which says nothing of the token.
            Unavailable: no service that it may call gave an answer.
        """
        refusal: NotPermitted | None = None
        failure: ApiError | None = None
        for method, parameters in _PROBES.items():
            try:
                reply = self._ask(method, parameters)
            except NotFound as error:  # noqa: PERF203 - at most three calls
                return Answer(method=method, request_id=error.request_id or "")
            except NotPermitted as error:
                refusal = refusal or error
            except (RequestRefused, Unavailable) as error:
                if error.http_status != 200 or is_about_token(error.code):
                    raise  # it isn't the service that fails
                failure = failure or error
            else:
                return Answer(method=method, request_id=reply.request_id)
        if isinstance(failure, RequestRefused):
            raise Unavailable(**vars(failure)) from failure
        raised = failure or refusal
        assert raised is not None
        raise raised

    def order(self, order_id: str) -> SupplierOrder | None:
        """Look an order up; None for one that the supplier doesn't know.

        An order can be found about ten seconds after it was placed.
        """
        query = json.dumps({"order_id": order_id}, separators=(",", ":"))
        try:
            envelope = self._ask(_ORDER, {"single_order_query": query})
        except NotFound:
            return None
        return self._reading(_ORDER, lambda: self._order(order_id, envelope))

    def _order(self, order_id: str, envelope: Envelope) -> SupplierOrder | None:
        order = read_order(order_id, envelope)
        if order is None:
            return None
        # Both are shown.
        end_reason = order.end_reason
        if end_reason is not None and not is_end_reason(end_reason):
            end_reason = self._code(end_reason) or MASK
        return replace(order, status=self._code(order.status) or MASK, end_reason=end_reason)

    def product(
        self, product_id: str, *, ship_to: str, currency: str, language: str = "en"
    ) -> Product:
        """Return a product's variants, priced for a country (two letters) in a currency.

        Raises:
            NotFound: the supplier doesn't know the product.
        """
        params = {
            "product_id": product_id,
            "ship_to_country": ship_to,
            "target_currency": currency,
            "target_language": language,
        }
        envelope = self._ask(_PRODUCT, params)
        if self._reading(_PRODUCT, lambda: envelope.known) is None:
            raise NotFound(
                provider=PROVIDER,
                operation=_PRODUCT,
                message=f"the supplier doesn't know the product {product_id!r}",
                request_id=envelope.request_id or None,
            )
        return self._reading(_PRODUCT, lambda: read_product(envelope))

    def freight(
        self,
        product_id: str,
        sku_id: str,
        quantity: int,
        *,
        ship_to: str,
        currency: str,
        language: str = "en",
        locale: str = "en_US",
    ) -> tuple[DeliveryOption, ...]:
        """Return the ways to have a variant delivered, with fees in a currency."""
        query = {
            "quantity": str(quantity),
            "shipToCountry": ship_to,
            "productId": product_id,
            "selectedSkuId": sku_id,
            "language": language,
            "locale": locale,
            "currency": currency,
        }
        envelope = self._ask(_FREIGHT, {"queryDeliveryReq": json.dumps(query)})
        return self._reading(_FREIGHT, lambda: read_delivery(envelope, requested=currency))

    def quote(
        self,
        product_id: str,
        *,
        sku_id: str | None,
        quantity: int,
        ship_to: str,
        currency: str,
    ) -> Quote:
        """Return the price of an order with the cheapest delivery whose fee is known for certain.

        Args:
            product_id: the supplier's product.
            sku_id: the variant's id or attributes; None for the cheapest with enough stock.
            quantity: the number of pieces, at least one.
            ship_to: the country, two letters.
            currency: the currency of the payment.

        Raises:
            QuoteUnreadable: not enough in stock, another currency or product, or no settled
                delivery fee.
        """
        if quantity < 1:
            msg = f"a quantity is at least 1, not {quantity!r}"
            raise ValueError(msg)
        product = self.product(product_id, ship_to=ship_to, currency=currency)
        # A second number of one product would be a second key in the journal.
        if product.product_id not in (None, product_id):
            raise QuoteUnreadable(
                provider=PROVIDER,
                operation=_PRODUCT,
                message=f"the answer for product {product_id} is about {product.product_id}: "
                "ask for it by that number",
                request_id=product.request_id or None,
            )
        sku = _chosen(product, sku_id, quantity, currency)
        options = self.freight(product_id, sku.sku_id, quantity, ship_to=ship_to, currency=currency)
        fees = [(option.fee, option) for option in options if option.fee is not None]
        settled = [(fee, option) for fee, option in fees if fee.currency == currency]
        if not settled:
            found = f"none of {len(options)} delivery options" if options else "no delivery option"
            raise QuoteUnreadable(
                provider=PROVIDER,
                operation=_FREIGHT,
                message=f"{found} has a settled fee in {currency}",
                request_id=options[0].request_id or None if options else None,
            )
        fee, delivery = min(settled, key=lambda pair: (pair[0].amount, pair[1].code))
        price = Money(sku.price.amount * quantity, currency)
        return Quote(
            sku=sku,
            delivery=delivery,
            price=price,
            freight=fee,
            total=Money(price.amount + fee.amount, currency),
            request_ids=(product.request_id, delivery.request_id),
        )

    def place_order(self, order: OrderRequest) -> PlacedOrder:
        """Place an order: one POST on a connection of its own, never made again.

        Raises:
            OutcomeUnknown: the order may or may not exist (a time-out, a cut, an answer that can't
                be read, a success without an order id, or a refusal whose code isn't one of
                `REFUSALS`).
            RepeatedOrder: an order with this out_order_id exists already.
            ApiError: any other one proves that this call ordered nothing.
        """
        try:
            envelope = self._call(_CREATE, order.to_params(), fresh=True, orders=True)
            order_ids = self._reading(_CREATE, lambda: read_placed(envelope))
        except ApiError as error:
            if isinstance(error, RepeatedOrder) or not _may_have_ordered(error):
                raise
            raise _unknown(error.message, error) from error
        if not order_ids:
            raise _unknown("the supplier reports success but no order id", envelope)
        return PlacedOrder(order_ids=order_ids, request_id=envelope.request_id)


def _may_have_ordered(error: ApiError) -> bool:
    """Return whether an error leaves it open if an order was made."""
    if isinstance(error, NetworkFault):
        return error.sent
    if isinstance(error, Unavailable):
        return True
    # Without a status it was raised before anything was sent.
    return error.http_status is not None and error.code not in REFUSALS


def _unknown(cause: str, source: ApiError | Envelope) -> OutcomeUnknown:
    error = source if isinstance(source, ApiError) else None
    return OutcomeUnknown(
        provider=PROVIDER,
        operation=_CREATE,
        message=f"the order may or may not have been placed: {cause}",
        code=error.code if error else None,
        request_id=source.request_id or None,
        http_status=error.http_status if error else None,
    )


def _chosen(product: Product, wanted: str | None, quantity: int, currency: str) -> Sku:
    """Return the variant to buy: the wanted one, else the cheapest, with enough in stock."""
    named = [sku for sku in product.skus if wanted is None or wanted in (sku.sku_id, sku.sku_attr)]
    priced = [sku for sku in named if sku.price.currency == currency]
    stocked = [sku for sku in priced if sku.stock >= quantity]
    which = "variant" if wanted is None else f"variant {wanted!r}"
    if stocked:
        chosen = min(stocked, key=lambda sku: (sku.price.amount, sku.sku_id))
        if product.identifies(chosen):
            return chosen
        cause = f"its attributes don't tell the {which} from the others"
    elif not named:
        cause = f"the product has no {which} with a price that can be read"
    elif not priced:
        cause = f"no {which} is priced in {currency}"
    else:
        cause = f"no {which} has {quantity} in stock"
    raise QuoteUnreadable(
        provider=PROVIDER,
        operation=_PRODUCT,
        message=cause,
        request_id=product.request_id or None,
    )
