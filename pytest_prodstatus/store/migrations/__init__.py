"""The state store's schema, one revision a step, run by Alembic."""
