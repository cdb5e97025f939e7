// SPDX-License-Identifier: GPL-2.0
/*
 * Groups that have more than the caller of checkpoint(2) has memory for. The
 * caller is told, or killed; the group runs on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "exhaust.h"

static void *sleeper(void *unused)
{
	for (;;)
		pause();
	return NULL;
}

static int threads(const char *nr)
{
	pthread_attr_t attr;
	pthread_t thread;
	int i, err = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32 * KB);
	for (i = 0; !err && i < atoi(nr); i++)
		err = pthread_create(&thread, &attr, sleeper, NULL);
	return err;
}

static int processes(const char *nr)
{
	pid_t pid;
	int i;

	for (i = 0; i < atoi(nr); i++) {
		pid = fork();
		if (pid < 0)
			return errno;
		if (!pid)
			sleeper(NULL);
	}
	return 0;
}

static int files(const char *nr)
{
	struct rlimit limit = { atoi(nr) + 10, atoi(nr) + 10 };
	int i;

	if (setrlimit(RLIMIT_NOFILE, &limit))
		return errno;
	for (i = 0; i < atoi(nr); i++)
		if (eventfd(0, 0) < 0)
			return errno;
	return 0;
}

static int mappings(const char *nr)
{
	char *at = (char *)FAIL_PAGE + (1UL << 30);
	int i;

	for (i = 0; i < atoi(nr); i++, at += 8192)
		if (mmap(at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			 -1, 0) != at)
			return errno;
	return 0;
}

/* Pages that child and parent share, which are remembered one by one. */
static int shared_pages(const char *nr)
{
	size_t len = atoi(nr) * 4 * KB;
	char *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return errno;
	memset(memory, 's', len);
	return processes("1");
}

const struct fail_target fail_targets[] = {
	{ "threads", threads },
	{ "processes", processes },
	{ "files", files },
	{ "mappings", mappings },
	{ "shared_pages", shared_pages },
	{ }
};

FIXTURE(group_with_many) {
	struct exhaust e;
	struct exhaust_job *job;
	pid_t target;
};

FIXTURE_VARIANT(group_with_many) {
	const char *target, *some, *many;
};

#define MANY(what, few, lots) \
FIXTURE_VARIANT_ADD(group_with_many, what) { .target = #what, .some = few, .many = lots }

MANY(threads, "60", "400");
MANY(processes, "30", "150");
MANY(files, "300", "30000");
MANY(mappings, "300", "30000");
MANY(shared_pages, "300", "10000");

FIXTURE_SETUP(group_with_many)
{
	ASSERT_EQ(0, exhaust_setup(&self->e));
	self->job = self->e.job;
	self->target = fail_start(&self->e.group, variant->target,
				  exhaust_can_measure() ? variant->many : variant->some);
	ASSERT_LT(0, self->target) {
		TH_LOG("%s", strerror(-self->target));
	}
}

FIXTURE_TEARDOWN(group_with_many)
{
	exhaust_teardown(&self->e);
}

/* From nothing to enough: whatever is the first that there is no memory for. */
TEST_F(group_with_many, runs_on_when_the_caller_has_no_memory)
{
	unsigned long kb, refused = 0, killed = 0, silent = 0;
	char text[24];
	int err = -1;

	self->job->image_fd = memfd_create("image", MFD_CLOEXEC);
	for (kb = 128; err && kb < 256 * KB; kb += kb / 4) {
		snprintf(text, sizeof(text), "%luK", kb);
		ASSERT_EQ(0, fail_group_write(&self->e.caller, "memory.max", text));
		/* by turns one that the OOM killer takes, and one that it does not */
		self->job->survives = !self->job->survives;
		ASSERT_EQ(0, ftruncate(self->job->image_fd, 0));
		lseek(self->job->image_fd, 0, SEEK_SET);
		err = exhaust_call(&self->e);
		if (!self->job->done) {
			killed++;
		} else if (err) {
			refused++;
			EXPECT_EQ(-ENOMEM, err);
			/* but where the log itself is what there is no memory for */
			silent += self->job->report.result.stage &&
				  !fail_logged(&self->job->report, "level=error");
		}
		ASSERT_TRUE(fail_beats(self->target)) {
			TH_LOG("%s: no heartbeat", text);
		}
	}
	EXPECT_EQ(0, err);
	EXPECT_NE(0, refused + killed);
	EXPECT_EQ(0, silent) {
		TH_LOG("refused %lu times without a word in the log", silent);
	}
	TH_LOG("refused %lu times, the caller killed %lu times, enough are %lu KB", refused,
	       killed, kb);
	close(self->job->image_fd);
}

static int wait_for_word(struct exhaust_job *job)
{
	while (!*(volatile unsigned long *)&job->value)
		fail_nap(1);
	return 0;
}

TEST_F(group_with_many, is_charged_to_the_caller)
{
	long all, own;
	char buf[4096];
	int ends[2];

	if (!exhaust_can_measure())
		SKIP(return, "checkers of this kernel take memory of their own");
	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	fcntl(ends[1], F_SETPIPE_SZ, 4096);
	self->job->image_fd = ends[1];
	self->job->prepare = wait_for_word;
	ASSERT_EQ(0, exhaust_begin(&self->e));
	fail_nap(100);
	all = exhaust_kernel_of_all();
	own = exhaust_kernel_of(&self->e);
	self->job->value = 1;
	ASSERT_TRUE(exhaust_waits(&self->e, ends[0], true));
	all = exhaust_kernel_of_all() - all;
	own = exhaust_kernel_of(&self->e) - own;
	TH_LOG("the kernel took %ld, of which the caller was charged %ld", all, own);
	EXPECT_GE(own + own / 32 + (long)MB, all);
	close(ends[1]);
	while (read(ends[0], buf, sizeof(buf)) > 0)
		;
	EXPECT_EQ(0, exhaust_end(&self->e));
	EXPECT_TRUE(fail_beats(self->target));
	close(ends[0]);
}

TEST_HARNESS_MAIN
