"""The state store: the journal of real orders, the history of runs, and the overrides."""
