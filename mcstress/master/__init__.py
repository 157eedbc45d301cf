"""The process that conducts a run: seats, workers, the end, the report's document."""
