"""Unit tests of the acceptance suite's support."""
