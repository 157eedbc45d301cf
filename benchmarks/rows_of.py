"""One benchmark in a process of its own: its rows as JSON, on the last line that it prints."""

from __future__ import annotations

import importlib
import sys

import locust  # noqa: F401  (first, for its monkey-patching)
import msgspec


def main(name: str) -> None:
    """Run ``benchmarks.NAME``."""
    rows = importlib.import_module(f"benchmarks.{name}").run()
    sys.stdout.write(msgspec.json.encode(rows).decode() + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
