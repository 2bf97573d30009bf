"""`prodstatus notify`: each fact is sent once, with its reason and nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from pytest_prodstatus import clock, notify
from pytest_prodstatus.cli import targets
from pytest_prodstatus.model.record import Override
from pytest_prodstatus.store import state_url
from pytest_prodstatus.store.notices import NoticeStore
from tests.unit.cli.conftest import CONFIG, Shop
from tests.unit.cli.hook import SECRET, Receiver
from tests.unit.given import HOUR, NOW, B, F

pytest.importorskip("apprise")
pytest.importorskip("sqlalchemy")


@pytest.fixture
def hook() -> Iterator[Receiver]:
    """A web hook."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def notified(shop: Shop, hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop, with the web hook in its configuration."""
    monkeypatch.setenv("NOTIFY_URL", hook.url)
    shop.configure(with_key(CONFIG))
    return shop


def with_key(config: str) -> str:
    """Return a configuration with the key `notify`."""
    return config.replace("[tool.prodstatus]\n", '[tool.prodstatus]\nnotify = ["NOTIFY_URL"]\n')


def at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """Let it be another time."""
    monkeypatch.setattr(clock, "now", lambda: now)


def test_a_flip_is_sent_once(notified: Shop, hook: Receiver) -> None:
    """The first verdict is no flip; a flip of FINAL and a stage is one message, sent once."""
    notified.record()
    assert notified("notify").exit_code == 0
    assert hook.taken() == []
    notified.record({"api.key": F})
    for _ in range(2):
        done = notified("notify")
        assert done.exit_code == 0, done.output
    ((title, text),) = hook.taken()
    assert title == "production: FINAL FAILED, gate closed"
    assert "FINAL is FAILED, and was CONFIRMED: api.key" in text
    assert "api is FAILED, and was CONFIRMED: seen to be FAILED" in text
    assert "shop is BLOCKED" in text
    notified.record()
    assert notified("notify").exit_code == 0
    ((title, _),) = hook.taken()
    assert title == "production: FINAL CONFIRMED, gate open"


