"""Which project the suite is part of: that of its own files.

Pytest's rootdir won't do: `--rootdir`, `-c` and the folder of the command line change it, and the
project is part of an order's key, so that each of them would buy again.
"""

from __future__ import annotations

from pathlib import Path


def checkout_of(file: Path) -> Path:
    """Return the nearest folder above a file that has a pyproject.toml, else the file's own."""
    folder = file.resolve().parent
    found = (above for above in (folder, *folder.parents) if (above / "pyproject.toml").is_file())
    return next(found, folder)
