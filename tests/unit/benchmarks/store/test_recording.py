"""A probe's statements are recorded while it runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from benchmarks.store.recording import Recorder, save, saved


def _row_of(statement: str, /, **parameters: object) -> dict[str, object]:
    return {"statement": statement, **parameters}


def test_a_statement_is_recorded_as_it_ran() -> None:
    """A statement is recorded with its values and its row, until it is taken."""
    recorder = Recorder(_row_of)
    row = recorder("SELECT :a", a=1)
    recorded = recorder.only()
    assert (recorded.statement, recorded.parameters, recorded.row) == ("SELECT :a", {"a": 1}, row)
    assert recorded.seconds >= 0
    assert recorder.statements == []


@pytest.mark.parametrize("times", [0, 2])
def test_a_query_of_several_statements_is_refused(times: int) -> None:
    """A query of a criterion is one statement."""
    recorder = Recorder(_row_of)
    for _ in range(times):
        recorder("SELECT 1")
    with pytest.raises(ValueError, match="to unpack"):
        recorder.only()


def test_a_saved_statement_is_asked_within_another_window(tmp_path: Path) -> None:
    """It comes with the values that it uses, but for the instants, which are the next run's."""
    recorder = Recorder(_row_of)
    recorder("SELECT :a, :since", a=[1], since=datetime(2026, 11, 22), unused=2)  # noqa: DTZ001
    save(tmp_path / "before.json", {"one": recorder.only()})
    assert saved(str(tmp_path / "before.json")) == {"one": ("SELECT :a, :since", {"a": [1]})}


@pytest.mark.parametrize("content", ["", "[]", '{"one": 1}', '{"one": {"statement": ""}}'])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    """In one sentence that names it."""
    path = tmp_path / "before.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"before.json' is not a file of statements: make one by"):
        saved(str(path))
