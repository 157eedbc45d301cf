"""What the official SDK's API client is used for, off the hot path: the project, reading back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import msgspec
from pydantic import ValidationError

from mcstress.services.failure_reason import DECODE_ERRORS
from mcstress.tracing.http.delivery_outcome import DeliveryFault, excerpt, keys_fault

if TYPE_CHECKING:
    from mcstress.tracing.langfuse.settings import LangfuseSettings

PROJECTS = "/api/public/projects"
_WRONG_KEYS = (401, 403)
_PAGE = 1000
_NO_JSON = (UnicodeDecodeError, RecursionError)
"""What the SDK lets through of an answer that is no JSON."""


class Project(msgspec.Struct):
    """The project that the keys belong to."""

    id: str
    name: str


class _Projects(msgspec.Struct):
    data: list[Project]


class LangfuseSdk:
    """The SDK's API client over our connections. It keeps no thread, queue or global."""

    def __init__(self, settings: LangfuseSettings, http: httpx.Client) -> None:
        # Half a second and 30 MB, which only a process with keys should pay.
        from langfuse.api import LangfuseAPI  # noqa: PLC0415
        from langfuse.api.core.api_error import ApiError  # noqa: PLC0415

        self._url, self._peer = settings.url, settings.peer
        self._http = http
        self._error = ApiError
        self._api = LangfuseAPI(
            base_url=settings.url,
            username=settings.public_key,
            password=settings.secret_key,
            httpx_client=http,
        )
        _ = self._api.projects, self._api.observations  # imported now, not while users run

    def project(self) -> Project | DeliveryFault:
        """The project of the keys, or why it cannot be had."""
        try:
            listed = self._api.projects.get(request_options={"max_retries": 0})
            projects = [Project(each.id, each.name) for each in listed.data]
        except ValidationError:  # servers before 3 list less than the SDK insists on
            projects = self._listed()
        except self._error as error:
            where = f"{self._url}{PROJECTS} answers {error.status_code}"
            if error.status_code in _WRONG_KEYS:
                return keys_fault(where, str(error.body), self._peer)
            return DeliveryFault("project", where)
        except (httpx.HTTPError, *_NO_JSON) as error:
            return DeliveryFault(
                "project", f"{self._url}{PROJECTS} cannot be read: {describe(error)}"
            )
        if not projects:
            return DeliveryFault(
                "project", f"{self._url}{PROJECTS} lists no project for these keys"
            )
        return projects[0]

    def observations(self, session: str, until_s: float) -> int | str:
        """How many observations a v4 server has of ``session``, or why that is not known.

        Counting stops at ``until_s`` of the monotonic clock.
        """
        condition = {"type": "string", "column": "sessionId", "operator": "=", "value": session}
        number, cursor = 0, None
        try:
            while time.monotonic() < until_s:
                page = self._api.observations.get_many(
                    fields="core",
                    filter=msgspec.json.encode([condition]).decode(),
                    limit=_PAGE,
                    cursor=cursor,
                    request_options={"max_retries": 0},
                )
                number += len(page.data)
                cursor = page.meta.cursor
                if not cursor:
                    return number
        except self._error as error:
            return f"{self._url} answers {error.status_code}: {excerpt(str(error.body))}"
        except (httpx.HTTPError, ValidationError, *_NO_JSON) as error:
            return f"{self._url}: {describe(error)}"
        return "there was no time to count them all"

    def _listed(self) -> list[Project]:
        """The projects as an older server lists them."""
        try:
            return msgspec.json.decode(self._http.get(PROJECTS).content, type=_Projects).data
        except (httpx.HTTPError, *DECODE_ERRORS):
            return []


def describe(error: Exception) -> str:
    """An error in one line; some of httpx's say nothing but their names."""
    return excerpt(str(error)) or type(error).__name__
