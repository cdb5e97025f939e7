#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The demonstration, run as root in a guest: programs from Debian packages,
# unmodified, are checkpointed in the middle of their work, killed, and
# brought back by the kernel. Every claim is checked.
set -u

MIB=300
img=/tmp/demo.img

say() { echo; echo "** $*"; }
run() { echo "  # $*"; "$@"; }
die() { echo; echo "demo: FAILED: $*"; exit 1; }

mkdir -p /debian/tmp
cat > /debian/tmp/threads.py <<'END'
import hashlib, sys, threading
digest = [None] * 4
def work(n):
    h = hashlib.sha256()
    for i in range(600000):
        h.update(b"%d %d" % (n, i))
    digest[n] = h.hexdigest()
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print("python3 " + hashlib.sha256("".join(digest).encode()).hexdigest())
END
cat > /debian/tmp/job.sh <<END
python3 /tmp/threads.py &
yes 'in the middle of the work' | head -c ${MIB}M | xz -0 | xz -d | sha256sum | sed 's/^/sha256sum /'
wait
END

# What is in the file, in an order that does not depend on who was first.
result() { sort "$1"; }

# Hundredths of a second since the boot.
now() { cut -d' ' -f1 /proc/uptime | tr -d .; }

say "The job: bash, a pipeline of $MIB MiB through xz, a python3 with 4 threads."
echo "   First to its end without interruption, to know what is right:"
begin=$(now)
chroot /debian bash /tmp/job.sh < /dev/null 2>&1 | while read -r line; do
	echo "$line"
	[ -s /tmp/first ] || now > /tmp/first
done > /tmp/right
[ "$(wc -l < /tmp/right)" = 2 ] || die "the job itself fails"
sed 's/^/     /' /tmp/right
# a third of the time until the first of both is done: both are at work
middle=$((($(cat /tmp/first) - begin) / 300 + 1))

say "Now in a cgroup and a pid namespace of its own."
ckpt run --cgroup demo --new-pidns -- chroot /debian bash /tmp/job.sh \
	< /dev/null 2>&1 | cat > /tmp/out0 &
sleep $middle
[ -n "$(cat /sys/fs/cgroup/demo/cgroup.procs)" ] || die "the job does not run"
ps -o pid,args | grep -E 'xz|yes|python3|sha256sum' | grep -v grep | sed 's/^/     /'
[ ! -s /tmp/out0 ] || die "a part of the job was over too soon to show anything"

say "Checkpoint, and kill all of it."
run ckpt checkpoint -c demo -o $img --kill -v || die "checkpoint"
[ -z "$(cat /sys/fs/cgroup/demo/cgroup.procs 2>/dev/null)" ] || die "something was left running"
wait
ls -l $img | sed 's/^/     /'
[ ! -s /tmp/out0 ] || die "a part of it was over before the checkpoint"

say "What is in the image:"
ckpt info $img > /tmp/info || die "info"
sed -n '1,/^mappings/p' /tmp/info | sed '$d; s/^/     /'
key=$(ckpt info --json $img | tr ',{}' '\n\n\n' | sed -n 's/.*"key": *"\{0,1\}\(0x[0-9a-f]*\|[0-9]*\).*/\1/p' | sort -u)
[ "$(echo "$key" | wc -w)" = 1 ] || die "expected one external object, its output pipe: $key"

say "Three restarts of this one image, side by side, each with an output of its own."
for i in 1 2 3; do
	echo "  # ckpt restart -i $img --inherit $key=1 | cat > /tmp/out$i &"
	{ ckpt restart -i $img --inherit "$key=1"; echo "status $?" > /tmp/status$i; } |
		cat > /tmp/out$i &
done
sleep 1
ps -o pid,args | grep -E 'xz|python3|sha256sum' | grep -v grep | sed 's/^/     /'
wait
for i in 1 2 3; do
	[ "$(cat /tmp/status$i)" = "status 0" ] || die "copy $i: $(cat /tmp/status$i)"
	[ "$(result /tmp/out$i)" = "$(result /tmp/right)" ] || die "copy $i: $(cat /tmp/out$i)"
done
sed 's/^/     /' /tmp/out3
echo "   All three are right."

say "A checkpoint piped straight into a restart."
ckpt run --cgroup moving --new-pidns -- chroot /debian bash /tmp/job.sh \
	< /dev/null > /debian/tmp/moved 2>&1 &
sleep $middle
echo "  # ckpt checkpoint -c moving -o - --kill --force | ckpt restart"
ckpt checkpoint -c moving -o - --kill --force 2>/tmp/err | ckpt restart ||
	die "restart from the pipe: $(cat /tmp/err)"
[ "$(result /debian/tmp/moved)" = "$(result /tmp/right)" ] ||
	die "moved: $(cat /debian/tmp/moved)"
sed 's/^/     /' /debian/tmp/moved
echo
echo "demo: everything came out right"
