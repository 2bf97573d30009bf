"""Tests of the parts together, with real processes."""
