"""Text that Markdown shows as it is."""

from __future__ import annotations

import re

# What would open a link, code or emphasis; an underscore inside a word opens nothing.
_MARKUP = re.compile(
    r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])|(?<=:)/(?=/)|(?<=\bwww)\.", re.IGNORECASE
)
# As entities, since a backslash means nothing in a document's own HTML.
_HTML = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_ENTITY = re.compile(r"[<>]|&(?=#?\w+;)")


def plain(text: str) -> str:
    """Return one line of text so that Markdown, a table's cell included, shows just it."""
    marked = _MARKUP.sub(lambda match: f"\\{match[0]}", text)
    return _ENTITY.sub(lambda match: _HTML[match[0]], marked)
