"""The HTTP transport of the hot path."""
