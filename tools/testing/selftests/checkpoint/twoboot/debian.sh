#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Unmodified programs of Debian's in the middle of their work, from one boot to
# the next. What comes out is what comes out undisturbed.
# PLAN: bash with a pipeline of xz and sha256sum
# PLAN: python3 with threads
# shellcheck source=common
. "$(dirname "$0")/common"

mib=20
size=$((mib * 1024 * 1024))

# Two pieces of files, one after the other.
pipeline_first()
{
	cat > "$dir/job" <<-'END'
		set -e -o pipefail
		for piece in piece.*; do
			sum=$(xz -0 < "$piece" | xz -d | sha256sum)
			n=$((n + 1))
			echo "$n of $piece: $sum"
		done > "$1"
	END
	chroot /debian /bin/bash -c "cat /usr/lib/x86_64-linux-gnu/*.so* | head -c $size |
		split -b $((size / 2)) - $dir/piece." || return 1
	chroot /debian /usr/bin/env -C "$dir" bash job right || return 1
	launch_debian bash job out
	await '[ "$(position /debian$dir/piece.ab)" -ge $((size / 4)) ] 2> /dev/null' &&
	save || return 1
	# the first piece is done, the second is not
	grep -c . "$dir/out" | grep -qx 1
}

pipeline_second()
{
	another_boot && grep -c . "$dir/out" | grep -qx 1 || return 1
	restart
	expect 0 wait $runner && cmp "$dir/right" "$dir/out"
}

# Each thread says how far it is, so that all of them are caught on their way.
threads_first()
{
	cp "$(dirname "$0")/threads.py" "$dir/"
	chroot /debian /usr/bin/env -C "$dir" python3 threads.py right || return 1
	rm "$dir"/way.*
	launch_debian python3 threads.py out
	await '[ "$(cat "$dir"/way.* 2> /dev/null | wc -l)" -ge 40 ]' && save || return 1
	[ ! -s "$dir/out" ]
}

threads_second()
{
	another_boot && [ ! -s "$dir/out" ] || return 1
	restart
	expect 0 wait $runner && cmp "$dir/right" "$dir/out"
}

across_debian "bash with a pipeline of xz and sha256sum" pipeline_first pipeline_second
across_debian "python3 with threads" threads_first threads_second
exit $failed
