#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# unexpected.sh OUT: from what a linker said on stdin, give each symbol that it
# did not find an address (OUT.lds) and a name (OUT.c), as loud.h has them.
set -eu
value() { sed -n "s/^#define $1[[:space:]]*\(0x[0-9a-f]*\)UL/\1/p" "${0%/*}/loud.h"; }
at=$(($(value FUZZ_UNEXPECTED))) page=$(($(value FUZZ_PAGE)))

names=$(sed -n "s/.*undefined reference to \`\(.*\)'.*/\1/p" |
	grep -v '^fuzz_' | sort -u)
for name in $names; do
	printf '%s = 0x%x;\n' "$name" "$at"
	at=$((at + page))
done > "$1.lds"
{
	echo '#include "loud.h"'
	echo 'const char *const fuzz_unexpected[] = {'
	for name in $names; do
		printf '\t"%s",\n' "$name"
	done
	echo '};'
	echo 'const unsigned long fuzz_nr_unexpected = sizeof(fuzz_unexpected) / sizeof(*fuzz_unexpected);'
} > "$1.c"
