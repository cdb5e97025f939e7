#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What was on the other side of a pipe is gone with its boot: another pipe
# takes its place, as often as one likes.
# PLAN: a pipe to the outside is replaced
# PLAN: without a replacement nothing starts
# PLAN: one image restarts twice, one after the other
# PLAN: one image restarts twice, side by side
# shellcheck source=common
. "$(dirname "$0")/common"

# shellcheck disable=SC2016
counting='i=0; while [ $i -lt 120 ]; do i=$((i + 1)); echo $i; usleep 10000; done'

# All cases begin with this image; it is enough to make it once.
make_image()
{
	[ ! -e "$image" ] || return 0
	(cd "$dir" && exec ckpt run -c t-two -- sh -c "$counting" < /dev/null 2>> err) |
		cat > "$dir/out" &
	runner=$!
	await '[ "$(cat "$dir/out" 2> /dev/null | wc -l)" -ge 40 ]' &&
	expect 0 ckpt checkpoint -c t-two -o "$image" --kill && expect 0 wait $runner &&
	[ "$(wc -l < "$dir/out")" -lt 120 ]
}

key()
{
	ckpt info "$image" | sed -n 's/^  \(0x[0-9a-f]*\) pipe.*/\1/p'
}

# count_on FILE [OPTION]...: the rest goes into another pipe, and so to a file
count_on()
{
	rest=$1
	shift
	{
		ckpt restart -i "$image" --inherit "$(key)=1" "$@" < /dev/null
		echo $? > "$rest.status"
	} | cat > "$rest"
	grep -qx 0 "$rest.status" && seq 1 120 > "$rest.all" &&
	cat "$dir/out" "$rest" | cmp - "$rest.all"
}

replaced()
{
	another_boot && count_on "$tmp/rest" -c t-two
}

missing()
{
	another_boot && refused "no replacement" "$(key)"
}

twice()
{
	another_boot && count_on "$tmp/first" -c t-two && count_on "$tmp/second" -c t-two
}

# Each in a namespace of its own, since both have the same pids.
beside()
{
	another_boot || return 1
	count_on "$tmp/a" --new-pidns -c t-a &
	a=$!
	count_on "$tmp/b" --new-pidns -c t-b &
	expect 0 wait $! && expect 0 wait $a
}

across "a pipe to the outside is replaced" make_image replaced
across "without a replacement nothing starts" make_image missing
across "one image restarts twice, one after the other" make_image twice
across "one image restarts twice, side by side" make_image beside
exit $failed
