#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The vDSO stays where it was in the program, with the clocks of the new boot.
# PLAN: a program that reads clocks all the time, in the vDSO
# PLAN: the same in python3, through the C library
# shellcheck source=common
. "$(dirname "$0")/common"

# With another source the vDSO leaves all but the coarse clocks to the kernel.
source=/sys/devices/system/clocksource/clocksource0/current_clocksource
echo tsc > $source
echo "# the clock source is $(cat $source)"

goes_on()
{
	another_boot || return 1
	restart --pidfile "$tmp/pid"
	await "[ -s $tmp/pid ]" && : > "$dir/go" && expect 0 wait $runner && return 0
	cat "$dir"/*err
	return 1
}

static_first()
{
	launch -- prog_clock
	await "[ -e $dir/ready ]" && save
}

# Its vDSO is not where this boot puts that of a new program.
static_second()
{
	goes_on || return 1
	old=$(cat "$dir/vdso")
	mkdir "$tmp/new"
	: > "$tmp/new/go"
	(cd "$tmp/new" && prog_clock) && [ "$(cat "$tmp/new/vdso")" != "$old" ]
}

python_first()
{
	cp "$(dirname "$0")/clocks.py" "$dir/"
	launch_debian python3 clocks.py
	await "[ -e $dir/ready ]" && save
}

python_second()
{
	goes_on
}

across "a program that reads clocks all the time, in the vDSO" static_first static_second
across_debian "the same in python3, through the C library" python_first python_second
exit $failed
