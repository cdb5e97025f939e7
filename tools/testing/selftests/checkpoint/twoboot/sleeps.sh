#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Sleeping processes, from one boot to the next. The monotonic clock begins
# anew with each boot, so that a relative sleep has to be shifted; the instant
# that an absolute one waits for is a number in the program's memory.
# PLAN: relative sleeps keep what was left and absolute ones their instant
# PLAN: sleeps end well and not before their time
# shellcheck source=common
. "$(dirname "$0")/common"

# In order of their lengths, 4, 5, 6... units: poll, nanosleep, clock_nanosleep
# of three clocks and a futex; those until an instant.
unit=500000
relative="4 5 6 7 8 9"
absolute="10 11"
kinds=8

# The kernel's list of timers: "now NS", and "LENGTH NS" for each sleep of
# LENGTH units, with the time that it ends at in its own clock.
timers()
{
	awk -v unit=$unit '
		/^now at/ { now = $3; print "now", now }
		$1 == ".offset:" { offset = $2 }
		$2 == "expires" {
			split($4, at, "-")
			left = int((at[2] - offset - now) / 1e9 / unit + 0.5)
			if (left >= 4 && left < 20)
				print left, at[2]
		}' /proc/timer_list
}

all_sleep()
{
	timers > "$tmp/timers"
	[ "$(grep -vc now "$tmp/timers")" = $kinds ]
}

# value KEY FILE
value()
{
	sed -n "s/^$1 //p" "$2"
}

clock_of_image()
{
	ckpt info --json "$image" | sed -n 's/.*"clock_monotonic[a-z_]*": *\([0-9]*\).*/\1/p'
}

long_first()
{
	launch -- prog_sleep $unit $kinds
	await all_sleep && cp "$tmp/timers" "$dir/timers" && save
}

# The shift is the time from the checkpoint to the restart, which was between
# two looks at the clock.
long_second()
{
	another_boot || return 1
	saved_at=$(clock_of_image)
	begin=$(timers | sed -n 's/^now //p')
	restart
	await all_sleep || return 1
	end=$(value now "$tmp/timers")
	for length in $relative; do
		restarted_at=$(($(value $length "$tmp/timers") - $(value $length "$dir/timers") + saved_at))
		[ "$begin" -le $restarted_at ] && [ $restarted_at -le "$end" ] && continue
		echo "sleep $length was shifted as if restarted at $restarted_at, not $begin to $end"
		return 1
	done
	for length in $absolute; do
		[ "$(value $length "$tmp/timers")" = "$(value $length "$dir/timers")" ] && continue
		echo "sleep $length has another end"
		return 1
	done
}

# A sleep has left its file, and nobody runs: a parent and those that sleep.
few=7
few_sleep()
{
	[ "$(cat "$dir"/sleep-* 2> /dev/null | wc -w)" = $((2 * few)) ] || return 1
	for p in $(members); do
		cut -d ')' -f 2 "/proc/$p/stat"
	done | grep -c '^ S' | grep -qx $((few + 1))
}

short_first()
{
	launch -- prog_sleep 1 $few
	await few_sleep && save
}

short_second()
{
	another_boot || return 1
	saved_at=$(clock_of_image)
	begin=$(timers | sed -n 's/^now //p')
	restart
	expect 0 wait $runner || return 1
	# that of the last is an instant of another clock, which it looked at
	for i in 0 1 2 3 4 5; do
		# shellcheck disable=SC2046
		set -- $(cat "$dir/sleep-$i")
		[ $(($3 - begin)) -ge $(($1 + $2 - saved_at)) ] && continue
		echo "sleep $i: $*; saved at $saved_at, restarted after $begin"
		return 1
	done
}

across "relative sleeps keep what was left and absolute ones their instant" long_first long_second
across "sleeps end well and not before their time" short_first short_second
exit $failed
