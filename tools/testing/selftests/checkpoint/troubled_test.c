// SPDX-License-Identifier: GPL-2.0
/*
 * Targets in trouble while they are checkpointed, over and over: one sort of
 * trouble at a time. The verdict is success, or the error that the trouble has;
 * afterwards the target is in the state that it was in, and runs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_rich.h"
#include "storm.h"

#define TIMES		40
#define HOG		(64UL << 20)

static int brief(const char *arg)
{
	_exit(0);
}

/* Takes memory until somebody takes it; again and again, in a child. */
static int hog(const char *arg)
{
	char *memory;
	pid_t pid;
	size_t i;

	FAIL_PAGE->ready = 1;
	for (;;) {
		FAIL_PAGE->beats++;
		pid = fork();
		if (pid) {
			if (pid > 0)
				waitpid(pid, NULL, 0);
			continue;
		}
		memory = mmap(NULL, HOG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			      -1, 0);
		for (i = 0; i < HOG; i += 4096)
			memory[i] = 1;
		_exit(0);
	}
}

const struct fail_target fail_targets[] = {
	{ "plain", NULL },
	{ "brief", brief },
	{ "chaos", storm_live },
	{ "hog", hog },
	{ }
};

FIXTURE(target) {
	struct fail_group group, other;
	struct fail_report report;
	volatile bool *over;
	pid_t pid, second, helper;
	int image;
};

struct trouble {
	FIXTURE_DATA(target) *self;
	pid_t target;
};

/* What is done, over and over; what verdicts that may have. */
FIXTURE_VARIANT(target) {
	void (*trouble)(FIXTURE_DATA(target) *self);
	const char *second, *how;	/* somebody else in the group, who makes it */
	const char *memory;
	int may[6];
};

static void stop_and_continue(FIXTURE_DATA(target) *self)
{
	kill(self->pid, SIGSTOP);
	kill(self->pid, SIGCONT);
}

static void attach_and_detach(FIXTURE_DATA(target) *self)
{
	int status, i;

	if (ptrace(PTRACE_SEIZE, self->pid, NULL, NULL))
		return;
	ptrace(PTRACE_INTERRUPT, self->pid, NULL, NULL);
	for (i = 0; i < 50 && waitpid(self->pid, &status, WNOHANG | __WALL) != self->pid; i++)
		fail_nap(1);
	ptrace(PTRACE_DETACH, self->pid, NULL, NULL);
}

static void move_out_and_in(FIXTURE_DATA(target) *self)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", self->second);
	fail_group_write(&self->other, "cgroup.procs", text);
	fail_group_write(&self->group, "cgroup.procs", text);
}

static void freeze_and_thaw(FIXTURE_DATA(target) *self)
{
	fail_group_write(&self->group, "cgroup.freeze", "1");
	fail_group_write(&self->group, "cgroup.freeze", "0");
}

/* Somebody new each time, who is not the helper's child to wait for, but the test's. */
static void start_and_kill(FIXTURE_DATA(target) *self)
{
	pid_t pid = fail_start_unready(&self->group, "plain", NULL);

	if (pid <= 0)
		return;
	fail_nap(3);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#define TROUBLE(name, ...) FIXTURE_VARIANT_ADD(target, name) { __VA_ARGS__ }

TROUBLE(stopped_and_continued, .trouble = stop_and_continue, .may = { ESRCH });
TROUBLE(traced_and_let_go, .trouble = attach_and_detach, .may = { EAGAIN, EBUSY });
TROUBLE(moved_out_and_in, .trouble = move_out_and_in, .second = "plain");
TROUBLE(frozen_and_thawed, .trouble = freeze_and_thaw);
TROUBLE(beside_one_that_is_killed, .trouble = start_and_kill, .may = { ESRCH });
TROUBLE(beside_one_that_forks, .second = "chaos", .how = "0");
TROUBLE(beside_one_that_execs, .second = "chaos", .how = "1", .may = { EAGAIN });
TROUBLE(beside_one_with_threads, .second = "chaos", .how = "2", .may = { EAGAIN });
TROUBLE(beside_one_with_changing_rights, .second = "chaos", .how = "3");
TROUBLE(beside_one_out_of_memory, .second = "hog", .memory = "16M", .may = { ESRCH });

FIXTURE_SETUP(target)
{
	fail_become_reaper();
	ASSERT_EQ(0, fail_group_make(&self->group));
	ASSERT_EQ(0, fail_group_make(&self->other));
	self->over = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->over);
	self->pid = fail_start(&self->group, "plain", NULL);
	ASSERT_LT(0, self->pid);
	self->image = memfd_create("image", MFD_CLOEXEC);
}

FIXTURE_TEARDOWN(target)
{
	if (self->helper > 0) {
		kill(self->helper, SIGKILL);
		waitpid(self->helper, NULL, 0);
	}
	close(self->image);
	munmap((void *)self->over, 4096);
	fail_group_end(&self->group);
	fail_group_end(&self->other);
}

static struct {
	FIXTURE_DATA(target) *self;
	void (*trouble)(FIXTURE_DATA(target) *self);
} maker;

static void make_trouble(void *unused)
{
	while (!*maker.self->over) {
		maker.trouble(maker.self);
		fail_nap(1);
	}
}

static bool may(const int *errors, int err)
{
	while (*errors && *errors != -err)
		errors++;
	return *errors;
}

TEST_F(target, in_trouble_is_saved_or_left_alone)
{
	int i, err, done = 0;

	if (variant->memory)
		ASSERT_EQ(0, fail_group_write(&self->group, "memory.max", variant->memory));
	if (variant->second) {
		self->second = fail_start(&self->group, variant->second, variant->how);
		ASSERT_LT(0, self->second);
	}
	if (variant->trouble) {
		maker.self = self;
		maker.trouble = variant->trouble;
		self->helper = fail_helper(make_trouble, NULL);
	}
	for (i = 0; i < TIMES; i++) {
		lseek(self->image, 0, SEEK_SET);
		err = fail_checkpoint(&self->group, self->image, 0, 0, &self->report);
		done += !err;
		ASSERT_TRUE(!err || may(variant->may, err)) {
			TH_LOG("time %d: %s: %s", i, strerror(-err), self->report.log);
		}
		EXPECT_TRUE(!err || self->report.log[0]);
	}
	TH_LOG("%d of %d times done", done, TIMES);
	*self->over = true;
	if (self->helper > 0) {
		waitpid(self->helper, NULL, 0);
		self->helper = 0;
	}
	EXPECT_EQ(1, fail_group_has(&self->group, "cgroup.freeze", "0"));
	EXPECT_TRUE(fail_beats(self->pid));
}

TEST_HARNESS_MAIN
