#!/usr/bin/env python3
"""`nested_submit.rs` on CPython's pool: with one worker, each part deadlocks.

The only worker waits for a call that no worker is left to run. After two seconds without a result
this program says so and exits with status 0. A program without a timeout would wait for ever.
"""

import os
from concurrent.futures import ThreadPoolExecutor, TimeoutError, wait

PATIENCE = 2  # seconds


def square(n):
    return n * n


def nested_result(pool):
    return pool.submit(square, 3).result() + 1


def nested_wait(pool):
    squares = [pool.submit(square, 1), pool.submit(square, 2)]
    return sum(future.result() for future in wait(squares).done)


def nested_map(pool):
    return sum(pool.map(square, range(1, 11)))


def main():
    # A pool each, all at once: none of the workers comes back.
    calls = []
    for call in nested_result, nested_wait, nested_map:
        pool = ThreadPoolExecutor(max_workers=1)
        calls.append((call.__name__, pool.submit(call, pool)))
    wait([future for _, future in calls], timeout=PATIENCE)

    for name, future in calls:
        try:
            print(f"{name}: {future.result(timeout=0)}", flush=True)
        except TimeoutError:
            print(f"{name}: deadlock, no result after {PATIENCE} s", flush=True)

    # A normal exit would join the workers, and hang.
    os._exit(0)


if __name__ == "__main__":
    main()
