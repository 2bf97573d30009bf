"""Runs that sign their record, and what a run believes of the last one."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

# Whole, and here: `pytester` drops what a test imports, and cryptography can't be imported twice.
pytest.importorskip("securesystemslib.dsse")
pytest.importorskip("securesystemslib.signer")
pytest.importorskip("cryptography.hazmat.primitives.serialization")

from pytest_prodstatus.model.codec import read_record
from pytest_prodstatus.signing import Keys, UntrustedError, new_key, trusted_keys, vouched
from tests.integration.project import CONFIG, SHOP, XDIST, Project

API = """
@api
def test_a(evidence): evidence(n=1)
@api
def test_key():
    assert "PRODSTATUS_SIGN_KEY" not in os.environ
"""
SIGNED_BY = CONFIG.replace("document", 'signed_by = ["ci.pub"]\ndocument')


@pytest.fixture
def key(project: Project) -> str:
    """A private key as text; its public key is the project's `ci.pub`."""
    private, public = new_key()
    (project.root / "ci.pub").write_bytes(public)
    project.write({"pyproject.toml": SIGNED_BY, "test_api.py": API, "test_shop.py": SHOP})
    return private.decode()


def trusts(project: Project) -> str:
    """Return why the project's record can't be trusted; "" if it can."""
    keys: Keys = trusted_keys(["ci.pub"], project.root)
    path = project.folder / "status.json"
    content = path.read_bytes()
    record = read_record(content.decode(), str(path))
    try:
        vouched(path, content, record, [keys], target="production", project=None)
    except UntrustedError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("mode", [(), XDIST], ids=["serial", "n2"])
def test_a_run_signs_and_no_test_sees_the_key(
    project: Project, key: str, mode: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key leaves the environment before any conftest is imported, in workers as well."""
    conftest = "import os\nassert 'PRODSTATUS_SIGN_KEY' not in os.environ\n"
    project.write({"conftest.py": conftest})
    monkeypatch.setenv("PRODSTATUS_SIGN_KEY", key)
    ran = project.run_alone(*mode, "-m", "production")
    assert (ran.status, ran.final) == (0, "CONFIRMED"), ran.out
    assert trusts(project) == ""
    assert key.splitlines()[1] not in ran.out + ran.err
    assert "the gate wants a trusted key's signature" not in ran.out


def test_a_run_that_does_not_sign_says_that_the_gate_wants_it(project: Project, key: str) -> None:
    """No form of the run says "open" while the gate is closed."""
    assert key
    forms = 'exports = ["dotenv", "shields", "nagios"]\ndocument'
    project.write({"pyproject.toml": SIGNED_BY.replace("document", forms)})
    ran = project.run("-m", "production")
    assert ran.final == "CONFIRMED"
    assert "the gate wants a trusted key's signature on this record: prodstatus sign" in ran.out
    assert "FINAL CONFIRMED (target production, gate closed unless its record is signed)" in ran.out
    assert "1. sign the record, unless it is signed, in the job that has the key:" in ran.out
    assert "The gate is closed unless its record is signed, which prodstatus gate verifies" in (
        ran.page or ""
    )
    assert ran.status == 0  # it is about the criteria
    assert ran.record["decision"]["open"] is False
    env = (project.folder / "prodstatus.env").read_text("utf-8")
    assert "PRODSTATUS_OPEN=false" in env
    assert (project.folder / "nagios.txt").read_text("utf-8").startswith("PRODSTATUS UNKNOWN")
    assert "brightgreen" not in (project.folder / "badge.json").read_text("utf-8")


@pytest.mark.parametrize("threshold", [1, 2])
def test_a_signature_that_is_not_enough_opens_nothing(
    project: Project, key: str, monkeypatch: pytest.MonkeyPatch, threshold: int
) -> None:
    """Neither that of a key that isn't trusted, nor one of the two that are wanted."""
    other, public = new_key()
    (project.root / "ci2.pub").write_bytes(public)
    keys = '["ci.pub"]' if threshold == 1 else '["ci.pub", "ci2.pub"]\nsigned_by_threshold = 2'
    forms = 'exports = ["dotenv"]\ndocument'
    config = SIGNED_BY.replace("document", forms).replace('["ci.pub"]', keys)
    project.write({"pyproject.toml": config})
    monkeypatch.setenv("PRODSTATUS_SIGN_KEY", other.decode() if threshold == 1 else key)
    ran = project.run_alone("-m", "production")
    assert (ran.status, ran.final) == (0, "CONFIRMED"), ran.out
    assert "the gate wants a trusted key's signature on this record: prodstatus sign" in ran.out
    assert (project.folder / "status.intoto.json").exists()  # --add may complete it
    assert ran.record["decision"]["open"] is False
    assert "PRODSTATUS_OPEN=false" in (project.folder / "prodstatus.env").read_text("utf-8")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('signed_by = ["no.pub"]', "no.pub' can't be read: No such file or directory"),
        ('signed_by = ["ci.pub", "empty"]', "empty' has no public key: files that end in .pub or"),
        ('signed_by = ["pyproject.toml"]', "pyproject.toml' has no PEM text of a public key"),
        (
            'signed_by = ["ci.pub", "./ci.pub"]\nsigned_by_threshold = 2',
            "'ci.pub', './ci.pub': 1 public key, and 2 must have signed",
        ),
    ],
)
@pytest.mark.parametrize("mode", [(), XDIST], ids=["serial", "n2"])
def test_keys_that_no_gate_could_use_are_a_usage_error(
    project: Project, key: str, mode: tuple[str, ...], keys: str, message: str
) -> None:
    """Before anything runs: only the gate would say so else, after a whole run."""
    assert key
    (project.root / "empty").mkdir()
    project.write({"pyproject.toml": CONFIG.replace("document", f"{keys}\ndocument")})
    ran = project.run(*mode, "-m", "production")
    assert ran.status == 4
    assert "ERROR: signed_by in " in ran.err
    assert message in ran.err
    assert not (project.folder / "status.json").exists()
    # What judges nothing needs no keys.
    assert project.run("--collect-only").status == 0


