#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The reader against damaged images, with sanitizers:
#   every flipped bit and every truncation has to be found (exit status 4);
#   images that were damaged and sealed again may pass or not, but nothing
#   may crash, hang or leak.
# usage: fuzz.sh [STEP [SEEDS]]: flips every STEPth byte, SEEDS sealed images
set -eu
cd "$(dirname "$0")"
step=${1:-37}
seeds=${2:-300}
flags="-g -O1 -Wall -Wextra -Wno-missing-field-initializers -D_GNU_SOURCE -I../../../include/uapi"

mkdir -p build
${CC:-gcc} $flags -fsanitize=address,undefined -fno-sanitize-recover=all \
	-o build/ckpt ../*.c
${CC:-gcc} $flags -o build/genimage genimage.c
export ASAN_OPTIONS=exitcode=99:allocator_may_return_null=0 UBSAN_OPTIONS=exitcode=99
img=build/good.img bad=build/bad.img
build/genimage new > $img
size=$(stat -c %s $img)
metadata=$(build/ckpt info --json $img | sed -n 's/.*"metadata_bytes": \([0-9]*\).*/\1/p')

fail()
{
	echo "fuzz: $*; the image is tests/$bad" >&2
	exit 1
}

# expect NAME STATUSES: how info takes the bad image
expect()
{
	for form in "" --json; do
		status=0
		timeout 20 build/ckpt info $form $bad > build/out 2> build/err || status=$?
		case " $2 " in
		*" $status "*) ;;
		*) cat build/err >&2; fail "$1: exit status $status" ;;
		esac
		if LC_ALL=C grep -q '[^[:print:][:space:]]' build/out build/err; then
			fail "$1: unprintable output"
		fi
	done
}

cp $img $bad
expect "sound image" 0

at=0
while [ $at -lt "$size" ]; do
	build/genimage flip $at < $img > $bad
	expect "bit flip at $at" 4
	head -c $at $img > $bad
	expect "cut at $at" 4
	at=$((at + step))
done

n=1
while [ $n -le "$seeds" ]; do
	build/genimage reseal $n $((n % 4 + 1)) < $img > $bad
	expect "sealed image $n" "0 4"
	# most bytes are contents; half of the seeds aim at the metadata
	{
		head -c "$metadata" $img | build/genimage reseal $n $((n % 3 + 1))
		tail -c +$((metadata + 1)) $img
	} |
		build/genimage reseal 0 0 > $bad
	expect "sealed metadata $n" "0 4"
	n=$((n + 1))
done
# A path of a mebibyte is not even read.
at=$(build/ckpt info --json $img | grep -A 3 '"record": "FILE_PATH"' |
	sed -n 's/.*"offset": \([0-9]*\),/\1/p' | head -n 1)
cp $img $bad
printf '\000\000\020\000' | dd of=$bad bs=1 seek=$((at + 8)) conv=notrunc 2> /dev/null
expect "long path" 4
grep -q 'record of 1048576 bytes is too long' build/err || fail "long path: $(cat build/err)"

rm -f $bad build/out build/err
echo "fuzz: $size bytes, every ${step}th flipped and cut, $((2 * seeds)) sealed images: fine"
