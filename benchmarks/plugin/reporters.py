"""The reporters that are measured, and the command-line arguments of each."""

from __future__ import annotations

from dataclasses import dataclass, replace

ALONE = "pytest alone"
OURS = "pytest-prodstatus"
FLOOR = "a bare recorder"
STATE = "state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """One reporter.

    Attributes:
        plugins: the names of the plugins that it needs; all others are switched off.
        args: the arguments that switch it on; `{written}` is the path of its output.
        writes: the file or folder that a run must write; without it, the reporter was off and the
            measurement is wrong. `{out}` is a folder for outputs, `{project}` the project's.
        marked: whether the tests have stage marks.
        records: the way in which each test records two values, a key of `projects.BODIES`.
        asserts: how many assertions each test has.
        counts: whether the plugin requires and counts them.
        extra: the extra of the plugin that its environment has; "" for none.
        again: whether the record of an earlier run is kept.
    """

    plugins: frozenset[str] = frozenset()
    args: tuple[str, ...] = ()
    writes: str = ""
    marked: bool = True
    records: str = ""
    asserts: int = 0
    counts: bool = False
    extra: str = ""
    again: bool = False


_RECORD = "{project}/reports/status.json"

REPORTERS = {
    ALONE: Reporter(),
    FLOOR: Reporter(args=("-p", "floor")),
    OURS: Reporter(plugins=frozenset({"prodstatus"}), writes=_RECORD),
    "junitxml": Reporter(args=("--junitxml={written}",), writes="{out}/junit.xml"),
    "pytest-reportlog": Reporter(
        plugins=frozenset({"pytest_reportlog"}),
        args=("--report-log={written}",),
        writes="{out}/log.jsonl",
    ),
    "CTRF": Reporter(
        plugins=frozenset({"ctrf"}), args=("--ctrf={written}",), writes="{out}/ctrf.json"
    ),
    # Plugins are named as they register: one package may have several, or need another's.
    "pytest-html": Reporter(
        plugins=frozenset({"html", "html_fixtures", "metadata"}),
        args=("--html={written}",),
        writes="{out}/report.html",
    ),
    "pytest-json-report": Reporter(
        plugins=frozenset({"pytest_jsonreport", "metadata"}),
        args=("--json-report", "--json-report-file={written}"),
        writes="{out}/report.json",
    ),
    "allure-pytest": Reporter(
        plugins=frozenset({"allure_pytest"}),
        args=("--alluredir={written}",),
        writes="{out}/allure",
    ),
    # Verbosity 1 has a row for each test; without it, nothing is written in a quiet run.
    "pytest-md-report": Reporter(
        plugins=frozenset({"pytest-md-report"}),
        args=("--md-report", "--md-report-output={written}", "--md-report-verbose=1"),
        writes="{out}/report.md",
    ),
}
"""Each is compared with `ALONE`, on the same tests."""

OWN_CASES = {
    "a second run": replace(REPORTERS[OURS], again=True),
    "no stage marks": Reporter(plugins=frozenset({"prodstatus"}), marked=False),
    "with the extra `state`": replace(REPORTERS[OURS], extra=STATE),
}
"""The plugin in other cases, compared with `ALONE` on the same tests."""

RECORDING = {
    f"{OURS}, two values": replace(REPORTERS[OURS], records="evidence"),
    "junitxml, two properties": replace(REPORTERS["junitxml"], records="properties"),
    "pytest-reportlog, two properties": replace(
        REPORTERS["pytest-reportlog"], records="properties"
    ),
    "allure-pytest, two attachments": replace(REPORTERS["allure-pytest"], records="attachments"),
}
"""Each test records two values, in the way that the reporter has for it."""

COUNTING = {
    f"{OURS} with {asserts} assert{'s' * (asserts > 1)}{' counted' * counts}": replace(
        REPORTERS[OURS], asserts=asserts, counts=counts
    )
    for asserts in (1, 5)
    for counts in (False, True)
}
"""Each test asserts, and the plugin counts that, or doesn't."""

PACKAGES = (
    "allure-pytest",
    "pytest-html",
    "pytest-json-ctrf",
    "pytest-json-report",
    "pytest-md-report",
    "pytest-reportlog",
    "pytest-xdist",
)
"""The packages of the environment, besides pytest and the plugin without its extras."""
