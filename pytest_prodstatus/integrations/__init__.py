"""Adapters to the reports of other tools; each is imported only if its tool is in use."""
