"""Tests of the state store with real processes on SQLite and PostgreSQL."""
