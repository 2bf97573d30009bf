"""The templates, with the words that all of them use."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.version import __version__
from pytest_prodstatus.writers.html.words import CLASS, SIGN, counted, instant, minute, span, tag

if TYPE_CHECKING:
    from jinja2 import Environment, Template


def template(name: str) -> Template:
    """Return a template of this package; whatever it is given is escaped."""
    return _environment().get_template(name)


@cache
def source(name: str) -> Markup:
    """Return a file beside the templates as it is: a style or a script of this package."""
    loader = _environment().loader
    text = loader.get_source(_environment(), name)[0] if loader else ""
    return Markup(text)  # noqa: S704  no record has a part in it


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("pytest_prodstatus.writers"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        confirmed=Verdict.CONFIRMED,
        version=__version__,
        counted=counted,
        instant=instant,
        minute=minute,
        span=span,
        tag=tag,
        style_of=CLASS,
        signs=SIGN,
    )
    return environment
