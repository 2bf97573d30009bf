"""A probe's statements are recorded while it runs."""

from __future__ import annotations

import pytest

from benchmarks.store.recording import Recorder


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
