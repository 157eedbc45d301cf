"""Langfuse: settings, traces, buffers, delivery, spool. Best effort, never in the way."""
