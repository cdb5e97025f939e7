// SPDX-License-Identifier: GPL-2.0
/* A tree of many small processes; every third leads a session of its own. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

#define PAGE	4096
#define WIDTH	8

static pid_t children[WIDTH], self, parent, session;
static int nr_children;
static char *page;
static long seed;

/* This process and those below it, @nr in all. */
static void grow(unsigned long nr)
{
	unsigned long below = nr - 1, part;
	int i;

	nr_children = 0;
	for (i = 0; i < WIDTH && below; i++) {
		part = (below + WIDTH - i - 1) / (WIDTH - i);
		below -= part;
		children[i] = fork();
		if (children[i] < 0)
			load_die("fork");
		if (!children[i]) {
			if (i % 3 == 0)
				setsid();
			grow(part);
			load_count_ready();
			munmap((void *)heart, PAGE);
			load_wait();
			_exit(verify_tree() ? 0 : 1);
		}
		nr_children++;
	}
	self = getpid();
	parent = getppid();
	session = getsid(0);
	page = load_map(PAGE);
	seed = self;
	load_fill(page, seed);
}

void build_tree(unsigned long nr)
{
	grow(nr);
	parent = 0;	/* the root's may be another one */
	while (heart->ready < nr - 1)
		usleep(1000);
}

bool verify_tree(void)
{
	bool good = getpid() == self && (!parent || getppid() == parent) &&
		    getsid(0) == session && load_filled(page, seed);
	int i, status;

	for (i = 0; i < nr_children; i++)
		kill(children[i], SIG_VERIFY);
	for (i = 0; i < nr_children; i++)
		if (waitpid(children[i], &status, 0) != children[i] || status)
			good = false;
	return good;
}
