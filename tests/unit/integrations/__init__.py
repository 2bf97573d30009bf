"""Tests of pytest_prodstatus.integrations, module by module."""
