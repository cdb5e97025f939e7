#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What may have become of files between two boots, and of the image itself: it
# is refused by name, nothing starts, and it restarts once all is as it was.
# PLAN: a mapped file that changed
# PLAN: a working directory that is gone
# PLAN: an image that was cut off
# shellcheck source=common
. "$(dirname "$0")/common"

# It starts, and is where it should be: /proc/PID/$1 is $2.
restarts_at()
{
	restart --pidfile "$tmp/pid"
	await "[ -s $tmp/pid ]" && [ "$(readlink "/proc/$(cat "$tmp/pid")/$1")" = "$2" ]
}

mapped_first()
{
	cp /bin/busybox "$dir/busybox"
	launch -- ./busybox sleep 5000
	await "is_called busybox" && save
}

mapped_second()
{
	another_boot || return 1
	mv "$dir/busybox" "$dir/original"
	refused ENOENT "$dir/busybox" || return 1
	cp "$dir/original" "$dir/busybox"
	refused ESTALE "$dir/busybox" "time of modification" || return 1
	echo >> "$dir/busybox"
	refused ESTALE "$dir/busybox" length || return 1
	mv "$dir/original" "$dir/busybox"
	restarts_at exe "$dir/busybox"
}

directory_first()
{
	mkdir "$dir/here"
	launch -- sh -c 'cd here && : > ../in && exec sleep 5000'
	await "[ -e $dir/in ]" && save
}

directory_second()
{
	another_boot || return 1
	rmdir "$dir/here"
	refused ENOENT "$dir/here" || return 1
	: > "$dir/here"
	refused ENOTDIR "$dir/here" || return 1
	rm "$dir/here"
	mkdir "$dir/here"
	restarts_at cwd "$dir/here"
}

# The disk has pieces of all lengths, and one that is zero from the middle on.
cut_first()
{
	launch -- sleep 5000
	await "is_called sleep" && save || return 1
	size=$(stat -c %s "$image")
	for bytes in 0 15 16 1000 4096 $((size / 2)) $((size - 8)) $((size - 1)); do
		head -c $bytes "$image" > "$dir/cut.$bytes"
	done
	cp "$dir/cut.$((size / 2))" "$dir/cut.zeros"
	truncate -s "$size" "$dir/cut.zeros"
}

cut_second()
{
	another_boot || return 1
	for image in "$dir"/cut.*; do
		case ${image##*.} in
		0 | 15) refused "not a checkpoint image" ;;
		*) refused EBADMSG ;;
		esac || return 1
	done
	image=$dir/image
	restart --pidfile "$tmp/pid"
	await "[ -s $tmp/pid ]"
}

across "a mapped file that changed" mapped_first mapped_second
across "a working directory that is gone" directory_first directory_second
across "an image that was cut off" cut_first cut_second
exit $failed
