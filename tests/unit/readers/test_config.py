"""`[tool.prodstatus]`: the configuration, and one sentence for each error in it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest

from pytest_prodstatus.model.waiver import Waiver
from pytest_prodstatus.readers.config import (
    TARGET_FORM,
    Attachments,
    Config,
    ConfigError,
    Step,
    read_config,
)
from tests.unit.given import declared

UTC = timezone.utc
HEAD = "[tool.prodstatus]\n"
STAGE = "[[tool.prodstatus.stages]]\n"
WAIVER = "[[tool.prodstatus.waivers]]\n"
WAIVED = WAIVER + "criterion = 'a.x'\nreason = 'r'\nowner = 'o'\nexpires = 2026-12-01\n"


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'", "[tool.other]\nx = 1", HEAD])
def test_a_project_that_declares_nothing_has_the_defaults(text: str) -> None:
    """Without a declared catalogue its stages come from the marks."""
    made = declared(text)
    assert made == Config()
    assert not made.catalogue.declared
    assert (made.title, made.document) == ("Production status", "PRODUCTION_STATUS.md")


def test_everything_that_can_be_declared() -> None:
    """Every key is read into its attribute."""
    made = declared(
        """
        [tool.prodstatus]
        title = "My shop"
        document = "docs/STATUS.md"
        html = "report.html"
        paths = ["tests/acceptance"]
        require_evidence = true
        success_criteria = ["It sells.", "It pays."]
        valid_for = "2h"
        path = [{ step = "buy\\nit", shows = "api-key" }, { step = "pay", shows = "final.x" }]

        [[tool.prodstatus.stages]]
        id = "api-key"
        title = "API STATUS"
        confirmed = "yes"
        failed = "no"
        blocked = "who knows"
        criteria = ["works", "api-key.lasts[1.5]"]

        [[tool.prodstatus.stages]]
        id = "final"
        requires = ["api-key"]
        rollup = ["api-key"]
        valid_for = "30d"
        """
    )
    assert (made.title, made.document, made.html) == ("My shop", "docs/STATUS.md", "report.html")
    assert (made.paths, made.require_evidence) == (("tests/acceptance",), True)
    assert made.success_criteria == ("It sells.", "It pays.")
    assert made.path == (Step(name="buy it", shows="api-key"), Step(name="pay", shows="final.x"))
    key, final = made.catalogue.stages
    assert (key.id, key.title) == ("api-key", "API STATUS")
    assert (key.confirmed, key.failed, key.blocked) == ("yes", "no", "who knows")
    assert key.criteria == ("api-key.works", "api-key.lasts[1.5]")
    assert key.valid_for == timedelta(hours=2)
    assert (final.title, final.requires, final.rollup) == (
        "FINAL STATUS",
        ("api-key",),
        ("api-key",),
    )
    assert final.valid_for == timedelta(days=30)
    assert made.catalogue.declared


def test_what_a_person_reads_is_one_line() -> None:
    """A TOML text of several lines can't break the document's lines."""
    made = declared(
        HEAD + 'title = """a\n# b"""\nsuccess_criteria = ["c\\nd"]\n'
        + STAGE + 'id = "a"\nconfirmed = """x\n- y"""'
    )  # fmt: skip
    assert (made.title, made.success_criteria) == ("a # b", ("c d",))
    assert made.catalogue.stages[0].confirmed == "x - y"


def test_an_unwaivable_rollup_protects_what_is_in_it() -> None:
    """Also what is in a rollup of it; not what its stages require."""
    stages = [("a", ""), ("b", "requires = ['a']"), ("both", "rollup = ['b']"), ("c", "")]
    stages += [("final", "rollup = ['both', 'c']")]
    table = "".join(f"\n{STAGE}id = '{name}'\n{keys}" for name, keys in stages)
    made = declared(HEAD + "unwaivable = ['final', 'b']\n" + table).waivers
    assert set(made.unwaivable) == {"final", "both", "b", "c"}


