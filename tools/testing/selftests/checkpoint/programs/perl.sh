#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# perl: large data, children and pipes; and what of it is refused.
# PLAN: a large hash is filled on
# PLAN: children that compute report through pipes
# PLAN: a regular expression goes on through a file
# PLAN: a sort with a comparison of its own comes to its end
# PLAN: signal handlers and kill between parent and child go on
# PLAN: an edit in place goes on
# PLAN: an alarm is refused
# PLAN: a socket pair is refused
# PLAN: a locked file is refused
# shellcheck source=common
. "$(dirname "$0")/common"

hash()
{
	file job.pl <<-'END'
		$| = 1;
		my (%h, $sum);
		for my $i (1 .. 80000) {
			$h{($i * 7919) % 100003} .= chr(97 + $i % 26);
			print "$i ", scalar(keys %h), "\n" unless $i % 10000;
		}
		for my $k (sort { $a <=> $b } keys %h) {
			$sum = ($sum * 31 + $k + length $h{$k}) % 1000000007;
		}
		print "$sum\n";
	END
	comes_back '[ $(wc -l < out) -ge 4 ]' perl job.pl
}

children()
{
	pids=
	file job.pl <<-'END'
		use strict;
		my @from;
		open my $progress, '>', 'progress';
		$progress->autoflush;
		for my $n (1 .. 4) {
			pipe my $r, my $w;
			if (!fork) {
				close $r;
				my $x = $n;
				for my $i (1 .. 60000) {
					$x = ($x * 1103515245 + 12345) % 2147483648;
					next if $i % 600;
					print $w "$n $i $x\n";
					print $progress "$n\n";
				}
				close $w;
				exit $n;
			}
			push @from, $r;
		}
		for my $r (@from) { print while <$r> }
		while ((my $pid = wait) > 0) { print "status ", $? >> 8, "\n" if $? >> 8 == 3 }
		unlink 'progress';
	END
	comes_back '[ $(wc -l < progress) -ge 20 ]' perl -MIO::Handle job.pl
}

# shellcheck disable=SC2016
expression()
{
	file job.pl <<-'END'
		open my $in, '<', 'text' or die;
		$| = 1;
		my ($n, %seen);
		while (<$in>) {
			$n++ while /(\d)(\d)\2\1|(?<=7)(?:0|5)+(?=3)/g;
			$seen{$1}++ if /^(\w+?)0*(?!9)\b/;
			print "$. $n ", scalar(keys %seen), "\n" unless $. % 10000;
		}
	END
	seq 1 60000 | sed 's/.*/x& and more of it/' > "$tmp/job/text"
	comes_back '[ $(wc -l < out) -ge 3 ]' perl job.pl
}

sorting()
{
	file job.pl <<-'END'
		my $compared = 0;
		my @a = map { ($_ * 7919) % 65537 } 1 .. 16000;
		open my $progress, '>', 'progress';
		@a = sort {
			syswrite $progress, "." unless ++$compared % 10000;
			length $a <=> length $b or reverse($a) cmp reverse($b)
		} @a;
		print "$compared @a[0 .. 9] @a[-10 .. -1]\n";
	END
	comes_back '[ $(wc -c < progress) -ge 3 ]' perl job.pl
}

signals()
{
	file job.pl <<-'END'
		my $got = 0;
		$SIG{USR1} = sub { $got++ };
		my $parent = $$;
		pipe my $r, my $w;
		my $child = fork;
		if (!$child) {
			close $w;
			$SIG{TERM} = sub { exit 9 };
			while (sysread $r, my $byte, 1) { kill USR1 => $parent }
			exit 1;
		}
		close $r;
		$| = 1;
		for my $i (1 .. 1500) {
			syswrite $w, ".";
			select undef, undef, undef, 0.001 while $got < $i;
			print "$got\n" unless $i % 100;
		}
		kill TERM => $child;
		waitpid $child, 0;
		print "child: ", $? >> 8, "\n";
	END
	comes_back '[ $(wc -l < out) -ge 3 ]' perl job.pl
}

# perl reads the old file and writes one that has another name until the end.
in_place()
{
	mkdir "$tmp/job"
	seq 1 60000 > "$tmp/job/text"
	# shellcheck disable=SC2016
	comes_back '[ $(wc -l < out) -ge 4 ]' perl -p -i -e \
		's/(\d)\1/<$1>/g; syswrite STDOUT, "$.\n" unless $. % 3000' text
}

# Each of these marks that it has what is refused, works, and lets it go.
refused_perl()
{
	{
		cat <<-'END'
			$| = 1;
			sub work { my $x = 1; $x = $x * 75 % 65537 for 1 .. 500000; print "$x\n" }
		END
		cat
	} | file job.pl
	refused perl "$1" "$2" '[ -s out ]' perl job.pl
}

alarm_clock()
{
	refused_perl itimer "alarm(2) or setitimer(2) is running, not saved yet" <<-'END'
		$SIG{ALRM} = sub { die };
		alarm 3600;
		print "it is set\n";
		work;
		alarm 0;
	END
}

socket_pair()
{
	refused_perl socket "UNIX-STREAM of sockfs cannot be saved yet; close it first" <<-'END'
		use Socket;
		socketpair my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die;
		print "it is open\n";
		work;
		syswrite $a, "x";
		sysread $b, my $x, 1;
		print "$x\n";
	END
}

lock()
{
	refused_perl "file lock" \
		"locked: a lock or lease is held, not saved yet; release it" <<-'END'
		use Fcntl ':flock';
		open my $f, '>', 'locked' or die;
		flock $f, LOCK_EX or die;
		print "it is locked\n";
		work;
	END
}

try_kernel "a large hash is filled on" hash
try_kernel "children that compute report through pipes" children
try_kernel "a regular expression goes on through a file" expression
try_kernel "a sort with a comparison of its own comes to its end" sorting
try_kernel "signal handlers and kill between parent and child go on" signals
try_kernel "an edit in place goes on" in_place
try_kernel "an alarm is refused" alarm_clock
try_kernel "a socket pair is refused" socket_pair
try_kernel "a locked file is refused" lock
exit $failed
