"""An AliExpress Open Platform that takes signed calls over HTTP on this machine.

It verifies key, signature, timestamp, permission and token by itself, in that order, and keeps the
orders it creates. `/sync` refuses with a nested `error_response`, `/rest` with a flat object: the
provider's gateways do both. Each business method is a function from parameters to a response body.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.acceptance.demo.aliexpress_state import (
    SimDelivery,
    SimProduct,
    SimSku,
    SupplierState,
)
from tests.acceptance.demo.simulator import Answer, Request, Simulator

Body = dict[str, Any]

SKEW_MS = 7_200_000
"""How far a timestamp may be from the provider's clock, in milliseconds."""

_REFRESH = "/auth/token/refresh"
_ADDRESS = ("address", "city", "province", "country", "contact_person", "mobile_no", "zip")
# The provider gives times by its own wall clock (UTC-8), without a zone.
_WALL_CLOCK = timedelta(hours=-8)


class Refused(Exception):  # noqa: N818 - it is the gateway's answer
    """A gateway refusal: its code, its words and its type."""

    def __init__(self, code: str, words: str, *, type_: str = "ISV") -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.type_ = type_


class AliExpressSimulator(Simulator[SupplierState]):
    """Serves a `SupplierState`."""

    def _handle(self, request: Request) -> Answer:
        if request.verb != "POST":
            return Answer(status=405, body={"message": "POST only"})
        if request.path == "/sync":
            return self._business(request.form)
        if request.path.startswith("/rest/"):
            return self._system(request.path.removeprefix("/rest"), request.form)
        return Answer(status=404, body={"message": "no such path"})

    def _business(self, form: Mapping[str, str]) -> Answer:
        method = form.get("method", "")
        self.state.requests[method] += 1
        try:
            self._verify("", form)
            self._authorise(method, form.get("session", ""))
            body = METHODS[method](self.state, form)
        except Refused as refused:
            return Answer(body={"error_response": self._error(refused, "msg")})
        request_id = self._request_id()
        return Answer(
            body={f"{method.replace('.', '_')}_response": body | {"request_id": request_id}}
        )

    def _system(self, path: str, form: Mapping[str, str]) -> Answer:
        self.state.requests[path] += 1
        try:
            self._verify(path, form)
            body = self._refreshed(path, form.get("refresh_token", ""))
        except Refused as refused:
            return Answer(body=self._error(refused, "message"))
        return Answer(body={**body, "code": "0", "request_id": self._request_id()})

    def _verify(self, path: str, form: Mapping[str, str]) -> None:
        state = self.state
        for name in ("app_key", "timestamp", "sign_method", "sign"):
            if not form.get(name):
                raise Refused("MissingParameter", f"The input parameter {name} is missing")
        if form["app_key"] != state.app_key:
            raise Refused("InvalidAppKey", "The specified app key is invalid")
        stamp, now = form["timestamp"], state.clock().timestamp() * 1000
        if not stamp.isdecimal() or abs(int(stamp) - now) > SKEW_MS:
            raise Refused("IllegalTimestamp", "The timestamp is too far from the server's time")
        signed = path
        for name, value in sorted(form.items()):
            if name != "sign":
                signed += name + value
        expected = hmac.digest(state.app_secret.encode(), signed.encode(), hashlib.sha256).hex()
        if form["sign_method"] != "sha256" or not _same(form["sign"], expected.upper()):
            words = "The request signature does not conform to platform standards"
            raise Refused("IncompleteSignature", words)

    def _authorise(self, method: str, token: str) -> None:
        state = self.state
        if method not in METHODS:
            raise Refused("InvalidApiPath", f"the api {method} does not exist")
        if state.permissions is not None and method not in state.permissions:
            raise Refused("InsufficientPermission", "the app has no permission for this api")
        known = _same(token, state.access_token) or token in state.sellers
        if state.faults.reject_token or not known:
            words = "The specified access token is invalid or expired"
            raise Refused("IllegalAccessToken", words)

    def _refreshed(self, path: str, refresh_token: str) -> dict[str, Any]:
        state = self.state
        if path != _REFRESH:
            raise Refused("InvalidApiPath", f"the api {path} does not exist")
        if not state.refresh_token or not _same(refresh_token, state.refresh_token):
            raise Refused(
                "IllegalRefreshToken", "The specified refresh token is invalid or expired"
            )
        state.access_token = f"5000{secrets.token_hex(20)}"
        state.refresh_token = f"5001{secrets.token_hex(20)}"
        seconds = int(state.token_lifetime.total_seconds())
        now = int(state.clock().timestamp() * 1000)
        return {
            "access_token": state.access_token,
            "refresh_token": state.refresh_token,
            "expires_in": seconds,
            "refresh_expires_in": 2 * seconds,
            "expire_time": now + 1000 * seconds,
            "refresh_token_valid_time": now + 2000 * seconds,
            "user_nick": "demo",
            "sp": "ae",
        }

    def _error(self, refused: Refused, words: str) -> dict[str, Any]:
        return {
            "type": refused.type_,
            "code": refused.code,
            words: refused.words,
            "request_id": self._request_id(),
        }

    def _rate_limited(self, seconds: float) -> Answer:
        words = f"The request frequency exceeds the limit, this ban will last {seconds:g} seconds"
        refused = Refused("ApiCallLimit", words, type_="SYSTEM")
        return Answer(body={"error_response": self._error(refused, "msg")})

    def _broken(self, status: int) -> Answer:
        refused = Refused("ServiceUnavailable", "The service is unavailable", type_="SYSTEM")
        return Answer(status=status, body=self._error(refused, "message"))

    def _request_id(self) -> str:
        return f"2141{next(self._numbers):020d}"


