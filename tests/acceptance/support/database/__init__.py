"""The store's database: read-only, bounded, and asked as of one instant."""
