"""What a run leaves: the append-only file, the report, the comparison."""
