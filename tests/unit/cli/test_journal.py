"""`prodstatus journal`: lists what is open, and settles it by a person's word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("sqlalchemy")

from pytest_prodstatus.cli.main import main
from pytest_prodstatus.store.action import Action, State
from pytest_prodstatus.store.journal import Journal
from tests.integration.store.plans import NOON, SetClock, plan_at

BY = ("--by", "Ana Lima", "--because", "it is on the statement")


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the journal that the command uses."""
    address = f"sqlite:///{tmp_path / 'state.sqlite3'}"
    monkeypatch.setenv("PRODSTATUS_STATE_URL", address)
    return address


@pytest.fixture
def left(url: str) -> Action:
    """An action of which no one knows what became, after one that was settled."""
    with Journal.open(url, clock=SetClock()) as journal:
        journal.rejected(journal.intend(plan_at(NOON)), "no stock")
        return journal.unknown(journal.sent(journal.intend(plan_at(NOON))), "read timed out")


def journal_command(*args: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["journal", *args])


def test_it_lists_what_is_open(left: Action) -> None:
    """Each with its limits, key, events and next step; and the journal's address."""
    done = journal_command("list")
    assert done.exit_code == 0
    first, *rest = done.output.splitlines()
    assert first.startswith("journal at sqlite")
    assert first.endswith(": 1 action not settled")
    text = "\n".join(rest)
    assert f"{left.id}  UNKNOWN  payment.payment-arrives on production, day 2026-03-10" in text
    assert "    price 17.90 USD (at most 25.00), mode instant" in text
    assert "    project shop, attempt 2, armed by release job 7" in text
    assert "2026-03-10 12:00:00 UTC  UNKNOWN read timed out" in text
    assert f"prodstatus journal resolve {left.id} " in text


def test_all_lists_what_is_settled_too(left: Action) -> None:
    """The newest first; only of one target if it is given."""
    data = json.loads(journal_command("list", "--all", "--json").output)
    assert sorted(data) == ["actions", "journal"]
    assert [action["state"] for action in data["actions"]] == ["UNKNOWN", "REJECTED"]
    assert data["actions"][0]["id"] == left.id
    assert [event["state"] for event in data["actions"][0]["events"]] == [
        *("INTENT", "SENT", "UNKNOWN")
    ]
    assert data["actions"][0]["key"] == {"period": "day", "name": "2026-03-10"}
    assert data["actions"][0]["limits"][0]["amount"] == "17.90"
    assert data["actions"][0]["details"] == {"mode": "instant"}
    assert data["actions"][0]["expires_at"] == "2026-03-10T13:00:00.000Z"
    assert "2 actions" in journal_command("list", "--all").output
    assert "0 actions not settled" in journal_command("list", "--target", "staging").output


def test_a_person_confirms_an_action(left: Action, url: str) -> None:
    """A person settles an action with receipts, name and grounds, and the journal has them."""
    done = journal_command(
        "resolve", str(left.id), "--confirmed", "8198", "--confirmed", "8199", *BY
    )
    assert done.exit_code == 0, done.output
    assert "CONFIRMED [8198, 8199] (Ana Lima) it is on the statement" in done.output
    with Journal.open(url) as journal:
        action = journal.action(left.id)
    assert (action.state, action.receipts) == (State.CONFIRMED, ("8198", "8199"))
    assert (action.events[-1].who, action.events[-1].resolution) == ("Ana Lima", True)
    assert "0 actions not settled" in journal_command("list").output


def test_a_person_says_that_nothing_was_done(left: Action, url: str) -> None:
    """An action that is settled as REJECTED frees its key."""
    assert journal_command("resolve", str(left.id), "--rejected", *BY).exit_code == 0
    with Journal.open(url, clock=SetClock()) as journal:
        assert journal.intend(plan_at(NOON)).attempt == 3


def test_what_is_settled_or_unknown_is_refused(left: Action) -> None:
    """Exit status 1 and one sentence; nothing is written."""
    journal_command("resolve", str(left.id), "--rejected", *BY)
    again = journal_command("resolve", str(left.id), "--confirmed", "1", *BY)
    assert (again.exit_code, again.output.count("\n")) == (1, 1)
    assert "stands at REJECTED and can't become CONFIRMED" in again.output
    for number in ("77", "-1", f"{10**26}"):
        nowhere = journal_command("resolve", "--rejected", *BY, "--", number)
        assert (nowhere.exit_code, f"has no action {number}" in nowhere.output) == (1, True)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((*BY,), "give one of the three"),
        (("--rejected", "--confirmed", "1", *BY), "give one of the three"),
        (("--rejected", "--lapsed", *BY), "give one of the three"),
        (("--rejected", "--because", "x"), "--by"),
        (("--rejected", "--by", "Ana"), "--because"),
        (("--rejected", "--by", " ", "--because", "x"), "it is empty"),
        (("--confirmed", "", *BY), "it is empty"),
    ],
)
def test_an_action_is_settled_by_whole_words_alone(
    left: Action, url: str, args: tuple[str, ...], message: str
) -> None:
    """Without state, name or grounds it is a usage error, and the action stays open."""
    done = journal_command("resolve", str(left.id), *args)
    assert (done.exit_code, message in done.output) == (2, True)
    with Journal.open(url) as journal:
        assert journal.action(left.id) == left


def test_it_never_shows_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that can't be reached is a usage error that names it without its secrets."""
    url = f"postgresql://buyer:correct-horse@/store?host={tmp_path}&password=battery-staple"
    monkeypatch.setenv("PRODSTATUS_STATE_URL", url)
    for args in (["journal", "list"], ["history"]):
        done = CliRunner().invoke(main, args)
        assert done.exit_code == 2
        assert "buyer:***@" in done.output
        assert "correct-horse" not in done.output
        assert "battery-staple" not in done.output


@pytest.mark.parametrize("args", [["journal", "list"], ["history"]])
def test_without_the_extra_it_says_what_to_install(
    args: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra, one sentence says what to install, and the exit status is 2."""
    monkeypatch.setattr("pytest_prodstatus.store.installed", lambda: False)
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 2
    assert "pip install 'pytest-prodstatus[state]'" in done.output


@pytest.mark.parametrize("args", [["journal"], ["journal", "list"], ["journal", "resolve"]])
def test_help_has_examples(args: list[str]) -> None:
    """The help of each command has examples."""
    done = CliRunner().invoke(main, [*args, "--help"])
    assert done.exit_code == 0
    assert "Examples:" in done.output
