#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# ckpt as a job of an interactive shell, at terminals made for it.
# PLAN: a foreground job goes on at another terminal
# PLAN: a program that leads a process group gets the terminal and gives it back
# PLAN: a shell with job control goes on at another terminal
# PLAN: all of it works in a pid namespace
# PLAN: ^C and ^\ end a program that does not handle them
# PLAN: ^C ends a program in a session of its own
# PLAN: modes of the terminal are what they were when the program has ended
# PLAN: inherit names the terminal to go on at
# PLAN: without a terminal the error says what to do
# PLAN: no image is written to or read from a terminal
# PLAN: progress is shown at a terminal and cleared
# PLAN: a job in the background shows no progress
# shellcheck source=common
. "$(dirname "$0")/common"

# terminal NAME: with an interactive shell, whose process id is in NAME.pid
terminal()
{
	mkfifo "$tmp/$1.keys"
	prog_pty "$tmp/$1.keys" "$tmp/$1.screen" env PS1='<prompt>' sh -i &
	until_true "grep -q '<prompt>' $tmp/$1.screen 2> /dev/null" || return 1
	keys "$1" "echo \$\$ > $tmp/$1.pid\n"
	until_true "[ -s $tmp/$1.pid ]"
}

# keys NAME TEXT: typed there, escapes as in printf
keys()
{
	# shellcheck disable=SC2059
	printf "$2" > "$tmp/$1.keys"
}

# shows NAME PATTERN: waits for it; what is typed is shown, too
shows()
{
	until_true "grep -q -e '$2' $tmp/$1.screen" && return 0
	echo "terminal $1 does not show $2:"
	cat -v "$tmp/$1.screen"
	return 1
}

# status NAME NUMBER: the shell has its terminal back, and the last job ended so
status()
{
	until_true "[ \"\$(group_in_front $1)\" = \"\$(cat $tmp/$1.pid)\" ]" || return 1
	asked=$((${asked:-0} + 1))
	keys "$1" "echo answer-$asked-\$?\n"
	shows "$1" "^answer-$asked-$2"
}

# The process group that the terminal's keys go to.
group_in_front()
{
	cut -d' ' -f8 "/proc/$(cat "$tmp/$1.pid")/stat"
}

leader_in_front()
{
	sed -n 's/^Name:[[:space:]]*//p' "/proc/$(group_in_front "$1")/status"
}

# in_front NAME COMMAND: waits until it leads the group that the keys go to
in_front()
{
	until_true "[ \"\$(leader_in_front $1)\" = $2 ]" && return 0
	echo "in front at terminal $1: $(leader_in_front "$1")"
	return 1
}

# save GROUP: while it runs at a terminal
save()
{
	expect 0 ckpt check -c "$1" && expect 0 ckpt checkpoint -c "$1" -o "$tmp/image" --kill
}

# start_job [-g]: prog_job at terminal a, saved and killed
start_job()
{
	terminal a && keys a "ckpt run --cgroup t-job -- prog_job $1\n" && shows a '^ready' &&
	keys a 'one\n' && shows a '^\[one\]' && save t-job && status a 137
}

# restart_job NAME OPTIONS COMMAND: the command is in front afterwards
restart_job()
{
	terminal "$1" && keys "$1" "ckpt restart $2 -i $tmp/image\n" &&
	keys "$1" 'two\n' && shows "$1" '^\[two\]' && in_front "$1" "$3"
}

# Were it not there, nor ckpt, then the shell would take the lines.
signals_reach_it()
{
	keys "$1" '\003' && shows "$1" 'interrupted' &&
	keys "$1" 'three\n' && shows "$1" '^\[three\]' &&
	[ "$(grep -c interrupted "$tmp/$1.screen")" = 1 ] &&
	keys "$1" '\032' && shows "$1" 'Stopped.*ckpt restart' && in_front "$1" sh &&
	keys "$1" 'fg\n' && in_front "$1" "$2" &&
	keys "$1" 'four\n' && shows "$1" '^\[four\]' &&
	keys "$1" 'end\n' && status "$1" 7
}

