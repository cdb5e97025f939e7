#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Nobody reads what ckpt says: the programs do not wait for that.
# PLAN: a tree is moved back before check says what it found
# PLAN: programs run on before checkpoint says why it failed
# PLAN: a restart that cannot say that it succeeded passes signals on
# PLAN: a detached restart that cannot say that it succeeded can be interrupted
# shellcheck source=common
. "$(dirname "$0")/common"

# A pipe that takes nothing more, as descriptor 6.
full_pipe()
{
	mkfifo "$tmp/pipe"
	exec 6<> "$tmp/pipe"
	dd if=/dev/zero bs=65536 count=1 >&6 2> /dev/null
}

empty_pipe()
{
	cat <&6 > /dev/null &
	exec 6>&-
}

# More than fits into what may be left in the pipe.
blocked()
{
	mkdir $cg/t-blocked
	start t-blocked "sleep 1000 & exec prog_sockets 1000 $tmp/ready" 6>&-
	until_true "[ -e $tmp/ready ]"
}

moved_back()
{
	blocked || return 1
	pid=$(sed -n 1p $cg/t-blocked/cgroup.procs)
	sleep 1000 &
	echo $! > $cg/t-blocked/cgroup.procs
	full_pipe
	ckpt check -p "$pid" >&6 &
	saver=$!
	until_true "[ -d $cg/ckpt-p$pid ]" 20
	until_true "[ ! -d $cg/ckpt-p$pid ]" && [ "$(group_of "$pid")" = /t-blocked ] &&
	kill -0 $saver
	status=$?
	empty_pipe
	expect 1 wait $saver && return $status
}

run_on()
{
	blocked || return 1
	full_pipe
	ckpt checkpoint -c t-blocked -o "$tmp/image" --kill 2>&6 &
	saver=$!
	until_true "grep -q 'frozen 1' $cg/t-blocked/cgroup.events" 20
	until_true "[ \"\$(cat $cg/t-blocked/cgroup.freeze)\" = 0 ]" 50 && kill -0 $saver
	status=$?
	empty_pipe
	expect 1 wait $saver && return $status
}

restart()
{
	take "trap ': > $tmp/got; exit 9' TERM; $ready; $await
		: > $tmp/running; while :; do usleep 50000; done" || return 1
	for how in "" -n; do
		full_pipe
		# shellcheck disable=SC2086
		ckpt restart -v -i "$tmp/image" -c t-stalled $how 2>&6 &
		pid=$!
		until_true "[ -e $tmp/running ]" && kill $pid && until_true "[ -e $tmp/got ]" 50
		status=$?
		empty_pipe
		expect 9 wait $pid && [ $status = 0 ] && [ ! -d $cg/t-stalled ] || return 1
		rm -f "$tmp/pipe" "$tmp/running" "$tmp/got"
	done
}

detached()
{
	take "$counter" || return 1
	full_pipe
	ckpt restart -v -d -i "$tmp/image" -c t-stalled 2>&6 &
	pid=$!
	counts && usleep 300000 && kill $pid && expect 143 wait $pid && counts
	status=$?
	empty_pipe
	return $status
}

try_kernel "a tree is moved back before check says what it found" moved_back
try_kernel "programs run on before checkpoint says why it failed" run_on
try_kernel "a restart that cannot say that it succeeded passes signals on" restart
try_kernel "a detached restart that cannot say that it succeeded can be interrupted" detached
exit $failed
