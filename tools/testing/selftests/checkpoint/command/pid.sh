#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# -p PID: trees are moved into a group of their own and back, even when ckpt
# is killed at any moment.
# PLAN: a tree that has its group is not moved
# PLAN: a tree in the root group is moved and moved back
# PLAN: a tree in a shared group is moved to a sibling and back
# PLAN: a tree that forks all the time is moved whole
# PLAN: a tree that forks faster than it can be looked at is moved whole
# PLAN: a hold by somebody else is waited for before the tree is moved back
# PLAN: a tree that spans groups goes back to each of them
# PLAN: leave-frozen keeps the new group
# PLAN: kill kills the tree and nobody else
# PLAN: a failure moves the tree back
# PLAN: an ancestor of ckpt is refused
# PLAN: check moves the tree back
# PLAN: ckpt killed at any moment leaves the tree as it was
# PLAN: ckpt killed at each of its steps leaves the tree as it was
# shellcheck source=common
. "$(dirname "$0")/common"

# tree GROUP: a shell with children, in the background; its pid is $root
# shellcheck disable=SC2016
tree_script='sleep 1000 & sleep 1001 & (sh -c "sleep 1002; :"; :) & '$counter
tree()
{
	sh -c "echo \$\$ > $cg/$1/cgroup.procs; $tree_script" < /dev/null > /dev/null 2>&1 &
	root=$!
	until_true "[ -s $tmp/n ]"
}

# Of the tree: its pids.
pids()
{
	all=$1 last=
	while [ "$all" != "$last" ]; do
		last=$all
		for p in /proc/[0-9]*; do
			parent=$(sed -n 's/^PPid:[[:space:]]*//p' "$p/status" 2> /dev/null)
			case " $all " in
			*" ${p#/proc/} "*) ;;
			*" $parent "*) all="$all ${p#/proc/}" ;;
			esac
		done
	done
	echo "$all"
}

stop_tree()
{
	# shellcheck disable=SC2046
	kill -9 $(pids "$root") 2> /dev/null
	wait "$root"
	return 0
}

# all_in GROUP: every process of the tree is there
all_in()
{
	for p in $(pids "$root"); do
		g=$(group_of "$p" 2> /dev/null) || continue
		case $g in
		"$1" | "") ;;
		*) echo "process $p is in $g"; return 1 ;;
		esac
	done
}

no_groups()
{
	for g in "$cg"/ckpt-* "$cg"/*/ckpt-*; do
		[ -d "$g" ] && { echo "$g is left"; return 1; }
	done
	return 0
}

has_group()
{
	start t-has "$counter"
	pid=$(head -n 1 $cg/t-has/cgroup.procs)
	expect 0 ckpt checkpoint -v -p "$pid" -o "$tmp/image" --leave-frozen 2> "$tmp/err" || return 1
	cat "$tmp/err"
	grep -q "frozen in $cg/t-has;" "$tmp/err" && no_groups
}

in_root()
{
	tree .
	expect 0 ckpt checkpoint -p "$root" -o "$tmp/image" && all_in / && no_groups && counts &&
	ckpt info "$tmp/image" | grep -q "^  $root sh: live"
	status=$?
	stop_tree
	return $status
}

in_shared()
{
	mkdir $cg/t-shared
	tree t-shared
	sh -c "echo \$\$ > $cg/t-shared/cgroup.procs; exec sleep 1000" &
	other=$!
	usleep 200000
	expect 0 ckpt checkpoint -p "$root" -o "$tmp/image" && all_in /t-shared && no_groups &&
	[ "$(group_of $other)" = /t-shared ] && counts &&
	! ckpt info "$tmp/image" | grep -q "^  $other "
	status=$?
	stop_tree
	kill $other
	return $status
}

forking()
{
	sh -c "while :; do (usleep 1000; (usleep 1000)); echo > $tmp/n; done" &
	root=$!
	usleep 300000
	status=0
	for _ in 1 2 3 4 5; do
		expect 0 ckpt checkpoint -p "$root" -o "$tmp/image" || status=1
		usleep 100000
		all_in / && no_groups || status=1
	done
	stop_tree
	return $status
}

# No two looks find the same processes.
restless()
{
	mkdir $cg/t-shared
	sh -c "echo \$\$ > $cg/t-shared/cgroup.procs
		for i in 1 2 3 4 5 6 7 8; do while :; do (usleep 3000); done & done
		echo > $tmp/n; wait" &
	root=$!
	sh -c "echo \$\$ > $cg/t-shared/cgroup.procs; exec sleep 1000" &
	other=$!
	until_true "[ -e $tmp/n ]"
	status=0
	for _ in 1 2 3 4 5; do
		begin=$(cut -d. -f1 /proc/uptime)
		expect 0 ckpt checkpoint -p "$root" -o "$tmp/image" &&
		[ $(($(cut -d. -f1 /proc/uptime) - begin)) -lt 5 ] && no_groups || status=1
	done
	stop_tree
	kill $other
	return $status
}

# Longer than any other reason not to move is put up with.
held()
{
	tree .
	mkfifo "$tmp/pipe"
	exec 6<> "$tmp/pipe"
	head -c 65536 /dev/zero >&6
	expect 6 prog_when checkpoint "
		ckpt checkpoint -c ckpt-p$root > $tmp/pipe 6>&- &
		until grep -q 'frozen 1' $cg/ckpt-p$root/cgroup.events; do usleep 20000; done" \
		ckpt checkpoint -p "$root" -o "$tmp/image" 6>&- &
	saver=$!
	until_true "[ -d $cg/ckpt-p$root ]" && sleep 17
	cat <&6 > /dev/null &
	wait $saver && all_in / && no_groups && counts
	status=$?
	exec 6>&-
	stop_tree
	return $status
}

spans()
{
	mkdir $cg/t-one $cg/t-two
	sh -c "echo \$\$ > $cg/t-one/cgroup.procs
		sh -c 'echo \$\$ > $cg/t-two/cgroup.procs; echo \$\$ > $tmp/child; while :; do usleep 50000; done' &
		while :; do usleep 50000; done" &
	root=$!
	sh -c "echo \$\$ > $cg/t-one/cgroup.procs; exec sleep 1000" &
	other=$!
	until_true "[ -s $tmp/child ]"
	usleep 200000
	expect 0 ckpt checkpoint -p "$root" -o "$tmp/image" && no_groups &&
	[ "$(group_of "$root")" = /t-one ] && [ "$(group_of "$(cat "$tmp/child")")" = /t-two ]
	status=$?
	stop_tree
	kill $other
	return $status
}

leave()
{
	tree .
	expect 0 ckpt checkpoint -p "$root" -o "$tmp/image" --leave-frozen 2> "$tmp/err"
	status=$?
	cat "$tmp/err"
	group=$(sed -n 's/^ckpt: frozen in \(.*\); write.*/\1/p' "$tmp/err")
	[ $status = 0 ] && [ "$group" = "$cg/ckpt-p$root" ] && stands_still &&
	echo 0 > "$group/cgroup.freeze" && counts
	status=$?
	stop_tree
	return $status
}

