"""Measures CPython's process pools, for the program `processes`, which starts this script and talks to it in lines.

The first line on stdout tells which Python this is: {"python": "CPython 3.11.7"}. Then every line on stdin is a
request of four words, `row peer calls bytes`, and every answer is a line with one JSON object: {"seconds": 1.5}, the
time that all the calls took together, or {"error": "..."}. The script ends at the end of its input.

Every request makes its own pool, warms it up before the clock starts, and has stopped it when the answer comes.
"""

import json
import multiprocessing
import os
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor

WORKERS = 2
CHUNKSIZE = 1000


# What the workers run.


def echo(argument):
    return argument


def increment(number):
    return number + 1


def process_id(pause):
    time.sleep(pause)
    return os.getpid()


# The peers.


class Executor:
    def __init__(self):
        self.pool = ProcessPoolExecutor(WORKERS)

    def call(self, function, argument):
        return self.pool.submit(function, argument).result()

    def map(self, function, inputs, chunksize):
        return list(self.pool.map(function, inputs, chunksize=chunksize))

    def stop(self):
        self.pool.shutdown(wait=True)


class Pool:
    def __init__(self):
        self.pool = multiprocessing.Pool(WORKERS)

    def call(self, function, argument):
        return self.pool.apply(function, (argument,))

    def map(self, function, inputs, chunksize):
        return self.pool.map(function, inputs, chunksize=chunksize)

    def stop(self):
        self.pool.close()
        self.pool.join()


PEERS = {"python-executor": Executor, "python-pool": Pool}
START_METHODS = {"python-fork": "fork", "python-spawn": "spawn"}


# The rows. All but `start` get a pool whose workers all run, and use it a little before the clock starts.


def message(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def check(right):
    if not right:
        raise RuntimeError("a result is wrong")


def start_all_workers(peer):
    seen = set()
    for _ in range(100):
        seen.update(peer.map(process_id, [0.02] * WORKERS, 1))
        if len(seen) == WORKERS:
            check(os.getpid() not in seen)
            return
    raise RuntimeError("some workers do not start")


def measure_round_trip(peer, calls, size):
    sent = message(size)
    start = time.perf_counter()
    for _ in range(calls):
        check(peer.call(echo, sent) == sent)
    return time.perf_counter() - start


def measure_map(peer, calls, size):
    start = time.perf_counter()
    results = peer.map(increment, range(calls), CHUNKSIZE)
    seconds = time.perf_counter() - start
    check(len(results) == calls and sum(results) == calls * (calls + 1) // 2)
    return seconds


def measure_echo(peer, calls, size):
    sent = message(size)
    seconds = 0.0
    for _ in range(calls):
        start = time.perf_counter()
        received = peer.call(echo, sent)
        seconds += time.perf_counter() - start
        check(received == sent)
        del received
    return seconds


def measure_start(context, calls, size):
    sent = message(size)
    start = time.perf_counter()
    for _ in range(calls):
        pool = ProcessPoolExecutor(1, mp_context=context)
        check(pool.submit(echo, sent).result() == sent)
        pool.shutdown(wait=True)
    return time.perf_counter() - start


ROWS = {"round_trip": measure_round_trip, "map": measure_map, "echo": measure_echo}


def measure(row, peer, calls, size):
    if row == "start":
        context = multiprocessing.get_context(START_METHODS[peer])
        return measure_start(context, calls, size)
    peer = PEERS[peer]()
    try:
        start_all_workers(peer)
        ROWS[row](peer, calls // 10 + WORKERS, size)
        return ROWS[row](peer, calls, size)
    finally:
        peer.stop()


def answer(request):
    try:
        row, peer, calls, size = request.split()
        return {"seconds": measure(row, peer, int(calls), int(size))}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    def say(line):
        # Nothing may stay in the buffer: a process that is forked would have it, too.
        print(json.dumps(line), flush=True)

    say({"python": f"{platform.python_implementation()} {platform.python_version()}"})
    # Not `for request in sys.stdin`, which may read ahead.
    while request := sys.stdin.readline():
        say(answer(request))


if __name__ == "__main__":
    main()
