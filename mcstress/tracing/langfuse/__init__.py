"""Langfuse: its encodings, its client, its settings."""
