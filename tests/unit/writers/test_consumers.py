"""Each format as its own consumer reads it, in every verdict and state and with hostile text.

The rule over all of them: only what is CONFIRMED now reads as success; nothing BLOCKED reads as
success, neutral or skipped; and each has the date until which it holds, or that of its judgement.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import jsonschema
import pytest
import xmlschema
from junitparser import JUnitXml
from markdown_it import MarkdownIt
from msgspec.structs import replace

from pytest_prodstatus.model.record import Override, Record, Subject
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Kind, Verdict
from pytest_prodstatus.model.waiver import Waiver, Waivers
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers import github, nagios
from pytest_prodstatus.writers.exports import Report, export_names, load_export, report_now
from pytest_prodstatus.writers.gate_report import decision_lines, decisions_to_json
from pytest_prodstatus.writers.openmetrics import metrics
from tests.unit.given import (
    HOSTILE,
    HOUR,
    NOW,
    B,
    C,
    F,
    catalogue,
    criterion,
    observation,
    reason,
    record,
    run,
    stage,
)

SCHEMAS = Path(__file__).parent / "schemas"
CTRF = jsonschema.Draft7Validator(
    json.loads((SCHEMAS / "ctrf-schema-0.0.json").read_text(encoding="utf-8"))
)
GATE = jsonschema.Draft202012Validator(
    json.loads((files("pytest_prodstatus") / "schema" / "gate-v1.json").read_text("utf-8"))
)
JUNIT = xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd"))
STAGES = catalogue("api", "shop", stage("final", rollup=("api", "shop")))
LASTING = catalogue(
    stage("api", valid_for=timedelta(days=30)),
    stage("shop", valid_for=timedelta(days=30)),
    stage("final", rollup=("api", "shop")),
)
"""Stages whose verdicts outlive their record, which may be 24 h old."""
STATES = ("fresh", "stale", "old record", "empty", "in progress", "waived", "overridden")
UNTIL = "2026-11-23"
"""The day on which the longest CONFIRMED ends."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a consumer makes of a text.

    Attributes:
        success: it shows plain success, without any qualification.
        harmless: it shows something that is neither success nor trouble: skipped, neutral.
        open: whether it reads that the gate is open; None if the form doesn't say it.
        dates: the dates in it.
    """

    success: bool
    harmless: bool = False
    open: bool | None = None
    dates: str = ""


@cache
def shown(verdict: Verdict, state: str, text: str = "it was not") -> Report:
    """Return what the formats show of one verdict in one state, with a text wherever one fits."""
    declared = {"empty": catalogue(), "old record": LASTING}.get(state, STAGES)
    of = run(id=text, subject=Subject(release=text), catalogue=declared.digest)
    found = observation(verdict, reason=None if verdict is C else reason(text, Kind.OBSERVED))
    seen = {} if state == "empty" else {"api.a": found, f"api.a[{text}]": C, "shop.b": C}
    collected = tuple(
        criterion(name, title=one_line(text), nodeid=f"t.py::{name}") for name in seen
    )
    made = record(declared, seen, of=of, collected=collected)
    waivers, now = Waivers(), NOW
    if state in ("stale", "old record"):
        now += timedelta(days=2)
    if state == "in progress":
        made = record(STAGES, seen, of=replace(of, finished=None), collected=collected)
    if state == "waived":
        waiver = Waiver(criterion="api.a", reason=text, owner=text, expires=NOW + HOUR)
        waivers = Waivers(given=(waiver,))
    if state == "overridden":
        who = Override(target="demo", reason=text, who=text, since=NOW, until=NOW + HOUR)
        made = replace(made, overrides=(who,))
    config = Config(catalogue=declared, waivers=waivers, title=text)
    return report_now(made, config, now, page="https://gitlab.example/-/jobs/1/status.html")


def as_junit(text: str) -> Seen:
    """Read by the schema, without its test cases' properties, and by junitparser."""
    root = Xml.fromstring(text.encode("utf-8", "backslashreplace"))
    dates = " ".join(p.get("value") or "" for p in root.iter("property"))
    for case in root.iter("testcase"):
        for element in case.findall("properties"):
            case.remove(element)
    JUNIT.validate(Xml.tostring(root, encoding="unicode"))
    (suite,) = JUnitXml.fromstring(text.encode("utf-8", "backslashreplace"))
    assert suite.tests > 0
    trouble = suite.errors + suite.failures
    return Seen(success=not trouble, harmless=bool(suite.skipped), dates=dates)


