# SPDX-License-Identifier: Apache-2.0
"""The service of `cargo xtask demo --gateway`: Python's standard server before a pool of workers.

It does what the pool of `pool.rs` does: a fixed number of workers behind a queue without a bound,
work that is a sleep, and jobs that are done also when their client has left. Standard input says
how the weather is, a word a line; the service ends with it. Standard output says the port, and then
ten times a second how many jobs wait and how many are done.
"""
import json
import queue
import random
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SPEC = json.loads(sys.argv[1])
NEEDY = [re.compile(re.sub(r"\{[^}]*\}", "[^/]+", pattern) + "$") for pattern in SPEC["needy"]]
JOBS = queue.SimpleQueue()
weather = "fair"
busy = 0
lock = threading.Lock()


class Job:
    def __init__(self, needs_dependency, request, fails_with):
        self.needs_dependency = needs_dependency
        self.request = request
        self.fails_with = fails_with
        self.since = time.monotonic()
        self.done = threading.Event()
        self.status = 500

    def work(self, slowdown):
        """The status, and how long it occupies its worker."""
        spread = SPEC["spread"]
        size = random.Random(SPEC["seed"] * 1_000_003 + self.request).lognormvariate(-spread * spread / 2, spread)
        takes = SPEC["work"] * size * (slowdown if weather == "gray" else 1.0)
        if self.needs_dependency and weather == "outage":
            return 504, takes * (1.0 - SPEC["share"]) + SPEC["timeout"]
        return self.fails_with or 200, takes


def worker(slowdown):
    global busy
    free_at = time.monotonic()
    while True:
        job = JOBS.get()
        with lock:
            busy += 1
        job.status, takes = job.work(slowdown)
        free_at = max(free_at, job.since) + takes
        time.sleep(max(0.0, free_at - time.monotonic()))
        with lock:
            busy -= 1
        job.done.set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        path = self.path.partition("?")[0]
        needs_dependency = any(pattern.match(path) for pattern in NEEDY)
        request = int(self.headers.get("x-demo-request") or 0)
        job = Job(needs_dependency, request, int(self.headers.get("x-demo-fail") or 0))
        JOBS.put(job)
        job.done.wait()
        self.send_response(job.status)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"done\n")

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 4096

    def handle_error(self, *_):
        """A client that has left is none."""


def report():
    while True:
        time.sleep(0.1)
        print(JOBS.qsize(), busy, flush=True)


threading.stack_size(256 * 1024)
for number in range(SPEC["workers"]):
    slowdown = SPEC["slowdown"] if number < SPEC["workers"] // 2 else 1.0
    threading.Thread(target=worker, args=(slowdown,), daemon=True).start()
server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
threading.Thread(target=report, daemon=True).start()
for line in sys.stdin:
    weather = line.strip()
