"""The acceptance suite of one dropshipping store."""
