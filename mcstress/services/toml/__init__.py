"""A target by a TOML file: requests, and pointers into their answers (docs/targets.md)."""
