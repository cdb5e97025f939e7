#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# ckpt restart: exit statuses, detaching, groups, namespaces, streams.
# PLAN: restart exits like the first program
# PLAN: restart exits with 128 and the signal
# PLAN: restart forwards signals
# PLAN: a program goes on where it was
# PLAN: detach returns and the pidfile names the program
# PLAN: restart in a group of its own removes it
# PLAN: frozen programs run once they are thawed
# PLAN: two restarts side by side in pid namespaces
# PLAN: detached in a pid namespace
# PLAN: what runs in a pid namespace is saved again from inside
# PLAN: orphans in a pid namespace are waited for
# PLAN: a program that was pid 1 comes back as pid 1
# PLAN: restart from a pipe takes nothing behind the image
# PLAN: a pid in use is an error that says what to do
# PLAN: a damaged image starts nothing
# PLAN: check starts nothing
# PLAN: root is where files are looked for
# PLAN: all of it works without privileges
# shellcheck source=common
. "$(dirname "$0")/common"

status_of()
{
	take "$ready; $await; exit 7" &&
	expect 7 ckpt restart -i "$tmp/image" && expect 7 ckpt restart < "$tmp/image"
}

signal_of()
{
	take "$ready; $await; kill -TERM \$\$" &&
	expect 143 ckpt restart -i "$tmp/image"
}

forwards()
{
	take "trap 'exit 9' TERM; $ready; $await; : > $tmp/running; while :; do usleep 100000; done" ||
		return 1
	for how in "" -n; do
		rm -f "$tmp/running"
		# shellcheck disable=SC2086
		ckpt restart -i "$tmp/image" $how &
		pid=$!
		until_true "[ -e $tmp/running ]" && kill -TERM $pid
		expect 9 wait $pid || return 1
	done
}

# It writes each number once, and none is left out.
goes_on()
{
	take "i=0; while :; do i=\$((i + 1)); echo \$i >> $tmp/all; [ \$i = 3 ] && $ready
		usleep 20000; done" || return 1
	before=$(wc -l < "$tmp/all")
	ckpt restart -i "$tmp/image" -c t-on &
	pid=$!
	until_true "[ \$(wc -l < $tmp/all) -gt $((before + 3)) ]"
	status=$?
	echo 1 > $cg/t-on/cgroup.kill
	expect 137 wait $pid && [ $status = 0 ] &&
	[ "$(cat "$tmp/all")" = "$(seq "$(wc -l < "$tmp/all")")" ]
}

detach()
{
	take "$counter" || return 1
	expect 0 ckpt restart -i "$tmp/image" -d --pidfile "$tmp/pid" -c t-detach || return 1
	pid=$(cat "$tmp/pid")
	counts && [ "$(group_of "$pid")" = /t-detach ] &&
	[ "$(sed -n 's/^Name:[[:space:]]*//p' "/proc/$pid/status")" = sh ] &&
	[ "$(stat -c %a "$tmp/pid")" = 644 ]
}

own_group()
{
	take "$ready; $await; sed -n s/^0:://p /proc/self/cgroup > $tmp/group; exit 3" &&
	expect 3 ckpt restart -i "$tmp/image" -c t-own/in && [ "$(cat "$tmp/group")" = /t-own/in ] &&
	[ ! -d $cg/t-own ]
}

frozen()
{
	take "$counter" || return 1
	expect 0 ckpt restart -i "$tmp/image" -d --frozen -c t-frozen && stands_still || return 1
	echo 0 > $cg/t-frozen/cgroup.freeze
	counts
}

side_by_side()
{
	take "$ready; $await; exit 7" || return 1
	rm "$tmp/go"
	ckpt restart -i "$tmp/image" --new-pidns -c t-a &
	a=$!
	ckpt restart -i "$tmp/image" --new-pidns -c t-b &
	b=$!
	until_true "grep -q . $cg/t-a/cgroup.procs && grep -q . $cg/t-b/cgroup.procs" || return 1
	: > "$tmp/go"
	expect 7 wait $a && expect 7 wait $b
}

detach_pidns()
{
	take "$counter" || return 1
	expect 0 ckpt restart -i "$tmp/image" -d --new-pidns --pidfile "$tmp/pid" -c t-dn || return 1
	counts || return 1
	# the pid is of the namespace's pid 1: its end is everybody's
	kill -9 "$(cat "$tmp/pid")"
	until_true "grep -q 'populated 0' $cg/t-dn/cgroup.events"
}

