"""Unit tests of how the store's database is asked."""
