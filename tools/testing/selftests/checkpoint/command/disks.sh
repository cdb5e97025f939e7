#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Images on disks that are full, that fail, or lie, and on a FUSE daemon.
# PLAN: a full ext4 disk leaves the old image and no other file
# PLAN: an error that comes with fsync keeps kill from killing
# PLAN: an error that a program was not told of yet keeps it from being saved
# PLAN: an image whose blocks were never written is refused
# PLAN: an image that a disk damages is refused, and restarts when it does not
# PLAN: a bad block is EIO, and leaves nothing
# PLAN: a FUSE daemon takes and gives images
# PLAN: a FUSE daemon that stands still does not keep the group after a kill
# shellcheck source=common
. "$(dirname "$0")/common"

mnt=$tmp/disk
dm=t-disk

debian()
{
	chroot /debian "$@"
}

# Nobody but us looks for new devices here.
dmsetup()
{
	debian /sbin/dmsetup --noudevsync --noudevrules "$@"
}

sectors()
{
	cat "/sys/block/${loop#/dev/}/size"
}

# make_disk TARGET [ARGUMENT]...: a small ext4 file system on a device of that kind
make_disk()
{
	mkdir -p "$mnt"
	truncate -s 16M "$tmp/backing"
	loop=$(losetup -f) && losetup "$loop" "$tmp/backing" &&
	dmsetup create $dm --table "0 $(sectors) linear $loop 0" &&
	disk=/dev/dm-$(dmsetup info -c --noheadings -o minor $dm) &&
	debian /sbin/mke2fs -q -t ext4 -O ^has_journal "$disk" &&
	turn_into "$@" && mount -t ext4 "$disk" "$mnt"
}

# turn_into TARGET [ARGUMENT]...: the device does as told from now on
turn_into()
{
	kind=$1
	shift
	sync
	dmsetup suspend $dm && dmsetup load $dm --table "0 $(sectors) $kind $loop $*" &&
	dmsetup resume $dm
}

# What is cached of files is read from the disk again.
forget()
{
	sync
	echo 1 > /proc/sys/vm/drop_caches
}

# on_disk FUNCTION: the disk and the daemon are no more when it is done
on_disk()
{
	"$1"
	status=$?
	{
		kill -CONT "$(pidof bindfs)"
		umount -l "$over"
		umount "$mnt"
		dmsetup remove $dm
		losetup -d "$loop"
	} 2> /dev/null
	return $status
}

files()
{
	ls -A "$1" | grep -v 'lost+found' | tr '\n' ' '
}

full()
{
	start t-full "$counter"
	make_disk linear 0 || return 1
	echo old > "$mnt/image"
	dd if=/dev/zero of="$mnt/filler" bs=4k 2> "$tmp/err"
	grep -q 'No space' "$tmp/err" || return 1
	expect 3 ckpt checkpoint -c t-full -o "$mnt/image" --kill 2> "$tmp/err" || return 1
	cat "$tmp/err"
	grep -q ENOSPC "$tmp/err" && [ "$(files "$mnt")" = "filler image " ] &&
	[ "$(cat "$mnt/image")" = old ] && counts
}

# The page cache takes the image; the disk does not.
write_errors()
{
	start t-werr "$counter"
	make_disk linear 0 || return 1
	echo old > "$mnt/image"
	turn_into flakey 0 0 3600 1 error_writes || return 1
	expect 3 ckpt checkpoint -c t-werr -o "$mnt/image" --kill 2> "$tmp/err" || return 1
	cat "$tmp/err"
	grep -q 'cannot bring .* to disk: Input/output error' "$tmp/err" || return 1
	expect 3 ckpt checkpoint -c t-werr --kill > "$mnt/other" 2> "$tmp/err" || return 1
	cat "$tmp/err"
	grep -q 'cannot bring .* to disk: Input/output error' "$tmp/err" && counts &&
	[ "$(files "$mnt")" = "image other " ] && [ "$(cat "$mnt/image")" = old ] &&
	[ "$(cat $cg/t-werr/cgroup.freeze)" = 0 ]
}

# Whoever opens the file anew is not told of what was lost before.
unsaid_error()
{
	make_disk linear 0 || return 1
	rm -f "$tmp/ready" "$tmp/go" "$tmp/written"
	start t-said "exec 5> '$mnt/log'; $ready; $await; echo lost >&5; : > $tmp/written; exec sleep 100"
	until_true "[ -e $tmp/ready ]" && turn_into flakey 0 0 3600 1 error_writes || return 1
	ckpt checkpoint -c t-said -o "$tmp/image" 2> "$tmp/err"
	before=$?
	: > "$tmp/go"
	until_true "[ -e $tmp/written ]" || return 1
	sync
	ckpt checkpoint -c t-said -o "$tmp/image" 2> "$tmp/err"
	after=$?
	echo 1 > $cg/t-said/cgroup.kill
	wait $runner
	cat "$tmp/err"
	[ $before = 0 ] && [ $after != 0 ] && grep -q 'write error.*log' "$tmp/err"
}

