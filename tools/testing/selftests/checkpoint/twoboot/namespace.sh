#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A pid namespace that ended with its boot is made again, with the pids it had.
# PLAN: processes have their pids in a new namespace
# PLAN: programs without one are put into a namespace
# shellcheck source=common
. "$(dirname "$0")/common"

# inside PID: its number in its own namespace
inside()
{
	sed -n 's/^NSpid:.*[[:space:]]//p' "/proc/$1/status"
}

# Name, number and parent's number of each process, as the namespace sees them.
family()
{
	for p in $(members); do
		parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$p/status")
		echo "$(cat "/proc/$p/comm") $(inside "$p") $(inside "$parent")"
	done | sort
}

namespace_of()
{
	readlink "/proc/$(members | head -n 1)/ns/pid"
}

# It waits for a child, which waits for its own, and then kills another child by
# its number.
# shellcheck disable=SC2016
tree='sleep 5000 & other=$!
	sh -c "sleep 5001 & wait; exit 3" & child=$!
	wait $child; one=$?
	kill $other; wait $other; echo $$ $child $one $? > out'

begin()
{
	launch "$@" -- sh -c "$tree"
	await '[ "$(members | wc -l)" = 4 ] && [ "$(family | grep -c "^sleep ")" = 2 ]' &&
	family > "$dir/family"
}

# end PID: of the first process, as itself sees it
end()
{
	for p in $(members); do
		grep -qxa 'sleep.5001.' "/proc/$p/cmdline" && kill -9 "$p"
	done
	expect 0 wait $runner && cat "$dir/out" && read -r me child status killed < "$dir/out" &&
	[ "$me $status $killed" = "$1 3 143" ] && grep -q "^sh $child $me\$" "$dir/family"
}

pids_first()
{
	begin --new-pidns && save && grep -q '^sh 1 ' "$dir/family"
}

pids_second()
{
	another_boot || return 1
	restart --pidfile "$tmp/pid"
	await "[ -s $tmp/pid ]" || return 1
	[ "$(namespace_of)" != "$(readlink /proc/self/ns/pid)" ] || return 1
	# the parent of pid 1 is not in the namespace
	family | sed 's/^sh 1 .*/sh 1/' > "$tmp/family"
	sed 's/^sh 1 .*/sh 1/' "$dir/family" | diff - "$tmp/family" && end 1
}

# In one that ckpt makes, and is pid 1 of, they have the numbers they had outside.
put_first()
{
	begin && save
}

put_second()
{
	another_boot || return 1
	restart --new-pidns --pidfile "$tmp/pid"
	await "[ -s $tmp/pid ]" || return 1
	[ "$(namespace_of)" != "$(readlink /proc/self/ns/pid)" ] || return 1
	family > "$tmp/family"
	root=$(sed -n 's/^sh \([0-9]*\) .*/\1/p' "$tmp/family" | sort -n | head -n 1)
	sed "s/^\(sh $root\) .*/\1 1/" "$dir/family" | diff - "$tmp/family" && end "$root"
}

across "processes have their pids in a new namespace" pids_first pids_second
across "programs without one are put into a namespace" put_first put_second
exit $failed
