"""Tests of the rules that the state store keeps, without a database server."""
