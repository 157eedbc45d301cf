"""Locust monkey-patches on import, and must do so before anything else imports ssl."""

import locust  # noqa: F401  (first, for its monkey-patching)
