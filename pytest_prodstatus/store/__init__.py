"""The state store: what outlives a run and its reports folder.

These are the journal of real actions, the history of runs with the archive of their records, the
overrides, and what was notified last. They lie in one SQLite file or PostgreSQL database.
"""