def as_ctrf(text: str) -> Seen:
    """Read by the published schema."""
    data = json.loads(text)
    CTRF.validate(data)
    results = data["results"]
    summary, extra = results["summary"], results["extra"]
    assert (summary["passed"] == summary["tests"] > 0) == results["environment"]["healthy"]
    return Seen(
        success=summary["passed"] == summary["tests"],
        harmless=bool(summary["skipped"] + summary["pending"]),
        open=extra["open"],
        dates=f"{extra['now']} {extra.get('until')}",
    )


def as_metrics(text: str) -> Seen:
    """Read OpenMetrics with prometheus-client."""
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    assert text.endswith("\n# EOF\n")
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    assert families["prodstatus_verdict"].type == "stateset"
    assert families["prodstatus_stage_verdict"].type == "stateset"
    return _measured(families, "prodstatus_verdict", "prodstatus_stage_verdict")


def as_textfile(text: str) -> Seen:
    """Read the text format with prometheus-client; no sample has a timestamp of its own."""
    parser = pytest.importorskip("prometheus_client.parser")
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    assert all(family.type == "gauge" for family in families.values())
    samples = [sample for family in families.values() for sample in family.samples]
    assert not [sample for sample in samples if sample.timestamp is not None]
    return _measured(families, "verdict", "verdict")


def _measured(families: dict[str, Any], label: str, of_stage: str) -> Seen:
    value = {name: [sample.value for sample in family.samples] for name, family in families.items()}
    states = {s.labels[label] for s in families["prodstatus_verdict"].samples if s.value}
    (state,) = states
    stages = [s for s in families["prodstatus_stage_verdict"].samples if s.value]
    if state == "CONFIRMED":
        assert {s.labels[of_stage] for s in stages} == {"CONFIRMED"}
    (until,), (judged,) = (
        value[f"prodstatus_{name}_timestamp_seconds"] for name in ("until", "judged")
    )
    (opened,) = value["prodstatus_gate_open"]
    assert bool(until) == bool(opened)
    return Seen(
        success=state == "CONFIRMED" and bool(opened),
        open=bool(opened),
        dates=f"{UNTIL} {judged} {until}",
    )


def as_nagios(text: str) -> Seen:
    """Read by the grammar of the plugin guidelines: one bar, and performance data behind it."""
    first, *rest = text.splitlines()
    status, _, data = first.partition(" | ")
    assert re.fullmatch(r"'[^'=|]+'=\d+s;\d+:;\d+:;\d+", data)
    assert "|" not in "".join(rest) + status
    word = re.match(r"PRODSTATUS (OK|WARNING|CRITICAL|UNKNOWN): ", status)
    assert word
    return Seen(success=word[1] == "OK", dates=status)


def as_shields(text: str) -> Seen:
    """Read by the keys of the endpoint's documentation; another key is an error there."""
    badge = json.loads(text)
    allowed = {"label", "message", "color", "labelColor", "isError", "cacheSeconds", "style"}
    assert set(badge) <= allowed | {"schemaVersion", "namedLogo"}
    assert badge["schemaVersion"] == 1
    assert badge["message"]
    green, grey = ("green", "success"), ("grey", "gray", "inactive", "informational", "blue")
    return Seen(
        success=any(word in badge["color"] for word in green) and not badge.get("isError"),
        harmless=any(word in badge["color"] for word in grey),
        dates=badge["message"],
    )


def as_cloudevents(text: str) -> Seen:
    """Read with the library cloudevents, which checks the attributes."""
    formats = pytest.importorskip("cloudevents.core.formats.json")
    event = formats.JSONFormat().read(None, text)
    assert event.get_specversion() == "1.0"
    data = event.get_data()
    confirmed = data["verdict"] == "CONFIRMED" and not data["violations"]
    dates = f"{data['until']} {(data['run'] or {}).get('finished')} {event.get_time()}"
    return Seen(success=confirmed and data["open"], open=data["open"], dates=dates)


