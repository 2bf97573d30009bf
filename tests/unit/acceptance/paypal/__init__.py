"""Unit tests of the PayPal client."""
