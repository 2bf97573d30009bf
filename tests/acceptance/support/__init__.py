"""What the store's criteria stand on: settings, probes and provider clients."""
