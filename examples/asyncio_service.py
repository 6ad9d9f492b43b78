"""An asyncio service that stays responsive: what would block its event loop runs on the cluster.

    python examples/asyncio_service.py [HOST:PORT]        the cluster; by default localhost:8000

The service reads lines and answers each with the number of steps after which the Collatz sequence from it reaches 1. A
task that takes too long is killed, and one that is rejected is answered with the reason: no caller is left without an
answer.

The program asks its own service a few things, prints the answers, and ends.
"""

import asyncio
import sys

import argon


def collatz_steps(start: int) -> int:
    steps = 0
    while start != 1:
        start = start // 2 if start % 2 == 0 else 3 * start + 1
        steps += 1
    return steps


class Service:
    def __init__(self, client: argon.AsyncClient) -> None:
        self.tasks = client.with_options(timeout=2.0, retries=3)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(f"{await self.answer(line)}\n".encode())
                await writer.drain()
        finally:
            writer.close()

    async def answer(self, line: bytes) -> str:
        try:
            return str(await self.tasks.run(collatz_steps, int(line)))
        except ValueError:
            return "say a whole number"
        except argon.Rejected as rejected:
            return f"not now: {rejected}"
        except argon.TaskExpired:
            return "that takes too long"


async def ask(port: int, questions: list[str]) -> list[str]:
    reader, writer = await asyncio.open_connection("localhost", port)
    answers = []
    for question in questions:
        writer.write(f"{question}\n".encode())
        answers.append((await reader.readline()).decode().strip())
    writer.close()
    await writer.wait_closed()
    return answers


async def main() -> None:
    async with argon.AsyncClient(*sys.argv[1:]) as client:
        server = await asyncio.start_server(Service(client).talk, "localhost", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            print(await asyncio.gather(ask(port, ["27", "many"]), ask(port, ["97", "871"])))


if __name__ == "__main__":
    asyncio.run(main())