def member_benefit(state: SupplierState, form: Mapping[str, str]) -> Body:
    """Answer `aliexpress.ds.member.benefit.get`."""
    return {"result": {"level": "A1", "is_success": "true"}, "rsp_code": "200"}


def feed_names(state: SupplierState, form: Mapping[str, str]) -> Body:
    """Answer `aliexpress.ds.feedname.get`."""
    promos = [{"promo_name": "DS bestseller", "product_num": str(len(state.products))}]
    return {"result": {"promos": {"promo": promos}}, "rsp_code": 200}


def get_order(state: SupplierState, form: Mapping[str, str]) -> Body:
    """Answer `aliexpress.trade.ds.order.get`: an empty result for an order it doesn't know."""
    order = state.orders.get(str(_object(form, "single_order_query").get("order_id")))
    found: Body = {}
    seller = state.sellers.get(form.get("session", ""), "")
    if order is not None and order.seller == seller and order.visible_from <= state.clock():
        wall = order.created_at + _WALL_CLOCK
        found = {
            "order_status": order.status,
            "logistics_status": order.logistics_status,
            "gmt_create": wall.strftime("%Y-%m-%d %H:%M:%S"),
            "order_amount": {"amount": str(order.amount), "currency_code": order.currency},
        }
        if order.end_reason is not None:
            found["end_reason"] = order.end_reason
    return {"result": found, "rsp_code": "200", "rsp_msg": "Call succeeds"}


def get_product(state: SupplierState, form: Mapping[str, str]) -> Body:
    """Answer `aliexpress.ds.product.get`: an empty result for a product it doesn't know."""
    product = state.products.get(form.get("product_id", ""))
    if product is None:
        return {"result": {}, "rsp_code": 200, "rsp_msg": "Call succeeds"}
    rows = [
        {
            "sku_id": sku.sku_id,
            "sku_attr": sku.sku_attr,
            "offer_sale_price": str(sku.price),
            "sku_price": str(sku.price * 2),
            "sku_available_stock": sku.stock,
            "currency_code": product.currency,
        }
        for sku in product.skus
    ]
    result = {
        "ae_item_base_info_dto": {
            "product_id": product.product_id,
            "subject": product.title,
            "currency_code": product.currency,
        },
        "ae_item_sku_info_dtos": {"ae_item_sku_info_d_t_o": rows},
    }
    return {"result": result, "rsp_code": 200, "rsp_msg": "Call succeeds"}


