"""Append-only files of events, and how they are read back."""
