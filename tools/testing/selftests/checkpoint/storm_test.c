// SPDX-License-Identifier: GPL-2.0
/*
 * 32 callers at once, in the midst of storms: groups that are checkpointed by
 * several, restarts into groups that are frozen and killed, and tasks that
 * fork, exec, exit, are traced, moved, stopped and killed. CKPT_SECONDS says for
 * how long. Whatever the verdicts, they are documented, nothing is left, and
 * who was not killed runs on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_rich.h"
#include "storm.h"

#define SAVERS		16
#define RESTARTERS	16
#define SAMPLE		5

static int brief(const char *arg)
{
	_exit(0);
}

const struct fail_target fail_targets[] = {
	{ "plain", NULL },
	{ "brief", brief },
	{ "chaos", storm_live },
	{ }
};

FIXTURE(storm) {
	struct storm *storm;
	pid_t helper[64];
	int helpers, image_fd;
	time_t seconds;
};

FIXTURE_SETUP(storm)
{
	const char *seconds = getenv("CKPT_SECONDS");
	struct storm *storm = storm_new();
	struct fail_group group;
	int i;

	self->storm = storm;
	ASSERT_NE(NULL, storm);
	self->seconds = seconds && *seconds ? atol(seconds) : SAMPLE;
	fail_become_reaper();
	ASSERT_EQ(0, fail_group_make(&group));
	ASSERT_LT(0, fail_start(&group, "plain", NULL));
	self->image_fd = fail_save(&group);
	ASSERT_LT(0, self->image_fd);
	fail_group_end(&group);
	storm->image_fd = self->image_fd;
	for (i = 0; i < STORM_ROOMS; i++)
		ASSERT_EQ(0, fail_group_make(&storm->room[i]));
	for (i = 0; i < STORM_GROUPS; i++) {
		ASSERT_EQ(0, fail_group_make(&storm->group[i]));
		storm->steady[i] = fail_start(&storm->group[i], "plain", NULL);
		ASSERT_LT(0, storm->steady[i]);
	}
}

FIXTURE_TEARDOWN(storm)
{
	char below[128];
	int i;

	for (i = 0; i < STORM_GROUPS; i++) {
		/* not removed by the administrator while the group was held */
		snprintf(below, sizeof(below), "%s/below", self->storm->group[i].path);
		rmdir(below);
		fail_group_end(&self->storm->group[i]);
	}
	for (i = 0; i < STORM_ROOMS; i++)
		fail_group_end(&self->storm->room[i]);
	close(self->image_fd);
	storm_free(self->storm);
}

/* ---- Callers ---- */

static void save(struct storm *storm, int me)
{
	struct fail_report *report = malloc(sizeof(*report));
	int fd = memfd_create("image", MFD_CLOEXEC), err;
	bool check;

	while (!storm->over) {
		check = !storm_dice(4);
		lseek(fd, 0, SEEK_SET);
		err = fail_checkpoint(&storm->group[storm_dice(STORM_GROUPS)], check ? 0 : fd,
				      check ? CHECKPOINT_CHECK : 0, 3000, report);
		storm_verdict(storm, &storm->saves, storm_checkpoint_errors, err, report);
		storm_count(storm, STORM_SAVED);
	}
}

/* As pid 1 of a namespace, where all numbers are free, and nobody is lost. */
static void restart(struct storm *storm, int me)
{
	struct fail_report *report = malloc(sizeof(*report));
	char image[32];
	bool calm;
	int fd, err, nr;

	snprintf(image, sizeof(image), "/proc/self/fd/%d", storm->image_fd);
	fd = open(image, O_RDONLY | O_CLOEXEC);
	while (!storm->over) {
		nr = storm_dice(STORM_ROOMS);
		calm = nr % 2;
		lseek(fd, 0, SEEK_SET);
		err = fail_restart(fd, &storm->room[nr], 0, report);
		storm_verdict(storm, &storm->restarts, storm_restart_errors, err, report);
		storm_count(storm, STORM_RESTARTED);
		if (err && !fail_no_children())
			storm_complain(storm, "a restart that failed left a child: %s, %s",
				       strerror(-err), report->log);
		if (!err && calm && !fail_beats(report->pid))
			storm_complain(storm, "a restart that was done has no heartbeat");
		if (!err)
			kill(report->pid, SIGKILL);
		while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
			;
	}
}

typedef void (*caller_fn)(struct storm *storm, int me);

struct caller {
	struct storm *storm;
	caller_fn call;
	bool apart;
	int nr;
};

static int mount_proc(void)
{
	return unshare(CLONE_NEWNS) ?: mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ?:
	       mount("proc", "/proc", "proc", 0, NULL);
}