def query_freight(state: SupplierState, form: Mapping[str, str]) -> Body:
    """Answer `aliexpress.ds.freight.query`."""
    query = _object(form, "queryDeliveryReq")
    product = state.products.get(str(query.get("productId")))
    if product is None or _sku(product, "sku_id", query.get("selectedSkuId")) is None:
        return {"result": {"success": "false", "code": "501", "msg": "DELIVERY_INFO_EMPTY"}}
    options = [_option(delivery, product.currency) for delivery in product.deliveries]
    listed = {"delivery_option_d_t_o": options}
    return {"result": {"success": "true", "code": 200, "msg": "ok", "delivery_options": listed}}


def create_order(state: SupplierState, form: Mapping[str, str]) -> Body:
    """Answer `aliexpress.ds.order.create`: the order exists once this returns success."""
    order = _object(form, "param_place_order_request4_open_api_d_t_o")
    payment = _object(form, "ds_extend_request").get("payment", {})
    address = order.get("logistics_address", {})
    out_order_id = str(order.get("out_order_id") or "")
    missing = [name for name in _ADDRESS if not address.get(name)]
    if missing or len(str(address.get("country"))) != 2:
        words = f"the address lacks {', '.join(missing) or 'a country of two letters'}"
        return _failed("B_DROPSHIPPER_DELIVERY_ADDRESS_VALIDATE_FAIL", words)
    if out_order_id and state.repeated(out_order_id):
        return _failed("REPEATED_ORDER_ERROR", "the same order was placed before")
    total, currency = Decimal(0), "USD"
    for item in order.get("product_items") or [{}]:
        product = state.products.get(str(item.get("product_id")))
        sku = _sku(product, "sku_attr", item.get("sku_attr")) if product else None
        if product is None or sku is None:
            return _failed("SKU_NOT_EXIST", "the product or its sku does not exist")
        count = int(item.get("product_count", 0))
        if not 0 < count <= sku.stock:
            return _failed("INVENTORY_HOLD_ERROR", "the stock is not sufficient")
        chosen = [d for d in product.deliveries if d.code == item.get("logistics_service_name")]
        if not chosen:
            return _failed("DELIVERY_METHOD_NOT_EXIST", "the logistics service does not exist")
        fee = Decimal(0) if chosen[0].wording == "free" else chosen[0].fee
        total, currency = total + sku.price * count + fee, product.currency
    paid = payment.get("try_to_pay") in (True, "true")
    made = state.create_order(out_order_id, total, currency, paid=paid)
    return {"result": {"is_success": True, "order_list": {"number": [int(made.order_id)]}}}


METHODS: Mapping[str, Callable[[SupplierState, Mapping[str, str]], Body]] = {
    "aliexpress.ds.member.benefit.get": member_benefit,
    "aliexpress.ds.feedname.get": feed_names,
    "aliexpress.trade.ds.order.get": get_order,
    "aliexpress.ds.product.get": get_product,
    "aliexpress.ds.freight.query": query_freight,
    "aliexpress.ds.order.create": create_order,
    "aliexpress.trade.buy.placeorder": create_order,
}
"""Every method that the simulator answers."""


def _object(form: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        value = json.loads(form.get(name, ""))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Refused("InvalidParameter", f"The parameter {name} is not a JSON object")
    return value


def _failed(code: str, words: str) -> Body:
    return {"result": {"is_success": False, "error_code": code, "error_msg": words}}


def _sku(product: SimProduct, key: str, wanted: object) -> SimSku | None:
    return next((sku for sku in product.skus if getattr(sku, key) == wanted), None)


def _option(delivery: SimDelivery, currency: str) -> Body:
    free = delivery.wording == "free"
    fee = Decimal(0) if free else delivery.fee
    cents = fee * 100 if delivery.wording == "cents" else fee
    option = {
        "code": delivery.code,
        "company": delivery.company,
        "shipping_fee_cent": f"{cents.normalize():f}" if delivery.wording == "cents" else str(fee),
        "shipping_fee_currency": currency,
        "free_shipping": "true" if free else "false",
        "min_delivery_days": "7",
        "max_delivery_days": "15",
    }
    if delivery.wording in ("units", "cents"):
        prefix = "US $" if currency == "USD" else f"{currency} "
        option["shipping_fee_format"] = f"{prefix}{fee:,.2f}"
    return option


def _same(expected: str, other: str) -> bool:
    return hmac.compare_digest(expected.encode(), other.encode())
