"""The small parts that the whole page is made of: labels, lists, sections and rows of tables."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from pytest_prodstatus.model.verdict import Verdict

CLASS = {Verdict.CONFIRMED: "C", Verdict.BLOCKED: "B", Verdict.FAILED: "F"}
"""The style of each verdict: a colour, and a sign that tells it apart without one."""

# Signs are drawn, not typed, since not every font has them: a tick, a bar, a cross.
SIGN = {
    Verdict.CONFIRMED: "M-6 0l4 4.5 8-9",
    Verdict.BLOCKED: "M-6 0h12",
    Verdict.FAILED: "M-5-5l10 10M5-5l-10 10",
}
"""The sign of each verdict, as an SVG path around its own middle, 12 units wide."""


def tag(verdict: Verdict) -> Markup:
    """Return a verdict as a label."""
    return Markup('<b class="tag {}">{}</b>').format(CLASS[verdict], verdict.value)


def code(text: object) -> Markup:
    """Return what is to be read letter by letter: an id, a digest, an address."""
    return Markup("<code>{}</code>").format(text)


def each(template: str, values: Iterable[object]) -> Markup:
    """Return the template once for each value, with the value in its place, escaped."""
    return Markup().join(Markup(template).format(value) for value in values)  # noqa: S704


def optional(template: str, value: object) -> Markup:
    """Return the template with the value in its place, escaped; nothing if the value is empty."""
    return Markup(template).format(value) if value else Markup()  # noqa: S704


def section(name: str, title: str, body: Markup, style: str = "") -> Markup:
    """Return a section of the page.

    Args:
        name: the anchor of its heading.
        title: the heading.
        body: what follows it.
        style: the section's class; "" for none.
    """
    return Markup(
        '<section{} aria-labelledby="{name}"><h2 id="{name}">{}</h2>{}</section>\n'
    ).format(optional(' class="{}"', style), title, body, name=name)


def columns(*names: str) -> Markup:
    """Return the cells of a table's head."""
    return each('<th scope="col">{}</th>', names)


def row(name: str, *cells: str, end: str = "\n") -> Markup:
    """Return a table's row, which begins with its name."""
    return Markup('<tr><th scope="row">{}</th>{}</tr>{}').format(
        name, each("<td>{}</td>", cells), end
    )
