#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Images through sockets and pipes, and outputs that fail in the middle.
# PLAN: a socket carries an image
# PLAN: nothing behind the image is read from a socket
# PLAN: kill is refused on a socket unless forced
# PLAN: a receiver that goes away keeps a forced kill from killing
# PLAN: a full disk behind a redirection keeps kill from killing
# PLAN: an image larger than a file may be is an error
# PLAN: messages do not get into the image when nothing takes them
# PLAN: a redirection appends an image
# shellcheck source=common
. "$(dirname "$0")/common"

socket()
{
	start t-socket "$await; exit 6"
	prog_join "ckpt checkpoint -c t-socket" \
		"ckpt restart -c t-copy --new-pidns; echo \$? > $tmp/status" &
	until_true "grep -q 'populated 1' $cg/t-copy/cgroup.events" || return 1
	: > "$tmp/go"
	expect 0 wait $! && [ "$(cat "$tmp/status")" = 6 ] && expect 6 wait $runner
}

behind()
{
	take "$ready; $await; exit 6" || return 1
	prog_join "cat $tmp/image; echo behind" \
		"ckpt restart; echo \$? > $tmp/status; cat > $tmp/rest"
	[ "$(cat "$tmp/status")" = 6 ] && [ "$(cat "$tmp/rest")" = behind ]
}

kill_socket()
{
	start t-kill "$counter"
	expect 1 prog_join "ckpt checkpoint -c t-kill --kill" "cat > $tmp/image" &&
	[ ! -s "$tmp/image" ] && counts &&
	expect 0 prog_join "ckpt checkpoint -c t-kill --kill --force" "cat > $tmp/image" &&
	ckpt info -q "$tmp/image" && expect 137 wait $runner
}

# All of an image may fit into a pipe: the reader is gone before.
gone()
{
	start t-gone "$counter"
	writer="until [ -e $tmp/closed ]; do usleep 20000; done
		ckpt checkpoint -c t-gone --kill --force 2> $tmp/err; echo \$? > $tmp/status"
	reader="exec <&-; : > $tmp/closed"
	for how in pipe socket; do
		if [ $how = pipe ]; then
			sh -c "$writer" | sh -c "$reader"
		else
			prog_join "$writer" "$reader"
		fi
		cat "$tmp/err"
		[ "$(cat "$tmp/status")" = 3 ] && grep -q EPIPE "$tmp/err" && counts &&
		[ "$(cat $cg/t-gone/cgroup.freeze)" = 0 ] || return 1
		rm "$tmp/closed" "$tmp/status"
	done
}

full_disk_behind()
{
	start t-full "$counter"
	full_disk 64k || return 1
	expect 3 ckpt checkpoint -c t-full --kill > "$tmp/small/image" 2> "$tmp/err" || return 1
	cat "$tmp/err"
	grep -q ENOSPC "$tmp/err" && [ -s "$tmp/small/image" ] && counts &&
	[ "$(cat $cg/t-full/cgroup.freeze)" = 0 ]
}

too_large()
{
	start t-large "$counter"
	mkdir "$tmp/d"
	for how in "" --kill; do
		# shellcheck disable=SC2086
		(ulimit -f 16; expect 3 ckpt checkpoint -c t-large -o "$tmp/d/image" $how) \
			2> "$tmp/err" || return 1
		cat "$tmp/err"
		grep -q EFBIG "$tmp/err" && [ -z "$(ls -A "$tmp/d")" ] && counts || return 1
	done
}

# The warning about the shared file has nowhere to go.
no_stderr()
{
	ckpt run --cgroup t-closed -- sh -c "$ready; exec sleep 100" \
		5> "$tmp/shared" < /dev/null > /dev/null 2>&1 &
	until_true "[ -e $tmp/ready ]" || return 1
	expect 0 ckpt checkpoint -c t-closed -o "$tmp/image" 2> "$tmp/err" || return 1
	cat "$tmp/err"
	grep -q 'level=warn .*is shared with pid' "$tmp/err" || return 1
	ckpt checkpoint -c t-closed -o "$tmp/image" <&- >&- 2>&- || return 1
	ckpt info -q "$tmp/image" 2> "$tmp/err" && [ ! -s "$tmp/err" ] || { cat "$tmp/err"; return 1; }
	# what was closed is closed for a command, too
	ckpt run -- sh -c "ls -l /proc/\$\$/fd > $tmp/fds" <&- >&- 2>&-
	cat "$tmp/fds"
	[ -s "$tmp/fds" ] && ! grep -q /dev/null "$tmp/fds"
}

append()
{
	start t-append "exec sleep 100"
	echo before > "$tmp/image"
	expect 0 ckpt checkpoint -c t-append >> "$tmp/image" &&
	{ read -r line; ckpt info -q -; } < "$tmp/image" && [ "$line" = before ]
}

try_kernel "a socket carries an image" socket
try_kernel "nothing behind the image is read from a socket" behind
try_kernel "kill is refused on a socket unless forced" kill_socket
try_kernel "a receiver that goes away keeps a forced kill from killing" gone
try_kernel "a full disk behind a redirection keeps kill from killing" full_disk_behind
try_kernel "an image larger than a file may be is an error" too_large
try_kernel "messages do not get into the image when nothing takes them" no_stderr
try_kernel "a redirection appends an image" append
exit $failed
