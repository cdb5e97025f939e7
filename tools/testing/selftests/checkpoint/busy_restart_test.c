// SPDX-License-Identifier: GPL-2.0
/*
 * What an administrator does to the group of a restart while its tasks are
 * made, and to its caller: the call is kept in the midst by an empty pipe.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "exhaust.h"
#include "fail_rich.h"

const struct fail_target fail_targets[] = {
	{ "plain", NULL },
	{ "rich", fail_rich },
	{ }
};

/* How the call is to end: what comes through the pipe at last. */
FIXTURE(restarting) {
	struct exhaust e;
	struct exhaust_job *job;
	struct fail_group other;
	struct fail_image image;
	pid_t root, child;
	int pipe, err;
};

FIXTURE_VARIANT(restarting) {
	bool whole;
};

FIXTURE_VARIANT_ADD(restarting, a_whole_image) { .whole = true };
FIXTURE_VARIANT_ADD(restarting, a_truncated_image) { .whole = false };

static void feed(int fd, const uint8_t *data, size_t len)
{
	ssize_t n;

	for (; len; data += n, len -= n) {
		n = write(fd, data, len);
		if (n < 0)
			return;
	}
}

/* Else it would wait for itself where the image ends too early. */
static int close_other_end(struct exhaust_job *job)
{
	return close(job->value) ? errno : 0;
}

/* All tasks are made, and none of the contents have come. */
static bool begin(FIXTURE_DATA(restarting) *self)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return false;
	self->job->image_fd = ends[0];
	self->job->value = ends[1];
	self->job->prepare = close_other_end;
	if (exhaust_begin(&self->e))
		return false;
	close(ends[0]);
	self->pipe = ends[1];
	feed(self->pipe, self->image.data,
	     self->image.rec[fail_image_find(&self->image, CKPT_REC_CONTENT, 0)].end);
	return exhaust_waits(&self->e, self->pipe, false);
}

static void feed_rest(FIXTURE_DATA(restarting) *self, bool whole)
{
	size_t sent = self->image.rec[fail_image_find(&self->image, CKPT_REC_CONTENT, 0)].end;

	if (whole)
		feed(self->pipe, self->image.data + sent, self->image.len - sent);
	close(self->pipe);
}

static void end(FIXTURE_DATA(restarting) *self, bool whole)
{
	feed_rest(self, whole);
	self->err = exhaust_end(&self->e);
}

FIXTURE_SETUP(restarting)
{
	pid_t pids[8];
	int fd;

	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, exhaust_setup(&self->e));
	ASSERT_EQ(0, fail_group_below(&self->other, &self->e.group, "other"));
	ASSERT_EQ(0, fail_rich_files());
	fd = fail_image_of(&self->e.group, "rich", &self->image);
	ASSERT_LT(0, fd);
	close(fd);
	ASSERT_LE(3, fail_image_pids(&self->image, pids, 8));
	self->root = pids[0];
	self->child = pids[2];
	self->job = self->e.job;
	self->job->restarts = true;
	ASSERT_TRUE(begin(self));
}

FIXTURE_TEARDOWN(restarting)
{
	fail_image_free(&self->image);
	fail_group_end(&self->other);
	exhaust_teardown(&self->e);
}

static int admin(FIXTURE_DATA(restarting) *self, const char *file, const char *text)
{
	return fail_group_write(&self->e.group, file, text);
}

/* A failure leaves nobody: no child of the caller, which went to the test if so. */
static void expect_nobody(struct __test_metadata *_metadata, FIXTURE_DATA(restarting) *self)
{
	EXPECT_FALSE(exhaust_left(&self->e)) {
		TH_LOG("%d, children: %d, log: %s", self->err, !fail_no_children(),
		       self->job->report.log);
	}
}

/*
 * One that was killed has not waited for its children: they are dead, too, and
 * go where orphans go.
 */