job()
{
	start_job "" && restart_job b "" ckpt && signals_reach_it b ckpt &&
	! grep -q '\[two\]' "$tmp/a.screen"
}

leader()
{
	start_job -g && restart_job b "" prog_job && signals_reach_it b prog_job
}

namespace()
{
	start_job "" && restart_job b -n ckpt && signals_reach_it b ckpt || return 1
	rm "$tmp"/a.*
	start_job -g && restart_job c -n prog_job && signals_reach_it c prog_job
}

shell()
{
	terminal a && keys a "ckpt run --cgroup t-shell -- env PS1='<inner>' sh -i\n" &&
	shows a '^<inner>' && keys a 'x=41; echo set\n' && shows a '^set' && save t-shell &&
	status a 137 && terminal b && keys b "ckpt restart -i $tmp/image\n" &&
	keys b 'echo $((x + 1))-is-x\n' && shows b '^42-is-x' &&
	keys b 'sleep 1000\n' && in_front b sleep && keys b '\003' &&
	keys b 'echo $?-of-sleep\n' && shows b '^130-of-sleep' &&
	keys b 'cat\n' && in_front b cat && keys b '\032' && shows b 'Stopped.*cat' &&
	keys b 'fg\n' && in_front b cat && keys b 'line\n' && shows b '^line' && keys b '\004' &&
	in_front b sh && keys b 'exit 5\n' && status b 5
}

# Neither the program nor ckpt is ended by more than that.
ends()
{
	terminal a && keys a "ckpt run --cgroup t-end -- sleep 1000\n" &&
	until_true "grep -q sleep /proc/*/comm && grep -q . $cg/t-end/cgroup.procs" &&
	save t-end && status a 137 || return 1
	for how in "" -n; do
		keys a "ckpt restart $how -i $tmp/image -c t-again\n"
		until_true "grep -q 'populated 1' $cg/t-again/cgroup.events" && in_front a ckpt &&
		keys a '\003' && status a 130 && [ ! -d $cg/t-again ] || return 1
		keys a "ckpt restart $how -i $tmp/image -c t-again\n"
		until_true "grep -q 'populated 1' $cg/t-again/cgroup.events" && in_front a ckpt &&
		keys a '\034' && status a 131 && [ ! -d $cg/t-again ] || return 1
	done
}

own_session()
{
	terminal a && keys a "ckpt run --cgroup t-session -- setsid sleep 1000\n" &&
	until_true "grep -q . $cg/t-session/cgroup.procs" && in_front a ckpt &&
	until_true "[ \"\$(cat /proc/\$(cat $cg/t-session/cgroup.procs)/comm)\" = sleep ]" &&
	keys a '\003' && status a 130 && [ ! -d $cg/t-session ]
}

# modes NAME FILE: of the terminal
modes()
{
	keys "$1" "stty -g > $tmp/$2; echo modes-in-$2\n" && shows "$1" "^modes-in-$2"
}

# Left raw by a program that is killed, and by one that led a group.
modes_are_back()
{
	terminal a && modes a before && keys a 'ckpt run --cgroup t-raw -- prog_job\n' &&
	shows a '^ready' && keys a 'raw\n' && shows a '^\[raw\]' && save t-raw && status a 137 &&
	modes a killed && cmp "$tmp/before" "$tmp/killed" || return 1
	keys a "ckpt restart -i $tmp/image\n" && in_front a ckpt && keys a 'again\n' &&
	shows a '^\[again\]' && keys a 'end\n' && status a 7 || return 1
	keys a 'ckpt run -- prog_job -g\n' && in_front a prog_job && keys a 'raw\n' &&
	until_true '[ "$(grep -c "^\[raw\]" $tmp/a.screen)" = 2 ]' && keys a 'end' && status a 7 &&
	modes a ended && cmp "$tmp/before" "$tmp/ended"
}

