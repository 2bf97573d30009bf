"""Unit tests of the one real order."""
