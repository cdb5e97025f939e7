// SPDX-License-Identifier: GPL-2.0
/*
 * prog_residue FILE: what is left behind, for scripts. The counts of the last
 * call are in FILE, which is empty at first; what is more now than then, and
 * stays more, is told. Exit status 1 if there was something. With "new" behind
 * FILE nothing is compared.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "residue.h"

static void complain(const struct residue_entry *now, long long before)
{
	printf("left behind: %s%s: %lld, was %lld\n", now->name, now->detail,
	       now->count, before);
}

int main(int argc, char **argv)
{
	static struct residue before, now;
	int fd = argc < 2 ? -1 : open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	bool grew = false;

	if (fd < 0) {
		perror(argv[1]);
		return 2;
	}
	if (argc > 2 || read(fd, &before, sizeof(before)) != sizeof(before))
		residue_take(&now);
	else
		grew = residue_settle(&before, &now, RESIDUE_PATIENCE);
	if (grew)
		residue_grew(&before, &now, complain);
	if (pwrite(fd, &now, sizeof(now), 0) != sizeof(now)) {
		perror(argv[1]);
		return 2;
	}
	return grew;
}
