#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Programs that change something and run another; and programs that wait.
# PLAN: what nice, taskset, setsid, env and prlimit set is kept
# PLAN: a batch policy and another personality are kept
# PLAN: a host name of unshare is kept
# PLAN: signals that nohup keeps away stay away
# PLAN: a program without privileges keeps its ids
# PLAN: a sleep ends after the restart
# PLAN: an idle sleep and a cat at its pipe wait on
# PLAN: the timer of timeout is refused
# PLAN: the lock of flock is refused
# PLAN: the class of ionice is refused
# PLAN: the policy of chrt is refused
# PLAN: the networks and ipc objects of unshare are refused
# PLAN: the mounts of unshare are refused
# PLAN: what strace traces is refused
# shellcheck source=common
. "$(dirname "$0")/common"

# ask QUESTIONS: asked twice, with work before. The job is saved in its first
# half, so that the answers to the second are the restarted program's.
ask()
{
	file job.sh <<-END
		for half in 1 2; do
			for ((i = 0; i < 25000; i++)); do ((i)) || echo "half \$half" >> progress; done
			$1
		done
		rm progress
	END
}
asked='[ -s progress ]'

# shellcheck disable=SC2016
attributes()
{
	ask 'nice; taskset -cp $$ | sed "s/pid [0-9]*/it/"; echo "$KEPT ${UNSET-none}"; ulimit -a
		read -r _ _ _ _ group session _ < /proc/self/stat; [ $group = $session ]; echo $?
		umask; trap'
	comes_back "$asked" env -u UNSET KEPT="a b" nice -n 7 taskset -c 1 \
		prlimit --nofile=77:99 --core=0 --stack=4000000 setsid --wait \
		bash -c "umask 27; . ./job.sh"
}

# shellcheck disable=SC2016
policy()
{
	ask 'chrt -p $$ | sed "s/pid [0-9]*/it/"; cat /proc/self/personality; uname -m'
	comes_back "$asked" chrt -b 0 setarch i686 -R -3 bash job.sh
}

host_name()
{
	ask 'uname -n; [ $half = 2 ] || echo "of-the-first-half" > /proc/sys/kernel/hostname'
	comes_back 'grep -q 2 progress' unshare --uts bash job.sh && [ "$(hostname)" = guest ]
}

# shellcheck disable=SC2016
hang_up()
{
	ask 'kill -HUP $$; trap; grep SigIgn /proc/self/status'
	comes_back "$asked" nohup bash job.sh
}

# The log was opened by somebody who may more than the program.
# shellcheck disable=SC2016
unprivileged()
{
	ask 'id; grep -E "^(Cap|NoNewPrivs|Groups)" /proc/self/status; cat secret 2>&1'
	echo nothing > "$tmp/job/secret"
	chmod 600 "$tmp/job/secret"
	chmod 777 "$tmp/job" "$tmp"
	catch "$asked" save_and_kill setpriv --reuid 1000 --regid 1000 --groups 5,6 \
		--no-new-privs --bounding-set -all,+chown bash job.sh || return 1
	expect 125 ckpt restart -i "$tmp/image" -c t-here 2> "$tmp/err"
	cat "$tmp/err"
	grep -q "cannot open $tmp/here/out: errno 13" "$tmp/err" || return 1
	timeout -s KILL $patience ckpt restart --open-as-caller -i "$tmp/image" -c t-here
	ends_right $?
}

# waits_in NUMBER NAME: the job's process with that name is in that system call
waits_in()
{
	[ "$(cut -d ' ' -f 1 "/proc/$(process here "$2")/syscall")" = "$1" ]
}
# The last is what a sleep goes on in.
read=0 clock_nanosleep=230 restart_syscall=219

sleeps()
{
	comes_back "waits_in $clock_nanosleep sleep" bash -c 'sleep 1.5; echo "slept: $?"'
}

both_idle="waits_in $read cat && [ -s got ] && waits_in"

