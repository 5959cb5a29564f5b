"""A judge's endpoint on loopback that can be told to misbehave, and counts what it is asked."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Say = Callable[[dict[str, Any]], str]


@dataclass
class Court:
    """What the endpoint does, and what it saw."""

    say: Say = lambda request: "Fine. Rating: [[7]]"
    """What it replies to a request."""
    mishaps: list[str] = field(default_factory=list)
    """What it does to the first requests instead: 429, 500, garbage, half, hang_up, never, ..."""
    always: str = ""
    """What it does to all requests instead."""
    delay: float = 0.0
    usage: bool = True
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    answered: Counter[str] = field(default_factory=Counter)
    """How often each request was answered in full."""
    most_at_once: int = 0
    url: str = ""
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)

    def enter(self, request: dict[str, Any], key: str) -> str:
        with self._lock:
            self.asked.append(request)
            self.keys.add(key)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            return self.always or (self.mishaps.pop(0) if self.mishaps else "")

    def leave(self, request: dict[str, Any], *, answered: bool) -> None:
        with self._lock:
            self._now -= 1
            if answered:
                self.answered[json.dumps(request["messages"])] += 1


@contextmanager
def court(**given: Any) -> Iterator[Court]:
    """Open a court for a test."""
    held = Court(**given)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            request = json.loads(self.rfile.read(length))
            mishap = held.enter(request, self.headers.get("Authorization", ""))
            done = False
            try:
                if held.delay:
                    time.sleep(held.delay)
                if mishap:
                    _misbehave(self, mishap, held)
                else:
                    _send(self, 200, _answer(held, request))
                    done = True
            except OSError:
                pass
            finally:
                held.leave(request, answered=done)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    held.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield held
    finally:
        held.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(held: Court, request: dict[str, Any]) -> bytes:
    text = held.say(request)
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": f"{request['model']}-0613",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
    }
    if held.usage:
        body["usage"] = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return json.dumps(body).encode()


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def _misbehave(handler: BaseHTTPRequestHandler, mishap: str, held: Court) -> None:
    kind, _, detail = mishap.partition(" ")
    if kind.isdigit():
        body = json.dumps({"error": {"message": f"status {kind}"}}).encode()
        _send(handler, int(kind), body, **({"Retry_After": detail} if detail else {}))
    elif kind == "garbage":
        _send(handler, 200, b"<html>\x00\xff nothing of the kind</html>")
    elif kind == "wrong":
        _send(handler, 200, b'{"choices": []}')
    elif kind == "half":
        _send(handler, 200, b'{"choices": [{"message": {"content": "Rating: [[')
    elif kind == "hang_up":
        handler.close_connection = True
        handler.connection.close()
    elif kind == "short":
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"choices"')
        handler.close_connection = True
    elif kind == "drip":
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not held.over.wait(0.05):
            handler.wfile.write(b" ")
    elif kind == "never":
        held.over.wait(30)
    else:
        raise AssertionError(mishap)
