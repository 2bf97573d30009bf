"""The one real order: what arms it, how it is placed, and how it is read back."""
