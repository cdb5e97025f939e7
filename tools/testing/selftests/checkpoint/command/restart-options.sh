#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Options of ckpt restart that change what is restarted and how.
# PLAN: root takes the files from another directory
# PLAN: strict-files refuses a copy of a file
# PLAN: open-as-caller opens what the program could not
# PLAN: clamp lowers what the caller may not give
# PLAN: frozen makes a group of its own
# PLAN: cgroup takes groups that are there and keeps them
# PLAN: detached programs keep their group and become children of init
# PLAN: what stays with detached programs keeps nothing busy
# PLAN: pidfile is there while ckpt waits
# PLAN: pidfile follows no symlink and is not left by a failure
# PLAN: a pidfile that cannot be written is an error and nothing runs
# PLAN: a detached restart does not wait for its group to become empty
# PLAN: check leaves no group
# PLAN: verbose prints a summary
# PLAN: a group that is frozen is an error that says so
# shellcheck source=common
. "$(dirname "$0")/common"

# Says the first line of descriptor 5, which is open on this file.
reader()
{
	echo "cd /; exec 5< $1; $ready; $await; read -r line <&5; echo \$line > $tmp/out"
}

root()
{
	echo old > "$tmp/file"
	touch -d '2020-01-01 00:00:00' "$tmp/file"
	take "$(reader "$tmp/file")" || return 1
	mkdir -p "$tmp/root/bin" "$tmp/root/dev" "$tmp/root$tmp"
	cp -p /bin/busybox "$tmp/root/bin/"
	mknod "$tmp/root/dev/null" c 1 3
	# the same size and time of modification
	echo new > "$tmp/root$tmp/file"
	touch -d '2020-01-01 00:00:00' "$tmp/root$tmp/file"
	: > "$tmp/root$tmp/go"
	expect 0 ckpt restart -i "$tmp/image" --root "$tmp/root" &&
	[ "$(cat "$tmp/root$tmp/out")" = new ] && [ ! -e "$tmp/out" ] || return 1
	expect 0 ckpt restart -i "$tmp/image" && [ "$(cat "$tmp/out")" = old ]
}

strict_files()
{
	echo text > "$tmp/file"
	touch -d '2020-01-01 00:00:00' "$tmp/file"
	take "$(reader "$tmp/file")" &&
	expect 0 ckpt restart -i "$tmp/image" --strict-files || return 1
	rm "$tmp/out"
	cp -p "$tmp/file" "$tmp/copy"
	mv "$tmp/copy" "$tmp/file"
	expect 125 ckpt restart -i "$tmp/image" --strict-files 2> "$tmp/err" || return 1
	cat "$tmp/err"
	grep -q "level=error .*$tmp/file.*device or inode number differs" "$tmp/err" &&
	grep -q ESTALE "$tmp/err" && [ ! -e "$tmp/out" ] &&
	expect 0 ckpt restart -i "$tmp/image" && [ "$(cat "$tmp/out")" = text ]
}

open_as_caller()
{
	chmod 777 "$tmp"
	echo secret > "$tmp/file"
	chmod 600 "$tmp/file"
	take "exec 5< $tmp/file; exec su -s /bin/sh nobody -c '
		$ready; $await; read -r line <&5; echo \$line > $tmp/out'" || return 1
	expect 125 ckpt restart -i "$tmp/image" 2> "$tmp/err" || return 1
	cat "$tmp/err"
	grep -q "level=error .*cannot open $tmp/file" "$tmp/err" && grep -q EACCES "$tmp/err" &&
	[ ! -e "$tmp/out" ] &&
	expect 0 ckpt restart -i "$tmp/image" --open-as-caller && [ "$(cat "$tmp/out")" = secret ]
}

