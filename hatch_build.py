"""Completes the package's metadata: its addresses, and a README whose links lead somewhere on PyPI.

The address of the repository stands in one place: `repository` of this hook in pyproject.toml, or
PRODSTATUS_REPOSITORY in the environment, which a release sets to the one that it is made in.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_TARGET = re.compile(
    r"(?P<image>!?)(?P<text>\[[^\]]*\])\((?!\w+:)(?P<path>[^)\s#]*)(?P<anchor>[^)\s]*)\)"
)


class CustomMetadataHook(MetadataHookInterface):
    """Sets `readme` and `urls`, which pyproject.toml declares as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set both in the project's metadata.

        Args:
            metadata: the table `project`.
        """
        repository = os.environ.get("PRODSTATUS_REPOSITORY") or self.config["repository"]
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_absolute_links(text, repository),
        }
        metadata["urls"] = {
            "Documentation": f"{repository}/blob/main/docs/README.md",
            "Source": repository,
            "Changelog": f"{repository}/blob/main/CHANGELOG.md",
            "Issues": f"{repository}/issues",
        }


def with_absolute_links(text: str, repository: str) -> str:
    """Return Markdown in which each relative link leads to a file of the repository.

    Args:
        text: the README.
        repository: its address, without a slash at the end.
    """

    def absolute(link: re.Match[str]) -> str:
        kind = "raw" if link["image"] else "blob"
        target = f"{repository}/{kind}/main/{link['path']}" if link["path"] else ""
        return f"{link['image']}{link['text']}({target}{link['anchor']})"

    return _TARGET.sub(absolute, text)