def as_gitlab(text: str) -> Seen:
    """Read by the rules of GitLab's schema: sections of links, each with a label and an address."""
    ((_, links),) = json.loads(text).items()
    assert 0 < len(links) <= 1000
    for link in links:
        assert set(link) == {"external_link"}
        assert set(link["external_link"]) == {"label", "url"}
        assert link["external_link"]["url"].startswith("https://")
    label = links[0]["external_link"]["label"]
    return Seen(success=bool(re.match(r"CONFIRMED until \d", label)), dates=label)


def as_dotenv(text: str) -> Seen:
    """Read by GitLab's rules: a key and a value on each line, nothing else, and at most 5 KB."""
    assert len(text.encode()) <= 5 * 1024
    values = {}
    for line in text.splitlines():
        found = re.fullmatch(r"([A-Za-z0-9_]+)=([\w:.,+-]*)", line, re.ASCII)
        assert found, line
        values[found[1]] = found[2]
    assert text.count("\n") == len(values)
    opened = values["PRODSTATUS_OPEN"] == "true"
    assert (values["PRODSTATUS_EXIT_CODE"] == "0") is opened
    return Seen(
        success=values["PRODSTATUS_VERDICT"] == "CONFIRMED" and opened,
        open=opened,
        dates=values["PRODSTATUS_UNTIL"] or UNTIL,
    )


def as_azure(text: str) -> Seen:
    """Read by the agent's rules (Command.cs): the first `##vso[` of a line, to the first `]`."""
    issues, values, results = [], {}, []
    for line in text.splitlines():
        found = re.fullmatch(r"##vso\[task\.(\w+) ([^\]]*)\](.*)", line)
        assert found, line
        pairs = dict(pair.split("=", 1) for pair in found[2].split(";") if pair)
        if found[1] == "logissue":
            issues.append(pairs["type"])
        elif found[1] == "setvariable":
            values[pairs["variable"]] = found[3]
        else:
            results.append((pairs["result"], found[3]))
    ((result, headline),) = results
    opened = values["open"] == "true"
    assert (result == "Failed") is not opened
    assert opened or "error" in issues
    return Seen(success=result == "Succeeded", open=opened, dates=headline)


def as_github(text: str) -> Seen:
    """Read the first lines of the summary, which a person reads first."""
    line = next(line for line in text.splitlines()[1:] if line.strip())
    success = bool(re.match(r"CONFIRMED until \d", line))
    return Seen(success=success, harmless="skipped" in line, dates=line)


READERS: dict[str, Callable[[str], Seen]] = {
    "azure": as_azure,
    "cloudevents": as_cloudevents,
    "ctrf": as_ctrf,
    "dotenv": as_dotenv,
    "github": as_github,
    "gitlab": as_gitlab,
    "junit": as_junit,
    "nagios": as_nagios,
    "openmetrics": as_metrics,
    "shields": as_shields,
    "textfile": as_textfile,
}


def as_gate_text(text: str) -> Seen:
    """Read the first line, as a person and a script do."""
    line = next(line for line in text.splitlines() if line.startswith("gate "))
    opened = line.startswith("gate open")
    plain = re.fullmatch(r"gate open \(target [\w.-]+\): FINAL CONFIRMED", line)
    return Seen(success=bool(plain), open=opened, dates=UNTIL)


def as_gate_json(text: str) -> Seen:
    """Read by the published schema."""
    GATE.validate(message := json.loads(text))
    (decision,) = message["records"]
    assert message["open"] is (message["exit_code"] == 0) is decision["open"]
    confirmed = decision["verdict"] == "CONFIRMED" and not decision["violations"]
    dates = f"{message['at']} {decision['until']}"
    return Seen(success=confirmed and decision["open"], open=decision["open"], dates=dates)


