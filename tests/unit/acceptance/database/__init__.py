"""Unit tests of reading the store's database."""
