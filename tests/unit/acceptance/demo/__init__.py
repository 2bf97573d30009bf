"""Unit tests of the demo store."""
