#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# gawk, sed, bc, dc, m4: filters that keep state.
# PLAN: arrays of gawk are filled on
# PLAN: a coprocess of gawk sorts on
# PLAN: a program that gawk reads from is read on
# PLAN: sed keeps its hold space
# PLAN: bc computes on
# PLAN: macros of m4 recurse on
# shellcheck source=common
. "$(dirname "$0")/common"

awk_arrays()
{
	file job.awk <<-'TEXT'
		{
			words[$2 % 997] += $1
			by[$1 % 7][$2 % 11]++
			last = last substr($2, 1, 1)
			if (length(last) > 500) last = substr(last, 400)
		}
		NR % 8000 == 0 { print NR, length(words); fflush() }
		END {
			n = asorti(words, names, "@ind_num_asc")
			for (i = 1; i <= n; i++) sum = (sum * 31 + words[names[i]]) % 1000003
			for (a in by) for (b in by[a]) all += by[a][b] * a * b
			print n, sum, all, last
		}
	TEXT
	seq 1 50000 | sed 's/.*/& &7/' > "$tmp/job/numbers"
	comes_back '[ $(wc -l < out) -ge 3 ]' gawk -f job.awk numbers
}

awk_coprocess()
{
	file job.awk <<-'END'
		BEGIN {
			sort = "sort -n"
			bc = "bc -q"
			for (i = 1; i <= 400; i++) {
				print "(" i " ^ 5) % 1009" |& bc
				bc |& getline x
				print x, i |& sort
				if (i % 50 == 0) { print i, x; fflush() }
			}
			close(bc)
			close(sort, "to")
			while ((sort |& getline line) > 0) print line
			print close(sort)
		}
	END
	comes_back '[ $(wc -l < out) -ge 2 ]' gawk -f job.awk
}

awk_input()
{
	file job.awk <<-'END'
		BEGIN {
			while (("seq 1 60000" | getline n) > 0) {
				sum = (sum + n * n) % 1000003
				if (n % 6000 == 0) { print n, sum; fflush() }
				if (n % 100 == 0) print sum | "sort -u | tail -n 3"
			}
		}
	END
	comes_back '[ $(wc -l < out) -ge 3 ]' gawk -f job.awk
}

# Every tenth line with those before it, backwards.
sed_hold()
{
	file job.sed <<-'END'
		s/\([0-9]\)\([0-9]\)/\2-\1/g
		G
		h
		0~10 { s/\n/,/g; p; s/.*//; h }
		d
	END
	seq 1 30000 > "$tmp/job/numbers"
	comes_back '[ $(wc -l < out) -ge 300 ]' sed -u -f job.sed numbers
}

bc_digits()
{
	file job.bc <<-'END'
		define f(n) {
			if (n < 2) return n
			return f(n - 1) + f(n - 2)
		}
		for (k = 1; k <= 17; k++) f(k)
		for (k = 20; k <= 200; k += 20) { scale = k; 4 * a(1) }
		2 ^ 3000 % 10 ^ 60
	END
	comes_back '[ $(wc -l < out) -ge 14 ]' bc -l job.bc
}

m4_macros()
{
	file job.m4 <<-'END'
		define(`hanoi', `ifelse($1, 0, , `hanoi(decr($1), $2, $4, $3)define(`moves', incr(moves))hanoi(decr($1), $4, $3, $2)')')dnl
		define(`upto', `ifelse($1, 0, , `upto(decr($1))define(`moves', 0)hanoi($1, a, b, c)$1: moves
		syscmd(`echo $1 >> progress')')')dnl
		upto(12)dnl
	END
	comes_back '[ $(wc -l < progress) -ge 8 ]' m4 job.m4
}

try_kernel "arrays of gawk are filled on" awk_arrays
try_kernel "a coprocess of gawk sorts on" awk_coprocess
try_kernel "a program that gawk reads from is read on" awk_input
try_kernel "sed keeps its hold space" sed_hold
try_kernel "bc computes on" bc_digits
try_kernel "macros of m4 recurse on" m4_macros
exit $failed
