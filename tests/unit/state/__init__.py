"""Tests of the rules that the journal of real orders keeps, without a database server."""
