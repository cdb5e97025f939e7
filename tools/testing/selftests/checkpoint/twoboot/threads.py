# SPDX-License-Identifier: GPL-2.0
"""Threads that hash what they get from each other; the result goes to the file
named. Each adds a line to a file way.N for every step."""
import hashlib
import queue
import sys
import threading

THREADS, STEPS, WORK = 4, 40, 400
queues = [queue.Queue() for _ in range(THREADS)]
digests: list[str] = [""] * THREADS
lock = threading.Lock()


def work(n: int) -> None:
    h = hashlib.sha256(b"%d" % n)
    with open(f"way.{n}", "w", encoding="ascii") as way:
        for step in range(STEPS):
            for i in range(WORK):
                h.update(b"%d %d" % (step, i))
            queues[(n + 1) % THREADS].put(h.digest())
            h.update(queues[n].get())
            print(step, file=way, flush=True)
    with lock:
        digests[n] = h.hexdigest()


threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
for t in threads:
    t.start()
for t in threads:
    t.join()
with open(sys.argv[1], "w", encoding="ascii") as out:
    print("\n".join(digests), file=out)