/* A caller that is killed is followed by another. */
static void callers(void *arg)
{
	struct caller *caller = arg;
	struct storm *storm = caller->storm;
	pid_t pid;

	while (!storm->over) {
		if (caller->apart && unshare(CLONE_NEWPID))
			_exit(1);
		pid = fork();
		if (!pid) {
			if (caller->apart && mount_proc())
				_exit(1);
			caller->call(storm, caller->nr);
			_exit(0);
		}
		storm->caller[caller->nr] = pid;
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		storm->caller[caller->nr] = 0;
		/* its namespace for children is gone with it */
		if (caller->apart)
			break;
	}
}

/* A namespace lasts as long as its pid 1, so each needs a process of its own. */
static void callers_apart(void *arg)
{
	struct caller *caller = arg;
	pid_t pid;

	while (!caller->storm->over) {
		pid = fork();
		if (!pid) {
			callers(arg);
			_exit(0);
		}
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
}

static void help(FIXTURE_DATA(storm) *self, void (*fn)(void *), void *arg)
{
	self->helper[self->helpers++] = fail_helper(fn, arg);
}

static void be_over(FIXTURE_DATA(storm) *self)
{
	int i;

	self->storm->over = true;
	for (i = 0; i < SAVERS + RESTARTERS; i++)
		if (self->storm->caller[i] > 0)
			kill(self->storm->caller[i], SIGCONT);
	for (i = 0; i < self->helpers; i++)
		while (waitpid(self->helper[i], NULL, 0) < 0 && errno == EINTR)
			;
}

static bool all_were_called(struct storm *storm)
{
	return storm->saves.nr[0] && storm->restarts.nr[0];
}

static bool is_empty(void *room)
{
	return fail_group_empty(room);
}

TEST_F_TIMEOUT(storm, harms_nobody, FOR_EVER)
{
	static const char *const names[] = {
		"saved", "restarted", "born", "traced", "moved", "mounted", "signalled",
		"frozen", "callers killed",
	};
	void (*const storms[])(void *) = {
		storm_of_births, storm_of_tracers, storm_of_moves, storm_of_mounts,
		storm_of_signals, storm_of_freezes,
	};
	struct caller caller[SAVERS + RESTARTERS];
	struct storm *storm = self->storm;
	struct fail_report report;
	time_t end = time(NULL) + self->seconds;
	unsigned int i, j;
	int err;

	for (i = 0; i < ARRAY_SIZE(storms); i++)
		help(self, storms[i], storm);
	for (i = 0; i < SAVERS + RESTARTERS; i++) {
		caller[i] = (struct caller){ storm, i % 2 ? restart : save, i % 2, i };
		help(self, i % 2 ? callers_apart : callers, &caller[i]);
	}
	while (time(NULL) < end || (!all_were_called(storm) && !storm->complaints))
		fail_nap(100);
	be_over(self);

	storm_tell("checkpoint", &storm->saves);
	storm_tell("restart", &storm->restarts);
	for (i = 0; i < STORM_EVENTS; i++)
		fprintf(stderr, "# %lu %s\n", storm->events[i], names[i]);
	EXPECT_EQ(0, storm->complaints) {
		TH_LOG("%s", storm->complaint);
	}

	/* what was restarted by callers that were killed went with their namespaces */
	for (i = 0; i < STORM_ROOMS; i++) {
		fail_group_write(&storm->room[i], "cgroup.freeze", "0");
		EXPECT_TRUE(fail_poll(is_empty, &storm->room[i], 20000));
	}
	for (i = 0; i < STORM_GROUPS; i++) {
		fail_group_write(&storm->group[i], "cgroup.freeze", "0");
		for (j = 0; j < STORM_CHAOS; j++)
			if (storm->chaos[i][j] > 0)
				kill(storm->chaos[i][j], SIGKILL);
		kill(storm->steady[i], SIGCONT);
	}
	for (i = 0; i < STORM_GROUPS; i++) {
		EXPECT_TRUE(fail_beats(storm->steady[i])) {
			TH_LOG("group %u has no heartbeat", i);
		}
		/* nobody holds it, and nobody is in it that was not */
		for (j = 0; j < 500; j++) {
			err = fail_checkpoint(&storm->group[i], 0, CHECKPOINT_CHECK, 0, &report);
			if (!err && report.result.threads == 1)
				break;
			while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
				;
			fail_nap(10);
		}
		EXPECT_EQ(0, err) {
			TH_LOG("group %u: %s", i, report.log);
		}
		EXPECT_EQ(1, report.result.threads);
	}
}

TEST_HARNESS_MAIN
