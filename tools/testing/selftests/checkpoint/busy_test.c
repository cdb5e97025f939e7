// SPDX-License-Identifier: GPL-2.0
/* The group: who holds it, what is refused meanwhile, and what becomes of it after. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_rich.h"

#define MOUNT_POINT	"/tmp/fail-mount"

/* Has a child in a system call that nothing but SIGKILL ends. */
static int uninterruptible(const char *arg)
{
	struct stat st;
	pid_t pid = fork();

	if (!pid) {
		stat(MOUNT_POINT, &st);
		fail_beat();
	}
	FAIL_PAGE->value[0] = pid;
	fail_nap(100);
	return pid < 0 ? errno : 0;
}

const struct fail_target fail_targets[] = {
	{ "plain", NULL },
	{ "rich", fail_rich },
	{ "uninterruptible", uninterruptible },
	{ }
};

/* Groups top/held/low; the target is in the middle one. */
FIXTURE(group) {
	struct fail_group top, held, low, other;
	struct fail_report report;
	int ends[2];
	pid_t target, helper;
};

FIXTURE_SETUP(group)
{
	fail_become_reaper();
	ASSERT_EQ(0, fail_group_make(&self->top));
	ASSERT_EQ(0, fail_group_below(&self->held, &self->top, "held"));
	ASSERT_EQ(0, fail_group_below(&self->low, &self->held, "low"));
	ASSERT_EQ(0, fail_group_below(&self->other, &self->top, "other"));
	self->target = fail_start(&self->held, "plain", NULL);
	ASSERT_LT(0, self->target);
	ASSERT_EQ(0, pipe2(self->ends, O_CLOEXEC));
	fcntl(self->ends[0], F_SETPIPE_SZ, 4096);
}

FIXTURE_TEARDOWN(group)
{
	if (self->helper > 0) {
		kill(self->helper, SIGKILL);
		waitpid(self->helper, NULL, 0);
	}
	fail_group_end(&self->low);
	fail_group_end(&self->held);
	fail_group_end(&self->other);
	fail_group_end(&self->top);
}

static void checkpoint_held(void *arg)
{
	FIXTURE_DATA(group) *self = arg;

	_exit(-fail_checkpoint(&self->held, self->ends[1], 0, 0, &self->report));
}

/* Did it write, and does no more come? */
static bool is_full(void *arg)
{
	int before = 0, after = 0;

	ioctl(*(int *)arg, FIONREAD, &before);
	fail_nap(40);
	ioctl(*(int *)arg, FIONREAD, &after);
	return before && before == after;
}

/* A checkpoint that stays in the midst, for its pipe is full. */
static bool hold(FIXTURE_DATA(group) *self)
{
	self->helper = fail_helper(checkpoint_held, self);
	return fail_poll(is_full, &self->ends[0], 10000);
}

/* Let it finish. Return: its verdict. */
static int let_go(FIXTURE_DATA(group) *self)
{
	char buf[4096];
	int status;

	close(self->ends[1]);
	while (read(self->ends[0], buf, sizeof(buf)) > 0)
		;
	waitpid(self->helper, &status, 0);
	self->helper = 0;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static int check(FIXTURE_DATA(group) *self, const struct fail_group *group)
{
	return fail_checkpoint(group, 0, CHECKPOINT_CHECK, 0, &self->report);
}

static int move(const struct fail_group *to, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	return fail_group_write(to, "cgroup.procs", text);
}

TEST_F(group, without_a_task_is_ESRCH)
{
	EXPECT_EQ(-ESRCH, check(self, &self->other));
	EXPECT_EQ(0, self->report.result.threads);
	EXPECT_NE(NULL, fail_logged(&self->report, "no tasks"));
}

TEST_F(group, that_is_the_root_cannot_be_held)
{
	struct fail_group root = { .fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY) };

	EXPECT_EQ(-EINVAL, check(self, &root));
	EXPECT_NE(0, self->report.log[0]);
}

TEST_F(group, that_was_removed_is_none)
{
	ASSERT_EQ(0, rmdir(self->low.path));
	EXPECT_EQ(-ENODEV, check(self, &self->low));
}

static void call_from_inside(void *arg)
{
	FIXTURE_DATA(group) *self = arg;

	if (move(&self->low, getpid()))
		_exit(1);
	_exit(-check(self, &self->held));
}

TEST_F(group, does_not_have_the_caller_inside)
{
	pid_t pid = fail_helper(call_from_inside, self);
	int status;

	waitpid(pid, &status, 0);
	EXPECT_EQ(EDEADLK, WEXITSTATUS(status));
	EXPECT_TRUE(fail_beats(self->target));
}