# The image is root's work; an ordinary user restarts it.
clamp()
{
	chmod 777 "$tmp"
	ckpt run --cgroup t-take -- sh -c "renice -n -5 -p \$\$; exec su -s /bin/sh nobody -c \
		'$ready; $await; cut -d\" \" -f19 /proc/self/stat > $tmp/out; exit 8'" \
		< /dev/null > /dev/null 2>&1 &
	until_true "[ -e $tmp/ready ]" &&
	expect 0 ckpt checkpoint -c t-take -o "$tmp/image" --kill || return 1
	wait
	chmod 644 "$tmp/image"
	: > "$tmp/go"
	as_nobody "
		ckpt restart -i $tmp/image --new-pidns 2> $tmp/err; [ \$? = 125 ] || exit 1
		[ ! -e $tmp/out ] || exit 2
		ckpt restart -i $tmp/image --new-pidns --clamp 2> $tmp/err2; [ \$? = 8 ] || exit 3"
	status=$?
	cat "$tmp/err" "$tmp/err2"
	[ $status = 0 ] && grep -q 'level=error .*object="nice"' "$tmp/err" &&
	grep -q EPERM "$tmp/err" && grep -q '^ckpt: level=clamp .*object="nice"' "$tmp/err2" &&
	[ "$(cat "$tmp/out")" = 0 ]
}

frozen()
{
	take "$counter" || return 1
	expect 0 ckpt restart -i "$tmp/image" -d --frozen -v 2> "$tmp/err" || return 1
	cat "$tmp/err"
	group=$(sed -n "s,^ckpt: frozen in \($cg/ckpt-[0-9]*\); write 0 .*,\1,p" "$tmp/err")
	[ -n "$group" ] && [ "$(cat "$group/cgroup.freeze")" = 1 ] && stands_still || return 1
	echo 0 > "$group/cgroup.freeze"
	counts
}

groups()
{
	take "$ready; $await; sed -n s/^0:://p /proc/self/cgroup > $tmp/group" || return 1
	mkdir -p $cg/t-there/in
	expect 0 ckpt restart -i "$tmp/image" -c t-there/in && [ "$(cat "$tmp/group")" = /t-there/in ] &&
	expect 0 ckpt restart -i "$tmp/image" -c $cg/t-there && [ "$(cat "$tmp/group")" = /t-there ] &&
	[ -d $cg/t-there/in ]
	status=$?
	rmdir $cg/t-there/in
	[ $status = 0 ] &&
	expect 0 ckpt restart -i "$tmp/image" && [ "$(cat "$tmp/group")" = "$(group_of $$)" ]
}

detached()
{
	take "$counter" || return 1
	expect 0 ckpt restart -i "$tmp/image" -d --pidfile "$tmp/pid" -c t-stays/in || return 1
	pid=$(cat "$tmp/pid")
	counts && grep -q '^PPid:[[:space:]]*1$' "/proc/$pid/status" && [ -d $cg/t-stays/in ]
	status=$?
	remove_group $cg/t-stays/in
	return $status
}

# A full disk for no more than to be unmounted.
nothing_busy()
{
	take "$counter" && full_disk 1m || return 1
	(cd "$tmp/small" && expect 0 ckpt restart -i "$tmp/image" -d -n -c t-stays \
		--root / --pidfile "$tmp/small/pid") || return 1
	pid=$(cat "$tmp/small/pid")
	ls -l "/proc/$pid/fd"
	umount "$tmp/small" && [ "$(readlink "/proc/$pid/cwd")" = / ] && counts
}

pidfile()
{
	take "$ready; exec sleep 100" || return 1
	for how in "" -n; do
		echo 1 > "$tmp/pid"
		# shellcheck disable=SC2086
		ckpt restart -i "$tmp/image" $how -c t-pidfile --pidfile "$tmp/pid" &
		until_true "[ \"\$(cat $tmp/pid)\" != 1 ]"
		pid=$(cat "$tmp/pid")
		[ "$(stat -c %a "$tmp/pid")" = 644 ] && kill -9 "$pid" &&
		expect 137 wait $! && [ ! -d $cg/t-pidfile ] || return 1
	done
}

pidfile_fails()
{
	take "$ready; exec sleep 100" || return 1
	mkdir "$tmp/d"
	echo old > "$tmp/target"
	ln -s "$tmp/target" "$tmp/d/link"
	expect 125 ckpt restart -i "$tmp/image" -d -c t-none --pidfile "$tmp/d/link" &&
	expect 125 ckpt restart -i "$tmp/image" -d -c t-none --pidfile "$tmp/none/pid" &&
	[ "$(cat "$tmp/target")" = old ] && [ ! -d $cg/t-none ] || return 1
	head -c 5000 "$tmp/image" > "$tmp/bad"
	expect 125 ckpt restart -i "$tmp/bad" -d -c t-none --pidfile "$tmp/d/pid" &&
	[ "$(ls -A "$tmp/d")" = link ] && [ ! -d $cg/t-none ]
}

