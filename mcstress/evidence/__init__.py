"""What a run leaves: append-only files, the report made from them, the comparison of runs."""
