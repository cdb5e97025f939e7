// SPDX-License-Identifier: GPL-2.0
/*
 * Death and signals in the midst of both calls, which are kept there by a pipe
 * that is full or empty.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_rich.h"

/* Leads a session and a group that its child is in too. */
static int lead(const char *arg)
{
	if (setsid() < 0)
		return errno;
	if (!fork())
		for (;;)
			pause();
	return 0;
}

const struct fail_target fail_targets[] = {
	{ "plain", NULL },
	{ "leader", lead },
	{ "rich", fail_rich },
	{ }
};

/* What a helper that makes a call shares with the test. */
struct job {
	struct fail_report report;
	volatile int err;
	volatile int done;
	volatile int signals;
	bool restarts, reaps;
	int fd;
	struct fail_group group;
};

FIXTURE(killing) {
	struct fail_group group;
	struct job *job;
	struct fail_report report;
	int ends[2];
	pid_t target, rich, helper;
};

static struct job *the_job;

static void on_signal(int sig)
{
	the_job->signals++;
}

static void *reap_all(void *unused)
{
	for (;;)
		if (waitpid(-1, NULL, __WALL) < 0)
			fail_nap(2);
	return NULL;
}

static void do_job(void *arg)
{
	struct job *job = arg;
	struct sigaction sa = { .sa_handler = on_signal };
	pthread_t thread;

	the_job = job;
	sigaction(SIGUSR1, &sa, NULL);
	if (job->reaps)
		pthread_create(&thread, NULL, reap_all, NULL);
	if (job->restarts)
		job->err = fail_restart(job->fd, &job->group, 0, &job->report);
	else
		job->err = fail_checkpoint(&job->group, job->fd, 0, 0, &job->report);
	job->done = 1;
	if (job->restarts && !job->err)
		pause();
}

FIXTURE_SETUP(killing)
{
	fail_become_reaper();
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, fail_group_make(&self->group));
	self->job = mmap(NULL, sizeof(*self->job), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->job);
	self->job->group = self->group;
	ASSERT_EQ(0, pipe2(self->ends, O_CLOEXEC));
	fcntl(self->ends[0], F_SETPIPE_SZ, 4096);
	self->target = fail_start(&self->group, "plain", NULL);
	ASSERT_LT(0, self->target);
	self->rich = fail_start(&self->group, "rich", NULL);
	ASSERT_LT(0, self->rich);
}

FIXTURE_TEARDOWN(killing)
{
	if (self->helper > 0) {
		kill(self->helper, SIGKILL);
		waitpid(self->helper, NULL, 0);
	}
	fail_group_end(&self->group);
	munmap(self->job, sizeof(*self->job));
}

/* Does the helper wait for the pipe, full or empty? Not just for a moment. */
static bool is_stuck(void *arg)
{
	FIXTURE_DATA(killing) *self = arg;
	int i, queued;

	for (i = 0; i < 5; i++) {
		if (ioctl(self->ends[0], FIONREAD, &queued) ||
		    (self->job->restarts ? queued : !queued) ||
		    fail_state(self->helper) != 'D')
			return false;
		fail_nap(4);
	}
	return true;
}

static bool is_done(void *arg)
{
	return ((struct job *)arg)->done;
}

static bool start_checkpoint(FIXTURE_DATA(killing) *self)
{
	self->job->fd = self->ends[1];
	self->helper = fail_helper(do_job, self->job);
	return fail_poll(is_stuck, self, 10000);
}

/* Read the rest of what the helper writes, until it is done. */
static void drain(FIXTURE_DATA(killing) *self, int to)
{
	char buf[4096];
	ssize_t n;

	fcntl(self->ends[0], F_SETFL, O_NONBLOCK);
	while (!self->job->done || !ioctl(self->ends[0], FIONREAD, &n)) {
		n = read(self->ends[0], buf, sizeof(buf));
		if (n > 0 && to >= 0 && write(to, buf, n) != n)
			return;
		if (n <= 0) {
			if (self->job->done)
				return;
			fail_nap(1);
		}
	}
}

/* ---- checkpoint(2) ---- */

TEST_F(killing, a_target_during_its_checkpoint_is_noticed_and_others_run_on)
{
	ASSERT_TRUE(start_checkpoint(self));
	EXPECT_TRUE(fail_is_still(self->rich));
	kill(self->target, SIGKILL);
	fail_nap(20);
	drain(self, -1);
	EXPECT_EQ(-ESRCH, self->job->err);
	EXPECT_NE(NULL, fail_logged(&self->job->report, "pid="));
	EXPECT_TRUE(fail_beats(self->rich));
	EXPECT_EQ(self->target, waitpid(self->target, NULL, 0));
}

TEST_F(killing, all_targets_during_their_checkpoint_is_noticed)
{
	ASSERT_TRUE(start_checkpoint(self));
	EXPECT_EQ(0, fail_group_write(&self->group, "cgroup.kill", "1"));
	fail_nap(20);
	drain(self, -1);
	EXPECT_EQ(-ESRCH, self->job->err);
	EXPECT_TRUE(fail_poll((bool (*)(void *))fail_group_empty, &self->group, 3000));
}

TEST_F(killing, the_caller_of_checkpoint_lets_the_group_run_on)
{
	ASSERT_TRUE(start_checkpoint(self));
	EXPECT_TRUE(fail_is_still(self->target));
	kill(self->helper, SIGKILL);
	EXPECT_EQ(self->helper, waitpid(self->helper, NULL, 0));
	self->helper = 0;
	EXPECT_TRUE(fail_beats(self->target));
	EXPECT_TRUE(fail_beats(self->rich));
	/* and the hold is gone */
	EXPECT_LT(0, fail_save(&self->group));
}

