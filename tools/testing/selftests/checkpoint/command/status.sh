#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Exit statuses of checkpoint, check and restart, and --strict and --timeout.
# PLAN: without the system calls the status is 5
# PLAN: a group that is held is busy
# PLAN: an empty group is busy
# PLAN: what does not freeze in time is named, and runs on
# PLAN: strict refuses a file that is shared with the outside
# PLAN: processes of groups below are refused
# PLAN: check of a tree says what keeps it from being saved
# PLAN: an interrupted restart leaves nothing behind
# PLAN: a restart that is killed from outside says so
# PLAN: every line of a long check is printed
# PLAN: no image is written to or read from what is none
# shellcheck source=common
. "$(dirname "$0")/common"

no_calls()
{
	take "$ready; exec sleep 100" || return 1
	start t-nosys "$counter"
	expect 5 prog_nosys ckpt checkpoint -c t-nosys -o "$tmp/none" 2> "$tmp/err" &&
	expect 5 prog_nosys ckpt checkpoint -c t-nosys -o "$tmp/none" --kill 2>> "$tmp/err" &&
	expect 5 prog_nosys ckpt check -c t-nosys 2>> "$tmp/err" &&
	expect 125 prog_nosys ckpt restart -i "$tmp/image" -c t-none 2>> "$tmp/err" || return 1
	cat "$tmp/err"
	[ "$(grep -c 'this kernel has no .*CONFIG_CHECKPOINT=y' "$tmp/err")" = 4 ] &&
	[ ! -e "$tmp/none" ] && [ ! -d $cg/t-none ] && counts &&
	expect 0 prog_nosys ckpt info -q "$tmp/image" &&
	expect 0 prog_nosys ckpt run -- true
}

# A checkpoint that cannot go on, since nobody reads from its pipe.
held()
{
	# more than a pipe takes
	start t-held "$counter; $(seq 20000)"
	mkfifo "$tmp/pipe"
	exec 6<> "$tmp/pipe"
	ckpt checkpoint -c t-held > "$tmp/pipe" 6>&- &
	holder=$!
	until_true "grep -q 'frozen 1' $cg/t-held/cgroup.events" &&
	expect 6 ckpt checkpoint -c t-held -o "$tmp/image" 2> "$tmp/err" &&
	expect 6 ckpt checkpoint -c t-held -o "$tmp/image" --kill 2>> "$tmp/err" &&
	expect 6 ckpt check -c t-held 2>> "$tmp/err"
	status=$?
	cat "$tmp/err"
	[ $status = 0 ] && [ "$(grep -c EBUSY "$tmp/err")" = 3 ] && [ ! -e "$tmp/image" ] || return 1
	kill $holder
	expect 143 wait $holder && counts
}

empty()
{
	mkdir $cg/t-empty
	expect 6 ckpt checkpoint -c t-empty -o "$tmp/image" && expect 6 ckpt check -c t-empty &&
	[ ! -e "$tmp/image" ]
}

# The one that waits as long as it does by default began before the others.
too_late()
{
	hang t-late && start t-later "exec stat $tmp/fuse/file" 7>&- || return 1
	ckpt check -c t-later 2> /dev/null 7>&- &
	default=$!
	for command in "checkpoint -o $tmp/image" "checkpoint --kill -o $tmp/image" check; do
		# shellcheck disable=SC2086
		expect 6 ckpt $command -c t-late --timeout 1 2> "$tmp/err" || return 1
		cat "$tmp/err"
		grep -q "level=error pid=$hanging .*uninterruptible" "$tmp/err" &&
		grep -q ETIMEDOUT "$tmp/err" && [ ! -e "$tmp/image" ] && counts || return 1
		# a zombie has no executable
		[ "$command" != "${first:=$command}" ] || readlink "/proc/$default/exe" || return 1
	done
	unhang
	expect 0 ckpt checkpoint -c t-late -o "$tmp/image" --timeout 60
}

strict()
{
	ckpt run --cgroup t-strict -- sh -c "$counter" 5> "$tmp/shared" \
		< /dev/null > /dev/null 2>&1 &
	until_true "[ -e $tmp/ready ]" || return 1
	expect 1 ckpt checkpoint --strict -c t-strict -o "$tmp/image" 2> "$tmp/err" || return 1
	cat "$tmp/err"
	grep -q "level=refuse .*fd=5.*object=.file.: $tmp/shared is shared with pid [0-9]* outside" "$tmp/err" &&
	[ ! -e "$tmp/image" ] && counts || return 1
	expect 1 ckpt check --strict -c t-strict > "$tmp/out" || return 1
	cat "$tmp/out"
	grep -q "^level=refuse .*$tmp/shared is shared" "$tmp/out" || return 1
	expect 0 ckpt check -c t-strict > "$tmp/out" || return 1
	cat "$tmp/out"
	grep -q "^level=warn .*$tmp/shared is shared" "$tmp/out" &&
	expect 0 ckpt checkpoint -c t-strict -o "$tmp/image"
}

