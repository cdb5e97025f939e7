#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Other runtimes: C with a job server, a compiler to machine code, Tcl, Rust,
# Go, Ruby. What they need for events or timers is refused.
# PLAN: make finishes its rules
# PLAN: machine code that luajit made goes on
# PLAN: coroutines of luajit go on
# PLAN: an event loop of tclsh goes on
# PLAN: the error file of a pipeline of tclsh is refused
# PLAN: threads of ripgrep find the rest
# PLAN: a Go program reads its pipe to the end
# PLAN: the epoll of a Go program is refused
# PLAN: the timer of ruby is refused
# shellcheck source=common
. "$(dirname "$0")/common"

make_rules()
{
	file Makefile <<-'END'
		.RECIPEPREFIX = >
		parts := $(foreach n,1 2 3 4 5 6 7 8,part$(n))
		all: $(parts)
		>cat $^ | sha256sum
		>$(MAKE) -s clean
		part%:
		>@i=0; while [ $$i -lt 6000 ]; do i=$$((i + 1)); echo "$* $$i"; done > $@
		>@echo $@ >> progress
		clean:
		>rm $(parts) progress
	END
	comes_back '[ $(wc -l < progress) -ge 2 ]' make -j2 -s
}

machine_code()
{
	file job.lua <<-'END'
		local bit, x, sum = require "bit", 1, 0
		for i = 1, 20000000 do
			x = bit.bxor(x, bit.lshift(x, 13))
			x = bit.bxor(x, bit.rshift(x, 17))
			x = bit.bxor(x, bit.lshift(x, 5))
			sum = (sum + x * 0.5) % 1000003
			if i % 2000000 == 0 then io.write(i, " ", x, " ", sum, "\n") io.flush() end
		end
		assert(jit.status())
	END
	comes_back '[ $(wc -l < out) -ge 2 ]' luajit -O3 job.lua
}

coroutines()
{
	file job.lua <<-'END'
		local function permutations(a, n)
			if n == 0 then coroutine.yield(a) end
			for i = 1, n do
				a[n], a[i] = a[i], a[n]
				permutations(a, n - 1)
				a[n], a[i] = a[i], a[n]
			end
		end
		local seen, n = {}, 0
		for a in coroutine.wrap(function() permutations({ "a", "b", "c", "d", "e", "f", "g", "h" }, 8) end) do
			local s = table.concat(a)
			n, seen[s] = n + 1, s:reverse()
			if n % 4000 == 0 then print(n, s, seen[s]) io.flush() end
		end
	END
	comes_back '[ $(wc -l < out) -ge 3 ]' luajit -joff job.lua
}

tcl_events()
{
	file job.tcl <<-'END'
		set lines 0
		proc readable {chan} {
			if {[gets $chan line] < 0} { if {[eof $chan]} { close $chan; set ::done 1 }; return }
			dict lappend ::words [string range $line end end] $line
			if {[incr ::lines] % 100 == 0} { puts "$::lines $line"; flush stdout }
		}
		proc tick {} { incr ::ticks; after 5 tick }
		set chan [open "|sh -c {i=0; while \[ \$i -lt 1500 \]; do i=\$((i + 1)); echo \$i; done} 2>@1"]
		fconfigure $chan -blocking 0
		fileevent $chan readable [list readable $chan]
		tick
		vwait done
		dict for {k v} $words { puts "$k [llength $v]" }
		puts [expr {$ticks > 1}]
	END
	comes_back '[ $(wc -l < out) -ge 3 ]' tclsh8.6 job.tcl
}

# Without 2>@1 a file without a name takes the errors of the pipeline.
tcl_errors()
{
	file job.tcl <<-'END'
		set chan [open "|sh -c {i=0; while \[ \$i -lt 20000 \]; do i=\$((i + 1)); done; echo \$i}"]
		puts "begun"
		flush stdout
		puts [read $chan]
		close $chan
	END
	refused tclsh8.6 "unlinked file" "tcl_.* was unlinked, and such files are not saved yet" \
		'[ -s out ]' tclsh8.6 job.tcl
}

rust_threads()
{
	file job.sh <<-'END'
		rg -uuu --threads 3 --no-heading '\b(def|class) \w*?([aeiou])[^aeiou]' /usr/lib/python3.11 |
			tee found | wc -l
		sort -o found found
	END
	comes_back '[ -s found ]' bash -c '. ./job.sh'
}

go_pipe()
{
	file job.sh <<-'END'
		{ echo '['; seq 1 30000 | sed 's/.*/{"number": &, "list": [&, "&"]},/'; echo '{}]'; } |
			tee fed | gron --stream --monochrome 2>&1 | cksum
		rm fed
	END
	comes_back '[ -s fed ]' bash job.sh
}

go_epoll()
{
	{ echo '['; seq 1 20000 | sed 's/.*/{"number": &},/'; echo '{}]'; } | file numbers.json
	refused gron "anonymous inode" \
		"\\[eventpoll\\] of anon_inodefs cannot be saved yet; close it first" \
		'[ -s out ]' sh -c 'exec gron --monochrome numbers.json'
}

ruby_timer()
{
	file job.rb <<-'END'
		$stdout.sync = true
		h = Hash.new(0)
		200000.times { |i| h[(i * 7919 % 1009).to_s] += i; puts i if i % 20000 == 0 }
		puts h.values.sum, h.size
	END
	refused ruby "posix timer" "timer_create(2) timers are not saved yet" '[ -s out ]' \
		ruby --disable-gems job.rb
}

try_kernel "make finishes its rules" make_rules
try_kernel "machine code that luajit made goes on" machine_code
try_kernel "coroutines of luajit go on" coroutines
try_kernel "an event loop of tclsh goes on" tcl_events
try_kernel "the error file of a pipeline of tclsh is refused" tcl_errors
try_kernel "threads of ripgrep find the rest" rust_threads
try_kernel "a Go program reads its pipe to the end" go_pipe
try_kernel "the epoll of a Go program is refused" go_epoll
try_kernel "the timer of ruby is refused" ruby_timer
exit $failed
