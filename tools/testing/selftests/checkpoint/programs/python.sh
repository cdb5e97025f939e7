#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# python3: threads, generators, children, mappings; event loops are refused.
# PLAN: threads go on with their queues and locks
# PLAN: a pool of threads finishes its futures
# PLAN: conditions, events, semaphores and barriers go on
# PLAN: generators and dictionaries go on
# PLAN: children of subprocess are read and waited for
# PLAN: a forked child computes in shared anonymous memory
# PLAN: a mapped file is changed on
# PLAN: processes of multiprocessing talk through pipes
# PLAN: a queue of multiprocessing is refused
# PLAN: an event loop of asyncio is refused
# PLAN: a listening server is refused
# PLAN: an interval timer is refused
# PLAN: memory that is shared with a process outside is refused
# shellcheck source=common
. "$(dirname "$0")/common"

threads()
{
	pids=
	file job.py <<-'END'
		import hashlib, queue, threading
		todo, done, lock, order = queue.Queue(20), queue.Queue(), threading.Lock(), []
		def work(n):
		    while (item := todo.get()) is not None:
		        h = hashlib.sha256(b"%d" % item)
		        for _ in range(400):
		            h.update(h.digest())
		        with lock:
		            order.append(item)
		        done.put((item, h.hexdigest()))
		threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
		for t in threads: t.start()
		for i in range(200):
		    todo.put(i)
		    if i % 20 == 0: print(i, flush=True)
		for t in threads: todo.put(None)
		for t in threads: t.join()
		print(sorted(order) == list(range(200)), threading.active_count())
		print(hashlib.sha256(repr(sorted(done.queue)).encode()).hexdigest())
	END
	comes_back '[ $(wc -l < out) -ge 4 ]' python3 job.py
}

futures()
{
	file job.py <<-'END'
		from concurrent.futures import ThreadPoolExecutor
		import zlib
		def work(n):
		    data = b"%d" % n
		    for i in range(150):
		        data = zlib.compress(data + b"%d" % i)[-60:] * 20
		    return n, zlib.crc32(data)
		with ThreadPoolExecutor(3) as pool:
		    for n, crc in pool.map(work, range(80)):
		        print(n, crc, flush=True)
	END
	comes_back '[ $(wc -l < out) -ge 15 ]' python3 job.py
}

conditions()
{
	file job.py <<-'END'
		import threading
		rounds, n = 150, 3
		barrier, slots = threading.Barrier(n), threading.BoundedSemaphore(2)
		turn, whose, log, go = threading.Condition(), 0, [], threading.Event()
		def play(me):
		    global whose
		    go.wait()
		    for r in range(rounds):
		        with turn:
		            turn.wait_for(lambda: whose == me)
		            log.append(me)
		            whose = (me + 1) % n
		            turn.notify_all()
		        with slots:
		            sum(range(300))
		        if barrier.wait() == 0 and r % 10 == 0:
		            print("round", r, flush=True)
		players = [threading.Thread(target=play, args=(i,)) for i in range(n)]
		for p in players: p.start()
		go.set()
		for p in players: p.join()
		print(log == list(range(n)) * rounds)
	END
	comes_back '[ $(wc -l < out) -ge 3 ]' python3 job.py
}

generators()
{
	file job.py <<-'END'
		import itertools, re
		def primes():
		    found = {}
		    for n in itertools.count(2):
		        p = found.pop(n, None)
		        if p is None:
		            yield n
		            found[n * n] = n
		        else:
		            m = n + p
		            while m in found: m += p
		            found[m] = p
		def pairs(numbers):
		    last = yield "first"
		    for n in numbers:
		        last = yield (last, n, {n: last})
		g = pairs(primes())
		next(g)
		words, big = {}, 1
		for i in range(9000):
		    a, b, d = g.send(i)
		    words.setdefault(str(b)[-3:], []).append(f"{b:x}")
		    big = big * b % (1 << 4000) + 1
		    if i % 1000 == 0: print(i, b, d, len(words), flush=True)
		print(sum(len(v) for v in words.values()), hex(big)[-40:], "".join(words["007"])[-40:])
		print(len(re.findall(r"(\d)(?=.\1)", str(big % (1 << 3000)))))
	END
	comes_back '[ $(wc -l < out) -ge 4 ]' python3 job.py
}

children()
{
	file job.py <<-'END'
		import subprocess
		bc = subprocess.Popen(["bc", "-q"], stdin=-1, stdout=-1, text=True, bufsize=1)
		sort = subprocess.Popen(["sort", "-n"], stdin=-1, stdout=-1, text=True)
		for i in range(300):
		    bc.stdin.write(f"{i} ^ 7 % 1009\n")
		    sort.stdin.write(bc.stdout.readline())
		    if i % 30 == 0:
		        print(i, subprocess.run(["sh", "-c", f"exit {i % 256}"]).returncode, flush=True)
		bc.stdin.close()
		print(sort.communicate()[0].split()[::20], sort.returncode, bc.wait())
	END
	comes_back '[ $(wc -l < out) -ge 4 ]' python3 job.py
}