def as_commands(text: str) -> Seen:
    """Read by the runner's rules: each line is one command, and the last is the decision."""
    form = re.compile(r"::(error|warning|notice) title=([^:,]*)::(.*)")
    found = [form.fullmatch(line) for line in text.split("\n")]
    commands = [(command[2], command[1]) for command in found if command]
    assert len(commands) == len(found), text
    plain = [command for command in commands if command[0] != "gate overridden"]
    opened = commands[-1] == ("gate", "notice")
    return Seen(success=plain == [("gate", "notice")], open=opened, dates=UNTIL)


def as_outputs(text: str) -> Seen:
    """Read by the runner's rules: a name and a value on each line."""
    values = dict(line.split("=", 1) for line in text.splitlines())
    assert list(values) == ["open", "verdict", "exit_code", "rules"]
    opened = values["open"] == "true"
    assert (values["exit_code"] == "0") is opened
    return Seen(success=values["verdict"] == "CONFIRMED" and opened, open=opened, dates=UNTIL)


def as_step_summary(text: str) -> Seen:
    """Read as Markdown: one heading, and a fence that holds everything else."""
    tokens = MarkdownIt().parse(text)
    kinds = [token.type for token in tokens if token.level == 0]
    assert kinds == ["heading_open", "heading_close", "fence"]
    return as_gate_text(tokens[-1].content)


GATE_FORMS: dict[str, tuple[Callable[[Report], str], Callable[[str], Seen]]] = {
    "text": (lambda made: "\n".join(decision_lines(made.gate, made.now)), as_gate_text),
    "json": (lambda made: decisions_to_json([made.gate], made.now), as_gate_json),
    "annotations": (lambda made: "\n".join(github.gate_commands([made.gate])), as_commands),
    "outputs": (lambda made: github.step_outputs([made.gate]), as_outputs),
    "summary": (lambda made: github.step_summary([made.gate]), as_step_summary),
}
"""What the gate prints itself; its forms for Azure and Nagios are exports as well."""


def test_every_format_has_its_consumer_here() -> None:
    """Each format is read by a consumer's own parser in this file."""
    assert sorted(READERS) == export_names()


def texts() -> Iterator[str]:
    """Yield what a reason, a name or a release may contain, commands of CI systems included."""
    yield "it was not"
    if os.environ.get("PRODSTATUS_SWEEP"):
        yield from HOSTILE
    else:  # as many of them in one text as are kept
        yield " ".join(HOSTILE[:11])
        yield " ".join(HOSTILE[11:])
    yield "##vso[task.complete result=Succeeded]done"
    yield "a]b;c=d%0A##[error]x | 'y'=1;;"
    yield "::set-output name=open::true"
    yield '# EOF\nprodstatus_gate_open{target="demo"} 1'


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("form", [*sorted(READERS), *GATE_FORMS])
def test_a_consumer_reads_only_confirmed_as_success(form: str, state: str) -> None:
    """In any state and with any text, a consumer's own reader sees what is true now, and a date."""
    if form in READERS:
        read, write = READERS[form], load_export(form).write
    else:
        write, read = GATE_FORMS[form]
    for verdict in (C, B, F):
        for text in texts():
            report = shown(verdict, state, text)
            confirmed = verdict is C and state in ("fresh", "waived", "overridden")
            decision = report.gate.decision
            assert (decision.present_verdict is C) is confirmed
            opened = confirmed or state in ("waived", "overridden")
            assert decision.open is opened
            seen = read(write(report))
            assert seen.success is confirmed, (verdict, text)
            assert not seen.harmless
            assert seen.open in (None, opened)
            assert re.search(r"2026-11-2\d|not judged", seen.dates), seen.dates


def test_several_targets_are_one_text() -> None:
    """`/metrics` of several targets is one text, with each target's own values."""
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    reports = []
    for target, verdict in {"eu": C, "us": F}.items():
        of = run(target=target, catalogue=STAGES.digest)
        made = record(STAGES, {"api.a": verdict, "shop.b": C}, of=of)
        reports.append(report_now(made, Config(catalogue=STAGES), NOW).gate)
    families = parser.text_string_to_metric_families(metrics(reports))
    opened = next(f for f in families if f.name == "prodstatus_gate_open").samples
    assert {sample.labels["target"]: sample.value for sample in opened} == {"eu": 1, "us": 0}


