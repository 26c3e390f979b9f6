"""MLflow stores that do not answer as they should, each a context manager that gives its URI."""

from __future__ import annotations

import contextlib
import http.server
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def refusing_server() -> Iterator[str]:
    # Bound, so that no other process takes the port, and not listening.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@contextlib.contextmanager
def hanging_server() -> Iterator[str]:
    # The kernel completes connections that wait to be accepted; no process ever reads from them.
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextlib.contextmanager
def http_server(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                answer(self)

        do_POST = do_GET  # noqa: N815, a name of the standard library

        def log_message(self, *unused: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextlib.contextmanager
def failing_server() -> Iterator[str]:
    with http_server(lambda request: request.send_error(500)) as uri:
        yield uri


@contextlib.contextmanager
def slow_server() -> Iterator[str]:
    """Each byte of the answer arrives before any timeout, and the answer never ends."""

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(60):
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(1)

    with http_server(answer) as uri:
        yield uri


@contextlib.contextmanager
def locked_database(database: Path = Path("mlflow.db")) -> Iterator[str]:
    store = sqlite3.connect(database)
    store.execute("begin exclusive")
    try:
        yield f"sqlite:///{database}"
    finally:
        store.rollback()
        store.close()
