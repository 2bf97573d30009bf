"""Reads text into the model: configuration, `.env` files, status document."""
