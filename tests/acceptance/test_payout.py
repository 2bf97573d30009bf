"""Payouts: the commission and the net profit of every sale were paid out, once, and arrived."""

from __future__ import annotations

import pytest

from pytest_prodstatus import Evidence, blocked
from tests.acceptance.support.access import OpenPayPals
from tests.acceptance.support.catalogue import stricter
from tests.acceptance.support.clock import Waiting
from tests.acceptance.support.errors import access_assumed, access_judged
from tests.acceptance.support.paypal.client import PAYOUTS_SCOPE, PayPalClient
from tests.acceptance.support.probes import payouts
from tests.acceptance.support.probes.facts import block_dated_ahead, facts, listed, require_data
from tests.acceptance.support.probes.settlement import settle
from tests.acceptance.support.settings import Settings

pytestmark = pytest.mark.stage("payout")


def test_payouts_configured(
    payout_setup: payouts.PayoutSetup, paypal: PayPalClient, evidence: Evidence
) -> None:
    """PayPal grants the store payouts, and there is an address for every one of them."""
    evidence(**facts(payout_setup))
    if not payout_setup.admin_configured or payout_setup.users_without_address:
        owners = listed(payout_setup.users_without_address) or "the platform"
        blocked(
            f"PayPal is not configured: no payout address for {owners}",
            kind="missing-config",
            remedy="set adminPaypalEmail in platform_config and paypalPayoutEmail of the users",
        )
    with access_judged():
        token = paypal.token()
    evidence(token_expires_at=token.expires_at)
    if token.scopes is None:
        blocked(
            "PayPal's token doesn't say what it may do",
            kind="inconclusive",
            remedy="look at the features of the application in PayPal's dashboard, and run again",
        )
    assert PAYOUTS_SCOPE in token.scopes, "PayPal's token does not have the scope of payouts"


def test_payout_ids_stored(stored_payouts: payouts.StoredPayouts, evidence: Evidence) -> None:
    """Every sale that is due has the ids of what is owed, and is marked as paid out."""
    evidence.say(f"{stored_payouts.paid_out} of {stored_payouts.sales} sales paid out")
    evidence(**facts(stored_payouts))
    require_data(stored_payouts.sales, "sales to pay out")
    assert not stored_payouts.unpaid, (
        f"{stored_payouts.unpaid} of {stored_payouts.sales} sales are not paid out in full "
        f"(newest sales: {listed(stored_payouts.newest_unpaid)})"
    )
    if stored_payouts.dated_ahead:
        block_dated_ahead(stored_payouts.dated_ahead, stored_payouts.newest_dated_ahead)
    require_data(stored_payouts.paid_out, "sales that are due a payout")


def test_no_payout_failed(failed_payouts: payouts.FailedPayouts, evidence: Evidence) -> None:
    """No payout failed, was skipped for want of funds, or was made for one side only."""
    evidence(**facts(failed_payouts))
    require_data(failed_payouts.sales, "sales to pay out")
    assert not failed_payouts.newest_failed, (
        f"payouts failed ({failed_payouts.failed}), were skipped for want of funds "
        f"({failed_payouts.skipped_for_funds}) or are half-made ({failed_payouts.half_made}); "
        f"newest sales: {listed(failed_payouts.newest_failed)}"
    )
    require_data(failed_payouts.due, "sales that are due a payout")


@stricter
def test_payout_ids_are_unique(shared_payouts: payouts.SharedPayouts, evidence: Evidence) -> None:
    """No payout id belongs to two sales: no one was paid twice."""
    evidence(**facts(shared_payouts))
    require_data(shared_payouts.payouts, "payouts")
    assert not shared_payouts.shared, (
        f"{shared_payouts.shared} payout ids occur more than once "
        f"(sales: {listed(shared_payouts.newest_shared)})"
    )


@stricter
def test_payouts_settled_at_provider(
    newest_payouts: payouts.PayoutSample,
    paypals: OpenPayPals,
    settings: Settings,
    wait: Waiting,
    evidence: Evidence,
) -> None:
    """PayPal has paid each recent payout: the right amount, to the right address."""
    require_data(len(newest_payouts.payouts), "payouts that are due")
    former = settings.former_receivers
    with access_assumed():
        providers = paypals(newest_payouts.applications)
        found = settle(providers, newest_payouts.payouts, former_receivers=former, wait=wait)
    evidence.say(f"PayPal has settled {found.settled} of {found.looked_up} payouts")
    evidence(**facts(newest_payouts), **facts(found))
    assert not found.wrong, (
        f"{len(found.wrong)} of {found.looked_up} payouts are wrong: {'; '.join(found.wrong[:5])}"
    )
    found.require_settled(accept_payoneer=settings.accept_payoneer)
    if newest_payouts.paid_through_payoneer and not settings.accept_payoneer:
        blocked(
            f"{newest_payouts.paid_through_payoneer} user payouts were made through Payoneer, none "
            "of them among the newest, which were looked up",
            kind="inconclusive",
            remedy="set PRODSTATUS_ACCEPT_PAYONEER=1 to accept them unseen",
        )
