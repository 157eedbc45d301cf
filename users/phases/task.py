"""A deed: what a coordinator does next, and in which her next event happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mcstress.users.coordinator import Coordinator

Deed = Callable[[], object]
"""Makes one event. Between two deeds the user may think or be stopped."""

Walk = Callable[[Coordinator], Iterator[Deed]]
"""A phase: its deeds one by one.

It hands them out rather than doing them itself: a user who waits, for an answer or for her next
deed, then keeps neither the generator's frames on her stack nor the last event in her memory, which
is half of what ten thousand users take.
"""
