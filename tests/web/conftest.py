"""The stand-in that all tests of the web UI share, and one Chromium."""

import pytest
from browsing import Browsing
from standin.process import Standin


@pytest.fixture(scope="session")
def services():
    """Options that name the stand-in."""
    with Standin() as standin:
        yield "--host", standin.url, "--llm-host", standin.url


@pytest.fixture(scope="session")
def chromium():
    """The browser, started once."""
    with Browsing() as browsing:
        yield browsing


@pytest.fixture
def page(chromium):
    """A page that remembers nothing."""
    chromium.fresh()
    return chromium
