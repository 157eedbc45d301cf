"""One running stack, and one system in this process, for all tests of the embedded stack."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the stack; read when numpy is imported

import httpx
import pytest

from mcstress.services.embedded.process import EmbeddedStack
from mcstress.services.embedded.system import build_matrix
from mcstress.services.embedded.vocabulary import load_vocabulary

SEED = 42


@pytest.fixture(scope="session")
def vocabulary():
    return load_vocabulary()


@pytest.fixture(scope="session")
def matrix(vocabulary):
    """The system of the default seed, without a server. Tests add under names of their own."""
    return build_matrix(vocabulary, SEED)


@pytest.fixture(scope="session")
def stack():
    """A real stack in a process of its own. Tests record under names of their own."""
    running = EmbeddedStack.start(seed=SEED)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def client(stack):
    with httpx.Client(base_url=stack.url, timeout=30) as http:
        yield http