TEST_F(killing, not_the_caller_of_checkpoint_a_signal_waits_until_it_is_done)
{
	struct fail_image image;
	int fd = memfd_create("image", MFD_CLOEXEC);

	ASSERT_TRUE(start_checkpoint(self));
	kill(self->helper, SIGUSR1);
	kill(self->helper, SIGSTOP);
	fail_nap(30);
	kill(self->helper, SIGCONT);
	EXPECT_EQ(0, self->job->signals);
	EXPECT_EQ(0, self->job->done);
	drain(self, fd);
	EXPECT_TRUE(fail_poll(is_done, self->job, 3000));
	EXPECT_EQ(0, self->job->err);
	EXPECT_EQ(1, self->job->signals);
	EXPECT_EQ(0, fail_image_read(&image, fd));
	EXPECT_EQ(self->job->report.result.bytes, image.len);
	EXPECT_TRUE(fail_beats(self->target));
}

TEST_F(killing, a_pipe_as_image_is_EPIPE_without_a_signal)
{
	self->job->fd = self->ends[1];
	close(self->ends[0]);
	/* SIGPIPE is at its default: it would kill the test */
	EXPECT_EQ(-EPIPE, fail_checkpoint(&self->group, self->ends[1], 0, 0, &self->report));
	EXPECT_EQ(CKPT_STAGE_WRITE, self->report.result.stage);
	EXPECT_TRUE(fail_beats(self->target));
}

/* ---- restart(2) ---- */

/* The image of the group, which is dead by now; @until bytes are in the pipe. */
static bool start_restart(FIXTURE_DATA(killing) *self, struct fail_image *image,
			  bool contents, bool reaps, size_t *until)
{
	int fd = fail_save(&self->group), rec;

	if (fd < 0 || fail_image_read(image, fd))
		return false;
	close(fd);
	fail_group_clear(&self->group);
	rec = fail_image_find(image, contents ? CKPT_REC_CONTENT : CKPT_REC_MM, 0);
	*until = image->rec[rec].at + (contents ? 4096 + 4096 + 100 : 100);
	self->job->fd = self->ends[0];
	self->job->restarts = true;
	self->job->reaps = reaps;
	fcntl(self->ends[0], F_SETPIPE_SZ, 1 << 20);
	if (write(self->ends[1], image->data, *until) != (ssize_t)*until)
		return false;
	self->helper = fail_helper(do_job, self->job);
	return fail_poll(is_stuck, self, 10000);
}

struct freed {
	FIXTURE_DATA(killing) *self;
	const struct fail_image *image;
};

static bool is_free(void *arg)
{
	struct freed *freed = arg;

	return fail_image_is_gone(freed->image, &freed->self->group);
}

static void kill_caller(struct __test_metadata *_metadata, FIXTURE_DATA(killing) *self,
			bool contents)
{
	struct fail_image image;
	struct freed freed = { self, &image };
	size_t until;

	ASSERT_TRUE(start_restart(self, &image, contents, false, &until));
	if (contents)
		EXPECT_FALSE(fail_group_empty(&self->group));
	kill(self->helper, SIGKILL);
	EXPECT_EQ(self->helper, waitpid(self->helper, NULL, 0));
	self->helper = 0;
	EXPECT_TRUE(fail_poll(is_free, &freed, 3000));
	EXPECT_EQ(0, fail_image_restart(&image, &self->group, 0, &self->report)) {
		TH_LOG("%s", self->report.log);
	}
}

TEST_F(killing, the_caller_of_restart_in_metadata_leaves_nothing)
{
	kill_caller(_metadata, self, false);
}

TEST_F(killing, the_caller_of_restart_in_contents_leaves_nothing)
{
	kill_caller(_metadata, self, true);
}

TEST_F(killing, not_the_caller_of_restart_a_signal_waits_until_it_is_done)
{
	struct fail_image image;
	size_t until;

	ASSERT_TRUE(start_restart(self, &image, true, false, &until));
	kill(self->helper, SIGUSR1);
	fail_nap(30);
	EXPECT_EQ(0, self->job->signals);
	write(self->ends[1], image.data + until, image.len - until);
	EXPECT_TRUE(fail_poll(is_done, self->job, 5000));
	EXPECT_EQ(0, self->job->err);
	EXPECT_EQ(1, self->job->signals);
	EXPECT_TRUE(fail_beats(self->job->report.pid));
}

static void kill_new(struct __test_metadata *_metadata, FIXTURE_DATA(killing) *self,
		     bool reaps)
{
	struct fail_image image;
	struct freed freed = { self, &image };
	pid_t pids[64];
	size_t until;

	ASSERT_TRUE(start_restart(self, &image, true, reaps, &until));
	ASSERT_LT(0, fail_image_pids(&image, pids, 64));
	EXPECT_EQ(0, kill(pids[0], SIGKILL));
	fail_nap(50);
	EXPECT_EQ(reaps, fail_is_gone(pids[0]));
	write(self->ends[1], image.data + until, image.len - until);
	EXPECT_TRUE(fail_poll(is_done, self->job, 5000));
	EXPECT_EQ(-EINTR, self->job->err);
	EXPECT_TRUE(fail_poll(is_free, &freed, 3000));
}

TEST_F(killing, a_new_task_ends_the_restart)
{
	kill_new(_metadata, self, false);
}

TEST_F(killing, a_new_task_that_somebody_reaps_ends_the_restart)
{
	kill_new(_metadata, self, true);
}

/* Its number is gone with it, and others were to be in its session. */
TEST_F(killing, a_new_leader_that_somebody_reaps_ends_the_restart)
{
	fail_group_clear(&self->group);
	ASSERT_LT(0, fail_start(&self->group, "leader", NULL));
	kill_new(_metadata, self, true);
}

TEST_HARNESS_MAIN
