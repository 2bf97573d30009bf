"""From text to the model: configuration, record, status document."""
