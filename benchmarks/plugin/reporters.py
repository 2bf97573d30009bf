"""The reporters that are measured: what each is called on pytest's command line."""

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
        args: what asks for it; `{written}` is what it writes.
        writes: the file or folder that a run must have written, since one that was quiet about it
            would be measured at nothing. `{out}` is a folder for it, `{project}` the project's.
        marked: the tests carry stage marks.
        records: by what means each test records two values, a key of `projects.BODIES`.
        extra: of the plugin's extras, the one that its environment has; "" for none.
        again: the project was judged before, and that record is there.
    """

    plugins: frozenset[str] = frozenset()
    args: tuple[str, ...] = ()
    writes: str = ""
    marked: bool = True
    records: str = ""
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
    # A row for each test; without its verbosity it writes nothing in a quiet run.
    "pytest-md-report": Reporter(
        plugins=frozenset({"pytest-md-report"}),
        args=("--md-report", "--md-report-output={written}", "--md-report-verbose=1"),
        writes="{out}/report.md",
    ),
}
"""Each beside `ALONE`, on the same tests."""

OURS_TOO = {
    "a second run": replace(REPORTERS[OURS], again=True),
    "no stage marks": Reporter(plugins=frozenset({"prodstatus"}), marked=False),
    "with the extra `state`": replace(REPORTERS[OURS], extra=STATE),
}
"""The plugin in other cases, beside `ALONE` on the same tests."""

RECORDING = {
    f"{OURS}, two values": replace(REPORTERS[OURS], records="evidence"),
    "junitxml, two properties": replace(REPORTERS["junitxml"], records="properties"),
    "pytest-reportlog, two properties": replace(
        REPORTERS["pytest-reportlog"], records="properties"
    ),
    "allure-pytest, two attachments": replace(REPORTERS["allure-pytest"], records="attachments"),
}
"""Like with like: each test records two values, by the means that the reporter has for it."""

PACKAGES = (
    "allure-pytest",
    "pytest-html",
    "pytest-json-ctrf",
    "pytest-json-report",
    "pytest-md-report",
    "pytest-reportlog",
    "pytest-xdist",
)
"""What the environment holds beside pytest and the plugin, which comes without its extras."""
