"""Payouts: the commission and the net profit of every sale were paid out, once, and arrived."""

from __future__ import annotations

import pytest

from pytest_prodstatus import Evidence, blocked
from tests.acceptance.support.answering import answers, judged_answers
from tests.acceptance.support.database import Ask
from tests.acceptance.support.paypal import PAYOUTS_SCOPE, PayPalClient
from tests.acceptance.support.probes import payouts
from tests.acceptance.support.probes.facts import facts, listed, require_data
from tests.acceptance.support.probes.settlement import settle
from tests.acceptance.support.settings import Settings

pytestmark = pytest.mark.stage("payout")


def test_payouts_configured(ask: Ask, paypal: PayPalClient, evidence: Evidence) -> None:
    """PayPal grants the store payouts, and there is an address for every one of them."""
    setup = payouts.setup(ask)
    evidence(**facts(setup))
    if not setup.admin_configured or setup.users_without_address:
        who = listed(setup.users_without_address) or "the platform"
        blocked(
            f"PayPal is not configured: no payout address for {who}",
            kind="missing-config",
            remedy="set adminPaypalEmail in platform_config and paypalPayoutEmail of the users",
        )
    with judged_answers():
        token = paypal.token()
    evidence(token_expires_at=token.expires_at)
    assert PAYOUTS_SCOPE in token.scopes, "PayPal's token does not have the scope of payouts"


def test_payout_ids_stored(ask: Ask, evidence: Evidence) -> None:
    """Every sale that is due has both payout ids and is marked as paid out."""
    found = payouts.stored(ask)
    evidence(**facts(found))
    require_data(found.sales, "sales to pay out")
    assert not found.unpaid, (
        f"{found.unpaid} of {found.sales} sales are not paid out in full "
        f"(newest sales: {listed(found.newest_unpaid)})"
    )
    require_data(found.paid_out, "sales that are due a payout")


def test_no_payout_failed(ask: Ask, evidence: Evidence) -> None:
    """No payout failed, was skipped for want of funds, or was made for one side only."""
    found = payouts.failed(ask)
    evidence(**facts(found))
    require_data(found.sales, "sales to pay out")
    assert not found.newest_failed, (
        f"payouts failed ({found.failed}), were skipped for want of funds "
        f"({found.skipped_for_funds}) or are half-made ({found.half_made}); "
        f"newest sales: {listed(found.newest_failed)}"
    )
    require_data(found.due, "sales that are due a payout")


def test_payout_ids_are_unique(ask: Ask, evidence: Evidence) -> None:
    """No payout id stands at two sales: nobody was paid twice."""
    found = payouts.shared_ids(ask)
    evidence(**facts(found))
    require_data(found.payouts, "payouts")
    assert not found.shared, (
        f"{found.shared} payout ids stand more than once (sales: {listed(found.newest_shared)})"
    )


def test_payouts_settled_at_provider(
    ask: Ask, paypal: PayPalClient, settings: Settings, evidence: Evidence
) -> None:
    """PayPal has paid each recent payout: the right amount, to the right address."""
    sample = payouts.newest(ask, sample=settings.payout_sample)
    require_data(len(sample.payouts), "payouts that are due")
    with answers():
        found = settle(paypal, sample.payouts, former_receivers=settings.former_receivers)
    evidence(**facts(sample), **facts(found))
    assert not found.wrong, (
        f"{len(found.wrong)} of {found.looked_up} payouts are wrong: {'; '.join(found.wrong[:5])}"
    )
    found.require_settled(accept_payoneer=settings.accept_payoneer)
