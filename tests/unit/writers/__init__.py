"""Tests of pytest_prodstatus.writers, module by module."""
