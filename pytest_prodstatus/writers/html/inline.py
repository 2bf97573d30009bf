"""The styles and the script of this package, and the policy that lets a page's own ones run."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from markupsafe import Markup

_FOLDER = Path(__file__).parents[1] / "assets"


@cache
def inline(name: str) -> Markup:
    """Return a style or a script of this package as it is, for the element of its kind."""
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704  a file of this package: no record has a part in it


@cache
def policy(style: str, script: str) -> Markup:
    """Return the Content-Security-Policy that allows this style, this script and nothing else."""
    return Markup(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; "
        "base-uri 'none'; form-action 'none'"
    ).format(_digest(inline(style)), _digest(inline(script)))


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
