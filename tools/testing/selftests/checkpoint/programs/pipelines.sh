#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Pipelines over many megabytes, and what a pipeline is made of.
# PLAN: xz and its decompressor pass on every byte
# PLAN: xz with threads goes on
# PLAN: gzip and tar pack and unpack a tree
# PLAN: sort merges its temporary files
# PLAN: find and xargs go on through a large directory
# PLAN: dd copies on from where both files were
# PLAN: tee and join go on with several pipes
# PLAN: a follower of a growing file sees the rest
# shellcheck source=common
. "$(dirname "$0")/common"

# grown FILE BYTES: a condition
grown()
{
	echo "[ \$(stat -c %s $1) -ge $2 ]"
}

# Everything that follows is part of one pipeline, which the shell waits for.
xz_pipe()
{
	file job.sh <<-'END'
		set -o pipefail
		source() { seq 1 150000; yes "and the same line again" | head -c 40M; seq 1 100000; }
		{
			source | tee /dev/fd/3 | xz -0 | tee packed | xz -d | sha256sum > after
		} 3>&1 | sha256sum > before
		cmp before after && cat after && cksum < packed && rm packed
	END
	comes_back "$(grown packed 30000)" bash job.sh
}

xz_threads()
{
	file job.sh <<-'END'
		seq 1 400000 | xz -0 -T2 --block-size=1MiB > packed
		xz -l --robot packed | tail -n 1
		xz -dc -T2 packed | cksum
	END
	comes_back "$(grown packed 100000)" bash job.sh
}

tar_tree()
{
	file job.sh <<-'END'
		set -e -o pipefail
		mkdir copy
		tar -C /usr -cf - --sort=name lib/python3.11 | gzip -1 | tee packed |
			gzip -d | tar -C copy -xf -
		(cd copy && find . -type f -print0 | sort -z | xargs -0 cksum) | tee list | cksum
		tar -C /usr -df <(gzip -d < packed)
		rm -r copy packed
	END
	place=/debian/var/tmp/pipelines
	comes_back "$(grown packed 1000000)" bash job.sh
	status=$?
	rm -rf $place
	return $status
}

sort_merge()
{
	file job.sh <<-'END'
		seq 1 100000 | sed 's/\(.*\)\(..\)/\2\1/' |
			sort -S 200K --batch-size=4 -T . | tee sorted | cksum
		sort -c sorted && ls
	END
	# shellcheck disable=SC2016
	comes_back '[ $(ls | grep -c "^sort......$") -ge 3 ]' bash job.sh
}

# The directory is read in parts, as what is found goes to a pipe that is full.
find_xargs()
{
	file job.sh <<-'END'
		mkdir tree
		seq -f 'tree/a-file-with-a-name-that-is-not-short-%g' 1 2500 | xargs touch
		find tree -type f -printf '%s %p\n' |
			while read -r n name; do echo "$n $name"; done > found
		sort found | cksum
		find tree -type f -exec basename -a {} + | sort | cksum
		rm -r tree
		sort -o found found
	END
	place=/debian/var/tmp/pipelines
	# shellcheck disable=SC2016
	comes_back "$(grown found 20000)" bash job.sh
	status=$?
	rm -rf $place
	return $status
}

dd_copy()
{
	file job.sh <<-'END'
		seq 1 400000 > from
		dd if=from of=to bs=64 conv=swab,notrunc seek=1000 skip=3 status=none
		dd if=to of=again bs=1k conv=swab skip=62 status=none
		cksum *
	END
	comes_back "$(grown to 500000)" bash job.sh
}

tee_join()
{
	file job.sh <<-'END'
		{
			{
				seq 100000 299999 | tee /dev/fd/3 /dev/fd/4 > all
			} 3>&1 | grep 7 | uniq > seven
		} 4>&1 | grep 3 > three
		join three seven | paste -s -d '+\n' | bc | cksum
		comm -12 three seven | tail -n 3
		split -n l/5 -d all part. && cksum part.*
	END
	comes_back "$(grown three 100000)" bash job.sh
}

follow()
{
	file job.sh <<-'END'
		: > log
		tail -n +1 -f -s 0.01 --pid=$$ ---disable-inotify log > seen &
		for ((i = 0; i < 2000; i++)); do
			echo "line $i" >> log
			for ((j = 0; j < 10; j++)); do :; done
		done
		until cmp -s log seen; do :; done
		cksum seen
	END
	comes_back "$(grown seen 10000)" bash job.sh
}

try_kernel "xz and its decompressor pass on every byte" xz_pipe
try_kernel "xz with threads goes on" xz_threads
try_kernel "gzip and tar pack and unpack a tree" tar_tree
try_kernel "sort merges its temporary files" sort_merge
try_kernel "find and xargs go on through a large directory" find_xargs
try_kernel "dd copies on from where both files were" dd_copy
try_kernel "tee and join go on with several pipes" tee_join
try_kernel "a follower of a growing file sees the rest" follow
exit $failed
