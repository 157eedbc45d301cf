"""Bearer tokens: from the environment only, and shown nowhere."""

from __future__ import annotations

import os

from services.base_url import sendable
from services.errors import MisuseError

GATEWAY_TOKEN = "GATEWAY_TOKEN"  # noqa: S105  (a variable's name)
LLM_TOKEN = "LLM_TOKEN"  # noqa: S105  (likewise)


def authorization(variable: str) -> dict[str, str]:
    """The header with the token that the environment ``variable`` holds; none where it is unset."""
    token = os.environ.get(variable, "").strip()
    if not token:
        return {}
    if not sendable(token):
        raise MisuseError(
            f"{variable}: holds characters that no header can carry; "
            "expected a token in ASCII without spaces"
        )
    return {"Authorization": f"Bearer {token}"}
