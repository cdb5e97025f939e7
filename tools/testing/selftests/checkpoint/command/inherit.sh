#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Objects of others: --inherit of pipes and sockets, and what is refused.
# PLAN: a pipe that is written to is replaced
# PLAN: a pipe that is read from is replaced
# PLAN: a socket is replaced
# PLAN: an object without a replacement is an error that says what to give
# PLAN: a key that the image does not have is an error
# PLAN: a key that is given twice is an error
# PLAN: a descriptor of another kind is an error
# PLAN: a descriptor with other access is an error
# PLAN: check needs no descriptors and still refuses wrong keys
# PLAN: a descriptor is closed in ckpt once the programs have it
# shellcheck source=common
. "$(dirname "$0")/common"

# save: what runs in t-take is saved and killed; its external object is $key
save()
{
	until_true "[ -e $tmp/ready ]" && expect 0 ckpt checkpoint -c t-take -o "$tmp/image" --kill ||
		return 1
	: > "$tmp/go"
	wait
	key=$(ckpt info "$tmp/image" | sed -n 's/^  \(0x[0-9a-f]*\) [a-z]* .*(r\{0,1\}w\{0,1\})$/\1/p')
	[ "$(echo "$key" | wc -w)" = 1 ] || { echo "external objects: $key"; return 1; }
}

# A program whose output is a pipe, read by somebody outside.
take_writer()
{
	ckpt run --cgroup t-take -- sh -c "$ready; $await; echo after; exit 3" \
		< /dev/null 2> /dev/null | cat > /dev/null &
	save
}

written()
{
	take_writer || return 1
	text=$(ckpt restart -i "$tmp/image" --inherit "$key=1")
	status=$?
	[ $status = 3 ] && [ "$text" = after ]
}

read_from()
{
	sh -c "$await" | ckpt run --cgroup t-take -- \
		sh -c "$ready; $await; read -r x; echo got \$x > $tmp/out; exit 4" \
		> /dev/null 2>&1 &
	save || return 1
	echo hello | ckpt restart -i "$tmp/image" --inherit "$key=0"
	[ $? = 4 ] && [ "$(cat "$tmp/out")" = "got hello" ]
}

socket()
{
	prog_join "exec ckpt run --cgroup t-take -- \
		sh -c '$ready; $await; echo after; exit 5' < /dev/null 2> /dev/null" \
		"cat > /dev/null" &
	save || return 1
	ckpt info "$tmp/image" | grep -q "^  $key socket socket:" || return 1
	expect 5 prog_join "ckpt restart -i $tmp/image --inherit $key=1" "cat > $tmp/out" &&
	[ "$(cat "$tmp/out")" = after ]
}

# refused PATTERN [OPTION]...: the error says so, and nothing is started
refused()
{
	pattern=$1
	shift
	expect 125 ckpt restart -i "$tmp/image" -c t-refused "$@" 2> "$tmp/err" || return 1
	cat "$tmp/err"
	grep -q -e "$pattern" "$tmp/err" && [ ! -d $cg/t-refused ]
}

missing()
{
	take_writer && refused "pipe:\[.* has no replacement: give --inherit $key=FD"
}

unknown()
{
	take_writer && refused "no external object with the key 0x123;" \
		--inherit "$key=1" --inherit 0x123=1 | cat &&
	take "$ready; exec sleep 100" && refused "no external object with the key 0x123;" \
		--inherit 0x123=1
}

twice()
{
	take_writer && refused "the key was given before" --inherit "$key=1" --inherit "$key=2"
}

# The kernel looks at the descriptor, and names the key.
kind()
{
	take_writer && refused "level=error .*key $key: .* of another kind or access mode" \
		--inherit "$key=3" 3> "$tmp/file" &&
	refused "key $key: .* of another kind" --inherit "$key=3" 3< /
}

access()
{
	take_writer || return 1
	echo | refused "key $key: .* of another kind or access mode" --inherit "$key=0"
}

only_check()
{
	take_writer && expect 0 ckpt restart -i "$tmp/image" --check &&
	refused "no external object with the key 0x123;" --check --inherit 0x123=1
}

# The reader sees the end of the pipe while the program, and ckpt, are there.
closed()
{
	script="$ready; $await; echo after >&5; exec 5>&-
		until [ -e $tmp/seen ]; do usleep 20000; done; exit 6"
	ckpt run --cgroup t-take -- sh -c "$script" 5>&1 < /dev/null > /dev/null 2>&1 |
		cat > /dev/null &
	save || return 1
	for how in "" -n; do
		rm -f "$tmp/seen" "$tmp/end"
		# shellcheck disable=SC2086
		ckpt restart -i "$tmp/image" $how --inherit "$key=5" 5>&1 > /dev/null |
			{ cat > "$tmp/text"; : > "$tmp/end"; } &
		until_true "[ -e $tmp/end ]" && [ "$(cat "$tmp/text")" = after ] &&
		pidof ckpt > /dev/null
		status=$?
		: > "$tmp/seen"
		wait
		[ $status = 0 ] || return 1
	done
}

try_kernel "a pipe that is written to is replaced" written
try_kernel "a pipe that is read from is replaced" read_from
try_kernel "a socket is replaced" socket
try_kernel "an object without a replacement is an error that says what to give" missing
try_kernel "a key that the image does not have is an error" unknown
try_kernel "a key that is given twice is an error" twice
try_kernel "a descriptor of another kind is an error" kind
try_kernel "a descriptor with other access is an error" access
try_kernel "check needs no descriptors and still refuses wrong keys" only_check
try_kernel "a descriptor is closed in ckpt once the programs have it" closed
exit $failed
