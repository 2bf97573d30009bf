"""What the operators' purchase command says of itself, and what of it proves anything."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_STATUS = re.compile(r"^PLACEORDER_EXECUTION_STATUS:(.*)$", re.MULTILINE)
_ORDER_ID = re.compile(r"^ALIEXPRESS_ORDER_ID:(.*)$", re.MULTILINE)
_DETAILS = re.compile(r"^Details:(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseReport:
    """The report file of one run.

    Attributes:
        status: SUCCESS, FAILED or SKIPPED.
        order_id: the supplier's id, digits; None for `N/A`.
        details: the command's own words; they may hold anything, so not in the repr.
    """

    status: str
    order_id: str | None
    details: str = field(repr=False)

    @property
    def bought(self) -> bool:
        """Whether it says that an order was made, and which."""
        return self.status == "SUCCESS" and self.order_id is not None

    @property
    def skipped(self) -> bool:
        """Whether it says that nothing was tried."""
        return self.status == "SKIPPED" and self.order_id is None


def read_report(text: str) -> PurchaseReport | None:
    """Read a report; None where it doesn't say one status and one order id, each in its form."""
    statuses, ids = _said(_STATUS, text), _said(_ORDER_ID, text)
    if len(statuses) != 1 or statuses[0] not in ("SUCCESS", "FAILED", "SKIPPED") or len(ids) != 1:
        return None
    known = re.fullmatch(r"[0-9]{1,32}", ids[0]) is not None and int(ids[0]) > 0
    if not known and ids[0] != "N/A":
        return None
    return PurchaseReport(
        status=statuses[0],
        order_id=ids[0] if known else None,
        details=" ".join(_said(_DETAILS, text)),
    )


def _said(line: re.Pattern[str], text: str) -> list[str]:
    return [value.strip() for value in line.findall(text.replace("\r\n", "\n"))]
