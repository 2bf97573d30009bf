"""The release, in one place that everything may import."""

from __future__ import annotations

__version__ = "0.2.0"
