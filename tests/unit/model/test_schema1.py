"""A record of schema 1 is read without loss, judged by today's rules, and never written.

The files in `schema1/` were written by release 0.1.0.
"""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pytest_prodstatus.model.codec import RecordError, read_record, write_record
from pytest_prodstatus.model.evidence import MoneyEntry
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Verdict
from tests.unit.given import HOSTILE, NOW, B, C, F

FILES = sorted(Path(__file__).with_name("schema1").glob("*.json"))


def read(path: Path) -> Record:
    """Return the record in a file of schema 1."""
    return read_record(path.read_text(encoding="utf-8"), path.name)


def data_of(path: Path) -> dict[str, Any]:
    """Return the data in a file."""
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def upgraded(data: Any) -> Any:
    """Return the same data in schema 2: equal, except for what the converter changes."""
    if isinstance(data, str):
        return data.encode("utf-8", "backslashreplace").decode()
    if isinstance(data, list):
        return [upgraded(item) for item in data]
    if isinstance(data, dict):
        derived = ("reasons", "causes", "actions")
        rest = {upgraded(key): upgraded(v) for key, v in data.items() if key not in derived}
        if "nodeid" in rest:
            return {**rest, "assertions": None, "exempt": None, "source": ""}
        if "derived" in rest:
            return {"without": [], **rest}  # no stage was declared as one that doesn't apply
        if "incidents" in rest:
            unknown = {"no_commit": None, "machine": "", "shard": False}
            return {**unknown, **rest}  # also if it says so already
        return {**rest, "schema": 2} if "schema" in rest else rest
    return data


def test_there_are_records_of_every_sort() -> None:
    """The files are CONFIRMED, FAILED, in progress with a former one, overridden, and hostile."""
    assert [path.stem for path in FILES] == [
        "confirmed", "failed", "hostile", "in-progress", "overridden",
    ]  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_is_lost(path: Path) -> None:
    """Every field has the same value in schema 2, and keeps its place in the file.

    Why the gate is closed, and what to do, is computed again.
    """
    text = write_record(read(path))
    assert upgraded(json.loads(text)) == upgraded(data_of(path))
    assert text.startswith('{\n "schema": 2,\n')
    run = [name for name in json.loads(text)["run"] if name not in ("no_commit", "machine")]
    assert run == [*data_of(path)["run"], "shard"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_the_same_record_after_it_is_written(path: Path) -> None:
    """A record of schema 1 is the same record after it was written, as schema 2."""
    assert read_record(write_record(read(path)), "status.json") == read(path)


@pytest.mark.parametrize(("value", "shard"), [(None, False), (False, False), (True, True)])
def test_it_may_say_that_it_is_a_shard(value: bool | None, shard: bool) -> None:
    """A record without the field `shard`, as older ones are, isn't a shard."""
    data = data_of(FILES[0])
    if value is not None:
        data["run"]["shard"] = value
    assert read_record(json.dumps(data), "status.json").run.shard is shard


def test_what_it_says() -> None:
    """Verdicts, evidence, instants, the former record, overrides and history are read."""
    confirmed, failed, hostile, marker, overridden = map(read, FILES)
    assert [confirmed.final.verdict, failed.final.verdict, marker.final.verdict] == [C, F, B]
    (first, *_) = confirmed.criteria
    names = [entry.name for entry in first.evidence]
    assert names[:6] == ["text", "int", "bool", "money", "time", "list"]
    money = first.evidence[3]
    assert isinstance(money, MoneyEntry)
    assert (Decimal(money.value), money.currency) == (Decimal("-0.10"), "USD")
    assert (first.observed_at, first.duration) == (NOW, 1.25)
    assert confirmed.run.subject.snapshots == {"database": (NOW - timedelta(hours=1), NOW)}
    assert marker.last_finished == failed
    assert [past.final for past in overridden.history] == [Verdict.CONFIRMED]
    assert [one.who for one in overridden.overrides] == ["Ana"]
    assert [cause.verdict for cause in failed.decision.causes][:1] == [F]
    assert bool(confirmed.decision.causes or confirmed.decision.actions) is False
    titles = [entry.name for status in hostile.criteria for entry in status.evidence]
    assert set(titles) <= {one_line(text, limit=100) for text in HOSTILE}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"final": {}}, "final has no field 'verdict'"),
        ({"final": None}, "final is None; it must be an object"),
        ({"more": 1}, "the record has an unknown field 'more'"),
        ({"previous": 3}, "previous is 3; it must be an object or null"),
        ({"previous": {"schema": 1}}, "previous has no field 'run'"),
    ],
)
def test_one_that_is_wrong_is_refused(change: dict[str, Any], sentence: str) -> None:
    """A wrong record of schema 1 is refused by the same rules and sentences as any other."""
    text = json.dumps({**data_of(FILES[0]), **change})
    with pytest.raises(RecordError, match=sentence):
        read_record(text, "status.json")
