#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Flags, arguments and exit statuses that need no kernel support.
# PLAN: help and version
# PLAN: no command or a wrong one is a usage error
# PLAN: checkpoint refuses wrong arguments
# PLAN: check refuses wrong arguments
# PLAN: info refuses wrong arguments
# PLAN: restart refuses wrong arguments
# PLAN: run refuses wrong arguments
# PLAN: errors are one line that names the program
# PLAN: missing groups, processes and files are failures
# PLAN: something that is no image is told apart
# shellcheck source=common
. "$(dirname "$0")/common"

help_and_version()
{
	ckpt --version | grep -q '^ckpt [0-9]' || return 1
	ckpt --help | grep -q '^usage: ckpt' || return 1
	for c in run checkpoint restart check info; do
		ckpt $c --help | grep -q "^usage: ckpt $c" || return 1
	done
}

no_command()
{
	expect 2 ckpt && expect 2 ckpt frobnicate && expect 2 ckpt --frobnicate
}

wrong_checkpoint()
{
	expect 2 ckpt checkpoint &&
	expect 2 ckpt checkpoint -c a -p 1 &&
	expect 2 ckpt checkpoint -p one &&
	expect 2 ckpt checkpoint -p 0 &&
	expect 2 ckpt checkpoint -p -5 &&
	expect 2 ckpt checkpoint -p 0x1 &&
	expect 2 ckpt checkpoint -c a --frobnicate &&
	expect 2 ckpt checkpoint -c a rest &&
	expect 2 ckpt checkpoint -c a --kill --leave-frozen &&
	expect 2 ckpt checkpoint -c a --force &&
	expect 2 ckpt checkpoint -c a --no-verify &&
	expect 2 ckpt checkpoint -c a -t never
}

wrong_check()
{
	expect 2 ckpt check &&
	expect 2 ckpt check -c a -p 1 &&
	expect 2 ckpt check -p x &&
	expect 2 ckpt check -c a rest
}

wrong_info()
{
	expect 2 ckpt info --json --quiet a &&
	expect 2 ckpt info && expect 2 ckpt info a b && expect 2 ckpt info --frobnicate a
}

wrong_restart()
{
	: > "$tmp/image"
	expect 125 ckpt restart -i "$tmp/image" rest &&
	expect 125 ckpt restart --frobnicate &&
	for how in --detach "--pidfile $tmp/pid" "--root /"; do
		# shellcheck disable=SC2086
		expect 125 ckpt restart -i "$tmp/image" --check $how 2> "$tmp/err" &&
		grep -q -e '--check restarts nothing' "$tmp/err" || return 1
	done
	expect 125 ckpt restart -i "$tmp/image" --inherit 5 &&
	expect 125 ckpt restart -i "$tmp/image" --inherit 5=x &&
	expect 125 ckpt restart -i "$tmp/image" --inherit 5=77 &&
	expect 125 ckpt restart -i "$tmp/image" --inherit 5=1 --inherit 5=2
}

wrong_run()
{
	expect 125 ckpt run &&
	expect 125 ckpt run --frobnicate true &&
	expect 125 ckpt run --cgroup ../up true &&
	expect 125 ckpt run --cgroup '' true &&
	expect 125 ckpt run --cgroup a//b true &&
	expect 125 ckpt run --cgroup /tmp/a true
}

one_line()
{
	for c in "frobnicate" "checkpoint" "checkpoint -p 99999999" "check -c t-none" \
		"info /nonexistent" "restart -i /nonexistent" "run -- /nonexistent"; do
		# shellcheck disable=SC2086
		ckpt $c 2> "$tmp/err" < /dev/null
		[ "$(wc -l < "$tmp/err")" = 1 ] || { echo "$c:"; cat "$tmp/err"; return 1; }
		grep -q '^ckpt' "$tmp/err" || { cat "$tmp/err"; return 1; }
	done
}

missing()
{
	expect 3 ckpt checkpoint -c t-none -o "$tmp/image" &&
	expect 3 ckpt checkpoint -c /tmp -o "$tmp/image" &&
	expect 3 ckpt checkpoint -p 99999999 -o "$tmp/image" &&
	expect 3 ckpt check -c t-none &&
	expect 3 ckpt info "$tmp/none" &&
	expect 125 ckpt restart -i "$tmp/none" &&
	[ ! -e "$tmp/image" ]
}

no_image()
{
	echo "something else altogether" > "$tmp/image"
	: > "$tmp/empty"
	expect 4 ckpt info "$tmp/image" &&
	expect 4 ckpt info "$tmp/empty" &&
	expect 125 ckpt restart -i "$tmp/image" &&
	ckpt info "$tmp/image" 2>&1 | grep -q 'not a checkpoint image'
}

try "help and version" help_and_version
try "no command or a wrong one is a usage error" no_command
try "checkpoint refuses wrong arguments" wrong_checkpoint
try "check refuses wrong arguments" wrong_check
try "info refuses wrong arguments" wrong_info
try "restart refuses wrong arguments" wrong_restart
try "run refuses wrong arguments" wrong_run
try "errors are one line that names the program" one_line
try "missing groups, processes and files are failures" missing
try "something that is no image is told apart" no_image
exit $failed