kill_tree()
{
	tree .
	sleep 1000 &
	other=$!
	expect 0 ckpt checkpoint -p "$root" -o "$tmp/image" --kill && no_groups && kill -0 $other &&
	expect 137 wait "$root"
	status=$?
	kill $other
	return $status
}

failure()
{
	tree .
	full_disk 16k || return 1
	status=0
	for how in "" --kill --leave-frozen; do
		# shellcheck disable=SC2086
		expect 3 ckpt checkpoint -p "$root" -o "$tmp/small/image" $how && all_in / && no_groups &&
		counts || status=1
	done
	stop_tree
	return $status
}

ancestor()
{
	sh -c "ckpt checkpoint -p \$\$ -o $tmp/image; echo \$? > $tmp/status"
	[ "$(cat "$tmp/status")" = 3 ] && no_groups && [ "$(group_of $$)" = / ]
}

check_moves()
{
	tree .
	expect 0 ckpt check -p "$root" && all_in / && no_groups && counts
	status=$?
	stop_tree
	return $status
}

# came_back HOW: after ckpt was killed the tree is as it was. $kept: ckpt had come to
# its end, and the tree was to stay in its new group.
came_back()
{
	until_true "! pidof ckpt-guardian > /dev/null" 300 || return 1
	kept=
	if [ -d "$cg/ckpt-p$root" ] && [ "$1" = --leave-frozen ] && [ -e "$tmp/d/image" ]; then
		# undo it as a user would
		echo 0 > "$cg/ckpt-p$root/cgroup.freeze"
		for p in $(cat "$cg/ckpt-p$root/cgroup.procs"); do
			echo "$p" > $cg/cgroup.procs
		done
		until_true "rmdir $cg/ckpt-p$root 2> /dev/null"
		kept=1
	fi
	all_in / && no_groups && counts || return 1
	for f in "$tmp"/d/.[!.]*; do
		[ -e "$f" ] && { echo "$f is left"; return 1; }
	done
	rm -f "$tmp/d/image"
}

# The moment goes from before anything happened to after everything did.
killed()
{
	mkdir "$tmp/d"
	tree .
	status=0
	for how in "" --leave-frozen; do
		wait=0 done=0
		while [ $done -lt 3 ] && [ $wait -lt 3000000 ]; do
			# shellcheck disable=SC2086
			ckpt checkpoint -p "$root" -o "$tmp/d/image" $how 2> /dev/null &
			pid=$!
			usleep $wait
			kill -9 $pid 2> /dev/null || done=$((done + 1))
			wait $pid
			came_back "$how" || { echo "after $wait us of $how"; status=1; break 2; }
			[ -z "$kept" ] || done=$((done + 1))
			wait=$((wait + 25000))
		done
	done
	stop_tree
	return $status
}

# A step is a system call: before the first, the second, and so on to the last.
killed_at_steps()
{
	mkdir "$tmp/d"
	tree .
	for how in "" --leave-frozen; do
		step=0 ended=137 status=0
		while [ $ended = 137 ] && [ $status = 0 ]; do
			step=$((step + 1))
			# shellcheck disable=SC2086
			prog_step $step ckpt checkpoint -p "$root" -o "$tmp/d/image" $how \
				2> "$tmp/step"
			ended=$?
			came_back "$how" || status=1
		done
		echo "$step steps of $how: $(cat "$tmp/step")"
		[ $status = 0 ] && [ $ended = 0 ] && [ $step -gt 30 ] || { status=1; break; }
	done
	stop_tree
	return $status
}

try_kernel "a tree that has its group is not moved" has_group
try_kernel "a tree in the root group is moved and moved back" in_root
try_kernel "a tree in a shared group is moved to a sibling and back" in_shared
try_kernel "a tree that forks all the time is moved whole" forking
try_kernel "a tree that forks faster than it can be looked at is moved whole" restless
try_kernel "a hold by somebody else is waited for before the tree is moved back" held
try_kernel "a tree that spans groups goes back to each of them" spans
try_kernel "leave-frozen keeps the new group" leave
try_kernel "kill kills the tree and nobody else" kill_tree
try_kernel "a failure moves the tree back" failure
try "an ancestor of ckpt is refused" ancestor
try_kernel "check moves the tree back" check_moves
try_kernel "ckpt killed at any moment leaves the tree as it was" killed
try_kernel "ckpt killed at each of its steps leaves the tree as it was" killed_at_steps
exit $failed
