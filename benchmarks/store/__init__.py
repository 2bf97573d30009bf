"""What the store's database criteria cost at scale: `python -m benchmarks.store --rows 5000000`."""
