"""AliExpress signatures, against the published vectors."""

from __future__ import annotations

from tests.acceptance.support.aliexpress.gateway import sign
from tests.acceptance.support.secrets import Secret

SECRET = Secret("helloworld")
BUSINESS = {
    "app_key": "12345678",
    "format": "json",
    "method": "aliexpress.trade.ds.order.get",
    "partner_id": "iop-sdk-python-20220609",
    "session": "test",
    "sign_method": "sha256",
    "simplify": "false",
    "single_order_query": '{"order_id":"10000001"}',
    "timestamp": "1517820392000",
}
BUSINESS_SIGN = "63C750EE5C1591A8DB38DFEB5E76B7436A5BF589A9CEAAB156F3D10E586712D5"


def test_a_business_call_signs_its_parameters_alone() -> None:
    """The method's name and the path /sync aren't part of the message."""
    assert sign("/sync", BUSINESS, SECRET) == BUSINESS_SIGN
    assert sign("aliexpress.trade.ds.order.get", BUSINESS, SECRET) == BUSINESS_SIGN


def test_a_system_call_signs_its_path_too() -> None:
    """The path stands before the parameters."""
    params = {
        "app_key": "12345678",
        "code": "3_500102_JxZ05Ux3cnnSSUm6dCxYg6Q26",
        "sign_method": "sha256",
        "timestamp": "1517820392000",
    }
    expected = "35607762342831B6A417A0DED84B79C05FEFBF116969C48AD6DC00279A9F4D81"
    assert sign("/auth/token/create", params, SECRET) == expected


def test_neither_order_nor_an_old_signature_matter() -> None:
    """Parameters are sorted by key, and `sign` is left out."""
    shuffled = {"sign": "OLD", **dict(reversed(BUSINESS.items()))}
    assert sign("/sync", shuffled, SECRET) == BUSINESS_SIGN
