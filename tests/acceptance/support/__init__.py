"""What the store's criteria are built on: settings, probes and provider clients."""
