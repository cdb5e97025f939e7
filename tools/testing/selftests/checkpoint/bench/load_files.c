// SPDX-License-Identifier: GPL-2.0
/* One process with many descriptors. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"

#define FIRST_FD	100
#define CHUNK		4096
#define PIPE_BYTES	65536

static unsigned long nr_files;

static void allow(unsigned long nr)
{
	struct rlimit limit = { nr, nr };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		load_die("setrlimit");
}

/* Each has an offset of its own in the same file. */
void build_descriptors(unsigned long nr)
{
	unsigned long i;
	int fd;

	nr_files = nr;
	allow(FIRST_FD + nr + 10);
	for (i = 0; i < nr; i++) {
		fd = open("file", O_RDWR | O_CREAT, 0666);
		if (fd < 0 || lseek(fd, i, SEEK_SET) != i)
			load_die("open");
		if (dup2(fd, FIRST_FD + i) < 0)
			load_die("dup2");
		if (fd < FIRST_FD)
			close(fd);
	}
}

bool verify_descriptors(void)
{
	unsigned long i;

	for (i = 0; i < nr_files; i++)
		if (lseek(FIRST_FD + i, 0, SEEK_CUR) != i)
			return false;
	return true;
}

/* ---- Pipes, filled to the brim ---- */

void build_pipes(unsigned long nr)
{
	char chunk[CHUNK];
	int ends[2], at;
	unsigned long i;

	nr_files = nr;
	allow(FIRST_FD + 2 * nr + 10);
	for (i = 0; i < nr; i++) {
		if (pipe(ends) || dup2(ends[1], FIRST_FD + 2 * i + 1) < 0 ||
		    dup2(ends[0], FIRST_FD + 2 * i) < 0)
			load_die("pipe");
		if (ends[0] < FIRST_FD)
			close(ends[0]);
		if (ends[1] < FIRST_FD)
			close(ends[1]);
		for (at = 0; at < PIPE_BYTES; at += CHUNK) {
			load_fill(chunk, i * PIPE_BYTES + at);
			if (write(FIRST_FD + 2 * i + 1, chunk, CHUNK) != CHUNK)
				load_die("write");
		}
	}
}

bool verify_pipes(void)
{
	char chunk[CHUNK];
	unsigned long i;
	int at;

	for (i = 0; i < nr_files; i++)
		for (at = 0; at < PIPE_BYTES; at += CHUNK)
			if (read(FIRST_FD + 2 * i, chunk, CHUNK) != CHUNK ||
			    !load_filled(chunk, i * PIPE_BYTES + at))
				return false;
	return true;
}
