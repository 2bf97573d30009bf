"""Tests of pytest_prodstatus.model, module by module."""
