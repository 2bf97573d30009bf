"""Tests of pytest_prodstatus.writers.html, module by module."""
