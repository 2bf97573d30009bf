"""From the model to text, and text to files, atomically."""
