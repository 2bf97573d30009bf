"""Measurements that are run by hand: nothing here is installed, and no verdict depends on it."""
