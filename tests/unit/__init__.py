"""Unit tests; they mirror the code they test."""