shared()
{
	file job.py <<-'END'
		import mmap, os, struct
		m = mmap.mmap(-1, 1 << 20)
		pids = []
		for n in range(3):
		    pid = os.fork()
		    if pid == 0:
		        x = n
		        for i in range(30000):
		            x = (x * 1103515245 + 12345) & 0x7fffffff
		            struct.pack_into("I", m, 4 * (3 * i + n), x)
		            if i % 3000 == 0: os.write(1, b"m\n")
		        os._exit(n)
		    pids.append(pid)
		print([os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) for p in pids])
		print(sum(struct.unpack("90000I", m[:360000])))
	END
	comes_back '[ $(wc -l < out) -ge 6 ]' python3 job.py
}

mapped_file()
{
	file job.py <<-'END'
		import mmap
		with open("data", "w+b") as f:
		    f.truncate(1 << 20)
		    with mmap.mmap(f.fileno(), 0) as m:
		        for i in range(100000):
		            at = i * 7919 % (1 << 20)
		            m[at] = (m[at] + m[at - 1] + i) & 255
		            if i % 10000 == 0:
		                m.flush()
		                print(i, m[at], flush=True)
	END
	place=/debian/var/tmp/python
	comes_back '[ $(wc -l < out) -ge 3 ]' python3 job.py
	status=$?
	rm -rf $place
	return $status
}

processes()
{
	pids=
	file job.py <<-'END'
		import multiprocessing as mp
		def work(n, todo, done):
		    while True:
		        k = todo.recv()
		        if k is None: break
		        done.send((k, sum(i * k % 13 for i in range(3000))))
		    done.send((n, "bye"))
		if __name__ == "__main__":
		    workers = []
		    for n in range(3):
		        r, todo = mp.Pipe(duplex=False)
		        done, w = mp.Pipe(duplex=False)
		        p = mp.get_context("fork").Process(target=work, args=(n, r, w))
		        p.start()
		        workers.append((p, todo, done))
		    for k in range(200):
		        for _, todo, _ in workers: todo.send(k)
		        answers = [done.recv() for _, _, done in workers]
		        if k % 20 == 0: print(answers, flush=True)
		    for p, todo, done in workers:
		        todo.send(None)
		        print(done.recv())
		        p.join()
		        print(p.exitcode)
	END
	comes_back '[ $(wc -l < out) -ge 3 ]' python3 job.py
}

# Each of these tells that it has what is refused, works, and lets it go.
refused_python()
{
	{
		echo 'work = lambda: print(sum(i * i % 7 for i in range(600000)))'
		cat
	} | file job.py
	refused python3 "$1" "$2" '[ -s out ]' python3 job.py
}

# Its semaphores are files that have no name any more.
mp_queue()
{
	refused_python "unlinked file" "sem[.].* was unlinked, and such files are not saved yet" <<-'END'
		import multiprocessing
		q = multiprocessing.SimpleQueue()
		print("made", flush=True)
		work()
		q.put(1)
		print(q.get())
	END
}

event_loop()
{
	refused_python "\\(anonymous inode\\|socket\\)" \
		"\\(\\[eventpoll\\] of anon_inodefs\\|UNIX-STREAM of sockfs\\) cannot be saved yet; close it first" <<-'END'
		import asyncio
		async def main():
		    await asyncio.sleep(0)
		    print("runs", flush=True)
		    work()
		asyncio.run(main())
	END
	status=$?
	grep -q eventpoll "$tmp/err" && grep -q UNIX-STREAM "$tmp/err" && return $status
}

server()
{
	refused_python socket "TCP of sockfs cannot be saved yet; close it first" <<-'END'
		import socket
		s = socket.create_server(("127.0.0.1", 0))
		print("listens", flush=True)
		work()
	END
}

interval()
{
	refused_python itimer "alarm(2) or setitimer(2) is running, not saved yet" <<-'END'
		import signal
		signal.signal(signal.SIGALRM, lambda *a: None)
		signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
		print("ticks", flush=True)
		work()
	END
}

# The child is to be saved without its parent.
refuse_child()
{
	child=$(cat "$tmp/here/child")
	expect 1 ckpt checkpoint -p "$child" -o "$tmp/image" --kill 2> "$tmp/err"
	status=$?
	cat "$tmp/err"
	[ $status = 0 ] && [ ! -e "$tmp/image" ] &&
	grep -q "^ckpt: level=refuse pid=$child comm=\"python3\" .*object=\"shared memory\": \
.* is mapped by a process outside the group\$" "$tmp/err"
}

shared_outside()
{
	pids=
	file job.py <<-'END'
		import mmap, os
		m = mmap.mmap(-1, 4096)
		if (child := os.fork()) == 0:
		    m[0] = sum(i * i % 7 for i in range(600000)) & 255
		    os._exit(5)
		with open("child", "w") as f:
		    print(child, file=f)
		print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), m[0])
		os.unlink("child")
	END
	catch '[ -s child ]' refuse_child python3 job.py || return 1
	wait $runner
	ends_right $?
}

try_kernel "threads go on with their queues and locks" threads
try_kernel "a pool of threads finishes its futures" futures
try_kernel "conditions, events, semaphores and barriers go on" conditions
try_kernel "generators and dictionaries go on" generators
try_kernel "children of subprocess are read and waited for" children
try_kernel "a forked child computes in shared anonymous memory" shared
try_kernel "a mapped file is changed on" mapped_file
try_kernel "processes of multiprocessing talk through pipes" processes
try_kernel "a queue of multiprocessing is refused" mp_queue
try_kernel "an event loop of asyncio is refused" event_loop
try_kernel "a listening server is refused" server
try_kernel "an interval timer is refused" interval
try_kernel "memory that is shared with a process outside is refused" shared_outside
exit $failed
