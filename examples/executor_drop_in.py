"""The same program on the standard library's process pool and on Argon's executor, and where the two differ.

    python examples/executor_drop_in.py

Both are `concurrent.futures.Executor`s. With the standard library's, one task that ends its process takes every other
task and the pool along; with Argon's it takes only itself.
"""

import math
import os
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed

import argon


def digits(number: int) -> int:
    return len(str(math.factorial(number)))


def outcome(future: "Future[object]") -> str:
    error = future.exception()
    return str(future.result()) if error is None else type(error).__name__


def program(pool: Executor) -> None:
    print("  map:", list(pool.map(digits, [10, 100, 1000])))
    futures = [pool.submit(digits, number) for number in (200, 300)]
    print("  as completed:", sorted(future.result() for future in as_completed(futures)))
    print("  a task that ends its process:", outcome(pool.submit(os._exit, 3)))
    try:
        print("  the next task:", outcome(pool.submit(digits, 400)))
    except RuntimeError as error:
        print("  the next task:", type(error).__name__)


if __name__ == "__main__":
    print("ProcessPoolExecutor")
    with ProcessPoolExecutor(max_workers=2) as processes:
        program(processes)
    print("argon.Executor")
    with argon.Executor(max_workers=2) as pool:
        program(pool)