# Its pid 1 is not in the group, and ends with the programs, as would a ckpt inside.
from_inside()
{
	take "$counter" || return 1
	expect 0 ckpt restart -i "$tmp/image" -d -n --pidfile "$tmp/pid" -c t-inside && counts ||
		return 1
	for how in "" --leave-frozen; do
		# shellcheck disable=SC2086
		expect 0 nsenter -t "$(cat "$tmp/pid")" -p \
			ckpt checkpoint -c t-inside -o "$tmp/again" $how || return 1
	done
	kill -9 "$(cat "$tmp/pid")"
	expect 0 ckpt restart -i "$tmp/again" -d -n -c t-inside2 && counts
}

# A zombie can be sent a signal, too.
orphans()
{
	take "$ready; $await; sh -c 'sh -c : & echo \$! > $tmp/orphan'; i=0
		while kill -0 \$(cat $tmp/orphan) && [ \$i -lt 100 ]; do
			usleep 100000; i=\$((i + 1)); done
		[ \$i -lt 100 ] && exit 4" &&
	expect 4 ckpt restart -i "$tmp/image" --new-pidns
}

was_pid1()
{
	take "$ready; $await; echo \$\$ > $tmp/pid; exit 5" --new-pidns &&
	expect 5 ckpt restart -i "$tmp/image" && [ "$(cat "$tmp/pid")" = 1 ] &&
	expect 5 ckpt restart --new-pidns -i "$tmp/image"
}

from_pipe()
{
	take "$ready; $await; exit 6" || return 1
	{ cat "$tmp/image"; echo behind; } | {
		ckpt restart
		echo $? > "$tmp/status"
		cat > "$tmp/rest"
	}
	[ "$(cat "$tmp/status")" = 6 ] && [ "$(cat "$tmp/rest")" = behind ]
}

pid_in_use()
{
	take "$counter" || return 1
	expect 0 ckpt restart -i "$tmp/image" -d -c t-used || return 1
	expect 125 ckpt restart -i "$tmp/image" -c t-again 2> "$tmp/err" || return 1
	cat "$tmp/err"
	grep -q 'EEXIST.*--new-pidns' "$tmp/err" && [ ! -d $cg/t-again ]
}

damaged()
{
	take "$counter" || return 1
	size=$(stat -c %s "$tmp/image")
	head -c $((size - 8)) "$tmp/image" > "$tmp/bad"
	rm "$tmp/n"
	expect 125 ckpt restart -i "$tmp/bad" -c t-bad 2> "$tmp/err" || return 1
	cat "$tmp/err"
	grep -q 'EBADMSG' "$tmp/err" && [ ! -d $cg/t-bad ] && [ ! -e "$tmp/n" ]
}

only_check()
{
	take "$counter" || return 1
	rm "$tmp/n"
	expect 0 ckpt restart -i "$tmp/image" --check && usleep 300000 && [ ! -e "$tmp/n" ]
}

root_dir()
{
	mkdir -p "$tmp/dir"
	expect 125 ckpt restart -i "$tmp/none" --root "$tmp/dir" || return 1
	take "exec 5< /etc/passwd; $ready; $await; exit 0" || return 1
	expect 125 ckpt restart -i "$tmp/image" --root "$tmp/nowhere" &&
	expect 125 ckpt restart -i "$tmp/image" --root "$tmp/dir" &&
	expect 0 ckpt restart -i "$tmp/image" --root /
}

unprivileged()
{
	expect 0 as_nobody "
		ckpt run --cgroup t-user/job --new-pidns -- \\
			sh -c '$ready; $await; exit 9' < /dev/null > /dev/null 2>&1 &
		until [ -e $tmp/ready ]; do usleep 20000; done
		ckpt checkpoint -c t-user/job -o $tmp/image --kill || exit 1
		wait
		: > $tmp/go
		ckpt restart -i $tmp/image
		[ \$? = 9 ] || exit 2
		ckpt restart -i $tmp/image --new-pidns --cgroup t-user/job2
		[ \$? = 9 ] || exit 3"
}

try_kernel "restart exits like the first program" status_of
try_kernel "restart exits with 128 and the signal" signal_of
try_kernel "restart forwards signals" forwards
try_kernel "a program goes on where it was" goes_on
try_kernel "detach returns and the pidfile names the program" detach
try_kernel "restart in a group of its own removes it" own_group
try_kernel "frozen programs run once they are thawed" frozen
try_kernel "two restarts side by side in pid namespaces" side_by_side
try_kernel "detached in a pid namespace" detach_pidns
try_kernel "what runs in a pid namespace is saved again from inside" from_inside
try_kernel "orphans in a pid namespace are waited for" orphans
try_kernel "a program that was pid 1 comes back as pid 1" was_pid1
try_kernel "restart from a pipe takes nothing behind the image" from_pipe
try_kernel "a pid in use is an error that says what to do" pid_in_use
try_kernel "a damaged image starts nothing" damaged
try_kernel "check starts nothing" only_check
try_kernel "root is where files are looked for" root_dir
try_kernel "all of it works without privileges" unprivileged
exit $failed