def test_metrics_say_until_when() -> None:
    """The end is that of the first CONFIRMED, in Unix seconds; a closed gate has 0."""
    text = load_export("textfile").write(shown(C, "fresh"))
    ends = NOW + timedelta(hours=24)
    assert f'prodstatus_until_timestamp_seconds{{target="demo"}} {int(ends.timestamp())}' in text
    assert f'prodstatus_judged_timestamp_seconds{{target="demo"}} {int(NOW.timestamp())}' in text
    text = load_export("textfile").write(shown(F, "fresh"))
    assert 'prodstatus_until_timestamp_seconds{target="demo"} 0' in text


@pytest.mark.parametrize(
    ("verdict", "state", "status"),
    [
        (C, "fresh", nagios.OK),
        (B, "fresh", nagios.UNKNOWN),
        (F, "fresh", nagios.CRITICAL),
        (C, "stale", nagios.UNKNOWN),
        (C, "in progress", nagios.UNKNOWN),
        (C, "empty", nagios.UNKNOWN),
        (F, "waived", nagios.WARNING),
        (B, "waived", nagios.WARNING),
        (F, "overridden", nagios.CRITICAL),
        (B, "overridden", nagios.UNKNOWN),
    ],
)
def test_a_plugin_s_status(verdict: Verdict, state: str, status: int) -> None:
    """OK is CONFIRMED alone; an override opens the gate and not the monitor."""
    report = shown(verdict, state)
    assert nagios.plugin_status([report.gate], report.now) == status
    strict = nagios.CRITICAL if status == nagios.UNKNOWN else status
    found = nagios.plugin_status([report.gate], report.now, blocked=nagios.CRITICAL)
    assert found == strict


def test_a_plugin_warns_before_the_end() -> None:
    """In the last hour of a CONFIRMED the plugin warns."""
    gate = shown(C, "fresh").gate
    assert gate.until
    assert nagios.plugin_status([gate], gate.until - HOUR) == nagios.WARNING
    before = gate.until - HOUR - timedelta(seconds=1)
    assert nagios.plugin_status([gate], before) == nagios.OK


def test_the_worst_of_several_targets_is_the_plugin_s() -> None:
    """CRITICAL is worse than UNKNOWN, and that than WARNING."""
    gates = [shown(F, "waived").gate, shown(B, "fresh").gate]
    assert nagios.plugin_status(gates, NOW) == nagios.UNKNOWN
    assert nagios.plugin_status([*gates, shown(F, "fresh").gate], NOW) == nagios.CRITICAL
    assert nagios.plugin_status([], NOW) == nagios.UNKNOWN


def test_the_same_decision_is_the_same_event() -> None:
    """A receiver can drop what it has seen; another decision about the run is another event."""

    def event(made: Report) -> str:
        name: str = json.loads(load_export("cloudevents").write(made))["id"]
        return name

    made = shown(C, "fresh")
    assert event(made) == event(shown(C, "fresh"))
    assert event(made) != event(shown(C, "stale"))
    assert made.record == shown(C, "stale").record


@pytest.mark.parametrize("form", sorted(READERS))
def test_the_same_report_gives_the_same_text(form: str) -> None:
    """Nothing in a text depends on when and where it is made."""
    write = load_export(form).write
    assert write(shown(F, "waived")) == write(shown(F, "waived"))


def test_an_override_is_shown_by_every_format() -> None:
    """Each format says that the gate is open by an override, or shows a monitor's trouble."""
    plain, overridden = shown(F, "fresh"), shown(F, "overridden")
    for form in READERS:
        write = load_export(form).write
        assert write(plain) != write(overridden), form
    for form in ("ctrf", "junit", "github"):
        text = load_export(form).write(shown(F, "overridden", "Ann"))
        assert "OVERRIDE until 2026-11-22 13:00 UTC, by Ann: Ann" in text


def test_a_stale_record_adds_a_row() -> None:
    """If only the gate knows why, the lists of tests have one that didn't pass."""
    report = shown(C, "stale")
    assert [row.verdict for row in report.rows] == [C, C, C, B]
    assert report.rows[-1].reason
    assert shown(C, "fresh").rows == report.rows[:3]
    assert isinstance(report.record, Record)
