"""What the embedded stack answers, as an OpenAPI description that it serves itself.

Made from the structs that decode the bodies, so that it says what is checked. Of a search's answer
and a chat's only what every client needs is described.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.routing import Route

from mcstress.services.embedded import bodies
from mcstress.services.embedded.chat import ChatBody
from mcstress.services.embedded.http import answer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

PATH = "/openapi.json"
VERSION = "3.1.0"
_REF = "#/components/schemas/{name}"
_TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties]}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_HIT = _object(id=_TEXT, corpus=_TEXT, distance={"type": "number"}, metadata={"type": "object"})
_FOUND = _object(
    results=_list(_HIT),
    per_corpus_counts={"type": "object", "additionalProperties": _COUNT},
    playbook_boosted=_COUNT,
    playbook_injected=_COUNT,
)
_MESSAGE = _object(role=_TEXT, content=_TEXT)
_SAID = _object(model=_TEXT, created_at=_TEXT, message=_MESSAGE, done={"type": "boolean"})
_ERROR = _object(error=_TEXT)

# Path and method; what it takes; the status and body of success; the other statuses.
_ROUTES: dict[tuple[str, str], tuple[type | None, int, dict[str, Any], tuple[int, ...]]] = {
    ("/health", "get"): (None, 200, _object(status=_TEXT), ()),
    ("/v1/matrix/corpora", "get"): (
        *(None, 200, _object(corpora=_list(_object(name=_TEXT, size=_COUNT)))),
        (),
    ),
    ("/v1/matrix/search", "post"): (bodies.SearchBody, 200, _FOUND, (502,)),
    ("/v1/matrix/playbooks/record", "post"): (
        *(bodies.RecordBody, 200, _object(playbook_id=_TEXT)),
        (),
    ),
    ("/v1/observer/inbox", "post"): (bodies.InboxBody, 200, _object(id=_TEXT), ()),
    ("/v1/embed", "post"): (
        *(bodies.EmbedBody, 200),
        _object(vectors=_list(_list({"type": "number"})), dimension=_COUNT),
        (),
    ),
    ("/v1/vectors/index", "post"): (
        *(bodies.CreateIndexBody, 201, _object(name=_TEXT, dimension=_COUNT)),
        (409,),
    ),
    ("/v1/vectors/index/{name}/add", "post"): (
        *(bodies.AddBody, 200, _object(added=_COUNT)),
        (404,),
    ),
    ("/api/chat", "post"): (ChatBody, 200, _SAID, (404,)),
    ("/api/tags", "get"): (None, 200, _object(models=_list(_object(name=_TEXT))), ()),
}
_REFUSALS = (400, 413)
"""Of every body: not as it should be, and too large."""


@cache
def description() -> dict[str, Any]:
    """The whole description: of every route but this one."""
    taken = [takes for takes, *_ in _ROUTES.values() if takes is not None]
    schemas, components = msgspec.json.schema_components(taken, ref_template=_REF)
    of_type = dict(zip(taken, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for (path, method), (takes, status, body, others) in _ROUTES.items():
        statuses = others if takes is None else (*_REFUSALS, *others)
        operation: dict[str, Any] = {
            "responses": {str(status): _said("as asked", body)}
            | {str(one): _said("refused", _ERROR) for one in statuses}
        }
        if takes is not None:
            operation["requestBody"] = {"required": True, "content": _json(of_type[takes])}
        if "{name}" in path:
            named = {"name": "name", "in": "path", "required": True, "schema": _TEXT}
            operation["parameters"] = [named]
        paths.setdefault(path, {})[method] = operation
    return {
        "openapi": VERSION,
        "info": {"title": "the embedded stack", "version": "1"},
        "paths": paths,
        "components": {"schemas": components},
    }


def routes() -> list[Route]:
    """The route that answers with the description."""
    return [Route(PATH, _serve, methods=["GET"])]


async def _serve(_request: Request) -> Response:
    return answer(description())


def _said(words: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": _json(body)}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
