"""``mcstress replay``: what a run could not deliver, sent later."""

from __future__ import annotations

import os
from pathlib import Path

from services.errors import MisuseError
from tracing.replay import ReplayOutcome, replay
from tracing.settings import load_settings
from tracing.trace import Level


def replay_spool(spool: Path, langfuse_env: Path, mask: Level | None = None) -> ReplayOutcome:
    """Send what is in the spool, masked as its run said or as ``mask`` does.

    Raises MisuseError without settings or spool.
    """
    settings, warnings = load_settings(langfuse_env, os.environ)
    if settings is None:
        raise MisuseError("; ".join(warnings))
    return replay(spool, settings, mask)
