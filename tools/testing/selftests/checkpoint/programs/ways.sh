#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# One job, a shell with threads of python3 and a pipeline, saved and restarted
# in every way that ckpt has.
# PLAN: an image restarts three times side by side
# PLAN: four generations work in turn
# PLAN: a checkpoint is piped straight into a restart
# PLAN: a job runs on through twenty checkpoints
# PLAN: a job is found below another root
# PLAN: a background job of a shell is taken by its pid
# PLAN: a job of job control is taken by its pid
# PLAN: what comes back with plain pids has those it had
# shellcheck source=common
. "$(dirname "$0")/common"

mixed()
{
	file threads.py <<-'END'
		import hashlib, threading
		digest = [None] * 3
		def work(n):
		    h = hashlib.sha256()
		    for i in range(20000):
		        h.update(b"%d %d" % (n, i))
		    digest[n] = h.hexdigest()
		threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
		for t in threads: t.start()
		for t in threads: t.join()
		print(hashlib.sha256("".join(digest).encode()).hexdigest())
	END
	file job.sh <<-'END'
		exec 3< <(exec python3 threads.py) 4< <(seq 1 150000 | sed 's/7/seven/' | sha256sum)
		for ((i = 0; i < 60; i++)); do
			for ((j = 0; j < 400; j++)); do :; done
			[ "$(exec sh -c 'echo $PPID')" = $$ ] && echo "line $i"
		done
		cat <&3
		cat <&4
	END
}

# lines NUMBER: a condition
lines()
{
	echo "[ \$(wc -l < out) -ge $1 ]"
}

# restarted OPTION...: the job comes back in the background
restarted()
{
	timeout -s KILL $patience ckpt restart -i "$tmp/image" -c t-here "$@" &
	runner=$!
}

# Their output goes to a pipe, which each of the three gets for itself.
side_by_side()
{
	mixed
	leave_alone bash job.sh
	mkdir "$tmp/here"
	cp "$tmp"/job/* "$tmp/here"
	ckpt run --cgroup t-here -- chroot /debian /usr/bin/env -C "$tmp/here" bash job.sh \
		< /dev/null 2>&1 | cat > "$tmp/here/out" &
	until_true "[ -d $cg/t-here ]"
	runner=$!
	until_middle here "$(lines 20)" && save here "$tmp/image" --kill || return 1
	wait $runner
	key=$(ckpt info "$tmp/image" | sed -n 's/^ *\(0x[0-9a-f]*\) pipe .*/\1/p')
	for n in 1 2 3; do
		{
			ckpt restart -i "$tmp/image" -c "t-$n" --new-pidns --inherit "$key=1" 2>&1
			echo "status $?" > "$tmp/status$n"
		} | cat > "$tmp/copy$n" &
	done
	wait
	for n in 1 2 3; do
		cat "$tmp/status$n" "$tmp/copy$n"
		cat "$tmp/here/out" "$tmp/copy$n" | cmp "$tmp/right/out" - &&
		[ "$(cat "$tmp/status$n")" = "status 0" ] || return 1
	done
}

in_turn()
{
	save_and_kill || return 1
	for n in 20 30 40; do
		restarted
		until_middle here "$(lines $n)" && save_and_kill || return 1
	done
}

generations()
{
	mixed
	catch "$(lines 10)" in_turn bash job.sh && restarted || return 1
	wait $runner
	ends_right $?
}

# The kernel says "try again" before anything is written.
move()
{
	until ckpt checkpoint -c t-here -o - --kill --force 2> "$tmp/err" | {
		timeout -s KILL $patience ckpt restart -c t-there
		echo $? > "$tmp/status"
	} 2> /dev/null && ! grep -q "try again" "$tmp/err"; do
		over && return 1
	done
	expect 137 wait $runner
}

piped()
{
	mixed
	catch "$(lines 20)" move bash job.sh || { cat "$tmp/err"; return 1; }
	ends_right "$(cat "$tmp/status")"
}

twenty_images()
{
	for n in $(seq 20); do
		until_middle here "$(lines $((2 * n)))" && save here "$tmp/image" &&
		expect 0 ckpt info --quiet "$tmp/image" || return 1
	done
}

runs_on()
{
	mixed
	catch "$(lines 1)" twenty_images bash job.sh || return 1
	wait $runner
	ends_right $?
}

# For a ckpt in the chroot the paths begin there, and so they do in the image.
save_inside()
{
	until chroot /debian "$tmp/ckpt" checkpoint -c t-here -o "$tmp/image" --kill 2> "$tmp/err"; do
		passes $? || { cat "$tmp/err"; return 1; }
	done
	expect 137 wait $runner
}

other_root()
{
	mixed
	place=/debian/var/tmp/ways
	cp /bin/ckpt "$tmp/ckpt"
	catch "$(lines 20)" save_inside bash job.sh || return 1
	expect 125 ckpt restart -i "$tmp/image" -c t-here 2> "$tmp/err"
	cat "$tmp/err"
	grep -q "cannot open /.*: errno 2\$" "$tmp/err" || return 1
	restarted --root /debian
	wait $runner
	ends_right $?
	status=$?
	rm -rf $place
	return $status
}

# by_pid OPTIONS: of a shell, whose background job the job is
by_pid()
{
	mixed
	leave_alone bash job.sh
	mkdir "$tmp/here" $cg/t-shell
	cp "$tmp"/job/* "$tmp/here"
	file shell.sh <<-END
		cd $tmp/here
		bash job.sh > out < /dev/null &
		echo \$! > $tmp/pid
		wait \$!
		echo \$? > $tmp/status
	END
	# shellcheck disable=SC2086
	sh -c "echo \$\$ > $cg/t-shell/cgroup.procs
		exec chroot /debian /usr/bin/bash $1 $tmp/job/shell.sh" < /dev/null > /dev/null 2>&1 &
	runner=$!
	until_middle here "$(lines 20)" || return 1
	pid=$(cat "$tmp/pid")
	until ckpt checkpoint -p "$pid" -o "$tmp/image" --kill 2> "$tmp/err"; do
		passes $? || { cat "$tmp/err"; return 1; }
	done
	expect 0 wait $runner && [ "$(cat "$tmp/status")" = 137 ] || return 1
	n=$(wc -l < "$tmp/here/out")
	restarted
	until_middle here "$(lines $((n + 1)))" &&
	[ "$(process here bash | head -n 1)" = "$pid" ] || return 1
	wait $runner
	ends_right $?
}

shell_job()
{
	by_pid ""
}

job_control()
{
	by_pid -m
}

plain_pids()
{
	mixed
	pids=
	comes_back "$(lines 20)" bash job.sh
}

try_kernel "an image restarts three times side by side" side_by_side
try_kernel "four generations work in turn" generations
try_kernel "a checkpoint is piped straight into a restart" piped
try_kernel "a job runs on through twenty checkpoints" runs_on
try_kernel "a job is found below another root" other_root
try_kernel "a background job of a shell is taken by its pid" shell_job
try_kernel "a job of job control is taken by its pid" job_control
try_kernel "what comes back with plain pids has those it had" plain_pids
exit $failed
