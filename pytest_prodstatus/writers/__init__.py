"""Writes the model as text in every output format, and files atomically."""
