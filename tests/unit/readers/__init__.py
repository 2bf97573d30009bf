"""Tests of pytest_prodstatus.readers, module by module."""
