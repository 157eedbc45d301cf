"""The public door: see docs/extending.md."""
