"""``mcstress replay``: what a run could not deliver, sent later."""

from __future__ import annotations

import os
from pathlib import Path

from services.errors import MisuseError
from tracing.replay import replay
from tracing.settings import load_settings


def replay_spool(spool: Path, langfuse_env: Path) -> str:
    """Send what is in the spool; one line on what became of it."""
    settings, warnings = load_settings(langfuse_env, os.environ)
    if settings is None:
        raise MisuseError("; ".join(warnings))
    return str(replay(spool, settings))
