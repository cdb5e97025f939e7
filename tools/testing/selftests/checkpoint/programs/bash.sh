#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# bash: what a shell keeps for its scripts.
# PLAN: loops and arrays go on
# PLAN: subshells and command substitutions go on
# PLAN: traps stay set
# PLAN: background jobs are waited for
# PLAN: a stopped job of job control is continued
# PLAN: a here-document is read on
# PLAN: a here-document that is longer than a pipe is refused
# PLAN: process substitutions go on
# PLAN: a coprocess answers on
# PLAN: a log that the starting shell redirected is written on
# shellcheck source=common
. "$(dirname "$0")/common"

loops()
{
	file job.sh <<-'END'
		declare -A count
		declare -a squares=()
		collatz()
		{
			local n=$1 steps=0
			while ((n != 1)); do
				((n = n % 2 ? 3 * n + 1 : n / 2, steps++))
			done
			length=$steps
		}
		for ((i = 1; i <= 600; i++)); do
			collatz $i
			((count[$length]++))
			squares+=($((i * i)))
			((i % 100)) || echo "$i: ${#count[@]} lengths"
		done
		for k in "${!count[@]}"; do echo "$k ${count[$k]}"; done | sort -n
		echo "${squares[@]: -3}" "${!squares[@]}" | sha256sum
	END
	comes_back 'grep -q ^200: out' bash job.sh
}

subshells()
{
	file job.sh <<-'END'
		sum=0
		for i in {1..60}; do
			n=$(echo $(( $( (echo $i; exit) ) * 2 )))
			(exit $((n % 256))) || ((sum += $?))
			(cd /usr; x=$n; ( ((x++)); echo "$PWD $x $BASH_SUBSHELL" ) )
		done
		echo "$sum $n $PWD" | sed "s:$PWD::"
	END
	comes_back '[ $(wc -l < out) -ge 20 ]' bash job.sh
}

traps()
{
	file job.sh <<-'END'
		caught=
		trap 'caught+=u' USR1
		trap 'caught+=t' TERM
		trap '' INT
		trap 'echo "at exit: $caught"; exit 0' EXIT
		for i in {1..400}; do
			case $((i % 3)) in
			0) kill -USR1 $$ ;;
			1) kill -TERM $$ ;;
			2) kill -INT $$ ;;
			esac
			for ((j = 0; j < 50; j++)); do :; done
			((i % 50)) || { echo $i; trap; }
		done
	END
	comes_back 'grep -q ^100 out' bash job.sh
}

background()
{
	pids=
	file job.sh <<-'END'
		work() { for ((i = 0; i < $1; i++)); do :; done; echo "$1" >> progress; return $2; }
		for n in 1 2 3 4 5; do
			work $((n * 2000)) $n &
			pid[n]=$!
		done
		for n in 3 1 5 2 4; do
			wait ${pid[n]}
			echo "job $n: status $?"
		done
		work 5000 7 &
		work 4000 8 &
		for n in 1 2 3; do wait -n; status[$?]=$n; done
		echo "${!status[@]}"
		rm progress
	END
	comes_back '[ -s progress ]' bash job.sh
}

stopped()
{
	file job.sh <<-'END'
		set -m
		for ((i = 0; i < 15000; i++)); do :; done > /dev/null &
		kill -STOP %1
		until jobs | grep -q Stopped; do :; done
		(for ((i = 0; i < 20000; i++)); do :; done; exit 4) &
		echo "it stands" > progress
		wait %2
		echo "status $?"
		jobs | sed 's/ *for.*//'
		bg %1 > /dev/null
		wait %1
		echo "status $?"
		jobs -r
	END
	comes_back '[ -s progress ]' bash job.sh
}

here_document()
{
	file job.sh <<-'END'
		n=0
		while read -r word rest; do
			((n += ${#word}))
			for ((j = 0; j < 120; j++)); do :; done
			echo "$n $rest"
		done <<-TEXT
			$(seq -f 'line %g of a document' 1 400)
		TEXT
		cat <<< "a here-string of $n"
	END
	comes_back '[ $(wc -l < out) -ge 100 ]' bash job.sh
}

long_document()
{
	file job.sh <<-'END'
		n=0
		while read -r line; do
			((n += ${#line}))
			[ -s progress ] || echo > progress
		done <<-TEXT
			$(seq -f 'line %g of a document that no pipe can hold' 1 2500)
		TEXT
		echo "$n"
	END
	refused bash "unlinked file" "sh-thd[.].* was unlinked, and such files are not saved yet" \
		'[ -s progress ]' bash job.sh
}

substitution()
{
	file job.sh <<-'END'
		while read -r a <&3 && read -r b <&4; do
			echo "$a $b"
			for ((j = 0; j < 40; j++)); do :; done
		done 3< <(seq 1 2 2000) 4< <(seq 2 2 2000 | tac) > >(tee copy | sha256sum > sum)
		wait $!
		cat sum
		comm -3 <(sort copy) <(sort -r copy | sort)
	END
	comes_back '[ $(wc -l < copy) -ge 50 ]' bash job.sh
}

coprocess()
{
	file job.sh <<-'END'
		coproc BC { bc -q; }
		n=1
		for i in {1..250}; do
			echo "$n * $i + 1" >&${BC[1]}
			BC_LINE_LENGTH=0 read -r n <&${BC[0]}
			[[ $n != *\\ ]] || n=1
			echo "$n"
		done
		eval "exec ${BC[1]}>&-"
		wait
	END
	comes_back '[ $(wc -l < out) -ge 60 ]' bash job.sh
}

# The log is open in this shell too, which is outside of the group: whoever
# appends to it shares the file, not the position.
redirected_log()
{
	file job.sh <<-'END'
		for i in {1..4000}; do
			for ((j = 0; j < 15; j++)); do :; done
			echo "line $i"
		done
		echo "this goes to standard error" >&2
	END
	leave_alone bash job.sh
	mkdir "$tmp/here"
	cp "$tmp/job/job.sh" "$tmp/here"
	exec 3>> "$tmp/here/out"
	ckpt run --cgroup t-here -- chroot /debian /usr/bin/bash "$tmp/here/job.sh" \
		< /dev/null >&3 2>&3 &
	runner=$!
	until_true "[ -d $cg/t-here ]"
	until_middle here '[ $(wc -l < out) -ge 500 ]' && save here "$tmp/image" --kill || return 1
	cat "$tmp/err"
	grep -q "^ckpt: level=warn .*: $tmp/here/out is shared with pid [0-9]* outside the group; \
it will be reopened, with a position of its own\$" "$tmp/err" || return 1
	lines=$(wc -l < "$tmp/here/out")
	echo "between" >&3
	ckpt restart -i "$tmp/image"
	status=$?
	echo "afterwards" >&3
	[ "$(sed -n "$((lines + 1))p;\$p" "$tmp/here/out" | tr '\n' ' ')" = "between afterwards " ] &&
	sed -i '/between/d; $d' "$tmp/here/out" && ends_right "$status"
}

try_kernel "loops and arrays go on" loops
try_kernel "subshells and command substitutions go on" subshells
try_kernel "traps stay set" traps
try_kernel "background jobs are waited for" background
try_kernel "a stopped job of job control is continued" stopped
try_kernel "a here-document is read on" here_document
try_kernel "a here-document that is longer than a pipe is refused" long_document
try_kernel "process substitutions go on" substitution
try_kernel "a coprocess answers on" coprocess
try_kernel "a log that the starting shell redirected is written on" redirected_log
exit $failed
