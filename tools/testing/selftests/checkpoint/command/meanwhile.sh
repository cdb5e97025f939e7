#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What others do to a group between its checkpoint and the kill.
# PLAN: what came after the checkpoint is not killed
# PLAN: programs that were thawed meanwhile are not killed
# PLAN: leave-frozen does not call programs frozen that are not
# PLAN: children of the programs are no strangers
# PLAN: a threaded group is an error and ckpt does not freeze itself
# PLAN: a group that was killed can be restarted at once
# PLAN: a group that is removed before the restart is made again
# PLAN: a group that is removed before the checkpoint is an error that says so
# shellcheck source=common
. "$(dirname "$0")/common"

# between SCRIPT [OPTION]...: a checkpoint that the script interrupts once the kernel is
# done with it; it is to be tried again, and an older image stays
between()
{
	script=$1
	shift
	echo older > "$tmp/image"
	expect 6 prog_when fsync "$script" \
		ckpt checkpoint -c t-between -o "$tmp/image" "$@" 2> "$tmp/err"
	status=$?
	cat "$tmp/err"
	[ $status = 0 ] && grep -q "$cg/t-between.*try again" "$tmp/err" && grep -qx older "$tmp/image"
}

stranger()
{
	start t-between "$counter"
	sleep 1000 &
	other=$!
	for how in --kill "--kill --force" --leave-frozen; do
		# shellcheck disable=SC2086
		between "echo $other > $cg/t-between/cgroup.procs" $how &&
		grep -q "process $other came into" "$tmp/err" && kill -0 $other && counts &&
		[ "$(cat $cg/t-between/cgroup.freeze)" = 0 ] || return 1
		echo $other > $cg/cgroup.procs
	done
}

thaw=": > $tmp/go; echo 0 > $cg/t-between/cgroup.freeze"

thawed()
{
	start t-between "$counter"
	between "$thaw" --kill && counts || return 1
	# the kernel holds them until then
	start t-held "$counter; $(seq 20000)"
	mkfifo "$tmp/pipe"
	exec 6<> "$tmp/pipe"
	ckpt checkpoint -c t-held --kill --force > "$tmp/pipe" 2> "$tmp/err" 6>&- &
	saver=$!
	until_true "grep -q 'frozen 1' $cg/t-held/cgroup.events" || return 1
	echo 0 > $cg/t-held/cgroup.freeze
	cat <&6 > /dev/null &
	expect 6 wait $saver
	status=$?
	exec 6>&-
	cat "$tmp/err"
	[ $status = 0 ] && grep -q "t-held was thawed" "$tmp/err" && counts
}

not_frozen()
{
	start t-between "$counter"
	between "$thaw" --leave-frozen && counts
}

# It has zombies, and threads come and go until it freezes.
children()
{
	start t-child "while :; do (usleep 1000; (usleep 1000)) & : | : ; echo > $tmp/n; done"
	until_true "[ -e $tmp/n ]"
	tries=20
	until ckpt checkpoint -c t-child -o "$tmp/image" --kill 2> "$tmp/err"; do
		cat "$tmp/err"
		tries=$((tries - 1))
		[ $tries -gt 0 ] && ! grep -q "came into" "$tmp/err" || return 1
	done
	expect 137 wait $runner
}

threaded()
{
	mkdir -p $cg/t-threaded/in
	echo threaded > $cg/t-threaded/in/cgroup.type
	for how in --kill --leave-frozen; do
		expect 3 ckpt run --cgroup t-threaded -- timeout -s KILL 5 sh -c "
			echo \$\$ > $cg/t-threaded/in/cgroup.threads
			exec ckpt checkpoint -c t-threaded/in -o $tmp/image $how" 2> "$tmp/err" || break
		cat "$tmp/err"
		grep -q "cannot read the processes of group $cg/t-threaded/in" "$tmp/err" || break
		[ "$how" = --kill ] || { rmdir $cg/t-threaded/in; return; }
	done
	echo 0 > $cg/t-threaded/in/cgroup.freeze
	remove_group $cg/t-threaded/in
	return 1
}

at_once()
{
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		rm -f "$tmp/ready"
		ckpt run --cgroup t-again -- sh -c "$ready; while :; do sleep 1000; done" \
			< /dev/null > /dev/null 2>&1 &
		until_true "[ -e $tmp/ready ]" || return 1
		expect 0 ckpt checkpoint -c t-again -o "$tmp/image" --kill &&
		expect 0 ckpt restart -d -i "$tmp/image" -c t-again || return 1
		remove_group $cg/t-again
		wait
	done
}

made_again()
{
	take "$ready; $await; sed -n s/^0:://p /proc/self/cgroup > $tmp/group; exit 3" || return 1
	mkdir $cg/t-removed
	for how in "" -d; do
		# shellcheck disable=SC2086
		prog_when clone3 "rmdir $cg/t-removed" \
			ckpt restart -i "$tmp/image" -c t-removed $how
		[ $? = "$([ -n "$how" ] && echo 0 || echo 3)" ] &&
		until_true "grep -qx /t-removed $tmp/group" || return 1
		rm "$tmp/group"
		[ -n "$how" ] || [ ! -d $cg/t-removed ] || return 1
		mkdir -p $cg/t-removed
	done
}

# It is opened, and removed while the guardian is started.
removed()
{
	mkdir $cg/t-removed
	expect 3 prog_when pipe2 "rmdir $cg/t-removed" \
		ckpt checkpoint -c t-removed -o "$tmp/image" --kill 2> "$tmp/err"
	status=$?
	cat "$tmp/err"
	[ $status = 0 ] && grep -q "group $cg/t-removed was removed" "$tmp/err"
}

try_kernel "what came after the checkpoint is not killed" stranger
try_kernel "programs that were thawed meanwhile are not killed" thawed
try_kernel "leave-frozen does not call programs frozen that are not" not_frozen
try_kernel "children of the programs are no strangers" children
try_kernel "a threaded group is an error and ckpt does not freeze itself" threaded
try_kernel "a group that was killed can be restarted at once" at_once
try_kernel "a group that is removed before the restart is made again" made_again
try_kernel "a group that is removed before the checkpoint is an error that says so" removed
exit $failed