# refused_image WORD: by both who read it
refused_image()
{
	ckpt info -q "$mnt/image" > /dev/null 2>&1 && { echo "info takes it"; return 1; }
	expect 125 ckpt restart -i "$mnt/image" -c t-back 2> "$tmp/err" || return 1
	cat "$tmp/err"
	grep -q "$1" "$tmp/err" && [ ! -d $cg/t-back ]
}

lost_writes()
{
	start t-lost "$counter"
	make_disk linear 0 || return 1
	turn_into flakey 0 0 3600 1 drop_writes || return 1
	expect 0 ckpt checkpoint -c t-lost -o "$mnt/image" || return 1
	forget
	refused_image 'not a checkpoint image' && counts
}

damaged()
{
	take "$ready; $await; exit 6" || return 1
	make_disk linear 0 && cp "$tmp/image" "$mnt/image" || return 1
	turn_into flakey 0 0 3600 5 corrupt_bio_byte 100 r 165 0 || return 1
	forget
	refused_image 'damaged\|not a checkpoint image\|EBADMSG' || return 1
	turn_into linear 0 || return 1
	forget
	expect 6 ckpt restart -i "$mnt/image" -c t-back
}

# A block of contents: what comes before it is read by restart(2), and tasks are made.
bad_block()
{
	take "$ready; $await; exit 6" || return 1
	make_disk dust 0 512 && cp "$tmp/image" "$mnt/image" || return 1
	sync
	blocks=$(($(stat -c %s "$mnt/image") / 512))
	first=$(debian /sbin/filefrag -b512 -v /proc/self/fd/0 < "$mnt/image" |
		awk '$1 == "0:" { sub(/\.\..*/, "", $4); print $4 }')
	[ -n "$first" ] || return 1
	dmsetup message $dm 0 addbadblock $((first + blocks * 3 / 4)) &&
	dmsetup message $dm 0 enable || return 1
	forget
	refused_image EIO && grep -q 'cannot read the image at offset .*: errno 5' "$tmp/err" || return 1
	# through a pipe the command reads it
	ckpt info -q - < "$mnt/image" 2>&1 | grep 'cannot read: Input/output error' || return 1
	dmsetup message $dm 0 disable
	forget
	expect 6 ckpt restart -i "$mnt/image" -c t-back
}

# bindfs shows $tmp/under as $over. Its own /tmp is ours, its mounts are not.
over=/debian$tmp/over
daemon()
{
	mkdir -p "$tmp/under" "$tmp/over"
	debian /usr/bin/bindfs "$tmp/under" "$tmp/over" 7>&- && grep -q " $over fuse" /proc/mounts
}

fuse()
{
	start t-fuse "$await; exit 6"
	daemon || return 1
	expect 0 ckpt checkpoint -c t-fuse -o "$over/image" --kill && expect 137 wait $runner &&
	[ "$(files "$tmp/under")" = "image " ] || return 1
	: > "$tmp/go"
	expect 6 ckpt restart -i "$over/image" -c t-back
}

# ckpt waits for a process to freeze, its file already made: then the daemon stops.
fuse_stopped()
{
	hang t-still && daemon || return 1
	ckpt checkpoint -c t-still -o "$over/image" --timeout 60 2> "$tmp/err" 7>&- &
	saver=$!
	# 600 is checkpoint(2)
	until_true "grep -q '^600 ' /proc/$saver/syscall" || return 1
	kill -STOP "$(pidof bindfs)"
	unhang
	until_true "grep -q 'frozen 1' $cg/t-still/cgroup.events" && stands_still || return 1
	# the rest of the world goes on
	start t-else "exec sleep 100" && expect 0 ckpt checkpoint -c t-else -o "$tmp/else" || return 1
	kill -9 $saver
	counts || { echo "it is still held"; return 1; }
	kill -CONT "$(pidof bindfs)"
	until_true "[ -z \"\$(ls -A $tmp/under)\" ]" || { ls -A "$tmp/under"; return 1; }
}

titles()
{
	sed -n 's/^# PLAN: //p' "$0"
}

if [ ! -x /debian/sbin/dmsetup ] || [ ! -x /debian/usr/bin/bindfs ]; then
	titles | awk '{ print "ok " NR " " $0 " # SKIP no programs of Debian" }'
	exit 0
fi
for case in full write_errors unsaid_error lost_writes damaged bad_block fuse fuse_stopped; do
	eval "on_$case() { on_disk $case; }"
	try_kernel "$(titles | sed -n "$((nr + 1))p")" "on_$case"
done
exit $failed