def test_a_verdict_that_ends(
    notified: Shop, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within an hour before its end it is announced once, and its end is a flip."""
    notified.record()
    notified("notify")
    at(monkeypatch, NOW + 23 * HOUR + timedelta(minutes=10))
    notified("notify")
    notified("notify")
    ((_, text),) = hook.taken()
    assert text == "the gate closes by itself at 2026-11-23T12:00:00.000Z: judge again before"
    at(monkeypatch, NOW + 25 * HOUR)
    notified("notify")
    ((title, text),) = hook.taken()
    assert title.startswith("production: FINAL BLOCKED")
    assert "was CONFIRMED" in text


def test_a_waiver_that_ends(notified: Shop, hook: Receiver) -> None:
    """A waiver is announced three days before its end, once."""
    notified.record({"api.key": F})
    notified.waive("api.key", expires="2026-11-24")
    path = notified.root / "pyproject.toml"
    path.write_text(with_key(path.read_text(encoding="utf-8")), encoding="utf-8")
    notified("notify")
    notified("notify")
    ((_, text),) = hook.taken()
    assert text == "the waiver of api.key (Ann) ends at 2026-11-25T00:00:00.000Z"


def test_a_verdict_that_holds_briefly(
    notified: Shop, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is repeated in time announces no end, however soon that is."""
    config = CONFIG.replace('id = "api"', 'id = "api"\nvalid_for = "40m"')
    notified.configure(with_key(config))
    notified.record()
    notified("notify")
    notified("notify")
    assert hook.taken() == []
    at(monkeypatch, NOW + timedelta(minutes=25))
    notified("notify")
    ((_, text),) = hook.taken()
    assert "closes by itself at 2026-11-22T12:40" in text


def test_a_gate_that_opens_and_closes_under_one_verdict(notified: Shop, hook: Receiver) -> None:
    """A waiver opens the gate and losing it closes it, while FINAL is FAILED all the time."""
    notified.record({"api.key": F})
    notified("notify")
    notified.waive("api.key", expires="2026-11-24")
    path = notified.root / "pyproject.toml"
    path.write_text(with_key(path.read_text(encoding="utf-8")), encoding="utf-8")
    notified("notify")
    ((title, text),) = hook.taken()
    assert title == "production: FINAL FAILED, gate open, 1 waived"
    assert "the gate is open, 1 waived, and was closed" in text
    notified.configure(with_key(CONFIG))
    notified("notify")
    ((title, text),) = hook.taken()
    assert title == "production: FINAL FAILED, gate closed"
    assert text.startswith("the gate is closed, and was open: api.key")
    assert "FINAL is" not in text


def test_an_address_that_cannot_be_used(
    notified: Shop, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is noticed before there is news, which stays new until the address is corrected."""
    notified.record()
    notified("notify")
    monkeypatch.setenv("NOTIFY_URL", f"nonsense {SECRET}")
    notified.record({"api.key": F})
    done = notified("notify")
    assert done.exit_code == 2
    assert "NOTIFY_URL is no address that Apprise can use" in done.stderr
    assert SECRET not in done.output
    monkeypatch.setenv("NOTIFY_URL", hook.url)
    notified("notify")
    assert len(hook.taken()) == 1


def test_an_override(notified: Shop, hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """An override is announced once, with who gave it and why."""
    given = Override(target="production", reason="the fix", who="Ann", since=NOW, until=NOW + HOUR)
    monkeypatch.setattr(targets, "active_override", lambda *_: (given, None))
    notified.record({"api.key": F})
    notified("notify")
    notified("notify")
    ((title, text),) = hook.taken()
    assert title == "production: FINAL FAILED, gate open by an override"
    assert text == ("Ann opened the gate by an override until 2026-11-22T13:00:00.000Z: the fix")


def test_a_run_in_progress_is_no_flip(notified: Shop, hook: Receiver) -> None:
    """While a run goes on nothing is said about verdicts; after an hour it counts as killed."""
    notified.record()
    notified("notify")
    notified.record(finished=None, started=NOW - timedelta(minutes=5))
    notified("notify")
    assert hook.taken() == []
    notified.record(finished=None, started=NOW - 2 * HOUR)
    notified("notify")
    ((title, _),) = hook.taken()
    assert title.startswith("production: FINAL BLOCKED")


def test_what_is_not_delivered_is_said_and_lost(notified: Shop, hook: Receiver) -> None:
    """It changes no verdict, isn't sent again, and no line names the address."""
    notified.record()
    notified("notify")
    notified.record({"api.key": B})
    hook.status = 500
    done = notified("notify")
    assert done.exit_code == 2
    assert "the notification to NOTIFY_URL was not delivered" in done.stderr
    assert SECRET not in done.output
    assert "127.0.0.1" not in done.output
    hook.taken()
    assert notified("notify").exit_code == 0
    assert hook.taken() == []


def test_a_killed_process_sends_at_most_once(
    notified: Shop, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it dies between keeping and sending, the fact is lost and never sent twice."""
    notified.record()
    notified("notify")
    notified.record({"api.key": F})

    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(notify, "_is_sent", killed)
        notified("notify")
    notified("notify")
    assert hook.taken() == []


def test_without_an_address_nothing_is_sent(
    shop: Shop, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent unless asked for, and an address never stands in the file."""
    shop.record()
    assert "no address is configured" in shop.refused("notify")
    shop.configure(CONFIG.replace("document", f'notify = ["{hook.url}"]\ndocument'))
    message = shop.refused("gate")
    assert "names of environment variables" in message
    assert SECRET not in message
    shop.configure(with_key(CONFIG))
    monkeypatch.delenv("NOTIFY_URL", raising=False)
    done = shop("notify")
    assert (done.exit_code, "NOTIFY_URL is not set" in done.stderr) == (2, True)
    assert hook.taken() == []


def test_of_two_at_once_one_has_the_news(shop: Shop) -> None:
    """A value that another process kept is no news, and targets don't share any."""
    import os

    with NoticeStore.open(state_url(os.environ), "shop") as store:
        assert store.claim("eu", {"FINAL": "CONFIRMED"}) == {"FINAL": None}
        assert store.claim("eu", {"FINAL": "CONFIRMED"}) == {}
        assert store.claim("us", {"FINAL": "CONFIRMED"}) == {"FINAL": None}
        assert store.claim("eu", {"FINAL": "FAILED", "end": "x"}) == {
            "FINAL": "CONFIRMED",
            "end": None,
        }
        assert store.claim("eu", {"end": "x"}) == {}