TEST_F(group, is_held_once)
{
	ASSERT_TRUE(hold(self));
	EXPECT_EQ(-EBUSY, check(self, &self->held));
	EXPECT_EQ(CKPT_STAGE_FREEZE, self->report.result.stage);
	EXPECT_NE(0, self->report.log[0]);
	EXPECT_EQ(-EBUSY, check(self, &self->low));
	EXPECT_EQ(-EBUSY, check(self, &self->top));
	EXPECT_EQ(-ESRCH, check(self, &self->other));
	/* the one that was refused took nothing away from the one that holds */
	EXPECT_TRUE(fail_is_still(self->target));
	EXPECT_EQ(0, let_go(self));
	EXPECT_EQ(0, check(self, &self->held));
	EXPECT_TRUE(fail_beats(self->target));
}

TEST_F(group, that_is_held_takes_and_gives_no_task)
{
	struct fail_group root = { .fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY) };
	pid_t sleeper = fail_start(&self->other, "plain", NULL);

	ASSERT_LT(0, sleeper);
	ASSERT_TRUE(hold(self));
	EXPECT_EQ(-EBUSY, move(&self->held, sleeper));
	EXPECT_EQ(-EBUSY, move(&self->low, sleeper));
	EXPECT_EQ(-EBUSY, move(&root, self->target));
	EXPECT_EQ(-EBUSY, move(&self->low, self->target));
	EXPECT_EQ(-EBUSY, fail_start_unready(&self->held, "plain", NULL));
	EXPECT_EQ(-1, rmdir(self->low.path));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(0, move(&root, sleeper));
	EXPECT_EQ(0, let_go(self));
	EXPECT_EQ(0, move(&self->held, sleeper));
	EXPECT_TRUE(fail_beats(sleeper));
	kill(sleeper, SIGKILL);
}

TEST_F(group, that_is_held_takes_no_restart)
{
	pid_t pid = fail_start(&self->other, "plain", NULL);
	int fd = fail_save(&self->other);

	ASSERT_LT(0, pid);
	ASSERT_LT(0, fd);
	kill(pid, SIGKILL);
	fail_reap(pid);
	ASSERT_TRUE(hold(self));
	EXPECT_EQ(-EBUSY, fail_restart(fd, &self->held, 0, &self->report));
	EXPECT_TRUE(fail_is_gone(pid));
	EXPECT_EQ(0, let_go(self));
}

TEST_F(group, frozen_while_it_is_held_is_frozen_after)
{
	ASSERT_TRUE(hold(self));
	EXPECT_EQ(0, fail_group_write(&self->held, "cgroup.freeze", "1"));
	EXPECT_EQ(0, let_go(self));
	EXPECT_TRUE(fail_is_still(self->target));
	EXPECT_EQ(0, fail_group_write(&self->held, "cgroup.freeze", "0"));
	EXPECT_TRUE(fail_beats(self->target));
}

TEST_F(group, frozen_and_thawed_while_it_is_held_runs_after)
{
	ASSERT_TRUE(hold(self));
	EXPECT_EQ(0, fail_group_write(&self->held, "cgroup.freeze", "1"));
	EXPECT_EQ(0, fail_group_write(&self->held, "cgroup.freeze", "0"));
	EXPECT_TRUE(fail_is_still(self->target));
	EXPECT_EQ(1, fail_group_has(&self->held, "cgroup.events", "frozen 1"));
	EXPECT_EQ(0, let_go(self));
	EXPECT_TRUE(fail_beats(self->target));
}

TEST_F(group, thawed_above_while_it_is_held_stays_held)
{
	EXPECT_EQ(0, fail_group_write(&self->top, "cgroup.freeze", "1"));
	ASSERT_TRUE(hold(self));
	EXPECT_EQ(0, fail_group_write(&self->top, "cgroup.freeze", "0"));
	EXPECT_TRUE(fail_is_still(self->target));
	EXPECT_EQ(0, let_go(self));
	EXPECT_TRUE(fail_beats(self->target));
}

TEST_F(group, that_was_frozen_stays_frozen)
{
	EXPECT_EQ(0, fail_group_write(&self->held, "cgroup.freeze", "1"));
	EXPECT_EQ(0, check(self, &self->held));
	EXPECT_TRUE(fail_is_still(self->target));
	EXPECT_EQ(1, fail_group_has(&self->held, "cgroup.freeze", "1"));
	EXPECT_EQ(1, fail_group_has(&self->held, "cgroup.events", "frozen 1"));
	EXPECT_EQ(0, fail_group_write(&self->held, "cgroup.freeze", "0"));
	EXPECT_TRUE(fail_beats(self->target));
}

TEST_F(group, that_ran_runs_on)
{
	int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, check(self, &self->held)) {
			TH_LOG("check %d: %s", i, self->report.log);
		}
		EXPECT_LT(0, self->report.result.frozen_ns);
	}
	EXPECT_EQ(1, fail_group_has(&self->held, "cgroup.freeze", "0"));
	EXPECT_TRUE(fail_beats(self->target));
	EXPECT_EQ(1, fail_group_has(&self->held, "cgroup.events", "frozen 0"));
}

