"""Questions to the store and its providers: each returns values and asserts nothing."""
