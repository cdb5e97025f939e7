#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Where images go: modes, symlinks, streams, nothing half-written.
# PLAN: the image has mode 0600 whatever the umask
# PLAN: an older file is replaced whole
# PLAN: a symlink is refused and not followed
# PLAN: only files are replaced
# PLAN: a failed checkpoint leaves no file behind
# PLAN: a full disk leaves the old image and no other file
# PLAN: an output directory that goes away is an error
# PLAN: a pipe takes an image
# PLAN: a redirection takes an image
# PLAN: kill is refused on a pipe unless forced
# PLAN: kill works on a redirected file
# PLAN: kill needs a redirected file that can be read back
# shellcheck source=common
. "$(dirname "$0")/common"

# files [DIRECTORY]
files()
{
	ls -A "${1:-$tmp/d}" | tr '\n' ' '
}

mode()
{
	start t-mode "exec sleep 100"
	mkdir "$tmp/d"
	for mask in 000 022 077 277; do
		rm -f "$tmp/d/image"
		(umask $mask; expect 0 ckpt checkpoint -c t-mode -o "$tmp/d/image") || return 1
		[ "$(stat -c %a "$tmp/d/image")" = 600 ] || return 1
	done
	[ "$(files)" = "image " ]
}

replace()
{
	start t-replace "exec sleep 100"
	mkdir "$tmp/d"
	echo old > "$tmp/d/image"
	chmod 644 "$tmp/d/image"
	ln "$tmp/d/image" "$tmp/d/link"
	expect 0 ckpt checkpoint -c t-replace -o "$tmp/d/image" &&
	ckpt info -q "$tmp/d/image" &&
	[ "$(cat "$tmp/d/link")" = old ] && [ "$(stat -c %a "$tmp/d/image")" = 600 ]
}

symlink()
{
	start t-symlink "exec sleep 100"
	mkdir "$tmp/d"
	echo target > "$tmp/target"
	ln -s "$tmp/target" "$tmp/d/image"
	ln -s "$tmp/none" "$tmp/d/dangling"
	expect 3 ckpt checkpoint -c t-symlink -o "$tmp/d/image" &&
	expect 3 ckpt checkpoint -c t-symlink -o "$tmp/d/dangling" &&
	[ "$(cat "$tmp/target")" = target ] && [ ! -e "$tmp/none" ] &&
	[ "$(files)" = "dangling image " ]
}

only_files()
{
	start t-only "exec sleep 100"
	mkfifo "$tmp/fifo"
	mkdir "$tmp/d"
	expect 3 ckpt checkpoint -c t-only -o "$tmp/fifo" &&
	expect 3 ckpt checkpoint -c t-only -o "$tmp/d" &&
	expect 3 ckpt checkpoint -c t-only -o "$tmp/d/" &&
	expect 3 ckpt checkpoint -c t-only -o "$tmp/none/image" &&
	expect 3 ckpt checkpoint -c t-only -o /dev/null &&
	expect 3 ckpt checkpoint -c t-only > /dev/null
}

# The caller in the group is an error that is sure to come.
failed_one()
{
	start t-failed "$counter"
	mkdir "$tmp/d"
	expect 3 ckpt run --cgroup t-failed -- ckpt checkpoint -c t-failed -o "$tmp/d/image" &&
	[ -z "$(files)" ] && counts
}

disk_is_full()
{
	start t-full "$counter"
	full_disk 64k || return 1
	echo old > "$tmp/small/image"
	expect 3 ckpt checkpoint -c t-full -o "$tmp/small/image" --kill &&
	[ "$(files "$tmp/small")" = "image " ] && [ "$(cat "$tmp/small/image")" = old ] && counts
}

# It goes while ckpt waits for a process to freeze, its file already made.
directory_gone()
{
	for how in "" --kill --leave-frozen; do
		hang t-gone || return 1
		mkdir "$tmp/d"
		# shellcheck disable=SC2086
		ckpt checkpoint -c t-gone -o "$tmp/d/image" --timeout 60 $how 2> "$tmp/err" 7>&- &
		until_true "[ -n \"\$(ls -A $tmp/d)\" ]" || return 1
		rm -r "$tmp/d"
		unhang
		expect 3 wait $! || return 1
		cat "$tmp/err"
		grep -q 'cannot \(rename the image to\|read\) ' "$tmp/err" && counts && [ ! -e "$tmp/d" ] &&
		[ "$(cat $cg/t-gone/cgroup.freeze)" = 0 ] || return 1
		echo 1 > $cg/t-gone/cgroup.kill
		wait
	done
}

pipe()
{
	start t-pipe "exec sleep 100"
	ckpt checkpoint -c t-pipe -o - | cat > "$tmp/image"
	ckpt info -q "$tmp/image" || return 1
	ckpt checkpoint -c t-pipe | ckpt info -q -
}

redirect()
{
	start t-redirect "exec sleep 100"
	expect 0 ckpt checkpoint -c t-redirect > "$tmp/image" && ckpt info -q "$tmp/image"
}

kill_pipe()
{
	start t-force "$counter"
	{ ckpt checkpoint -c t-force --kill; echo $? > "$tmp/status"; } | cat > "$tmp/image"
	[ "$(cat "$tmp/status")" = 1 ] && [ ! -s "$tmp/image" ] && counts || return 1
	{ ckpt checkpoint -c t-force --kill --force; echo $? > "$tmp/status"; } | cat > "$tmp/image"
	[ "$(cat "$tmp/status")" = 0 ] && ckpt info -q "$tmp/image" && expect 137 wait $runner
}

kill_redirect()
{
	start t-killr "$counter"
	expect 0 ckpt checkpoint -c t-killr --kill > "$tmp/image" &&
	ckpt info -q "$tmp/image" && expect 137 wait $runner
}

# The reader of the name is the file of an ordinary user who may not read it.
kill_unreadable()
{
	expect 0 as_nobody "ckpt run --cgroup t-user/job -- sh -c '$ready; $await; exit 4' \
			< /dev/null > /dev/null 2>&1 &
		until [ -e $tmp/ready ]; do usleep 20000; done
		exec 5> $tmp/image
		chmod 200 $tmp/image
		ckpt checkpoint -c t-user/job --kill >&5 2> $tmp/err
		[ \$? = 3 ] || exit 1
		[ ! -s $tmp/image ] || exit 2
		ckpt checkpoint -c t-user/job --kill --no-verify >&5 || exit 3
		wait \$!
		[ \$? = 137 ] || exit 4"
	status=$?
	cat "$tmp/err"
	[ $status = 0 ] && grep -q 'cannot read standard output back' "$tmp/err" &&
	ckpt info -q "$tmp/image"
}

try_kernel "the image has mode 0600 whatever the umask" mode
try_kernel "an older file is replaced whole" replace
try_kernel "a symlink is refused and not followed" symlink
try_kernel "only files are replaced" only_files
try_kernel "a failed checkpoint leaves no file behind" failed_one
try_kernel "a full disk leaves the old image and no other file" disk_is_full
try_kernel "an output directory that goes away is an error" directory_gone
try_kernel "a pipe takes an image" pipe
try_kernel "a redirection takes an image" redirect
try_kernel "kill is refused on a pipe unless forced" kill_pipe
try_kernel "kill works on a redirected file" kill_redirect
try_kernel "kill needs a redirected file that can be read back" kill_unreadable
exit $failed
