#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Files on the disk that lasts: a program reads one, adds to another and writes
# a third at its position. Nothing is lost or done twice.
# PLAN: files are read, added to and written where they were
# shellcheck source=common
. "$(dirname "$0")/common"

# shellcheck disable=SC2016
copies_first()
{
	seq 1 120 > "$dir/numbers"
	launch -- sh -c 'exec < numbers >> log 3<> slots
		while read -r n; do echo $n; echo $n >&3; usleep 10000; done'
	await '[ "$(cat "$dir/log" 2> /dev/null | wc -l)" -ge 40 ]' && save || return 1
	wc -l < "$dir/log" > "$dir/done"
	[ "$(cat "$dir/done")" -lt 120 ]
}

# Somebody else adds a line in between.
copies_second()
{
	another_boot || return 1
	done=$(cat "$dir/done")
	echo between >> "$dir/log"
	restart
	expect 0 wait $runner || return 1
	{ seq 1 "$done"; echo between; seq $((done + 1)) 120; } > "$tmp/whole"
	cmp "$tmp/whole" "$dir/log" && cmp "$dir/numbers" "$dir/slots"
}

across "files are read, added to and written where they were" copies_first copies_second
exit $failed
