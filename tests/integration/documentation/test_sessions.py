"""What the pages tell a reader to do is done, in their order, and ends as they say."""

from __future__ import annotations

import shutil
import socket
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.integration.documentation.session import Step, check, follow
from tests.unit.documentation.pages import PAGES, ROOT, Block, blocks_of

EXAMPLE_PORT = "8000"
EXAMPLE_DATE = "2026-12-31"
EMPTY = ("README.md", "docs/tutorial.md", "docs/how-to/start-from-a-document.md")
"""Pages that begin in an empty folder; all others go on where the tutorial ends."""

WHO = "-c user.name=Test -c user.email=test@example.com"


def is_run(block: Block) -> bool:
    """Return whether the commands of a block are run."""
    return block.holds_commands and not block.value("not run")


OTHERS = tuple(page for page in PAGES if page not in EMPTY and any(map(is_run, blocks_of(page))))


@pytest.fixture
def port() -> str:
    """A port on this machine that is free, in place of the one that the page takes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def in_place(block: Block, example: str, here: str) -> Block:
    """Return a block with what holds here in place of its example."""
    return replace(block, text=block.text.replace(example, here))


def unseen(commands: str) -> Block:
    """Return a block of commands that no page shows."""
    return Block(page="here", line=0, language="sh", text=commands, directive=("", ""))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reader of the tutorial: a repository of one commit, and a record."""
    folder = tmp_path_factory.mktemp("shop") / "shop"
    folder.mkdir()
    files = [block for block in blocks_of("docs/tutorial.md") if not is_run(block)]
    ends = unseen(
        "git init -q && git add live tests pyproject.toml && "
        f"git {WHO} commit -qm 'The shop' && pytest -q -m production --prodstatus-subject=v41"
    )
    (step,) = follow([*files, ends], folder)
    check(step)
    shutil.copytree(ROOT / "docs/ci", folder / "docs/ci")
    for name, does in (("promote.sh", "promoting"), ("roll-back.sh", "rolling back")):
        (folder / name).write_text(f'#!/bin/sh\necho "{does} $1"\n', encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def test_the_five_steps_of_the_readme(tmp_path: Path, port: str) -> None:
    """README's five steps lead from an empty folder to a deployment between two gates."""
    page = [started(in_place(block, EXAMPLE_PORT, port), port) for block in blocks_of("README.md")]
    steps = follow([*page, unseen("kill $SERVER")], tmp_path, fresh=True)
    assert len(steps) == 8
    check_all(steps)
    for target in ("staging", "production"):
        assert (tmp_path / "live" / target / "version").read_text() == "v42\n"


def started(block: Block, port: str) -> Block:
    """Return a block; if it starts a server, its next command waits until that answers."""
    asks = f"python -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}))' 2>&-"
    waits = f"& SERVER=$!; for _ in {{1..100}}; do {asks} && break; sleep 0.05; done"
    return in_place(block, ">server.log 2>&1 &", f">server.log 2>&1 {waits}")


@pytest.mark.parametrize("page", EMPTY[1:])
def test_a_page_that_begins_with_nothing(page: str, tmp_path: Path) -> None:
    """In an empty folder, each command of the page ends and prints as the page shows."""
    check_all(follow(blocks_of(page), tmp_path))


@pytest.mark.parametrize("page", OTHERS)
def test_a_page_for_readers_of_the_tutorial(page: str, shop: Path, tmp_path: Path) -> None:
    """Where the tutorial ends every command ends, and says, what the page shows."""
    folder = tmp_path / "shop"
    shutil.copytree(shop, folder)
    soon = datetime.now(timezone.utc).date() + timedelta(days=7)
    blocks = [in_place(block, EXAMPLE_DATE, str(soon)) for block in blocks_of(page)]
    history = {}
    if page == "docs/how-to/compare-runs.md":
        history = {"PRODSTATUS_HISTORY": "1"}
    if page == "docs/history.md":
        history = {"PRODSTATUS_HISTORY": "1"}
        blocks.insert(0, unseen(_A_PAST))
    check_all(follow(blocks, folder, history))


_A_PAST = f"""pytest -q -m production --prodstatus-subject=v41
echo v42 >live/release && sed -i.bak s/25.00/0.00/ live/orders.json
git {WHO} commit -qam "Lose a payment"
pytest -q -m production --prodstatus-subject=v42 || true"""

_STORE = """
[[tool.prodstatus.stages]]
id = "oauth"
[[tool.prodstatus.stages]]
id = "order"
requires = ["oauth"]
[[tool.prodstatus.stages]]
id = "payout"
[[tool.prodstatus.stages]]
id = "final"
rollup = ["oauth", "order", "payout"]
"""
_SICK = """
import pytest
from pytest_prodstatus import blocked

@pytest.mark.stage("oauth")
def test_token_accepted():
    blocked("no API key is configured", kind="missing-config", remedy="set API_KEY")

@pytest.mark.stage("order")
def test_order_exists():
    pass

@pytest.mark.stage("payout")
def test_newest_payout_arrived():
    assert not 7, "payout 7 is lost"
"""
_ASK = f"""git init -q && git add . && git {WHO} commit -qm "The suite"
pytest -q -m production --prodstatus-subject=v41
prodstatus gate"""


def test_the_gate_says_what_its_page_shows(tmp_path: Path) -> None:
    """Its longest example: two root causes, what depends on each, and what to do first."""
    (tmp_path / "pyproject.toml").write_text(_STORE, encoding="utf-8")
    (tmp_path / "test_store.py").write_text(_SICK, encoding="utf-8")
    (shown,) = [block.text for block in blocks_of("docs/gate.md") if block.language == "text"]
    block = unseen(_ASK)
    step = replace(follow([block], tmp_path)[0], allowed=frozenset({1}), shown=f"...\n{shown}")
    check(step)


def check_all(steps: list[Step]) -> None:
    """Assert that there was something to do, and that it went as the page says."""
    assert steps
    for step in steps:
        check(step)
