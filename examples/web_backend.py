"""A web backend that hands CPU work to a cluster, and never lets a request wait behind a backlog.

    python examples/web_backend.py [HOST:PORT]        without an address, a cluster is started on this machine

Each task has a timeout and is not retried, so that the backend always has something to say in time:

    200  the answer
    503  the cluster has no room now; Retry-After says when it is likely to have some
    504  the task ran over its timeout and was killed

The program visits its own backend, prints how many answers there were of each kind, and ends.
"""

import math
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import argon

TIMEOUT_S = 0.5


def primes_below(limit: int) -> int:
    return sum(all(n % d for d in range(2, math.isqrt(n) + 1)) for n in range(2, limit))


class Backend(ThreadingHTTPServer):
    request_queue_size = 64

    def __init__(self, client: argon.Client) -> None:
        super().__init__(("localhost", 0), Handler)
        self.tasks = client.with_options(timeout=TIMEOUT_S, retries=0)


class Handler(BaseHTTPRequestHandler):
    server: Backend

    def do_GET(self) -> None:
        limit = int(parse_qs(urlsplit(self.path).query)["below"][0])
        try:
            self.answer(200, f"{self.server.tasks.run(primes_below, limit)}\n")
        except argon.Rejected as rejected:
            self.answer(503, f"busy: {rejected}\n", {"Retry-After": str(math.ceil(rejected.retry_after))})
        except argon.TaskExpired as expired:
            self.answer(504, f"too slow: {expired}\n")

    def answer(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing for each request."""


def visit(url: str) -> int:
    try:
        with urlopen(url) as response:
            response.read()
            return int(response.status)
    except HTTPError as error:
        with error:
            return error.code


def main() -> None:
    with argon.Client(sys.argv[1]) if sys.argv[1:] else argon.local(workers=2) as client, Backend(client) as backend:
        Thread(target=backend.serve_forever).start()
        try:
            page = f"http://localhost:{backend.server_port}/primes?below="
            print("one visitor:", visit(page + "1000"))
            print("one who asks for too much:", visit(page + "100000000"))
            with ThreadPoolExecutor(40) as visitors:
                statuses = Counter(visitors.map(visit, [page + "5000"] * 120))
            print("forty visitors at once:", ", ".join(f"{statuses[code]} x {code}" for code in sorted(statuses)))
        finally:
            backend.shutdown()


if __name__ == "__main__":
    main()
