"""The store's database: read-only, bounded, and read as of one instant."""
