"""The differences between two runs: lines for a terminal, Markdown for a pull request, JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_prodstatus.model.codec import printed_json
from pytest_prodstatus.model.diff import CriterionDiff, CriterionSide, RunDiff, RunSide
from pytest_prodstatus.model.record import ChangeKind
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.writers.document import escape_markdown
from pytest_prodstatus.writers.words import VERDICT_WIDTH, instant, minute, override_line

TITLES = {
    ChangeKind.INTRODUCED: "Introduced: FAILED now",
    ChangeKind.BLOCKED: "Newly BLOCKED",
    ChangeKind.LOST: "Lost: was judged, and isn't any more",
    ChangeKind.REMOVED: "Removed, and was never judged",
    ChangeKind.ADDED: "Added",
    ChangeKind.RESOLVED: "Resolved: CONFIRMED now",
    ChangeKind.STILL: "Still not CONFIRMED",
}
"""The heading of each kind of change, the worst first."""

_LIMIT = 200
"""Characters of a reason."""
_VALUE_LIMIT = 80
"""Characters of a value; the JSON has all of it."""


def write_text(diff: RunDiff) -> str:
    """Return the differences as lines for a terminal."""
    lines = [_side_line("from", diff.before), _side_line("to", diff.after)]
    for title, items in _sections(diff):
        lines += ["", f"{title} ({len(items)}):", *(f"  {item}" for item in items)]
    return "\n".join([*lines, *_conclusion(diff)]) + "\n"


def write_markdown(diff: RunDiff) -> str:
    """Return the differences as Markdown, for the summary of a job or a pull request."""
    lines = ["## What changed", ""]
    for word, side in (("From", diff.before), ("To", diff.after)):
        lines.append(f"- {word} {escape_markdown(_side_text(side))}")
    for title, items in _sections(diff):
        lines += ["", f"### {escape_markdown(title)} ({len(items)})", ""]
        lines += [f"- {escape_markdown(item)}" for item in items]
    lines += map(escape_markdown, _conclusion(diff))
    return "\n".join(lines) + "\n"


def write_json(diff: RunDiff) -> str:
    """Return the differences between two runs as JSON text."""
    return printed_json(diff) + "\n"


FORMATS: dict[str, Callable[[RunDiff], str]] = {
    "text": write_text,
    "markdown": write_markdown,
    "json": write_json,
}
"""The forms, by their names."""


def _word(verdict: object) -> str:
    """Return a verdict as a word; "not there" for None."""
    return "not there" if verdict is None else str(verdict)


def _sections(diff: RunDiff) -> Iterator[tuple[str, list[str]]]:
    """Yield each heading with its lines; none without lines."""
    changes = [f"{c.name}: {_value(c.before)} -> {_value(c.after)}" for c in diff.changes]
    sections = [("Release, suite, catalogue and versions", changes)]
    sections.append(
        ("Stages", [f"{s.id}: {_word(s.before)} -> {_word(s.after)}" for s in diff.stages])
    )
    for kind, title in TITLES.items():
        sections.append((title, list(map(_criterion_text, diff.of_kind(kind)))))
    sections.append(
        (
            "Evidence that changed under the same verdict",
            [
                f"{e.criterion} ({e.verdict}) {e.name}: {_value(e.before)} -> {_value(e.after)}"
                for e in diff.evidence
            ],
        )
    )
    for word, waivers in (("added", diff.waivers_added), ("gone", diff.waivers_removed)):
        sections.append(
            (
                f"Waivers {word}",
                [
                    f"{w.criterion} until {minute(w.expires)}, by {w.owner}: {w.reason}"
                    for w in waivers
                ],
            )
        )
    for word, overrides in (("added", diff.overrides_added), ("gone", diff.overrides_removed)):
        sections.append((f"Overrides {word}", list(map(override_line, overrides))))
    yield from ((title, items) for title, items in sections if items)


def _conclusion(diff: RunDiff) -> list[str]:
    """Return the last lines of a comparison, if nothing differs."""
    return ["", "Nothing differs."] if diff.empty else []


def _side_line(word: str, side: RunSide) -> str:
    """Return the line about one of the two compared runs."""
    return f"{word:<5} {_side_text(side, VERDICT_WIDTH)}"


def _side_text(side: RunSide, width: int = 0) -> str:
    """Return a run in one line; its verdict and gate in columns if they have a width."""
    release = f", release {side.release}" if side.release else ""
    commit = f", commit {side.commit[:12]}" if side.commit else ""
    selection = f" ({side.selection})" if side.selection else ""
    return (
        f"{instant(side.started)}  {side.final!s:<{width}}  gate {side.gate:<{6 if width else 0}}  "
        f"target {side.target}, run {side.run}{release}{commit}{selection}"
    )


def _criterion_text(item: CriterionDiff) -> str:
    """Return how one criterion changed, in one line."""
    if item.change is ChangeKind.STILL and item.after:
        return f"{item.id}: {item.after.verdict}{_why(item.after)}"
    verdicts = f"{_word(_verdict(item.before))} -> {_word(_verdict(item.after))}"
    # For what is gone, the reason before is the last that is known.
    side = item.after or item.before
    return f"{item.id}: {verdicts}{_why(side)}"


def _verdict(side: CriterionSide | None) -> object:
    """Return the verdict on one side; None if the criterion isn't there."""
    return side.verdict if side else None


def _why(side: CriterionSide | None) -> str:
    """Return the kind and reason on one side in brackets; "" without one."""
    if side is None or side.reason is None:
        return ""
    return f" ({side.kind}) {one_line(side.reason, limit=_LIMIT)}"


def _value(value: str | None) -> str:
    """Return a value in one line; "none" for None."""
    return "none" if value is None else one_line(value, limit=_VALUE_LIMIT)