def test_waivers() -> None:
    """A date means its end in UTC; a date and time means that instant."""
    made = declared(
        HEAD + "unwaivable = ['oauth', 'a.y']\nwaiver_max = '7d'\n"
        + WAIVED
        + WAIVED.replace("a.x", "a.z").replace("2026-12-01", "2026-12-01T10:00:00+02:00")
    ).waivers  # fmt: skip
    assert made.given == (
        Waiver(criterion="a.x", reason="r", owner="o", expires=datetime(2026, 12, 2, tzinfo=UTC)),
        Waiver(
            criterion="a.z", reason="r", owner="o", expires=datetime(2026, 12, 1, 8, tzinfo=UTC)
        ),
    )
    assert (made.unwaivable, made.longest) == (("oauth", "a.y"), timedelta(days=7))
    assert declared("").waivers.longest == timedelta(days=30)


# A configuration, and the texts that its message must contain besides the file's name.
BAD: list[tuple[str, list[str]]] = [
    ("[tool]\nx = \ny = 1", ["not valid TOML", "line 2"]),
    (HEAD + "title = 'a'\ntitle = 'b'", ["not valid TOML"]),
    ("tool = 3", ["[tool]: must be a table, not 3"]),
    ("[tool]\nprodstatus = 3", ["[tool.prodstatus]: must be a table, not 3"]),
    (HEAD + "titel = 'x'", ["unknown key 'titel'; did you mean 'title'?", "keys are title"]),
    (HEAD + "zzz = 1", ["unknown key 'zzz'; keys are title, document, html, paths"]),
    (HEAD + "catalogue = 1", ["unknown key 'catalogue'"]),
    (HEAD + "title = 3", ["title = 3 must be text"]),
    (HEAD + "title = 2026-01-01", ["title = datetime.date(2026, 1, 1) must be text"]),
    (HEAD + "document = ['x']", ["document = ['x'] must be text"]),
    (HEAD + "document = ''", ["document = '' must be the name of a file, as in 'STATUS.md'"]),
    (HEAD + "document = 'docs/'", ["document = 'docs/' must be the name of a file"]),
    (HEAD + 'document = "a\\u0000b"', [r"document = 'a\x00b' must be the name of a file"]),
    (HEAD + "document = 'status.json'",
     ["document = 'status.json' is a file that the plugin writes itself",
      "use another name than status.json or status.html"]),
    (HEAD + "html = 'status.html'", ["html = 'status.html' is a file that the plugin writes"]),
    (HEAD + "document = './status.json'", ["document = './status.json' is a file that the plugin"]),
    (HEAD + "document = './pyproject.toml'",
     ["document = './pyproject.toml' has settings of the project: use another name"]),
    (HEAD + "html = '.env'", ["html = '.env' has settings of the project"]),
    (HEAD + "html = 'PRODUCTION_STATUS.md'",
     ["html = 'PRODUCTION_STATUS.md' is the status document: give one of them another name"]),
    (HEAD + "document = 'A.md'\nhtml = './A.md'", ["html = './A.md' is the status document"]),
    (HEAD + "html = true", ["html = True must be text"]),
    (HEAD + "paths = 'tests'", ["paths = 'tests' must be a list of texts"]),
    (HEAD + "paths = ['tests', 3]", ["paths holds 3; it must be a list of texts"]),
    (HEAD + "require_evidence = 1", ["require_evidence = 1 must be true or false"]),
    (HEAD + "attachments = 'yes'", ["'yes' must be true, false or a table of limits"]),
    (HEAD + "attachments = {file_mb = 0}", ["file_mb = 0 must be a whole number >= 1"]),
    (HEAD + "attachments = {all_mb = 1}", ["unknown key 'all_mb'", "file_mb, run_mb, folder_mb"]),
    (HEAD + "attachments = {file_mb = 200}", ["run_mb = 100", "must not get smaller"]),
    (HEAD + "require_evidence = 'yes'", ["require_evidence = 'yes' must be true or false"]),
    (HEAD + "success_criteria = [true]", ["success_criteria holds True; it must be a list"]),
    (HEAD + "valid_for = 24", ["valid_for: 24 is not a duration", "'24h'"]),
    (HEAD + "valid_for = '1 day'", ["valid_for: '1 day' is not a duration"]),
    (HEAD + "stages = 'a'", ["stages = 'a' must be a list of tables ([[tool.prodstatus.stages]])"]),
    (HEAD + "stages = ['a']", ["stages: must be a table, not 'a'"]),
    ("[tool.prodstatus.stages]\nid = 'a'", ["stages = {'id': 'a'} must be a list of tables"]),
    (STAGE, ["stage number 1: every stage needs an id, as in id = 'oauth'"]),
    (STAGE + "id = 'a'\n" + STAGE + "title = 'x'", ["stage number 2: every stage needs an id"]),
    (STAGE + "id = ''", ["stage number 1: every stage needs an id"]),
    (STAGE + "id = 3", ["stage 3: id = 3 must be text"]),
    (STAGE + "id = ['a']", ["stage ['a']: id = ['a'] must be text"]),
    (STAGE + "id = 'a'\nrequire = ['b']",
     ["stage 'a': unknown key 'require'; did you mean 'requires'? keys are id, title"]),
    (STAGE + "id = 'a'\nrequires = 'b'", ["stage 'a': requires = 'b' must be a list of texts"]),
    (STAGE + "id = 'a'\nrollup = [1]", ["stage 'a': rollup holds 1; it must be a list of texts"]),
    (STAGE + "id = 'a'\ncriteria = 'x'", ["stage 'a': criteria = 'x' must be a list of texts"]),
    (STAGE + "id = 'a'\ntitle = 3", ["stage 'a': title = 3 must be text"]),
    (STAGE + "id = 'a'\nconfirmed = 3", ["stage 'a': confirmed = 3 must be text"]),
    (STAGE + "id = 'a'\nfailed = 3", ["stage 'a': failed = 3 must be text"]),
    (STAGE + "id = 'a'\nblocked = 3", ["stage 'a': blocked = 3 must be text"]),
    (STAGE + "id = 'a'\nvalid_for = '0h'", ["stage 'a': valid_for: '0h' is not a duration"]),
    # The catalogue's own messages come with the place too.
    (STAGE + "id = 'A'", ["[tool.prodstatus] stage id 'A': use lower-case words"]),
    (STAGE + "id = 'a'\n" + STAGE + "id = 'a'", ["stage id 'a' is declared twice"]),
    (STAGE + "id = 'a'\nrequires = ['b']",
     ["requires names 'b', which is not a stage; stages are a"]),
    (STAGE + "id = 'a'\nrollup = ['a']", ["form a cycle: a -> a"]),
    (STAGE + "id = 'a'\ncriteria = ['b.x']", ["write criterion 'b.x' as a.its-name"]),
    (STAGE + "id = 'a'\ncriteria = ['x', 'a.x']", ["criterion 'a.x' is declared twice"]),
    (STAGE + "id = 'a'\ntitle = ''", ["title '' must be one line of plain words"]),
    # Waivers
    (HEAD + "waiver_max = '1 month'", ["waiver_max: '1 month' is not a duration"]),
    (HEAD + "unwaivable = 'a'", ["unwaivable = 'a' must be a list of texts"]),
    (HEAD + "unwaivable = ['b.x']\n" + STAGE + "id = 'a'",
     ["unwaivable holds 'b.x', which is in no stage", "stages are a"]),
    (HEAD + "waivers = 'a'", ["waivers = 'a' must be a list of tables"]),
    (WAIVER, ["waiver 1: it has no criterion; a waiver needs criterion, reason, owner, expires"]),
    (WAIVED.replace("reason = 'r'\n", ""), ["waiver of 'a.x': it has no reason"]),
    (WAIVED.replace("'r'", "' '"), ["waiver of 'a.x': it has no reason"]),
    (WAIVED.replace("owner = 'o'\n", ""), ["waiver of 'a.x': it has no owner"]),
    (WAIVED.replace("'o'", "'\u200b'"), ["waiver of 'a.x': it has no owner"]),
    (WAIVED.replace("expires = 2026-12-01\n", ""), ["waiver of 'a.x': it has no expires"]),
    (WAIVED.replace("'o'", "3"), ["waiver of 'a.x': owner = 3 must be text"]),
    (WAIVED.replace("2026-12-01", "'2026-12-01'"),
     ["expires = '2026-12-01' must be a date (YYYY-MM-DD), or a date and time", "without quotes"]),
    (WAIVED.replace("2026-12-01", "2026-12-01T10:00:00"), ["'2026-12-01 10:00:00' must be a date"]),
    (WAIVED.replace("2026-12-01", "0001-01-01T00:00:00+14:00"), ["must end within the years"]),
    (WAIVED.replace("2026-12-01", "9999-12-31"),
     ["expires = '9999-12-31' must end within the years 1 to 9999 in UTC, and a waiver's"]),
    (WAIVED + "until = 3", ["waiver of 'a.x': unknown key 'until'"]),
    (WAIVED + WAIVED, ["criterion 'a.x' has two waivers; keep one of them"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "parts"), BAD, ids=[parts[0] for _, parts in BAD])
def test_a_bad_value_gets_one_sentence(text: str, parts: list[str]) -> None:
    """With the file, the key, the value and the rule."""
    with pytest.raises(ConfigError) as caught:
        declared(text)
    message = str(caught.value)
    assert message.startswith("pyproject.toml: ")
    assert len(message.splitlines()) == 1
    assert not [part for part in parts if part not in message], message


@pytest.mark.parametrize(
    ("name", "good"),
    [("production", True), ("eu-1.staging_2", True), ("", False), (".", False), ("a/b", False),
     ("-a", False), ("a b", False), ("a\n", False), ("x" * 64, True), ("x" * 65, False)],
)  # fmt: skip
def test_a_target_is_a_folder_s_name(name: str, good: bool) -> None:
    """It names the folder of its outputs."""
    assert bool(TARGET_FORM.fullmatch(name)) is good


def test_patterns_of_secrets() -> None:
    """They are kept as written; there are none by default."""
    assert declared('[tool.prodstatus]\nsecrets = ["*_PIN", "!CACHE_KEY"]').secrets == (
        "*_PIN",
        "!CACHE_KEY",
    )
    assert declared("").secrets == ()


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{ step = 'buy' }", "needs both keys, as in { step = 'purchase', shows = 'order' }"),
        ("{ shows = 'a' }", "needs both keys, as in { step = 'purchase', shows = 'order' }"),
        ("{ step = 'buy', shows = 'b.x' }", "shows = 'b.x' is in no stage"),
        ("{ step = 'buy', show = 'a' }", "unknown key 'show'; did you mean 'shows'?"),
        ("{ step = 1, shows = 'a' }", "step = 1 must be text"),
        ("'buy'", "must be a table, not 'buy'"),
    ],
)
def test_a_step_of_the_path_names_what_it_shows(step: str, message: str) -> None:
    """A step must show an existing stage or a criterion of one."""
    with pytest.raises(ConfigError, match=re.escape(message)):
        declared(f"{HEAD}path = [{step}]\n{STAGE}id = 'a'")


