"""The routes for vectors: texts embedded, indexes created, items added."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from starlette.routing import Route

from mcstress.services.embedded import bodies
from mcstress.services.embedded.bodies import BAD_REQUEST, decode
from mcstress.services.embedded.corpus import CorpusIndex
from mcstress.services.embedded.http import LARGEST_ITEMS_BYTES, RefusalError, answer, read_body
from mcstress.services.embedded.items import checked_items, stored_items
from mcstress.services.embedded.store import Store
from mcstress.services.embedded.time_slicing import Turns

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from mcstress.services.embedded.matrix import MatrixEngine

CREATED, NOT_FOUND, CONFLICT = 201, 404, 409
AT_ONCE = 32
"""Items added before others may get their turn: less than a millisecond."""

embed_decoder = msgspec.json.Decoder(bodies.EmbedBody)
create_index_decoder = msgspec.json.Decoder(bodies.CreateIndexBody)
add_decoder = msgspec.json.Decoder(bodies.AddBody)


class Vectors:
    """What a client does with vectors. All indexes have the dimension of the embedding."""

    def __init__(self, matrix: MatrixEngine, store: Store) -> None:
        self.matrix = matrix
        self.store = store
        self.dimension = matrix.embedding.dimension
        self._long_work = asyncio.Lock()

    def routes(self) -> list[Route]:
        return [
            Route("/v1/embed", self.embed, methods=["POST"]),
            Route("/v1/vectors/index/{name}/add", self.add, methods=["POST"]),
            Route("/v1/vectors/index", self.create_index, methods=["POST"]),
        ]

    async def embed(self, request: Request) -> Response:
        body = decode(await read_body(request), embed_decoder)
        vectors: list[list[float]] = []
        async with Turns(self._long_work, request) as turns:
            for text in body.texts:
                await turns.pause()
                vectors.append(self.matrix.embedding.encode(text).tolist())
        return answer({"vectors": vectors, "dimension": self.dimension})

    async def create_index(self, request: Request) -> Response:
        body = decode(await read_body(request), create_index_decoder)
        if body.dimension != self.dimension:
            raise RefusalError(
                BAD_REQUEST,
                f"dimension: found {body.dimension}, expected {self.dimension} as of /v1/embed",
            )
        if body.name in self.matrix.corpora:
            raise RefusalError(CONFLICT, f'index "{body.name}" is there already')
        self.matrix.corpora[body.name] = CorpusIndex(body.name, self.dimension)
        try:
            await self.store.run(Store.save_index, body.name)
        except BaseException:  # the disk refused it: it can be asked for again
            del self.matrix.corpora[body.name]
            raise
        return answer({"name": body.name, "dimension": self.dimension}, CREATED)

    async def add(self, request: Request) -> Response:
        """On disk first, then in the index: what was answered is never lost."""
        name = request.path_params["name"]
        if name not in self.matrix.corpora:
            raise RefusalError(NOT_FOUND, f'index "{name}" does not exist')
        body = decode(await read_body(request, LARGEST_ITEMS_BYTES), add_decoder)
        items, vectors = checked_items(body.items, self.dimension)
        await self.store.run(Store.save_items, name, stored_items(items, vectors))
        for start in range(0, len(items), AT_ONCE):
            end = start + AT_ONCE
            self.matrix.add(name, items[start:end], vectors[start:end])
            await asyncio.sleep(0)
        return answer({"added": len(items)})
