"""A task that hands work on, and never more than there is time for.

    python examples/tasks_of_tasks.py        starts a cluster on this machine

A task that submits tasks passes on what remains of its own timeout: when its caller has given up, nobody works for it
any more, two levels down either. And it may look at the clock itself, and be content with less. Here a task estimates
pi in rounds until its time is nearly over; each round is two tasks of its own.
"""

import random

import argon

TIMEOUT_S = 3.0
RESERVE_S = 1.0


def hits(darts: int) -> int:
    return sum(random.random() ** 2 + random.random() ** 2 < 1.0 for _ in range(darts))


def estimate(address: str, token: str, darts: int) -> tuple[float, int, bool]:
    """Pi, the rounds that there was time for, and whether the tasks of this task know when it must end."""
    found = rounds = 0
    with argon.Client(address, token=token) as client:
        told = client.run(argon.time_left) is not None
        while (argon.time_left() or 0.0) > RESERVE_S:
            found += sum(client.map(hits, [darts // 2] * 2))
            rounds += 1
    return 4.0 * found / (rounds * darts), rounds, told


def main() -> None:
    with argon.local(workers=3) as client:
        timed = client.with_options(timeout=TIMEOUT_S)
        pi, rounds, told = timed.run(estimate, client.address, client.token, 20_000)
    print(f"pi is about {pi:.1f}, after {rounds} rounds")
    print("the inner tasks know when to end:", told)


if __name__ == "__main__":
    main()