TEST_F(group, is_made_below_one_that_is_held)
{
	struct fail_group born;
	pid_t pid;

	ASSERT_TRUE(hold(self));
	EXPECT_EQ(0, fail_group_below(&born, &self->held, "born"));
	EXPECT_EQ(0, let_go(self));
	pid = fail_start(&born, "plain", NULL);
	EXPECT_LT(0, pid);
	EXPECT_TRUE(fail_beats(pid));
	fail_group_end(&born);
}

TEST_F(group, that_does_not_freeze_in_time_runs_on)
{
	int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	struct fail_page page;
	char options[96], pid[32];
	pid_t target;

	/* a file system that nobody serves: whoever looks at it waits, killably */
	mkdir(MOUNT_POINT, 0755);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", dev);
	if (dev < 0 || mount("none", MOUNT_POINT, "fuse", 0, options))
		SKIP(return, "no FUSE here");
	target = fail_start(&self->held, "uninterruptible", NULL);
	ASSERT_LT(0, target);
	ASSERT_EQ(0, fail_look(target, &page));

	EXPECT_EQ(-ETIMEDOUT, fail_checkpoint(&self->held, 0, CHECKPOINT_CHECK, 300,
					      &self->report)) {
		TH_LOG("%s", self->report.log);
	}
	EXPECT_EQ(CKPT_STAGE_FREEZE, self->report.result.stage);
	EXPECT_LT(250000000ULL, self->report.result.frozen_ns);
	EXPECT_GT(5000000000ULL, self->report.result.frozen_ns);
	snprintf(pid, sizeof(pid), "pid=%d ", (int)page.value[0]);
	EXPECT_NE(NULL, fail_logged(&self->report, pid)) {
		TH_LOG("%s", self->report.log);
	}
	EXPECT_TRUE(fail_beats(target));
	EXPECT_TRUE(fail_beats(self->target));
	umount2(MOUNT_POINT, MNT_DETACH);
	close(dev);
}

TEST_F(group, runs_on_when_the_image_has_no_room)
{
	int fd;

	mkdir(MOUNT_POINT, 0755);
	ASSERT_EQ(0, mount("small", MOUNT_POINT, "tmpfs", 0, "size=16k"));
	fd = open(MOUNT_POINT "/image", O_RDWR | O_CREAT, 0600);
	EXPECT_EQ(-ENOSPC, fail_checkpoint(&self->held, fd, 0, 0, &self->report));
	EXPECT_EQ(CKPT_STAGE_WRITE, self->report.result.stage);
	EXPECT_NE(0, self->report.log[0]);
	EXPECT_TRUE(fail_beats(self->target));
	close(fd);
	umount(MOUNT_POINT);
}

/* Looks at a process as ps and lsof do, all the time. */
static void look_around(void *arg)
{
	static const char *const files[] = { "maps", "environ", "smaps", "status", "stat" };
	char name[300], buf[4096];
	pid_t pid = *(pid_t *)arg;
	struct dirent *entry;
	DIR *dir;
	int i, fd;

	for (;;) {
		for (i = 0; i < 5; i++) {
			snprintf(name, sizeof(name), "/proc/%d/%s", pid, files[i]);
			fd = open(name, O_RDONLY);
			while (read(fd, buf, sizeof(buf)) > 0)
				;
			close(fd);
		}
		snprintf(name, sizeof(name), "/proc/%d/fd", pid);
		dir = opendir(name);
		while (dir && (entry = readdir(dir))) {
			snprintf(name, sizeof(name), "/proc/%d/fd/%.200s", pid, entry->d_name);
			readlink(name, buf, sizeof(buf));
			snprintf(name, sizeof(name), "/proc/%d/fdinfo/%.200s", pid,
				 entry->d_name);
			fd = open(name, O_RDONLY);
			read(fd, buf, sizeof(buf));
			close(fd);
		}
		if (dir)
			closedir(dir);
	}
}

TEST_F(group, whose_proc_files_are_read_is_never_refused)
{
	pid_t rich;
	int fd = memfd_create("image", MFD_CLOEXEC), i, err;

	ASSERT_EQ(0, fail_rich_files());
	rich = fail_start(&self->held, "rich", NULL);
	ASSERT_LT(0, rich);
	self->helper = fail_helper(look_around, &rich);
	for (i = 0; i < 50; i++) {
		lseek(fd, 0, SEEK_SET);
		err = fail_checkpoint(&self->held, fd, 0, 0, &self->report);
		ASSERT_EQ(0, err) {
			TH_LOG("checkpoint %d: %s", i, self->report.log);
		}
	}
}

TEST_HARNESS_MAIN
