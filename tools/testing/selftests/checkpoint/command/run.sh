#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# ckpt run: groups, exit statuses, signals, pid namespaces.
# PLAN: run exits like its command
# PLAN: run says when a command cannot be run
# PLAN: run uses a group of its own and removes it
# PLAN: run makes the groups above, and keeps those that were there
# PLAN: run forwards signals
# PLAN: run keeps ignored signals ignored
# PLAN: run in a pid namespace makes the command pid 1
# PLAN: run ends a pid 1 that does not handle a signal
# PLAN: run in a pid namespace works without privileges
# shellcheck source=common
. "$(dirname "$0")/common"

exits()
{
	expect 0 ckpt run -- true &&
	expect 7 ckpt run sh -c 'exit 7' &&
	expect 137 ckpt run -- sh -c 'kill -9 $$' &&
	expect 143 ckpt run -- sh -c 'kill $$' &&
	expect 7 ckpt run --new-pidns -- sh -c 'exit 7'
}

cannot_run()
{
	expect 127 ckpt run -- /nonexistent &&
	expect 127 ckpt run -- t-no-such-command &&
	expect 126 ckpt run -- /etc/passwd
}

own_group()
{
	ckpt run -- sh -c 'sed -n s/^0:://p /proc/self/cgroup' > "$tmp/out"
	grep -q '^/ckpt-[0-9]*$' "$tmp/out" || { cat "$tmp/out"; return 1; }
	[ ! -e "$cg$(cat "$tmp/out")" ]
}

nested_group()
{
	mkdir "$cg/t-kept"
	ckpt run --cgroup t-kept/a/b -- sh -c 'sed -n s/^0:://p /proc/self/cgroup' > "$tmp/out"
	[ "$(cat "$tmp/out")" = /t-kept/a/b ] && [ -d "$cg/t-kept" ] && [ ! -e "$cg/t-kept/a" ]
}

# signal_to OPTIONS SCRIPT SIGNAL STATUS: to a script that has come to $ready
signal_to()
{
	rm -f "$tmp/ready"
	# shellcheck disable=SC2086
	ckpt run $1 -- sh -c "$2" &
	pid=$!
	until_true "[ -e $tmp/ready ]"
	kill -"$3" $pid
	expect "$4" wait $pid
}

# SIGINT and SIGQUIT are ignored here: tty.sh has them.
signals()
{
	signal_to "" "$ready; exec sleep 100" TERM 143 || return 1
	for sig in HUP TERM USR1 USR2 ALRM; do
		signal_to "" "trap 'exit 5' $sig; $ready; while :; do usleep 50000; done" $sig 5 ||
			return 1
	done
	signal_to -n "trap 'exit 7' TERM; $ready; while :; do usleep 50000; done" TERM 7
}

ignored()
{
	(trap '' HUP; exec ckpt run -- sh -c "$ready; $await; exit 3") &
	pid=$!
	until_true "[ -e $tmp/ready ]"
	kill -HUP $pid
	: > "$tmp/go"
	expect 3 wait $pid
}

pidns()
{
	[ "$(ckpt run --new-pidns -- sh -c 'echo $$')" = 1 ]
}

pid1()
{
	for sig in TERM HUP ALRM; do
		signal_to -n "$ready; exec sleep 100" $sig $((128 + $(kill -l $sig))) || return 1
	done
}

unprivileged()
{
	expect 4 as_nobody \
		'ckpt run --cgroup t-user/job --new-pidns -- sh -c "echo \$\$ \$(id -u) \$(id -g); exit 4"' \
		> "$tmp/out"
	status=$?
	cat "$tmp/out"
	[ "$status" = 0 ] && [ "$(cat "$tmp/out")" = "1 $(id -u nobody) $(id -g nobody)" ]
}

try "run exits like its command" exits
try "run says when a command cannot be run" cannot_run
try "run uses a group of its own and removes it" own_group
try "run makes the groups above, and keeps those that were there" nested_group
try "run forwards signals" signals
try "run keeps ignored signals ignored" ignored
try "run in a pid namespace makes the command pid 1" pidns
try "run ends a pid 1 that does not handle a signal" pid1
try "run in a pid namespace works without privileges" unprivileged
exit $failed