below()
{
	start t-below "$counter"
	start t-below/in "exec sleep 100"
	expect 1 ckpt check -c t-below > "$tmp/out" || return 1
	cat "$tmp/out"
	grep -q '^level=refuse .*group' "$tmp/out" &&
	expect 1 ckpt checkpoint -c t-below -o "$tmp/image" && [ ! -e "$tmp/image" ] && counts
}

check_tree()
{
	nc -l -p 12346 &
	pid=$!
	until_true "grep -q ':303A ' /proc/net/tcp*" || return 1
	expect 1 ckpt check -p $pid > "$tmp/out"
	status=$?
	cat "$tmp/out"
	[ "$(group_of $pid)" = "$(group_of $$)" ] || status=1
	kill $pid
	[ $status = 0 ] && grep -q "^level=refuse pid=$pid .*socket" "$tmp/out"
}

# The contents never come: the processes are there, and have not run yet.
interrupted()
{
	take "$ready; $await; : > $tmp/ran; exec sleep 100" || return 1
	metadata=$(ckpt info --json "$tmp/image" | sed -n 's/.*"metadata_bytes": \([0-9]*\).*/\1/p')
	for sig in TERM HUP; do
		mkfifo "$tmp/pipe"
		exec 6<> "$tmp/pipe"
		ckpt restart -c t-part < "$tmp/pipe" 2> "$tmp/err" 6>&- &
		pid=$!
		head -c $((metadata + 8192)) "$tmp/image" > "$tmp/pipe" 6>&-
		until_true "grep -q 'populated 1' $cg/t-part/cgroup.events" || return 1
		kill -$sig $pid
		expect $((128 + $(kill -l $sig))) wait $pid || return 1
		exec 6>&-
		cat "$tmp/err"
		grep -q 'interrupted; nothing is left' "$tmp/err" && [ ! -d $cg/t-part ] &&
		[ ! -e "$tmp/ran" ] || return 1
		rm "$tmp/pipe"
	done
}

# The process that makes the call is its only child.
killed()
{
	take "$ready; exec sleep 100" || return 1
	mkfifo "$tmp/pipe"
	exec 6<> "$tmp/pipe"
	ckpt restart -c t-part < "$tmp/pipe" 2> "$tmp/err" 6>&- &
	pid=$!
	head -c $(($(stat -c %s "$tmp/image") - 8192)) "$tmp/image" > "$tmp/pipe" 6>&-
	until_true "grep -q 'populated 1' $cg/t-part/cgroup.events" || return 1
	keeper=$(sed -n "s/^PPid:[[:space:]]*//p" "/proc/$(head -n 1 $cg/t-part/cgroup.procs)/status")
	kill -9 "$keeper"
	expect 125 wait $pid
	status=$?
	exec 6>&-
	cat "$tmp/err"
	[ $status = 0 ] && grep -q 'was killed by signal 9' "$tmp/err" && [ ! -d $cg/t-part ]
}

# More than a mebibyte, which is all that the kernel keeps.
long_check()
{
	start t-long "exec prog_sockets 3000 $tmp/ready"
	until_true "[ -e $tmp/ready ]" &&
	expect 1 ckpt check -c t-long > "$tmp/out" || return 1
	[ "$(grep -c '^level=refuse' "$tmp/out")" = 3000 ] || return 1
	echo 1 > $cg/t-long/cgroup.kill
	wait $runner
	rm "$tmp/ready"
	start t-long "exec prog_sockets 20000 $tmp/ready"
	until_true "[ -e $tmp/ready ]" &&
	expect 1 ckpt check -c t-long > "$tmp/out" || return 1
	tail -n 1 "$tmp/out"
	tail -n 1 "$tmp/out" | grep -q '^([1-9][0-9]* more bytes of log did not fit)'
}

no_images()
{
	start t-none "exec sleep 100"
	expect 3 ckpt checkpoint -c t-none > /dev/null 2> "$tmp/err" &&
	expect 3 ckpt checkpoint -c t-none >&- 2>> "$tmp/err" &&
	[ "$(grep -c 'an image goes to a file, a pipe or a socket' "$tmp/err")" = 2 ] &&
	expect 125 ckpt restart < /dev/null && expect 125 ckpt restart <&- &&
	expect 4 ckpt info - < /dev/null && expect 3 ckpt info - <&- && expect 3 ckpt info /
}

try_kernel "without the system calls the status is 5" no_calls
try_kernel "a group that is held is busy" held
try_kernel "an empty group is busy" empty
try_kernel "what does not freeze in time is named, and runs on" too_late
try_kernel "strict refuses a file that is shared with the outside" strict
try_kernel "processes of groups below are refused" below
try_kernel "check of a tree says what keeps it from being saved" check_tree
try_kernel "an interrupted restart leaves nothing behind" interrupted
try_kernel "a restart that is killed from outside says so" killed
try_kernel "every line of a long check is printed" long_check
try_kernel "no image is written to or read from what is none" no_images
exit $failed
