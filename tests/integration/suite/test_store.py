"""The store's suite works by the README's commands, in a copy of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.demo import DemoStore, boot
from tests.acceptance.demo.scenarios import SCENARIOS
from tests.integration.warm import SUITE, run_pytest

ROOT = Path(__file__).parents[3]
DOCUMENT = "FINAL_PRODUCTION_AUTONOMOUS_STATUS.md"
TITLES = (
    "OAUTH STATUS",
    "PLACEORDER STATUS",
    "ORDER STATUS",
    "SALE STATUS",
    "PAYOUT STATUS",
    "PROFIT STATUS",
    "AUTONOMOUS EXECUTION STATUS",
    "SYSTEM GENERATING REAL PROFIT",
    "FINAL PRODUCTION STATUS",
)
_OURS = re.compile(
    r"PRODSTATUS_|TEST_|PAYPAL_|ALIEXPRESS_|ENCRYPTION_|DATABASE_URL|JWT_|REAL_|PYTEST|CI$|GITHUB_"
)


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A finished run of the suite."""

    status: int
    output: str
    folder: Path
    seconds: float

    @property
    def record(self) -> dict[str, Any]:
        """The record that the run wrote."""
        data: dict[str, Any] = json.loads((self.folder / "status.json").read_text(encoding="utf-8"))
        return data

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdicts of the stages."""
        return {stage["id"]: stage["verdict"] for stage in self.record["stages"]}

    def seen(self, criterion: str) -> dict[str, Any]:
        """The evidence of a criterion, by name."""
        return {entry["name"]: entry["value"] for entry in self._evidence(criterion)}

    def sentences(self, criterion: str) -> list[str]:
        """The sentences in the evidence of a criterion, which have no name."""
        return [entry["value"] for entry in self._evidence(criterion) if not entry["name"]]

    def _evidence(self, criterion: str) -> list[dict[str, Any]]:
        criteria = [c for stage in self.record["stages"] for c in stage["criteria"]]
        (evidence,) = [c["evidence"] for c in criteria if c["id"] == criterion]
        found: list[dict[str, Any]] = evidence
        return found

    def fields(self) -> dict[str, str]:
        """The fields of the document: title and bold verdict."""
        text = (self.folder / DOCUMENT).read_text(encoding="utf-8")
        return dict(re.findall(r"^\*\*([A-Z ]+):\*\* \*\*([A-Z]+)\*\*", text, re.MULTILINE))


class Project:
    """A copy of this project without a person's `.env`, reports and broken unit tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("pyproject.toml", "conftest.py", "tests/__init__.py"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        for name in ("tests/unit", "tests/integration"):
            (folder / name).mkdir()
        # Not what pytest has rewritten, which keeps the place of its source.
        ignored = shutil.ignore_patterns("*-pytest-*.pyc")
        shutil.copytree(ROOT / "tests/acceptance", folder / "tests/acceptance", ignore=ignored)

    def run(self, *arguments: str, **variables: str) -> Ran:
        """Run pytest in the project with a clean environment and the given variables."""
        clean = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
        started = time.monotonic()
        done = run_pytest(
            ["-pno:cacheprovider", "-pno:hypothesispytest", *arguments],
            folder=self.folder,
            environment={
                **clean,
                "PRODSTATUS_HISTORY": "0",
                "XDG_STATE_HOME": str(self.folder),
                **variables,
            },
            timeout=240,
            imports=SUITE,
        )
        target = next((name for name in ("demo", "staging") if name in arguments), "")
        return Ran(
            status=done.returncode,
            output=done.stdout + done.stderr,
            folder=self.folder / "reports" / target,
            seconds=time.monotonic() - started,
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A copy of this project."""
    return Project(tmp_path)


def test_the_demo_is_confirmed_but_for_the_order_that_is_not_armed(project: Project) -> None:
    """Unarmed, PLACEORDER and FINAL are BLOCKED not-armed with a remedy, and the status is 10."""
    ran = project.run("-m", "production", "--target", "demo")
    assert ran.status == 10, ran.output
    assert ran.verdicts == SCENARIOS["healthy"].expected, ran.output
    assert [name for name, seen in ran.verdicts.items() if seen != "CONFIRMED"] == [
        "placeorder",
        "final",
    ]
    placeorder = ran.record["stages"][1]
    assert len(ran.record["run"]["subject"]["snapshots"]["database"]) == 1
    assert placeorder["kind"] == "not-armed"
    assert "REAL_PLACEORDER=1" in placeorder["remedy"]
    assert tuple(ran.fields()) == TITLES
    assert ran.fields()["ORDER STATUS"] == "CONFIRMED"
    names = {path.name for path in ran.folder.iterdir()}
    assert names == {DOCUMENT, "status.html", "status.json", "report.html"}
    assert "set REAL_PLACEORDER=1" in ran.output
    _explains_its_numbers(ran)
    _shows_one_order_at_each_step(ran)
    assert ran.output.rstrip().splitlines()[-1].startswith("FINAL BLOCKED (target demo")


def _explains_its_numbers(ran: Ran) -> None:
    """ORDER and SALE say what they count and leave out, so that both add up; PROFIT its profit."""
    order, sale = (
        ran.seen("order.purchased-order-exists"),
        ran.seen("sale.sale-for-every-purchased-order"),
    )
    others, left_out = order["other_suppliers"], order["stand_ins"]
    assert ran.sentences("order.purchased-order-exists") == [
        f"{order['purchased']} bought at AliExpress in 30 days",
        f"left out: {others} paid orders of other suppliers, {left_out} stand-ins",
    ]
    others, left_out = sale["other_suppliers"], sale["stand_ins"]
    assert ran.sentences("sale.sale-for-every-purchased-order") == [
        f"{sale['purchased']} bought at all suppliers in 30 days",
        f"{others} of them at other suppliers than AliExpress; left out: {left_out} stand-ins",
        f"{sale['with_sale']} of them have a sale",
    ]
    assert order["purchased"] + sale["other_suppliers"] == sale["purchased"]
    assert sale["with_sale"] + sale["in_flight"] == sale["purchased"]
    profits = ran.seen("profit.completed-sales-have-positive-net-profit")["net_profit"]
    assert [money["currency"] for money in profits] == ["USD", "EUR", "JPY"]


_STEPS = {
    "trend": "timeline",
    "product": "timeline",
    "publish": "timeline",
    "checkout": "timeline",
    "purchase": "timeline",
    "sale": "timeline",
    "profit": "net_profit",
    "payout": "payouts",
}


def _shows_one_order_at_each_step(ran: Ran) -> None:
    """Each step is a criterion of its own, with what was seen of that order."""
    seen = {step: ran.seen(f"autonomous.step-{step}") for step in _STEPS}
    assert len({values["order_id"] for values in seen.values()}) == 1
    for step, shown in _STEPS.items():
        value = seen[step][shown]
        assert value
        assert shown != "timeline" or set(value) == {step}


def test_the_armed_demo_is_confirmed(project: Project) -> None:
    """With REAL_PLACEORDER=1 the demo ends FINAL CONFIRMED with exit status 0.

    So it does by two workers, in `test_people.py`.
    """
    check_confirmed(project.run("-m", "production", "--target", "demo", REAL_PLACEORDER="1"))


def check_confirmed(ran: Ran) -> None:
    """Assert that all of a whole run is CONFIRMED."""
    assert ran.status == 0, ran.output
    assert set(ran.verdicts.values()) == {"CONFIRMED"}
    assert ran.record["run"]["complete"] is True
    assert set(ran.fields().values()) == {"CONFIRMED"}
    # The workers share the answers of the one that comes first.
    assert len(ran.record["run"]["subject"]["snapshots"]["database"]) == 1
    assert ran.record["run"]["subject"]["endpoints"].keys() == {"AliExpress", "PayPal", "database"}


def test_the_order_needs_no_other_criterion(project: Project) -> None:
    """A selected order reads its credential at that moment, and no snapshot is taken."""
    ran = project.run(
        *("-m", "production", "--target", "demo", "-k", "real_order_placed"), REAL_PLACEORDER="1"
    )
    assert ran.status == 0, ran.output
    (placed, _) = ran.record["stages"][1]["criteria"]
    assert (placed["verdict"], placed["observed"]) == ("BLOCKED", "CONFIRMED")
    assert ran.record["run"]["subject"]["snapshots"] == {}


def test_habits_buy_nothing(project: Project) -> None:
    """A node id or an exported target buys nothing, even with the store script's switch on."""
    node = "tests/acceptance/test_placeorder.py::test_real_order_placed"
    variables = {"PRODSTATUS_TARGET": "demo", "REAL_PLACEORDER": "1"}
    ran = project.run(node, **variables)
    assert ran.status == 10, ran.output
    stage = json.loads((project.folder / "reports/demo/status.json").read_text())["stages"][1]
    (placed, _) = stage["criteria"]
    assert (placed["kind"], placed["evidence"]) == ("not-armed", [])
    for lacking in ("--target demo is not on", "neither -m production nor --stage", "node id"):
        assert lacking in placed["reason"]


_BUY = """
import os, pathlib
assert os.environ["REAL_PLACEORDER"] == "1"
pathlib.Path("report.md").write_text(
    "PLACEORDER_EXECUTION_STATUS: SUCCESS\\nALIEXPRESS_ORDER_ID: 8198352049851315\\n")
"""


def _arm_command(project: Project, store: DemoStore) -> dict[str, str]:
    """Write the store's own command into a project; return the environment in which it buys."""
    (project.folder / "buy.py").write_text(_BUY, encoding="utf-8")
    return {
        **store.environment,
        "PRODSTATUS_ENVIRONMENT": "production",
        "PRODSTATUS_PURCHASE_COMMAND": f"'{sys.executable}' -S buy.py",
        "PRODSTATUS_PURCHASE_FOLDER": str(project.folder),
        "PRODSTATUS_PURCHASE_REPORT": "report.md",
        "REAL_PLACEORDER": "1",
    }


def test_the_store_s_own_command_buys_where_it_is_configured(project: Project) -> None:
    """The command is run in its folder, and the evidence names its route.

    Once the catalogue's `valid_for` is over, the order isn't read back any more. The command isn't
    run with a token in its environment that isn't the one that was judged, nor under a journal that
    goes away with a machine of CI.
    """
    with boot() as store:
        variables = _arm_command(project, store)
        arguments = ("-m", "production", "--target", "staging", "-k", "real_order_placed")
        ran = project.run(*arguments, **variables)
        assert ran.status == 0, ran.output
        (placed, _) = ran.record["stages"][1]["criteria"]
        values = {entry["name"]: entry["value"] for entry in placed["evidence"]}
        (order_id,) = values["order_ids"]
        assert (values["route"], order_id["value"]) == ("store", "8198352049851315")
        catalogue = project.folder / "pyproject.toml"
        text = catalogue.read_text(encoding="utf-8")
        catalogue.write_text(
            text.replace('valid_for = "30d"', 'valid_for = "1s"'), encoding="utf-8"
        )
        token = "ALIEXPRESS_DROPSHIPPING_ACCESS_TOKEN"
        time.sleep(1.5)  # until the order is older than `valid_for`
        later = project.run(*arguments, **{**variables, token: "50000-another", "CI": "true"})
    assert later.status == 10, later.output
    (placed, _) = later.record["stages"][1]["criteria"]
    assert f"{token} is not the token that is judged" in placed["reason"], placed
    assert "PRODSTATUS_STATE_URL is a file of this CI machine" in placed["reason"], placed


def test_neither_pytest_s_options_nor_another_row_buy_again(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The order's key is of the suite's project with any rootdir, and of the application.

    The `.env` is the suite's as well: it may name the journal. Who connected the application is
    nothing that the supplier knows: a row that is shared, or of another user, and the token of the
    environment, once the row is inactive, may all be of one account.
    """
    (project.folder / "other.ini").write_text("[pytest]\n", encoding="utf-8")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    config = str(project.folder / "pyproject.toml")
    runs: list[tuple[tuple[str, ...], str]] = [
        ((), ""),
        ((f"--rootdir={elsewhere}", "-c", config), ""),
        ((f"--rootdir={project.folder / 'tests'}", "-c", config), ""),
        (("-c", "other.ini"), ""),
        ((), """UPDATE api_credentials SET scope = 'global' WHERE "userId" = 1"""),
        ((), """UPDATE api_credentials SET "userId" = 2 WHERE scope = 'global'"""),
        ((), """UPDATE api_credentials SET "isActive" = false"""),
    ]
    with boot() as store:
        variables = _arm_command(project, store)
        journal = variables.pop("PRODSTATUS_STATE_URL")
        (project.folder / ".env").write_text(f"PRODSTATUS_STATE_URL={journal}\n", encoding="utf-8")
        bought = []
        for chosen, change in runs:
            if change:
                _change(store, change)
            if "false" in change:  # the journal is asked before the supplier sees the token
                variables["ALIEXPRESS_DROPSHIPPING_ACCESS_TOKEN"] = "50000-another"
                variables["ALIEXPRESS_DROPSHIPPING_APP_KEY"] = "512345"
            ran = project.run(
                *("tests/acceptance", "-m", "production", "--target", "staging"),
                *(f"--prodstatus-dir={project.folder / 'out'}", "-k", "real_order_placed", *chosen),
                **variables,
            )
            ran = replace(ran, folder=project.folder / "out")
            assert ran.record["stages"], ran.output
            bought.append(ran.seen("placeorder.real-order-placed").get("bought_now"))
    assert bought == [True, *[False] * 6]


def _change(store: DemoStore, statement: str) -> None:
    assert store.owner_url is not None
    with psycopg.connect(store.owner_url.split("&schema")[0]) as connection:
        assert connection.execute(statement).rowcount


def test_without_configuration_every_stage_is_blocked(project: Project) -> None:
    """Without configuration every stage is BLOCKED, missing-config, naming the variable.

    It is so quickly, and the demo isn't used instead.
    """
    ran = project.run("-m", "production")
    assert ran.status == 10, ran.output
    assert set(ran.verdicts.values()) == {"BLOCKED"}
    for stage in ran.record["stages"]:
        assert (stage["kind"], "DATABASE_URL" in stage["reason"]) == ("missing-config", True), stage
    assert "Traceback" not in ran.output
    assert ran.record["run"]["target"] == "production"
    # Under 5 s is meant, on an idle machine; this one may run many tests at once.
    assert ran.seconds < 20


def test_the_journal_s_password_is_never_shown(project: Project) -> None:
    """If the journal can't be reached, neither reason nor locals nor frames show its password."""
    ran = project.run(
        *("-m", "production", "--stage", "placeorder", "-l", "-vv", "--tb=long", "-rA"),
        DATABASE_URL="postgresql://reader:hunter2-one@127.0.0.1:1/store",
        PRODSTATUS_STATE_URL="postgresql://buyer:hunter2-two@127.0.0.1:1/journal",
        REAL_PLACEORDER="1",
    )
    assert ran.status == 10, ran.output
    assert re.search(r"journal at postgresql\+psycopg://buyer:\*+@127.0.0.1:1/journal", ran.output)
    written = [path.read_text(encoding="utf-8") for path in ran.folder.iterdir()]
    assert len(written) == 4
    assert not [text for text in (ran.output, *written) if "hunter2" in text]


def test_a_run_for_production_collects_the_criteria_alone(project: Project) -> None:
    """A unit test that doesn't import can't close the gate."""
    (project.folder / "tests/unit/test_broken.py").write_text(
        "import no_such_module", encoding="utf-8"
    )
    ran = project.run("-m", "production")
    assert ran.status == 10
    assert "no_such_module" not in ran.output


def test_one_stage_is_judged_by_itself(project: Project) -> None:
    """A run of one stage exits by that stage, and its record is marked as partial."""
    ran = project.run("-m", "production", "--stage", "order", "--target", "demo")
    assert ran.status == 0, ran.output
    assert ran.verdicts["order"] == "CONFIRMED"
    assert ran.verdicts["final"] == "BLOCKED"
    decision = ran.record["decision"]
    assert decision["open"] is False
    assert decision["selection"] == {"partial": True, "verdict": "CONFIRMED", "criteria": 8}
    assert ran.record["run"]["complete"] is False


def test_a_person_s_edits_survive_a_second_run(project: Project) -> None:
    """Only values change; a paragraph, line ends and a field in a code fence stay."""
    first = project.run("-m", "production")
    path = first.folder / DOCUMENT
    edited = path.read_text(encoding="utf-8").replace(
        "## Success criteria",
        "A person wrote this.\n\n```\n**OAUTH STATUS:** CONFIRMED\n```\n\n## Success criteria",
    )
    path.write_bytes(edited.replace("\n", "\r\n").encode())
    project.run("-m", "production")
    lines = path.read_bytes().split(b"\n")
    assert all(line.endswith(b"\r") for line in lines[:-1])
    values = re.compile(r"^(.*?:\*\*).*$", re.MULTILINE)

    def without_values(text: str) -> str:
        return values.sub(r"\1", text.replace("```\n**OAUTH STATUS:** CONFIRMED", "```\nfenced"))

    after = path.read_bytes().decode().replace("\r\n", "\n")
    assert without_values(after) == without_values(edited)
    assert "```\n**OAUTH STATUS:** CONFIRMED\n```" in after
    assert re.search(r"\*\*OAUTH STATUS:\*\* \*\*BLOCKED\*\* \([a-z-]+: DATABASE\\?_URL", after)