#define EXPECT_NOBODY_LIVES()							\
do {										\
	EXPECT_TRUE(fail_group_empty(&self->e.group));				\
	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)				\
		;								\
	EXPECT_TRUE(fail_no_children());					\
} while (0)

TEST_F(restarting, in_a_group_that_is_frozen_is_frozen_at_last)
{
	EXPECT_EQ(0, admin(self, "cgroup.freeze", "1"));
	end(self, variant->whole);
	if (variant->whole) {
		EXPECT_EQ(0, self->err) {
			TH_LOG("%s", self->job->report.log);
		}
		EXPECT_TRUE(fail_is_still(self->root));
		EXPECT_EQ(0, admin(self, "cgroup.freeze", "0"));
		EXPECT_TRUE(fail_beats(self->root));
	} else {
		EXPECT_EQ(-EBADMSG, self->err);
		expect_nobody(_metadata, self);
	}
}

TEST_F(restarting, in_a_group_that_is_frozen_and_thawed_goes_on)
{
	EXPECT_EQ(0, admin(self, "cgroup.freeze", "1"));
	EXPECT_EQ(0, admin(self, "cgroup.freeze", "0"));
	end(self, variant->whole);
	if (variant->whole) {
		EXPECT_EQ(0, self->err) {
			TH_LOG("%s", self->job->report.log);
		}
		EXPECT_TRUE(fail_beats(self->root));
	} else {
		EXPECT_EQ(-EBADMSG, self->err);
		expect_nobody(_metadata, self);
	}
}

TEST_F(restarting, in_a_group_that_is_killed_leaves_nobody)
{
	EXPECT_EQ(0, admin(self, "cgroup.kill", "1"));
	end(self, variant->whole);
	EXPECT_TRUE(self->err == -EINTR || (!variant->whole && self->err == -EBADMSG));
	EXPECT_NE(NULL, fail_logged(&self->job->report, "level=error"));
	EXPECT_NOBODY_LIVES();
}

TEST_F(restarting, in_a_group_that_is_killed_while_frozen_leaves_nobody)
{
	EXPECT_EQ(0, admin(self, "cgroup.freeze", "1"));
	EXPECT_EQ(0, admin(self, "cgroup.kill", "1"));
	end(self, variant->whole);
	EXPECT_TRUE(self->err == -EINTR || (!variant->whole && self->err == -EBADMSG));
	EXPECT_NOBODY_LIVES();
}

TEST_F(restarting, keeps_its_group_from_removal)
{
	EXPECT_EQ(-1, rmdir(self->e.group.path));
	EXPECT_EQ(EBUSY, errno);
	end(self, variant->whole);
	EXPECT_EQ(variant->whole ? 0 : -EBADMSG, self->err);
}

TEST_F(restarting, is_where_its_tasks_were_moved)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", self->root);
	EXPECT_EQ(0, fail_group_write(&self->other, "cgroup.procs", text));
	end(self, variant->whole);
	if (variant->whole) {
		EXPECT_EQ(0, self->err);
		EXPECT_EQ(1, fail_group_has(&self->other, "cgroup.procs", text));
		EXPECT_TRUE(fail_beats(self->root));
	} else {
		EXPECT_EQ(-EBADMSG, self->err);
		expect_nobody(_metadata, self);
	}
}

TEST_F(restarting, is_not_to_be_traced)
{
	int status;

	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, self->root, NULL, NULL));
	feed_rest(self, variant->whole);
	/* as for any parent, a traced child is the tracer's to wait for first */
	while (waitpid(self->root, &status, __WALL) < 0 && errno == EINTR)
		;
	EXPECT_TRUE(WIFSIGNALED(status));
	self->err = exhaust_end(&self->e);
	EXPECT_EQ(variant->whole ? -EPERM : -EBADMSG, self->err) {
		TH_LOG("%s", self->job->report.log);
	}
	expect_nobody(_metadata, self);
}

