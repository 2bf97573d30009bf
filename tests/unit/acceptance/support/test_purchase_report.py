"""What the operators' purchase command writes about itself is read strictly."""

from __future__ import annotations

import pytest

from tests.acceptance.support.purchase.store_command import read_report

_SUCCESS = "PLACEORDER_EXECUTION_STATUS: SUCCESS\nALIEXPRESS_ORDER_ID: 8198352049851315\n"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_success_names_its_order(end: str) -> None:
    """Whatever else stands in the file, and however its lines end."""
    text = f"# Purchase\n{_SUCCESS}Details: paid with the balance\n".replace("\n", end)
    report = read_report(text)
    assert report is not None
    assert (report.bought, report.skipped, report.order_id) == (True, False, "8198352049851315")
    assert report.details == "paid with the balance"


@pytest.mark.parametrize(
    ("status", "order_id", "bought", "skipped"),
    [
        ("SUCCESS", "N/A", False, False),
        ("FAILED", "N/A", False, False),
        ("FAILED", "8198", False, False),
        ("SKIPPED", "N/A", False, True),
        ("SKIPPED", "8198", False, False),
    ],
)
def test_a_contradiction_proves_nothing(
    status: str, order_id: str, bought: bool, skipped: bool
) -> None:
    """A success needs an id, and what was skipped can't have one."""
    report = read_report(
        f"PLACEORDER_EXECUTION_STATUS: {status}\nALIEXPRESS_ORDER_ID: {order_id}\n"
    )
    assert report is not None
    assert (report.bought, report.skipped) == (bought, skipped)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SUCCESS 8198",
        "PLACEORDER_EXECUTION_STATUS: SUCCESS\n",
        "ALIEXPRESS_ORDER_ID: 8198\n",
        _SUCCESS.replace("SUCCESS", "success"),
        _SUCCESS.replace("SUCCESS", "SUCCESS|FAILED"),
        _SUCCESS.replace("8198352049851315", "8198-35"),
        _SUCCESS.replace("8198352049851315", "0"),
        _SUCCESS.replace("8198352049851315", "-1"),
        _SUCCESS.replace("8198352049851315", "٣٤"),
        _SUCCESS.replace("8198352049851315", "9" * 33),
        _SUCCESS.replace("8198352049851315", ""),
        _SUCCESS + _SUCCESS,
        _SUCCESS + "PLACEORDER_EXECUTION_STATUS: FAILED\n",
        _SUCCESS.replace("PLACEORDER", "  PLACEORDER"),
    ],
)
def test_anything_else_is_no_report(text: str) -> None:
    """Neither a half-written file, nor two answers in one, nor an id that is none."""
    assert read_report(text) is None
