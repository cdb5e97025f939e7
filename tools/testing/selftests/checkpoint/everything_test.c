// SPDX-License-Identifier: GPL-2.0
/*
 * A tree that has something of everything that has a record, and so many pages apart
 * from each other that each table of the contents is filled. It is here for injected
 * faults: with CR_FAULT=1000 each place of the code at which a call can fail is met.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"
#include "fail.h"
#include "fail_family.h"
#include "fail_rich.h"

#define RUNS	1200		/* more than a chunk of the index has room for */
#define QUEUED	10000		/* bytes in a pipe, of several pages */

CR_FIXTURE(everything);

struct things {
	char *far, *shared, *copied;
	char name[64];
	int pipe[2], event, file;
	pid_t child;
};

static void make_memory(struct things *t)
{
	long i;

	t->far = mmap(NULL, RUNS * 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	CR_CHECK(t->far != MAP_FAILED);
	CR_EQ(0, madvise(t->far, RUNS * 8192, MADV_NOHUGEPAGE));
	for (i = 0; i < RUNS; i++)
		t->far[i * 8192] = 'a' + i % 26;
	t->shared = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	CR_CHECK(t->shared != MAP_FAILED);
	strcpy(t->shared + 4096, "shared");
	t->copied = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, t->file, 0);
	CR_CHECK(t->copied != MAP_FAILED);
	strcpy(t->copied, "copied");
}

static bool memory_is_whole(struct things *t)
{
	long i;

	for (i = 0; i < RUNS; i++)
		if (t->far[i * 8192] != 'a' + i % 26 || t->far[i * 8192 + 4096])
			return false;
	return !strcmp(t->shared + 4096, "shared") && !strcmp(t->copied, "copied");
}

static void make_things(struct things *t)
{
	char bytes[QUEUED];
	gid_t groups[] = { 1, 22, 333 };
	cpu_set_t cpus;

	memset(bytes, 'q', sizeof(bytes));
	CR_EQ(0, sethostname("everything", 10));
	t->file = open("file", O_RDWR | O_CREAT, 0600);
	CR_EQ(4096, write(t->file, bytes, 4096));
	make_memory(t);
	CR_EQ(0, pipe2(t->pipe, O_CLOEXEC));
	CR_EQ(QUEUED, write(t->pipe[1], bytes, sizeof(bytes)));
	t->event = eventfd(3, 0);
	CR_CHECK(t->event >= 0);
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	CR_EQ(0, sched_setaffinity(0, sizeof(cpus), &cpus));
	CR_EQ(0, setgroups(3, groups));
	t->child = fork();
	while (!t->child)
		pause();
}

static void check_things(struct things *t)
{
	unsigned long long count;
	char bytes[QUEUED];
	gid_t groups[4];
	cpu_set_t cpus;

	CR_CHECK(memory_is_whole(t));
	CR_EQ(QUEUED, read(t->pipe[0], bytes, sizeof(bytes)));
	CR_CHECK(bytes[0] == 'q' && !memcmp(bytes, bytes + 1, sizeof(bytes) - 1));
	CR_EQ(8, read(t->event, &count, 8));
	CR_EQ(3, count);
	CR_EQ(0, sched_getaffinity(0, sizeof(cpus), &cpus));
	CR_EQ(1, CPU_COUNT(&cpus));
	CR_EQ(3, getgroups(4, groups));
	CR_EQ(333, groups[2]);
	CR_EQ(0, gethostname(t->name, sizeof(t->name)));
	CR_CHECK(!strcmp(t->name, "everything"));
	CR_EQ(0, kill(t->child, SIGKILL));
	cr_reap(t->child, SIGKILL);
}

/* Signals are blocked first: else a thread would take those that are to stay pending. */
CR_PROGRAM(everything)
{
	int here = open(".", O_RDONLY | O_DIRECTORY);
	struct things things;
	sigset_t set;

	CR_CHECK(mmap(FAIL_PAGE, 4096, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == FAIL_PAGE);
	make_things(&things);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	CR_EQ(0, sigprocmask(SIG_BLOCK, &set, NULL));
	CR_EQ(0, fail_asleep(NULL));
	CR_EQ(0, fail_household(NULL));
	CR_EQ(0, fail_rich(NULL));
	cr_until(fail_threads_have_begun());
	CR_EQ(0, fchdir(here));
	cr_ready();
	CR_CHECK(fail_rich_is_whole());
	check_things(&things);
	_exit(0);
}

TEST_F_TIMEOUT(everything, comes_back, FOR_EVER)
{
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, cr_start_clone(&self->cr, "everything", NULL, CLONE_NEWUTS));
	ASSERT_EQ(0, cr_wait_for(&self->cr, "ready"));
	ASSERT_EQ(0, cr_move(&self->cr));
	cr_go(&self->cr);
	EXPECT_EQ(0, cr_wait_exit(&self->cr));
	fail_files_remove(FAIL_FILES "*");
}

TEST_HARNESS_MAIN
