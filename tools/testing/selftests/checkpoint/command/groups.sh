#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Names of groups: where they are looked for, made, and removed.
# PLAN: a group is named from the root, from the own group, or by its path
# PLAN: a name that is no group is an error
# PLAN: a group is made below the own one when the root is not to be written
# PLAN: a group that is not empty stays
# PLAN: a group that cannot be made leaves none above it
# PLAN: a mount of a part of the groups is not taken for all of them
# shellcheck source=common
. "$(dirname "$0")/common"

# shown COMMAND...: the group that ckpt run puts the command in
shown()
{
	ckpt run "$@" -- sed -n s/^0:://p /proc/self/cgroup
}

names()
{
	mkdir -p $cg/t-outer/t-inner $cg/t-plain
	[ "$(shown --cgroup t-plain)" = /t-plain ] && [ "$(shown --cgroup $cg/t-plain)" = /t-plain ] &&
	[ "$(shown --cgroup t-outer/t-inner)" = /t-outer/t-inner ] &&
	[ "$(ckpt run --cgroup t-outer -- ckpt run --cgroup t-inner -- \
		sed -n s/^0:://p /proc/self/cgroup)" = /t-outer/t-inner ] &&
	# the root comes first
	mkdir $cg/t-inner &&
	[ "$(ckpt run --cgroup t-outer -- ckpt run --cgroup t-inner -- \
		sed -n s/^0:://p /proc/self/cgroup)" = /t-inner ]
	status=$?
	rmdir $cg/t-outer/t-inner
	return $status
}

no_group()
{
	for name in t-none t-none/in $cg/t-none /tmp /etc/passwd ../sys/fs/cgroup . a/../b; do
		expect 3 ckpt check -c "$name" 2> "$tmp/err" || return 1
		[ "$(wc -l < "$tmp/err")" = 1 ] || { cat "$tmp/err"; return 1; }
	done
}

below_own()
{
	expect 0 as_nobody "ckpt run -- sed -n s/^0:://p /proc/self/cgroup > $tmp/out1
		ckpt run --cgroup job -- sed -n s/^0:://p /proc/self/cgroup > $tmp/out2" || return 1
	cat "$tmp/out1" "$tmp/out2"
	grep -q '^/t-user/in/ckpt-[0-9]*$' "$tmp/out1" && [ "$(cat "$tmp/out2")" = /t-user/in/job ]
}

not_empty()
{
	ckpt run --cgroup t-left/in -- sh -c 'sleep 1000 > /dev/null 2>&1 & echo $!' > "$tmp/pid"
	[ "$(group_of "$(cat "$tmp/pid")")" = /t-left/in ]
	status=$?
	remove_group $cg/t-left/in
	return $status
}

not_made()
{
	for name in "t-above/b$(printf '\n')c$(printf '\nd')" t-above/cgroup.procs \
		t-above/in/cgroup.procs; do
		expect 125 ckpt run --cgroup "$name" true && [ ! -d $cg/t-above ] || return 1
	done
}

# That mount is the older one, and listed first.
part()
{
	mkdir $cg/t-part "$tmp/part"
	[ "$(unshare -m sh -c "mount --bind $cg/t-part $tmp/part && umount -l $cg &&
		mount -t cgroup2 none $cg &&
		ckpt run --cgroup t-whole -- sed -n s/^0:://p /proc/self/cgroup")" = /t-whole ]
}

try "a group is named from the root, from the own group, or by its path" names
try "a name that is no group is an error" no_group
try "a group is made below the own one when the root is not to be written" below_own
try "a group that is not empty stays" not_empty
try "a group that cannot be made leaves none above it" not_made
try "a mount of a part of the groups is not taken for all of them" part
exit $failed
