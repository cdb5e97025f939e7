// SPDX-License-Identifier: GPL-2.0
/*
 * The caller of either call is killed at every moment of it: CKPT_KILLS times,
 * spread over the time that the call takes. After a checkpoint the group runs
 * on; after a restart there is nobody, or everybody, and of those that never
 * began none has run an instruction.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_rich.h"

#define SAMPLE	40
#define MARKER	"/tmp/fail-marker"

/* Counts in a file that others map: whoever runs leaves a trace. */
static int marker(const char *arg)
{
	volatile unsigned long *count;
	int fd = open(MARKER, O_RDWR);

	count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (count == MAP_FAILED)
		return errno;
	close(fd);
	if (fork())
		return 0;
	for (;;)
		++*count;
}

const struct fail_target fail_targets[] = {
	{ "marker", marker },
	{ "rich", fail_rich },
	{ }
};

/* Shared with the helper that makes the call. */
struct job {
	struct fail_group group;
	struct fail_report report;
	bool restarts;
	int fd;
	int err;
	volatile int started, done;
};

FIXTURE(sweep) {
	struct fail_group group;
	struct job *job;
	pid_t marker, rich;
	volatile unsigned long *count;
	long kills, early, late;
	long long slowest;
};

static void do_job(void *arg)
{
	struct job *job = arg;

	job->started = 1;
	job->err = job->restarts ? fail_restart(job->fd, &job->group, 0, &job->report) :
		   fail_checkpoint(&job->group, job->fd, 0, 0, &job->report);
	job->done = 1;
	pause();
}

FIXTURE_SETUP(sweep)
{
	int fd = open(MARKER, O_RDWR | O_CREAT | O_TRUNC, 0644);

	self->kills = atol(getenv("CKPT_KILLS") ?: "0") ?: SAMPLE;
	ASSERT_EQ(0, ftruncate(fd, 4096));
	self->count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, self->count);
	close(fd);
	fail_become_reaper();
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, fail_group_make(&self->group));
	self->job = mmap(NULL, sizeof(*self->job), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->job);
	self->job->group = self->group;
	self->marker = fail_start(&self->group, "marker", NULL);
	ASSERT_LT(0, self->marker);
	self->rich = fail_start(&self->group, "rich", NULL);
	ASSERT_LT(0, self->rich);
}

FIXTURE_TEARDOWN(sweep)
{
	fail_group_end(&self->group);
	munmap(self->job, sizeof(*self->job));
	munmap((void *)self->count, 4096);
}

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* Start the call, and kill its caller after @us, or once it is done for -1. */
static long long call_and_kill(FIXTURE_DATA(sweep) *self, int fd, long long us)
{
	struct job *job = self->job;
	long long start;
	pid_t helper;

	lseek(fd, 0, SEEK_SET);
	job->fd = fd;
	job->started = 0;
	job->done = 0;
	helper = fail_helper(do_job, job);
	while (!job->started)
		;
	start = now_us();
	while (us < 0 ? !job->done : now_us() - start < us)
		;
	if (job->done)
		self->late++;
	start = us < 0 ? now_us() - start : now_us();
	kill(helper, SIGKILL);
	waitpid(helper, NULL, 0);
	return start;
}

/* How long does the call take? The shortest of a few, as the machine is shared. */
static long long duration(FIXTURE_DATA(sweep) *self, int fd)
{
	long long us, least = 0;
	int i;

	for (i = 0; i < 5; i++) {
		us = call_and_kill(self, fd, -1);
		if (self->job->err)
			return -1;
		if (self->job->restarts)
			fail_group_clear(&self->group);
		if (!least || us < least)
			least = us;
	}
	self->late = 0;
	return least;
}

static bool is_running(void *arg)
{
	FIXTURE_DATA(sweep) *self = arg;

	return fail_group_has(&self->group, "cgroup.events", "frozen 0") == 1;
}

TEST_F_TIMEOUT(sweep, killed_at_any_time_a_checkpoint_lets_the_group_run_on, FOR_EVER)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	long long us, killed, i;
	unsigned long before;

	us = duration(self, fd);
	ASSERT_LT(0, us);
	for (i = 0; i < self->kills; i++) {
		ASSERT_EQ(0, ftruncate(fd, 0));
		killed = call_and_kill(self, fd, i * us * 6 / 5 / self->kills);
		ASSERT_TRUE(fail_poll(is_running, self, 10000));
		killed = now_us() - killed;
		if (killed > self->slowest)
			self->slowest = killed;
		before = *self->count;
		ASSERT_TRUE(fail_beats(self->rich)) {
			TH_LOG("kill %lld of %ld", i, self->kills);
		}
		while (*self->count == before)
			;
	}
	fprintf(stderr, "# %ld kills over %lld us, %ld after the end; all ran again after %lld us at most\n",
		self->kills, us, self->late, self->slowest);
	close(fd);
}

/* The marker counts on, or the group is empty. */
static bool everybody(FIXTURE_DATA(sweep) *self, unsigned long before)
{
	while (*self->count == before)
		if (fail_group_empty(&self->group))
			return false;
	return true;
}

/* A caller that is killed leaves those to its reaper, which we are. */
static void reap_zombies(void)
{
	while (waitpid(-1, NULL, __WALL) > 0)
		;
}

TEST_F_TIMEOUT(sweep, killed_at_any_time_a_restart_is_nobody_or_everybody, FOR_EVER)
{
	int fd = fail_save(&self->group);
	unsigned long before;
	long long us, i;

	ASSERT_LT(0, fd);
	fail_group_clear(&self->group);
	self->job->restarts = true;
	us = duration(self, fd);
	ASSERT_LT(0, us);
	for (i = 0; i < self->kills; i++) {
		fail_group_clear(&self->group);
		ASSERT_TRUE(fail_group_empty(&self->group));
		before = *self->count;
		call_and_kill(self, fd, i * us * 6 / 5 / self->kills);
		if (everybody(self, before))
			continue;
		self->early++;
		reap_zombies();
		EXPECT_EQ(before, *self->count);
	}
	EXPECT_LT(0, self->early);
	fprintf(stderr, "# %ld kills over %lld us, %ld before the commit\n", self->kills, us,
		self->early);
	close(fd);
}

TEST_HARNESS_MAIN
