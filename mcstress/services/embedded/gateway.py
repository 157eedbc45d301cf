"""The gateway's own routes: search, playbooks, inbox, corpora, health."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.routing import Route

from mcstress.services.embedded import bodies
from mcstress.services.embedded.bodies import decode
from mcstress.services.embedded.http import PAYLOAD_TOO_LARGE, RefusalError, answer, read_body
from mcstress.services.embedded.playbook import Recording, playbook_id
from mcstress.services.embedded.store import Store

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from mcstress.services.embedded.matrix import MatrixEngine

search_decoder = msgspec.json.Decoder(bodies.SearchBody)
record_decoder = msgspec.json.Decoder(bodies.RecordBody)
inbox_decoder = msgspec.json.Decoder(bodies.InboxBody)


class Gateway:
    """Requests as WIRE.md has them, checked, and handed to matrix and store."""

    def __init__(self, matrix: MatrixEngine, store: Store) -> None:
        self.matrix = matrix
        self.store = store

    def routes(self) -> list[Route]:
        """The routes, the busiest first."""
        return [
            Route("/v1/matrix/search", self.search, methods=["POST"]),
            Route("/v1/matrix/playbooks/record", self.record, methods=["POST"]),
            Route("/v1/observer/inbox", self.inbox, methods=["POST"]),
            Route("/v1/matrix/corpora", self.corpora, methods=["GET"]),
            Route("/health", self.health, methods=["GET"]),
        ]

    async def health(self, _request: Request) -> Response:
        return answer({"status": "ok"})

    async def corpora(self, _request: Request) -> Response:
        """Beside WIRE.md: ``roles``, how many candidates each role has, for chance levels."""
        listed = [
            {"name": corpus.name, "size": len(corpus), "roles": dict(+corpus.roles)}
            for corpus in self.matrix.corpora.values()
        ]
        return answer({"corpora": listed})

    async def search(self, request: Request) -> Response:
        return answer(self.matrix.search(decode(await read_body(request), search_decoder)))

    async def record(self, request: Request) -> Response:
        body = decode(await read_body(request), record_decoder)
        recording = Recording(
            body.query_text, body.answer_id, body.answer_corpus, body.score, body.role
        )
        await self.store.run(Store.save_recording, body.corpus, recording, body.tags)
        self.matrix.record(body.corpus, recording)
        return answer({"playbook_id": playbook_id(body.corpus, recording)})

    async def inbox(self, request: Request) -> Response:
        body = decode(await read_body(request), inbox_decoder)
        size = len(body.body.encode())
        if size > bodies.LARGEST_MESSAGE_BYTES:
            raise RefusalError(
                PAYLOAD_TOO_LARGE,
                f"body: found {size} bytes, expected at most {bodies.LARGEST_MESSAGE_BYTES}",
            )
        number = await self.store.run(Store.save_message, body)
        return answer({"id": f"msg-{number:06d}"})
