// SPDX-License-Identifier: GPL-2.0
/* Loads of processes that share most of their memory since they were forked. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

#define PAGE		4096UL
#define MIB		(1UL << 20)
#define MAX_CHILDREN	64
#define CHILDREN	7
#define SERVERS		50
#define OWN_PART	16	/* a server has written one page of as many */

static char *memory;
static unsigned long pages;
static pid_t children[MAX_CHILDREN];
static int nr_children;

/* @self: 0 for the parent; child N has written its pages N, N + step... */
static bool whole(int self, unsigned long step)
{
	unsigned long i;

	for (i = 0; i < pages; i++)
		if (!load_filled(memory + i * PAGE, i + (self && step && i % step == self % step ?
							 self * pages : 0)))
			return false;
	return true;
}

static void child(int self, unsigned long step)
{
	unsigned long i;

	if (step)
		for (i = self % step; i < pages; i += step)
			load_fill(memory + i * PAGE, i + self * pages);
	load_count_ready();
	load_wait();
	_exit(whole(self, step) ? 0 : 1);
}

static void build(unsigned long size, int nr, unsigned long step)
{
	unsigned long i;

	memory = load_map(size * MIB);
	pages = size * MIB / PAGE;
	for (i = 0; i < pages; i++)
		load_fill(memory + i * PAGE, i);
	for (nr_children = 0; nr_children < nr; nr_children++) {
		children[nr_children] = fork();
		if (!children[nr_children])
			child(nr_children + 1, step);
	}
	while (heart->ready < nr)
		usleep(1000);
}

void build_family(unsigned long size)
{
	build(size, CHILDREN, 0);
}

void build_prefork(unsigned long size)
{
	build(size, SERVERS, OWN_PART);
}

bool verify_forks(void)
{
	bool good = whole(0, 0);
	int i, status;

	for (i = 0; i < nr_children; i++) {
		kill(children[i], SIG_VERIFY);
		if (waitpid(children[i], &status, 0) != children[i] || status)
			good = false;
	}
	return good;
}