static bool caller_is_gone(void *arg)
{
	struct exhaust *e = arg;
	siginfo_t info = { };

	return !waitid(P_PID, e->pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid;
}

/*
 * Only who traces a task can wait for its end. That it does not is nothing that the
 * caller should have to wait for: here it does so when the caller is gone, or should be.
 */
static void kill_caller_of_traced(struct __test_metadata *_metadata,
				  FIXTURE_DATA(restarting) *self, unsigned long options)
{
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, self->child, NULL, options));
	EXPECT_EQ(0, kill(self->e.pid, SIGKILL));
	close(self->pipe);
	EXPECT_TRUE(fail_poll(caller_is_gone, &self->e, 20000));
	fail_group_write(&self->e.group, "cgroup.kill", "1");
	while (waitpid(self->child, NULL, __WALL) == self->child &&
	       !ptrace(PTRACE_CONT, self->child, NULL, NULL))
		;
	EXPECT_EQ(-EINTR, exhaust_end(&self->e));
	fail_group_clear(&self->e.group);
	EXPECT_NOBODY_LIVES();
}

TEST_F(restarting, by_a_killed_caller_does_not_wait_for_a_tracer)
{
	kill_caller_of_traced(_metadata, self, 0);
}

TEST_F(restarting, by_a_killed_caller_does_not_wait_for_a_tracer_at_the_exit)
{
	kill_caller_of_traced(_metadata, self, PTRACE_O_TRACEEXIT);
}

TEST_F(restarting, whose_tasks_are_sent_stops_is_stopped_at_last)
{
	EXPECT_EQ(0, kill(self->root, SIGSTOP));
	end(self, variant->whole);
	if (variant->whole) {
		EXPECT_EQ(0, self->err);
		EXPECT_TRUE(fail_is_still(self->root));
		EXPECT_EQ(0, kill(self->root, SIGCONT));
		EXPECT_TRUE(fail_beats(self->root));
	} else {
		EXPECT_EQ(-EBADMSG, self->err);
		expect_nobody(_metadata, self);
	}
}

TEST_F(restarting, whose_tasks_are_killed_leaves_nobody)
{
	EXPECT_EQ(0, kill(self->root, SIGKILL));
	end(self, variant->whole);
	EXPECT_TRUE(self->err == -EINTR || (!variant->whole && self->err == -EBADMSG));
	EXPECT_NOBODY_LIVES();
}

TEST_F(restarting, by_a_caller_that_is_to_stop_is_done_before)
{
	int status;

	EXPECT_EQ(0, kill(self->e.pid, SIGSTOP));
	feed_rest(self, variant->whole);
	EXPECT_EQ(self->e.pid, waitpid(self->e.pid, &status, WUNTRACED));
	EXPECT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(0, kill(self->e.pid, SIGCONT));
	self->err = exhaust_end(&self->e);
	EXPECT_TRUE(self->err == (variant->whole ? 0 : -EBADMSG) || self->err == -EINTR);
	if (self->err)
		expect_nobody(_metadata, self);
	else
		EXPECT_TRUE(fail_beats(self->root));
}

TEST_F(restarting, by_a_caller_whose_group_is_frozen_is_done_before)
{
	EXPECT_EQ(0, fail_group_write(&self->e.caller, "cgroup.freeze", "1"));
	feed_rest(self, variant->whole);
	/* frozen only when it has left the call */
	while (fail_group_has(&self->e.caller, "cgroup.events", "frozen 0") == 1)
		fail_nap(2);
	if (!variant->whole)
		EXPECT_TRUE(fail_group_empty(&self->e.group));
	EXPECT_EQ(0, fail_group_write(&self->e.caller, "cgroup.freeze", "0"));
	self->err = exhaust_end(&self->e);
	EXPECT_EQ(variant->whole ? 0 : -EBADMSG, self->err);
	if (self->err)
		expect_nobody(_metadata, self);
	else
		EXPECT_TRUE(fail_beats(self->root));
}

TEST_HARNESS_MAIN
