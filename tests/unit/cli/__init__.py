"""Tests of pytest_prodstatus.cli, module by module."""
