"""Tests of the journal of real orders with real processes on SQLite and PostgreSQL."""
