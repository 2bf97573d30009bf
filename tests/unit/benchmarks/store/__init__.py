"""Unit tests of the store's benchmark."""
