"""Searches, and what gateways of tests answer to them."""

from mcstress.services.gateway import schema as wire
from mcstress.services.trace_context import TraceContext

TRACE = TraceContext("ab" * 16)
SEARCH = wire.SearchRequest(query_text="forklift, Milwaukee", corpora=["workers"], k=2)


def hit(id_, **fields):
    return {"id": id_, "corpus": "workers", "distance": 0.25, "metadata": {"role": "x"}, **fields}


def found(*hits, **fields):
    """A search's answer with ``hits``."""
    counts = {"per_corpus_counts": {"workers": len(hits)}}
    return {"results": hits, **counts, "playbook_boosted": 0, "playbook_injected": 0, **fields}
