"""The business methods of the AliExpress simulator, each from parameters to a response body."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.acceptance.demo.aliexpress_state import SimDelivery, SimProduct, SimSku, SupplierState

Body = dict[str, Any]

_ADDRESS = ("address", "city", "province", "country", "contact_person", "mobile_no", "zip")
# The provider tells times on its own wall clock, without a zone.
_WALL_CLOCK = timedelta(hours=-8)


class Refused(Exception):  # noqa: N818 - it is the gateway's answer
    """A gateway refusal: its code, its words and its type."""

    def __init__(self, code: str, words: str, *, type_: str = "ISV") -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.type_ = type_


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
    if order is not None and order.visible_from <= state.clock():
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
    options = [_option(each, product.currency) for each in product.deliveries]
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
