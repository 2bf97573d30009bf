"""Unit tests of what the store's criteria stand on."""
