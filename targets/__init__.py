"""Targets that ship, each a TOML file: ``--target chroma`` (docs/targets.md)."""