def test_a_key_that_can_not_sign_blocks_the_run(
    project: Project, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run wanted a signed record, and the reason never shows the key."""
    secret = key.splitlines()[1]
    monkeypatch.setenv("PRODSTATUS_SIGN_KEY", key.replace(secret, "x" + secret))
    ran = project.run_alone("-m", "production")
    assert (ran.status, ran.final) == (10, "BLOCKED")
    assert "the record can't be signed" in ran.out
    assert secret not in ran.out + ran.err


def test_only_what_was_signed_is_carried_over(
    project: Project, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an unsigned run, a partial one knows nothing of the rest: BLOCKED, untrusted."""
    monkeypatch.setenv("PRODSTATUS_SIGN_KEY", key)
    assert project.run_alone("-m", "production").final == "CONFIRMED"
    monkeypatch.setenv("PRODSTATUS_SIGN_KEY", key)
    part = project.run_alone("-m", "production", "test_shop.py")
    assert part.final == "CONFIRMED"
    monkeypatch.delenv("PRODSTATUS_SIGN_KEY", raising=False)
    unsigned = project.run_alone("-m", "production", "test_shop.py")
    assert unsigned.final == "CONFIRMED"  # the last record was signed, this one isn't
    part = project.run_alone("-m", "production", "test_shop.py")
    assert part.verdicts == {
        "api.a": "BLOCKED untrusted",
        "api.key": "BLOCKED untrusted",
        "shop.open": "CONFIRMED",
    }
    assert "the record isn't signed" in part.criteria["api.a"]["reason"]
    assert part.status == 0  # what it selected held


def test_a_signature_does_not_launder_what_was_carried_over(
    project: Project, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signed partial run distrusted it, so no later one trusts it before it ran again."""
    assert project.run_alone("-m", "production").final == "CONFIRMED"  # unsigned
    for _ in range(2):
        monkeypatch.setenv("PRODSTATUS_SIGN_KEY", key)
        part = project.run_alone("-m", "production", "test_shop.py")
        assert trusts(project) == ""
        assert (part.final, part.verdicts["api.a"]) == ("BLOCKED", "BLOCKED untrusted")
    monkeypatch.setenv("PRODSTATUS_SIGN_KEY", key)
    assert project.run_alone("-m", "production", "--unmet").final == "CONFIRMED"


def test_a_record_that_was_edited_is_not_carried_over(
    project: Project, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edited record isn't carried over, since the signature is of its bytes."""
    monkeypatch.setenv("PRODSTATUS_SIGN_KEY", key)
    project.run_alone("-m", "production")
    path = project.folder / "status.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace("::test_a", "::test_z"), encoding="utf-8"
    )
    part = project.run_alone("-m", "production", "test_shop.py")
    assert part.verdicts["api.a"] == "BLOCKED untrusted"
    assert "its digest differs" in part.criteria["api.a"]["reason"]


@pytest.mark.parametrize(
    ("args", "release"),
    [(("test_shop.py",), None), (("--unmet",), None), (("test_shop.py",), "v2")],
)
def test_an_old_record_that_was_put_back_is_not_carried_over(
    project: Project,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[str, ...],
    release: str | None,
) -> None:
    """It is signed, but the store knows a later run of the target, also of another release."""
    monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{project.root}/state.db")
    monkeypatch.setenv("PRODSTATUS_HISTORY", "1")
    monkeypatch.setenv("PRODSTATUS_SIGN_KEY", key)
    if release:  # what outlives a release is carried over to another one
        lasting = SIGNED_BY.replace("document", 'valid_for = "30d"\ndocument')
        project.write({"pyproject.toml": lasting})
        monkeypatch.setenv("PRODSTATUS_SUBJECT", "v1")
    assert project.run_alone("-m", "production").final == "CONFIRMED"
    names = ("status.json", "status.intoto.json")
    old = {name: (project.folder / name).read_bytes() for name in names}
    broken = API.replace("evidence(n=1)", "assert not evidence")
    project.write({"test_api.py": broken})
    monkeypatch.setenv("PRODSTATUS_SIGN_KEY", key)
    if release:
        monkeypatch.setenv("PRODSTATUS_SUBJECT", release)
    assert project.run_alone("-m", "production").final == "FAILED"
    for name, content in old.items():
        (project.folder / name).write_bytes(content)
    monkeypatch.setenv("PRODSTATUS_SIGN_KEY", key)
    if release:
        project.write({"test_api.py": API})  # only what the same file observed is carried over
    part = project.run_alone("-m", "production", *args)
    if args == ("--unmet",):
        assert part.verdicts["api.a"].startswith("FAILED")  # everything is unmet
        return
    assert part.verdicts["api.a"] == "BLOCKED untrusted"
    judged = f"release {release!r}" if release else "this release"
    assert f"a later run judged {judged}: " in part.criteria["api.a"]["reason"]


def test_a_signed_record_of_another_target_is_not_carried_over(
    project: Project, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its signature is right, and says that it is about staging."""
    monkeypatch.setenv("PRODSTATUS_SIGN_KEY", key)
    assert project.run_alone("-m", "production", "--target=staging").status == 0
    for name in ("status.json", "status.intoto.json"):
        (project.folder / "staging" / name).rename(project.folder / name)
    part = project.run_alone("-m", "production", "test_shop.py")
    assert "it is about target staging, so nothing of it counts" in part.out
    assert part.final == "BLOCKED"
    assert "api.a" not in part.criteria


def test_an_unsigned_run_imports_nothing_of_signatures(project: Project) -> None:
    """Who has no keys pays nothing: neither the library nor what makes statements is imported."""
    shows = """
    import sys
    def pytest_unconfigure():
        parts = ("securesystemslib", "cryptography", "pytest_prodstatus.sign",
                 "pytest_prodstatus.attest", "pytest_prodstatus.model.attestation")
        print("imported:", sorted(name for name in sys.modules if name.startswith(parts)))
    """
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    (project.root / "conftest.py").write_text(textwrap.dedent(shows), encoding="utf-8")
    ran = project.run_alone("-m", "production")
    assert ran.final == "CONFIRMED"
    assert "imported: []" in ran.out


def test_verdicts_of_another_machine_are_named(project: Project) -> None:
    """Without keys another machine's verdicts are carried over and named as unsigned."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    ran = project.run()
    machine = ran.record["run"]["machine"]
    path = project.folder / "status.json"
    text = path.read_text(encoding="utf-8")
    assert machine
    path.write_text(text.replace(machine, "0" * len(machine)), encoding="utf-8")
    part = project.run("test_shop.py")
    assert "2 verdicts are carried over from a record that another machine or user made" in part.out
    assert "Unsigned: anyone who can write" in (project.folder / "status.html").read_text("utf-8")


def test_paths() -> None:
    """The attestation lies beside its record, under any name of the record."""
    from pytest_prodstatus.project import attestation_of

    assert attestation_of(Path("a/eu.json")) == Path("a/eu.intoto.json")
