"""Who may ask: `Host` in an exact list on every route, method and upgrade, `Origin` for whatever can change or stream something.

Comparing Origin with Host would not stop DNS rebinding, where both name the attacker's domain; exact lists do.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from livetrain.server.counters import Counters
from livetrain.server.logs import Complaints

__all__ = ["AllowList", "App", "Guard", "Receive", "Scope", "Send"]

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MAX_BODY: Final = 64 * 1024
_SIZE: Final = re.compile("[0-9]{1,18}")
_ZERO: Final = re.compile(rb"%00|\x00")
_HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' blob: data:; worker-src 'self' blob:; style-src 'self'; "
        b"frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_EMBEDDED: Final = b"cross-origin-resource-policy"

_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, POST"),
    (
        b"access-control-allow-headers",
        b"content-type, x-grpc-web, x-user-agent, grpc-timeout, connect-protocol-version, connect-timeout-ms",
    ),
    (b"access-control-max-age", b"600"),
)
_EXPOSED: Final = (b"access-control-expose-headers", b"grpc-status, grpc-message, grpc-encoding")


class AllowList:
    """Exact hosts and origins.

    Args:
        port: where the server listens.
        hosts: further hosts as they stand in ``Host``, with or without the port.
        origins: further origins, e.g. ``https://train.example.org``.

    Example:
        >>> allowed = AllowList(8080)
        >>> allowed.host("localhost:8080"), allowed.host("evil.example:8080"), allowed.origin("null")
        (True, False, False)
    """

    def __init__(self, port: int, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        loopback = [f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")]
        if port == 80:  # browsers leave it out
            loopback += ["127.0.0.1", "localhost", "[::1]"]
        given = [host.lower() for host in hosts]
        with_port = [f"{host}:{port}" for host in given if ":" not in host.rpartition("]")[2]]
        self._hosts = frozenset([*loopback, *given, *with_port])
        self._foreign = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._origins = self._foreign.union(f"http://{host}" for host in self._hosts)

    def host(self, host: str) -> bool:
        """Is this value of ``Host`` one of ours?"""
        return host.lower() in self._hosts

    def origin(self, origin: str) -> bool:
        """Is this value of ``Origin`` one of ours? ``null`` never is."""
        return origin.lower() in self._origins

    def foreign(self, origin: str) -> bool:
        """Was this value of ``Origin`` allowed by name, so that its pages may read answers?"""
        return origin.lower() in self._foreign


class Guard:
    """Stands before the whole application."""

    def __init__(self, app: App, allowed: AllowList, counters: Counters) -> None:
        self._app = app
        self._allowed = allowed
        self._counters = counters
        self._complaints = Complaints(log)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._judge(scope)
        if refusal is None:
            sharing, embedding = self._sharing(scope), self._embedding(scope)
            answering = _with_headers(send, (*sharing, embedding))
            if sharing and scope.get("method") == "OPTIONS":
                await answering(
                    {"type": "http.response.start", "status": 204, "headers": [*_PREFLIGHT]}
                )
                await send({"type": "http.response.body", "body": b""})
                return
            await self._app(scope, receive, answering)
            return
        status, cause, reason = refusal
        self._counters.rejected.labels(cause).inc()
        client = scope.get("client")
        self._complaints.warn(
            cause, "refused a request from %s: %s", client[0] if client else "?", reason
        )
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4001, "reason": reason[:100]})
            return
        body = json.dumps({"detail": reason}).encode()
        await _with_headers(send, [(_EMBEDDED, b"same-origin")])(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body)).encode()),
                ],
            }
        )
        await send({"type": "http.response.body", "body": body})

    def _sharing(self, scope: Scope) -> tuple[tuple[bytes, bytes], ...]:
        """Return the headers that let a page of an allowed origin read the answer; none for any other."""
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if len(origins) != 1 or not self._allowed.foreign(origins[0].decode("latin-1")):
            return ()
        return (b"access-control-allow-origin", origins[0]), (b"vary", b"origin"), _EXPOSED

    def _embedding(self, scope: Scope) -> tuple[bytes, bytes]:
        """Return the header that says whose pages may load the answer, as a picture for example.

        A browser says no origin where a page loads a picture; which site that page is of stands in ``Referer`` alone.
        """
        pages = [value for name, value in scope["headers"] if name == b"referer"]
        if len(pages) == 1 and self._allowed.foreign(_origin_of(pages[0].decode("latin-1"))):
            return _EMBEDDED, b"cross-origin"
        return _EMBEDDED, b"same-origin"

    def _judge(self, scope: Scope) -> tuple[int, str, str] | None:
        headers: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value.decode("latin-1"))
        hosts = headers.get(b"host", [])
        if len(hosts) != 1 or not self._allowed.host(hosts[0]):
            host = hosts[0] if hosts else ""
            return (
                421,
                "host",
                f"Host {host!r} is not one of this server's; add it with --allow-host if it should be.",
            )
        if _ZERO.search(scope.get("raw_path") or b"") or _ZERO.search(scope["query_string"]):
            return 400, "zero", "A zero byte (%00) is part of no name or id; leave it out."
        origins = headers.get(b"origin", [])
        changes = scope["type"] == "websocket" or scope["method"] not in _READING
        # Browsers say their origin with every such request; what does not is no browser, and has no page to fool.
        if changes and origins and (len(origins) != 1 or not self._allowed.origin(origins[0])):
            return (
                403,
                "origin",
                f"Origin {origins[0]!r} is not allowed; add it with --allow-origin if it should be.",
            )
        sizes = headers.get(b"content-length", ["0"])
        if (
            headers.get(b"transfer-encoding")
            or not _SIZE.fullmatch(sizes[0])
            or int(sizes[0]) > _MAX_BODY
        ):
            return 413, "body", f"A body of at most {_MAX_BODY} bytes, with its length, is taken."
        return None


def _origin_of(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:  # no address at all
        return ""
    return f"{parts.scheme}://{parts.netloc}"


def _with_headers(send: Send, more: Iterable[tuple[bytes, bytes]] = ()) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *_HEADERS, *more]
        await send(message)

    return sending
