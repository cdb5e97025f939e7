#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# ckpt info: what it shows, and that it finds damage.
# PLAN: info shows the processes, mappings and descriptors
# PLAN: info reads a stream
# PLAN: info finds flipped bits
# PLAN: info finds truncation
# PLAN: info finds a swapped page
# PLAN: info tells of bytes after the image
# PLAN: info escapes what programs call themselves
# PLAN: json is one object and escaped
# shellcheck source=common
. "$(dirname "$0")/common"

shows()
{
	take "exec 5< /etc/passwd; cd /; $ready; while :; do usleep 100000; done" || return 1
	ckpt info "$tmp/image" > "$tmp/out" || return 1
	cat "$tmp/out"
	grep -q '^image  *[0-9a-f-]*$' "$tmp/out" &&
	grep -q "^kernel  *$(uname -r)" "$tmp/out" &&
	grep -q 'sh: live, 1 thread' "$tmp/out" &&
	grep -q '5 r  file /etc/passwd' "$tmp/out" &&
	grep -q 'r-xp.*/bin/busybox' "$tmp/out" &&
	grep -q '\[stack\]' "$tmp/out" &&
	grep -q 'complete and sound' "$tmp/out"
}

stream()
{
	take "$ready; exec sleep 100" || return 1
	[ "$(ckpt info - < "$tmp/image")" = "$(ckpt info "$tmp/image")" ] &&
	[ "$(cat "$tmp/image" | ckpt info -)" = "$(ckpt info "$tmp/image")" ]
}

# flip OFFSET: another byte there, in $tmp/bad
flip()
{
	cp "$tmp/image" "$tmp/bad"
	byte=$(dd if="$tmp/image" bs=1 skip="$1" count=1 2> /dev/null | hexdump -e '1/1 "%u"')
	# shellcheck disable=SC2059
	printf "\\$(printf %o $((byte ^ 1 << $1 % 8)))" |
		dd of="$tmp/bad" bs=1 seek="$1" conv=notrunc 2> /dev/null
}

flips()
{
	take "$ready; exec sleep 100" || return 1
	size=$(stat -c %s "$tmp/image")
	at=0
	while [ $at -lt "$size" ]; do
		flip $at
		expect 4 ckpt info -q "$tmp/bad" 2> /dev/null || { echo "at $at"; return 1; }
		at=$((at + size / 97 + 1))
	done
	for at in 0 8 12 16 24 32 40 48 $((size - 1)) $((size - 40)); do
		flip $at
		expect 4 ckpt info -q "$tmp/bad" 2> /dev/null || { echo "at $at"; return 1; }
	done
}

cuts()
{
	take "$ready; exec sleep 100" || return 1
	size=$(stat -c %s "$tmp/image")
	for at in 0 1 15 16 17 48 400 4096 $((size / 2)) $((size - 88)) $((size - 1)); do
		head -c $at "$tmp/image" > "$tmp/bad"
		expect 4 ckpt info -q "$tmp/bad" 2> /dev/null || { echo "at $at"; return 1; }
	done
}

swapped()
{
	take "$ready; exec sleep 100" || return 1
	last=$(($(stat -c %s "$tmp/image") / 4096 - 2))
	cp "$tmp/image" "$tmp/bad"
	dd if="$tmp/image" bs=4096 skip=$((last - 1)) count=1 2> /dev/null |
		dd of="$tmp/bad" bs=4096 seek=$last conv=notrunc 2> /dev/null
	if cmp -s "$tmp/image" "$tmp/bad"; then
		echo "the pages are the same"
		return 1
	fi
	expect 4 ckpt info -q "$tmp/bad"
}

trailing()
{
	take "$ready; exec sleep 100" || return 1
	echo more >> "$tmp/image"
	expect 0 ckpt info -q "$tmp/image" 2> "$tmp/err" &&
	grep -q '5 bytes follow the image' "$tmp/err"
}

escapes()
{
	name=$(printf 'x\033[31m\n"y')
	: > "$tmp/$name"
	take "for f in $tmp/x*; do exec 5< \"\$f\"; done; $ready; while :; do usleep 100000; done" || return 1
	for form in "" --json; do
		# shellcheck disable=SC2086
		ckpt info $form "$tmp/image" > "$tmp/out" || return 1
		LC_ALL=C grep -q '[^[:print:][:space:]]' "$tmp/out" && return 1
		LC_ALL=C grep -q 'x\\.*x1b\[31m\\.*x0a.*y' "$tmp/out" || { cat "$tmp/out"; return 1; }
	done
}

json()
{
	take "$ready; exec sleep 100" || return 1
	ckpt info --json "$tmp/image" > "$tmp/out" || return 1
	[ "$(head -n 1 "$tmp/out")" = "{" ] && [ "$(tail -n 1 "$tmp/out")" = "}" ] &&
	grep -q '"valid": true' "$tmp/out" && grep -q '"processes": \[' "$tmp/out" || return 1
	flip 4000
	expect 4 ckpt info --json "$tmp/bad" > "$tmp/out" && grep -q '"valid": false' "$tmp/out"
}

try_kernel "info shows the processes, mappings and descriptors" shows
try_kernel "info reads a stream" stream
try_kernel "info finds flipped bits" flips
try_kernel "info finds truncation" cuts
try_kernel "info finds a swapped page" swapped
try_kernel "info tells of bytes after the image" trailing
try_kernel "info escapes what programs call themselves" escapes
try_kernel "json is one object and escaped" json
exit $failed
