// SPDX-License-Identifier: GPL-2.0
/*
 * bench_load NAME SIZE: become a load, in the working directory that has the
 * heart; beat until told to verify.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

#define PAGE	4096

static void build_nothing(unsigned long size)
{
}

static bool verify_nothing(void)
{
	return true;
}

static const struct load loads[] = {
	{ "idle", build_nothing, verify_nothing },
	{ "memory", build_memory, verify_memory },
	{ "huge", build_huge, verify_memory },
	{ "heap", build_heap, verify_memory },
	{ "sparse", build_sparse, verify_sparse },
	{ "dirtier", build_dirtier, verify_dirtier, dirty_some },
	{ "areas", build_areas, verify_areas },
	{ "family", build_family, verify_forks },
	{ "prefork", build_prefork, verify_forks },
	{ "tree", build_tree, verify_tree },
	{ "threads", build_threads, verify_threads },
	{ "descriptors", build_descriptors, verify_descriptors },
	{ "pipes", build_pipes, verify_pipes },
	{ }
};

volatile struct heart *heart;
static sigset_t orders;

void load_die(const char *what)
{
	int fd = open("complaint", O_WRONLY | O_CREAT | O_APPEND, 0666);

	dprintf(fd, "%s: %s\n", what, strerror(errno));
	_exit(1);
}

void *load_map(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		load_die("mmap");
	madvise(mem, len, MADV_NOHUGEPAGE);
	return mem;
}

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

void load_fill(void *page, unsigned long seed)
{
	uint64_t state = seed * 0x9e3779b97f4a7c15 + 88172645463325252ULL, *word = page;
	int i;

	for (i = 0; i < PAGE / 8; i++)
		word[i] = next(&state);
}

bool load_filled(const void *page, unsigned long seed)
{
	uint64_t state = seed * 0x9e3779b97f4a7c15 + 88172645463325252ULL;
	const uint64_t *word = page;
	int i;

	for (i = 0; i < PAGE / 8; i++)
		if (word[i] != next(&state))
			return false;
	return true;
}

void load_count_ready(void)
{
	__atomic_add_fetch(&heart->ready, 1, __ATOMIC_SEQ_CST);
}

/* An order, or 0 when none came in time. */
static int order_within(long ns)
{
	struct timespec until = { .tv_nsec = ns };

	return sigtimedwait(&orders, NULL, &until);
}

void load_wait(void)
{
	while (sigwaitinfo(&orders, NULL) != SIG_VERIFY)
		;
}

static void fork_for_time(void)
{
	uint64_t start = now_ns();
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	heart->fork_ns = now_ns() - start;
	waitpid(pid, NULL, 0);
	heart->forks++;
}

static void live(const struct load *load)
{
	int order;

	do {
		order = order_within(load->idle ? 0 : BEAT_NS);
		if (order == SIG_FORK)
			fork_for_time();
		if (load->idle)
			load->idle();
		heart_beat(heart);
	} while (order != SIG_VERIFY);
}

static void find_heart(void)
{
	int fd = open(HEART_FILE, O_RDWR);

	heart = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (heart == MAP_FAILED)
		_exit(2);
	close(fd);
}

int main(int argc, char **argv)
{
	const struct load *load = loads;

	if (argc != 3)
		return 0;
	while (load->name && strcmp(load->name, argv[1]))
		load++;
	if (!load->name)
		return 2;
	find_heart();
	sigemptyset(&orders);
	sigaddset(&orders, SIG_VERIFY);
	sigaddset(&orders, SIG_FORK);
	sigprocmask(SIG_BLOCK, &orders, NULL);
	load->build(strtoul(argv[2], NULL, 0));
	load_count_ready();
	live(load);
	_exit(load->verify() ? 0 : 1);
}
