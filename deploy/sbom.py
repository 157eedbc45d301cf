"""Puts a list of all that a wheel needs into it (SBOM, PEP 770): ``make wheel`` does.

The list is of an environment in which nothing but the wheel was installed, at the versions of
constraints.txt; CycloneDX's own tool makes it. ``wheel`` packs anew, with digests of all files.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

CHECKOUT = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent
NAME = "multi-coordinator-stress.cdx.json"


def run(tool: str, *arguments: str | Path) -> None:
    """One of the tools beside this Python; raises CalledProcessError."""
    subprocess.run([TOOLS / tool, *arguments], cwd=CHECKOUT, check=True)


def add_sbom(wheel: Path) -> None:
    """Write ``NAME`` into the wheel's ``.dist-info/sboms/``."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        python = folder / "environment" / "bin" / "python"
        run("uv", "venv", "--quiet", "--python", sys.executable, folder / "environment")
        constraints = ("--constraint", "constraints.txt")
        run("uv", "pip", "install", "--quiet", "--python", python, *constraints, wheel)
        run("wheel", "unpack", "--dest", folder / "unpacked", wheel)
        (tree,) = (folder / "unpacked").iterdir()
        (sboms,) = [info / "sboms" for info in tree.glob("*.dist-info")]
        sboms.mkdir()
        listed = ("--pyproject", "pyproject.toml", "--output-reproducible", "--output-file")
        run("cyclonedx-py", "environment", *listed, sboms / NAME, python)
        run("wheel", "pack", "--dest-dir", wheel.parent, tree)


if __name__ == "__main__":
    add_sbom(Path(sys.argv[1]).resolve())
