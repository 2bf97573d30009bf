"""A cause has an address: who takes care of it, where the runbook is, and what the test advises."""

from __future__ import annotations

import json

import pytest

from pytest_prodstatus.cli.main import main
from tests.integration.project import CONFIG, SERIAL, XDIST, Project, plain

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
RUNBOOK = "https://wiki.example/api?a=1&b=<x>"
OWNED = CONFIG.replace(
    'id = "api"', f'id = "api"\nowner = "Team <b>API</b>"\nrunbook = "{RUNBOOK}"'
).replace('id = "shop"', 'id = "shop"\nowner = "Shop team"\nrequires = ["api"]')
TESTS = """
@api
def test_fails(evidence):
    evidence.remedy("restart the importer")
    assert 0, "it is down"

@pytest.mark.stage("api", owner="Ann", runbook="https://ann.example/")
def test_marked(evidence):
    evidence.remedy("call Ann")
    pytest.fail("it is late")

@api
def test_raises(evidence):
    evidence.remedy("never shown")
    raise OSError("refused")

@pytest.fixture
def refused(): raise OSError("refused")

@api
def test_set_up(refused): pass

@api
def test_held(evidence):
    evidence.remedy("hold it")
    evidence.held("it holds", False)

@api
def test_holds(evidence):
    evidence.remedy("never shown")

@shop
def test_open(): pass
"""


@MODES
def test_the_address_stands_beside_each_reason(
    project: Project, mode: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Board, page, document, annotations, record and gate name owner, runbook and remedy."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    project.write({"pyproject.toml": OWNED, "test_api.py": TESTS})
    ran = project.run(*mode)
    out, criteria = plain(ran.out), ran.criteria

    def beside(name: str) -> tuple[str | None, ...]:
        return tuple(criteria[name].get(key) for key in ("remedy", "owner", "runbook"))

    assert beside("api.fails") == ("restart the importer", "Team <b>API</b>", RUNBOOK)
    assert beside("api.marked") == ("call Ann", "Ann", "https://ann.example/")
    assert beside("api.held")[0] == "hold it"
    advice = "see whether the system answers, then look at the test"
    assert beside("api.raises")[0] == f"the test raised OSError: {advice}"
    advice = "see whether the system answers, then look at the fixtures"
    assert beside("api.set-up")[0] == f"the set-up raised OSError: {advice}"
    assert beside("api.holds") == (None, None, None)
    assert "owner" not in criteria["api.holds"]
    assert beside("shop.open")[1:] == beside("api.fails")[1:], (
        "what blocks it is of the other stage"
    )
    assert "it is late\n    owner: Ann, runbook: https://ann.example/\n" in out
    assert "1. restart the importer" in out
    assert ". call Ann\n" in out
    assert "%0A-> call Ann%0Aowner: Ann, runbook: https://ann.example/" in out
    assert ran.page is not None
    assert '<a href="https://wiki.example/api?a=1&amp;b=&lt;x&gt;" rel="noreferrer">' in ran.page
    assert "Team <b>" not in ran.page
    assert "<b>Owner:</b> Ann " in ran.page
    assert ran.document is not None
    assert "owner: Team <`b`>API<`/b`>" in ran.document
    assert "runbook: https://wiki.example/api?a=1&b=%3Cx>)" in ran.document
    causes = {cause["ids"][0]: cause for cause in ran.record["decision"]["causes"]}
    assert causes["api.marked"]["owner"] == "Ann"


def test_the_gate_names_the_address(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """The gate's text and JSON name owner and runbook, also of what is stale by now."""
    project.write({"pyproject.toml": OWNED, "test_api.py": TESTS})
    project.run()
    record = str(project.folder / "status.json")
    with pytest.raises(SystemExit):
        main(["gate", record, "--root", str(project.root)])
    assert "owner: Ann, runbook: https://ann.example/" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["gate", record, "--root", str(project.root), "--format", "json"])
    causes = json.loads(capsys.readouterr().out)["records"][0]["causes"]
    assert {"Ann", "Team <b>API</b>"} <= {cause.get("owner") for cause in causes}


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "wiki", "https://", "https://me:pw@x", "https://x y", "ftp://x"]
)
def test_a_runbook_is_a_web_address(project: Project, url: str) -> None:
    """Any other value is a usage error of the configuration, or of the mark."""
    rule = "must be an http or https URL of at most 500 characters, without a password"
    test = "@api\ndef test_a(): pass\n"
    bad = CONFIG.replace('id = "api"', f'id = "api"\nrunbook = "{url}"')
    project.write({"pyproject.toml": bad, "test_api.py": test})
    ran = project.run()
    assert ran.status == 4
    assert f"stage 'api': runbook = {url!r} {rule}" in ran.out + ran.err
    marked = f"@pytest.mark.stage('api', runbook={url!r})\ndef test_a(): pass\n"
    project.write({"pyproject.toml": CONFIG, "test_api.py": marked})
    ran = project.run()
    assert ran.status == 4
    assert rule in ran.out + ran.err