# No room before the restart, and no directory after it.
pidfile_full()
{
	take "$counter" || return 1
	rm "$tmp/n"
	full_disk 8k && dd if=/dev/zero bs=4096 count=1 of="$tmp/small/full" 2> /dev/null
	while echo more >> "$tmp/small/full"; do :; done 2> /dev/null
	expect 125 ckpt restart -i "$tmp/image" -d -c t-full --pidfile "$tmp/small/pid" &&
	[ ! -e "$tmp/n" ] && [ ! -d $cg/t-full ] && [ "$(ls -A "$tmp/small")" = full ] || return 1
	for how in "" -d "-d -n"; do
		mkdir "$tmp/d"
		# shellcheck disable=SC2086
		expect 125 prog_when clone3 "rm -r $tmp/d" \
			ckpt restart -i "$tmp/image" -c t-full --pidfile "$tmp/d/pid" $how &&
		[ ! -d $cg/t-full ] || return 1
	done
}

# Half a second each, if they did: eight in a row take longer than anything else.
no_wait()
{
	take "$ready; exec sleep 100" || return 1
	begin=$(cut -d. -f1 /proc/uptime)
	for i in 1 2 3 4 5 6 7 8; do
		expect 0 ckpt restart -i "$tmp/image" -n -d -c t-quick/$i || return 1
	done
	[ $(($(cut -d. -f1 /proc/uptime) - begin)) -lt 4 ]
	status=$?
	echo 1 > $cg/t-quick/cgroup.kill
	for i in 1 2 3 4 5 6 7 8; do
		until_true "rmdir $cg/t-quick/$i"
	done 2> /dev/null
	return $status
}

only_check()
{
	take "$counter" || return 1
	rm "$tmp/n"
	expect 0 ckpt restart --check -i "$tmp/image" -c t-none/in -n &&
	expect 0 ckpt restart --check < "$tmp/image" &&
	cat "$tmp/image" | expect 0 ckpt restart --check --frozen &&
	[ ! -d $cg/t-none ] && [ ! -e "$tmp/n" ] || return 1
	# a pid that is in use does not matter, damage does
	expect 0 ckpt restart -i "$tmp/image" -d -c t-used && counts &&
	expect 0 ckpt restart --check -i "$tmp/image" || return 1
	head -c 5000 "$tmp/image" > "$tmp/bad"
	expect 125 ckpt restart --check -i "$tmp/bad"
}

verbose()
{
	take "$ready; $await" || return 1
	expect 0 ckpt restart -v -i "$tmp/image" 2> "$tmp/err" || return 1
	cat "$tmp/err"
	uuid=$(ckpt info "$tmp/image" | sed -n 's/^image *//p')
	grep -q "^ckpt: restart $uuid: [12] processes, [12] threads, " "$tmp/err"
}

into_frozen()
{
	take "$ready; exec sleep 100" || return 1
	mkdir $cg/t-ice
	echo 1 > $cg/t-ice/cgroup.freeze
	expect 125 ckpt restart -i "$tmp/image" -c t-ice 2> "$tmp/err" || return 1
	cat "$tmp/err"
	grep -q 'EBUSY.*the group is frozen' "$tmp/err" && [ -z "$(cat $cg/t-ice/cgroup.procs)" ]
}

try_kernel "root takes the files from another directory" root
try_kernel "strict-files refuses a copy of a file" strict_files
try_kernel "open-as-caller opens what the program could not" open_as_caller
try_kernel "clamp lowers what the caller may not give" clamp
try_kernel "frozen makes a group of its own" frozen
try_kernel "cgroup takes groups that are there and keeps them" groups
try_kernel "detached programs keep their group and become children of init" detached
try_kernel "what stays with detached programs keeps nothing busy" nothing_busy
try_kernel "pidfile is there while ckpt waits" pidfile
try_kernel "pidfile follows no symlink and is not left by a failure" pidfile_fails
try_kernel "a pidfile that cannot be written is an error and nothing runs" pidfile_full
try_kernel "a detached restart does not wait for its group to become empty" no_wait
try_kernel "check leaves no group" only_check
try_kernel "verbose prints a summary" verbose
try_kernel "a group that is frozen is an error that says so" into_frozen
exit $failed
