"""What changed since the run before: verdicts, the release, the suite; nothing that stayed."""

from __future__ import annotations

from markupsafe import Markup

from pytest_prodstatus.model.record import Record


def changes(record: Record) -> Markup:
    """Return the section, or nothing where nothing changed or there is no run before."""
    rows = Markup().join(
        Markup('<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>\n').format(*change)
        for change in _changes(record)
    )
    if not rows:
        return Markup()
    return Markup(
        '<section aria-labelledby="changes">'
        '<h2 id="changes">What changed since the run before</h2>\n'
        '<table class="changes"><thead><tr><th scope="col">What</th><th scope="col">Was</th>'
        '<th scope="col">Is</th></tr></thead><tbody>\n{}</tbody></table></section>\n'
    ).format(rows)


def _changes(record: Record) -> list[tuple[str, str, str]]:
    """Return what differs: what it is, what it was, what it is now."""
    if not record.history or not record.run.finished:
        return []
    then, now = record.history[-1], record.past
    told = [
        (stage.title, str(then.stages.get(stage.id, "not there")), str(stage.verdict))
        for stage in record.stages
        if then.stages.get(stage.id) is not stage.verdict
    ]
    for what, was, is_now in (
        ("release", then.release, now.release),
        ("suite commit", then.commit, now.commit),
    ):
        if was != is_now:
            told.append((what, was or "unknown", is_now or "unknown"))
    return told
