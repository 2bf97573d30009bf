"""Makes the documentation's links work on its site, as they do in the repository.

A page links to a file of the repository, such as an example, by a relative path. The site has only
the pages, so such a link gets the repository's address.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

try:
    import tomllib
except ModuleNotFoundError:  # below Python 3.11
    import tomli as tomllib

_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)(?P<path>[^)\s#]+)(?P<anchor>#[^)\s]*)?(?=\))")
_PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def repository() -> str:
    """Return the repository's address: from the environment, else from pyproject.toml."""
    table = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))
    hook = table["tool"]["hatch"]["metadata"]["hooks"]["custom"]
    return os.environ.get("PRODSTATUS_REPOSITORY") or str(hook["repository"])


def on_page_markdown(markdown: str, *, page: Any, files: Any, **_: object) -> str:
    """Return a page's Markdown with the links that leave the site made absolute."""
    folder = posixpath.dirname(page.file.src_uri)

    def absolute(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link["path"]))
        found = files.get_file_from_path(target)
        if found and found.inclusion.is_included():
            return link[0]
        path = posixpath.normpath(posixpath.join("docs", target))
        return f"{repository()}/blob/main/{path}{link['anchor'] or ''}"

    return _LINK.sub(absolute, markdown)