def test_a_path_needs_no_declared_stages() -> None:
    """If only tests name the stages, a step may show any name."""
    assert declared(f"{HEAD}path = [{{ step = 'buy', shows = 'a' }}]").path


@pytest.mark.parametrize("name", ["prodstaus", "prodstatuss", "prod-status", "Prodstatus"])
def test_a_table_whose_name_is_nearly_right_is_refused(name: str) -> None:
    """Its keys would be dropped in silence, and with them the project's rules."""
    text = f"[tool.{name}]\nrequire_evidence = true\n[[tool.prodstatus.stages]]\nid = 'api'\n"
    with pytest.raises(ConfigError, match="did you mean"):
        read_config(text, "pyproject.toml")


def test_tables_of_other_tools_are_none_of_ours() -> None:
    """Names that begin alike are other tools'."""
    text = "[tool.poetry]\n[tool.pyright]\n[tool.production]\n[tool.prodstatus]\n"
    assert read_config(text, "pyproject.toml") is not None


def test_attachments_are_off_on_or_limited() -> None:
    """A table switches them on with other limits."""
    limits = [
        config.attachment_limits
        for line in ("", "attachments = false", "attachments = true", "attachments = {run_mb = 20}")
        if (config := read_config(f"[tool.prodstatus]\n{line}\n", "x"))
    ]
    assert limits == [None, None, Attachments(), Attachments(run_mb=20)]