# A terminal without a shell, which would take the lines.
inherit()
{
	start_job "" || return 1
	mkfifo "$tmp/b.keys"
	prog_pty "$tmp/b.keys" "$tmp/b.screen" sh -c "tty > $tmp/b.tty; exec sleep 1000" &
	pty=$!
	until_true "[ -s $tmp/b.tty ]" || return 1
	key=$(ckpt info "$tmp/image" | sed -n 's/^  \(0x[0-9a-f]*\) terminal .*/\1/p')
	ckpt restart -i "$tmp/image" --inherit "$key=5" 5<> "$(cat "$tmp/b.tty")" &
	restarted=$!
	keys b 'two\n' && shows b '^\[two\]' && keys b 'end\n' && expect 7 wait $restarted
	status=$?
	kill $pty
	return $status
}

no_terminal()
{
	start_job "" && expect 125 ckpt restart -i "$tmp/image" 2> "$tmp/err" || return 1
	cat "$tmp/err"
	key=$(ckpt info "$tmp/image" | sed -n 's/^  \(0x[0-9a-f]*\) terminal .*/\1/p')
	grep -q "terminal /dev/pts/.* run ckpt on a terminal, or give --inherit $key=FD" "$tmp/err" &&
	[ "$(wc -l < "$tmp/err")" = 1 ]
}

no_images()
{
	start t-image "exec sleep 100"
	terminal a && keys a 'ckpt checkpoint -c t-image\n' && status a 3 &&
	shows a 'will not write an image to a terminal' &&
	keys a 'ckpt restart\n' && status a 125 &&
	keys a 'ckpt info -\n' && status a 3 &&
	[ "$(grep -c 'will not read an image from a terminal' "$tmp/a.screen")" = 2 ]
}

# The image waits for somebody who reads the pipe.
progress()
{
	start t-progress "$counter; $(seq 20000)"
	mkfifo "$tmp/pipe"
	exec 6<> "$tmp/pipe"
	terminal a && keys a "ckpt checkpoint -c t-progress > $tmp/pipe\n" &&
	shows a 'ckpt: writing the image: [1-9][0-9]* s' || return 1
	cat <&6 > /dev/null &
	status a 0 && tr '\r' '\n' < "$tmp/a.screen" | grep -q "^$(printf '\033')\[K<prompt>"
	status=$?
	kill $!
	return $status
}

in_background()
{
	start t-progress "$counter; $(seq 20000)"
	mkfifo "$tmp/pipe"
	exec 6<> "$tmp/pipe"
	terminal a && keys a "ckpt checkpoint -c t-progress > $tmp/pipe &\n" &&
	until_true "grep -q 'frozen 1' $cg/t-progress/cgroup.events" && sleep 2 &&
	! grep -q 'writing the image' "$tmp/a.screen"
	status=$?
	cat <&6 > /dev/null &
	exec 6>&-
	until_true "! pidof ckpt-guardian > /dev/null" || return 1
	return $status
}

try_kernel "a foreground job goes on at another terminal" job
try_kernel "a program that leads a process group gets the terminal and gives it back" leader
try_kernel "a shell with job control goes on at another terminal" shell
try_kernel "all of it works in a pid namespace" namespace
try_kernel "^C and ^\\ end a program that does not handle them" ends
try_kernel "^C ends a program in a session of its own" own_session
try_kernel "modes of the terminal are what they were when the program has ended" modes_are_back
try_kernel "inherit names the terminal to go on at" inherit
try_kernel "without a terminal the error says what to do" no_terminal
try_kernel "no image is written to or read from a terminal" no_images
try_kernel "progress is shown at a terminal and cleared" progress
try_kernel "a job in the background shows no progress" in_background
exit $failed
