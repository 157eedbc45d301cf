"""The report: one view of a run's document, written as Markdown, HTML and JSON."""
