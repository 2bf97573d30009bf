"""Unit tests of the AliExpress client."""
