"""What is kept of a question."""

from __future__ import annotations

import pytest

from benchmarks.store.recording import Recorder


def _answer(statement: str, /, **parameters: object) -> dict[str, object]:
    return {"statement": statement, **parameters}


def test_a_statement_is_kept_as_it_was_asked() -> None:
    """With its values and its answer, and only until it is taken."""
    recorder = Recorder(_answer)
    row = recorder("SELECT :a", a=1)
    asked = recorder.only()
    assert (asked.statement, asked.parameters, asked.row) == ("SELECT :a", {"a": 1}, row)
    assert asked.seconds >= 0
    assert recorder.asked == []


@pytest.mark.parametrize("times", [0, 2])
def test_a_question_of_several_statements_is_refused(times: int) -> None:
    """A criterion's question is one statement."""
    recorder = Recorder(_answer)
    for _ in range(times):
        recorder("SELECT 1")
    with pytest.raises(ValueError, match="to unpack"):
        recorder.only()