# Nobody waits for the end of that sleep: it is killed, and cat sees the end.
# shellcheck disable=SC2016
idle()
{
	begin here bash -c '(echo first; exec sleep 100000) | cat > got; echo "${PIPESTATUS[@]}"'
	until_middle here "$both_idle $clock_nanosleep sleep" && save_and_kill || return 1
	ckpt restart -i "$tmp/image" -c t-here &
	runner=$!
	until_middle here "$both_idle $restart_syscall sleep" &&
	kill "$(process here sleep)" && expect 0 wait $runner &&
	[ "$(cat "$tmp/here/out")" = "143 0" ] && [ "$(cat "$tmp/here/got")" = first ]
}

timer()
{
	ask 'echo "$half"'
	refused timeout "posix timer" "timer_create(2) timers are not saved yet" "$asked" \
		timeout 36000 bash job.sh
}

lock()
{
	ask 'echo "$half"'
	refused flock "file lock" \
		"locked: a lock or lease is held, not saved yet; release it" "$asked" \
		flock locked bash job.sh
}

class()
{
	ask 'ionice'
	refused bash "I/O priority" "ioprio_set(2) is in force, not saved yet" "$asked" \
		ionice -c 2 -n 7 bash job.sh
}

# It may be further than its watcher thinks, and has no other process then.
# shellcheck disable=SC2016
realtime()
{
	ask 'read -ra stat < /proc/self/stat; echo "policy ${stat[40]}"'
	refused bash "scheduling policy" "policy 1 is not saved yet" "$asked" chrt -f 1 bash job.sh
}

namespaces()
{
	ask 'wc -l < /proc/net/route'
	refused bash "\\(network\\|ipc\\) namespace" \
		"is another than the caller's, not saved yet; call from inside it" "$asked" \
		unshare --net --ipc bash job.sh && [ "$(grep -c level=refuse "$tmp/err")" = 2 ]
}

# Every path is another one there, the caller's root is not that of the mounts.
mounts()
{
	ask 'grep -c . /proc/self/mounts'
	refused bash "\\(mount namespace\\|path\\)" \
		"\\(is another than the caller's, .*\\|.* cannot be reached from the caller's root\\)" \
		"$asked" unshare --mount --propagation unchanged bash job.sh &&
	grep -q 'object="mount namespace"' "$tmp/err"
}

# It is told who traces it.
refuse_traced()
{
	expect 1 ckpt checkpoint -c t-here -o "$tmp/image" --kill 2> "$tmp/err" || return 1
	cat "$tmp/err"
	tracer=$(process here strace) traced=$(process here bash)
	# what does not stand still is named alone
	[ "$(grep -c 'level=refuse ' "$tmp/err")" = 1 ] && [ ! -e "$tmp/image" ] &&
	grep -qx "ckpt: level=refuse pid=$traced comm=\"bash\" object=\"ptrace\": \
is traced by pid $tracer; detach the tracer" "$tmp/err"
}

traced()
{
	ask 'echo "$half"'
	catch "$asked" refuse_traced strace -q -e trace=fork,kill -o /dev/null bash job.sh || return 1
	wait $runner
	ends_right $?
}

try_kernel "what nice, taskset, setsid, env and prlimit set is kept" attributes
try_kernel "a batch policy and another personality are kept" policy
try_kernel "a host name of unshare is kept" host_name
try_kernel "signals that nohup keeps away stay away" hang_up
try_kernel "a program without privileges keeps its ids" unprivileged
try_kernel "a sleep ends after the restart" sleeps
try_kernel "an idle sleep and a cat at its pipe wait on" idle
try_kernel "the timer of timeout is refused" timer
try_kernel "the lock of flock is refused" lock
try_kernel "the class of ionice is refused" class
try_kernel "the policy of chrt is refused" realtime
try_kernel "the networks and ipc objects of unshare are refused" namespaces
try_kernel "the mounts of unshare are refused" mounts
try_kernel "what strace traces is refused" traced
exit $failed
