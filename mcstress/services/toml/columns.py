"""A request of several things at once, made of the template for one: its lists of one are columns.

``{"ids": ["{id}"], "embeddings": ["{vector}"]}`` of three items has lists of three.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcstress.services.toml.template import Template, TemplateError

OF_EACH = frozenset(
    {"text", "vector", "id", "metadata", "uuid", "integer", "record_uuid", "record_integer"}
    | {"answer_id", "role"}
)
"""The placeholders that differ from thing to thing, wherever they are written to."""


class Columns:
    """The lists of one in the template ``body``; TemplateError where a thing's own is elsewhere."""

    def __init__(self, body: Any, place: str) -> None:
        self._body = body
        _refuse_outside(body, place)

    def joined(self, bodies: Sequence[Any]) -> Any:
        """One body of what each thing's own would be."""
        return _joined(self._body, bodies)


def _is_column(template: Any) -> bool:
    return isinstance(template, list) and len(template) == 1 and bool(Template(template[0]).needs)


def _joined(template: Any, bodies: Sequence[Any]) -> Any:
    if _is_column(template):
        return [one for body in bodies for one in body]
    if isinstance(template, dict):
        return {key: _joined(template[key], [body[key] for body in bodies]) for key in [*bodies[0]]}
    return bodies[0]


def _refuse_outside(template: Any, place: str) -> None:
    if _is_column(template):
        return
    if isinstance(template, dict):
        for key, one in template.items():
            _refuse_outside(one, f"{place}.{key}")
    elif own := OF_EACH & Template(template).needs:
        raise TemplateError(
            f"{place}: found {{{min(own)}}} beside batch, expected it in a list of its own, as "
            f'["{{{min(own)}}}"], or item and {{items}}'
        )
