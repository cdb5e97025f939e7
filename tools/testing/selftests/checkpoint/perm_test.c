// SPDX-License-Identifier: GPL-2.0
/*
 * Who may do what: a checkpoint asks for the right to trace every task and to
 * freeze the group, a restart for what the ordinary calls ask for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"

#define USER		1000
#define SECRET		"/tmp/fail-secret"

static int become_user(const char *arg)
{
	if (setgroups(0, NULL) || setresgid(USER, USER, USER) ||
	    setresuid(USER, USER, USER))
		return errno;
	/* the change made it untraceable */
	return prctl(PR_SET_DUMPABLE, 1) ? errno : 0;
}

/* Has a file open that it could not open any more. */
static int keep_secret(const char *arg)
{
	int fd = open(SECRET, O_RDONLY);

	return fd < 0 ? errno : become_user(arg);
}

static void leave(int sig)
{
	syscall(SYS_exit, 0);
}

static void *stay(void *unused)
{
	for (;;)
		pause();
	return NULL;
}

/* Told to by a signal, its leader exits before its other thread. */
static int become_leaderless(const char *arg)
{
	pthread_t thread;

	signal(SIGUSR1, leave);
	return become_user(arg) ?: pthread_create(&thread, NULL, stay, NULL);
}

const struct fail_target fail_targets[] = {
	{ "plain", NULL },
	{ "user", become_user },
	{ "secret", keep_secret },
	{ "leaderless", become_leaderless },
	{ }
};

struct job {
	struct fail_report report;
	int err;
	bool into;
	bool restarts, in_namespace, alive;
	int fd;
	uint64_t flags;
	struct fail_group group;
};

FIXTURE(permission) {
	struct fail_group group;
	struct fail_report report;
	struct job *job;
	int fd;
};

FIXTURE_SETUP(permission)
{
	fail_become_reaper();
	ASSERT_EQ(0, fail_group_make(&self->group));
	self->job = mmap(NULL, sizeof(*self->job), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->job);
	self->fd = memfd_create("image", MFD_CLOEXEC);
	self->job->group = self->group;
	self->job->fd = self->fd;
}

FIXTURE_TEARDOWN(permission)
{
	close(self->fd);
	munmap(self->job, sizeof(*self->job));
	fail_group_end(&self->group);
}

static void put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(100);
	close(fd);
}

static void call(struct job *job)
{
	lseek(job->fd, 0, SEEK_SET);
	if (!job->restarts) {
		job->err = fail_checkpoint(&job->group, job->fd, job->flags, 0, &job->report);
		return;
	}
	job->err = fail_restart(job->fd, job->into ? &job->group : NULL, job->flags,
				&job->report);
	if (job->err || job->flags & RESTART_CHECK)
		return;
	fail_nap(20);
	job->alive = !kill(job->report.pid, 0) &&
		     waitpid(job->report.pid, NULL, WNOHANG) == 0;
	kill(job->report.pid, SIGKILL);
	waitpid(job->report.pid, NULL, 0);
}

static void do_job(void *arg)
{
	struct job *job = arg;
	int status;
	pid_t pid;

	job->err = 1;
	if (become_user(NULL))
		_exit(101);
	if (!job->in_namespace) {
		call(job);
		_exit(0);
	}
	if (unshare(CLONE_NEWUSER | CLONE_NEWPID))
		_exit(102);
	put("/proc/self/setgroups", "deny");
	put("/proc/self/uid_map", "1000 1000 1");
	put("/proc/self/gid_map", "1000 1000 1");
	pid = fork();
	if (!pid) {
		call(job);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	_exit(status ? 103 : 0);
}

/* The call as a plain user. Return: its verdict. */
static int as_user(FIXTURE_DATA(permission) *self)
{
	int status;
	pid_t pid = fail_helper(do_job, self->job);

	waitpid(pid, &status, 0);
	return status ? 1000 + WEXITSTATUS(status) : self->job->err;
}

/* The image of a target that is dead then. */
static bool save(FIXTURE_DATA(permission) *self, const char *target)
{
	pid_t pid = fail_start(&self->group, target, NULL);
	int fd = pid > 0 ? fail_save(&self->group) : -1;

	if (fd < 0)
		return false;
	close(self->fd);
	self->fd = self->job->fd = fd;
	self->job->restarts = true;
	fail_group_clear(&self->group);
	return true;
}

static bool delegate(FIXTURE_DATA(permission) *self)
{
	return !fchownat(self->group.fd, "cgroup.freeze", USER, USER, 0);
}

/* ---- checkpoint(2) ---- */

TEST_F(permission, to_freeze_is_needed)
{
	pid_t pid = fail_start(&self->group, "user", NULL);

	ASSERT_LT(0, pid);
	EXPECT_EQ(-EPERM, as_user(self));
	EXPECT_NE(NULL, fail_logged(&self->job->report, "freeze"));
	EXPECT_EQ(CKPT_STAGE_ARGS, self->job->report.result.stage);
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_END));
	EXPECT_TRUE(fail_beats(pid));
}

/* Anybody has a mount namespace of their own to mount what they own there. */
TEST_F(permission, to_freeze_is_not_given_by_a_mount)
{
	pid_t pid = fail_start(&self->group, "user", NULL);
	char own[] = "/tmp/own-XXXXXX", freeze[128];
	int mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), fd = mkstemp(own);

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, fchown(fd, USER, USER));
	snprintf(freeze, sizeof(freeze), "%s/cgroup.freeze", self->group.path);
	ASSERT_EQ(0, unshare(CLONE_NEWNS));
	ASSERT_EQ(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	ASSERT_EQ(0, mount(own, freeze, NULL, MS_BIND, NULL));
	/* the descriptor must be of this namespace */
	self->job->group.fd = open(self->group.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	EXPECT_EQ(-EPERM, as_user(self));
	EXPECT_EQ(CKPT_STAGE_ARGS, self->job->report.result.stage);
	EXPECT_TRUE(fail_beats(pid));
	close(self->job->group.fd);
	self->job->group.fd = self->group.fd;
	EXPECT_EQ(0, setns(mounts, CLONE_NEWNS));
	close(mounts);
	close(fd);
	unlink(own);
}

TEST_F(permission, to_freeze_is_enough_for_ones_own_tasks)
{
	pid_t pid = fail_start(&self->group, "user", NULL);

	ASSERT_LT(0, pid);
	ASSERT_TRUE(delegate(self));
	EXPECT_EQ(0, as_user(self)) {
		TH_LOG("%s", self->job->report.log);
	}
	EXPECT_TRUE(fail_beats(pid));
}

TEST_F(permission, to_trace_is_needed)
{
	pid_t pid = fail_start(&self->group, "plain", NULL);

	ASSERT_LT(0, pid);
	ASSERT_TRUE(delegate(self));
	EXPECT_EQ(-EPERM, as_user(self));
	EXPECT_NE(NULL, fail_logged(&self->job->report, "trace", "pid="));
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_END));
	EXPECT_TRUE(fail_beats(pid));
	self->job->flags = CHECKPOINT_CHECK;
	self->job->fd = 0;
	EXPECT_EQ(-EPERM, as_user(self));
}

TEST_F(permission, to_trace_is_needed_for_all_or_nothing)
{
	pid_t a = fail_start(&self->group, "user", NULL);
	pid_t b = fail_start(&self->group, "plain", NULL);
	pid_t c = fail_start(&self->group, "user", NULL);
	char foreign[32];

	ASSERT_TRUE(a > 0 && b > 0 && c > 0);
	ASSERT_TRUE(delegate(self));
	EXPECT_EQ(-EPERM, as_user(self));
	snprintf(foreign, sizeof(foreign), "pid=%d ", b);
	EXPECT_NE(NULL, fail_logged(&self->job->report, foreign, "trace"));
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_END));
	EXPECT_EQ(0, self->job->report.result.bytes);
	EXPECT_TRUE(fail_beats(a) && fail_beats(b) && fail_beats(c));
}

static void kill_nobody(void *pid)
{
	if (become_user(NULL))
		_exit(101);
	_exit(kill(*(pid_t *)pid, 0) ? errno : 0);
}

/* Return: what a plain user is told who looks for the process by kill(2). */
static int found_by_user(pid_t pid)
{
	pid_t helper = fail_helper(kill_nobody, &pid);
	int status = -1;

	waitpid(helper, &status, 0);
	return WEXITSTATUS(status);
}

/* Whose a process is, its leader tells, though it has exited. */
TEST_F(permission, to_save_one_whose_leader_exited_is_the_same_after_a_restart)
{
	pid_t pid = fail_start(&self->group, "leaderless", NULL);
	int fd;

	ASSERT_LT(0, pid);
	ASSERT_TRUE(delegate(self));
	ASSERT_EQ(0, syscall(SYS_tgkill, pid, pid, SIGUSR1));
	while (fail_state(pid) != 'Z')
		fail_nap(1);
	EXPECT_EQ(0, found_by_user(pid));
	EXPECT_EQ(0, as_user(self)) {
		TH_LOG("%s", self->job->report.log);
	}
	fd = fail_save(&self->group);
	ASSERT_LT(0, fd);
	fail_group_clear(&self->group);
	EXPECT_EQ(0, fail_restart(fd, &self->group, 0, &self->report)) {
		TH_LOG("%s", self->report.log);
	}
	EXPECT_EQ('Z', fail_state(pid));
	EXPECT_EQ(0, found_by_user(pid));
	EXPECT_EQ(0, as_user(self)) {
		TH_LOG("%s", self->job->report.log);
	}
	close(fd);
}

/* ---- restart(2) ---- */

TEST_F(permission, to_freeze_is_needed_for_a_frozen_restart)
{
	ASSERT_TRUE(save(self, "user"));
	self->job->into = true;
	self->job->flags = RESTART_FROZEN;
	EXPECT_EQ(-EPERM, as_user(self));
	EXPECT_NE(NULL, fail_logged(&self->job->report, "cgroup.freeze")) {
		TH_LOG("%s", self->job->report.log);
	}
	EXPECT_EQ(CKPT_STAGE_ARGS, self->job->report.result.stage);
	EXPECT_TRUE(fail_group_empty(&self->group));
}

TEST_F(permission, to_choose_pids_is_needed)
{
	ASSERT_TRUE(save(self, "user"));
	EXPECT_EQ(-EPERM, as_user(self));
	EXPECT_NE(NULL, fail_logged(&self->job->report, "axis=pid")) {
		TH_LOG("%s", self->job->report.log);
	}
	EXPECT_TRUE(fail_no_children());
}

TEST_F(permission, comes_with_a_user_and_pid_namespace)
{
	ASSERT_TRUE(save(self, "user"));
	self->job->in_namespace = true;
	EXPECT_EQ(0, as_user(self)) {
		TH_LOG("%s", self->job->report.log);
	}
	EXPECT_TRUE(self->job->alive);
}

TEST_F(permission, is_not_found_in_the_image)
{
	ASSERT_TRUE(save(self, "plain"));
	EXPECT_EQ(-EPERM, as_user(self));
	EXPECT_NE(NULL, fail_logged(&self->job->report, "level=error", "record=\"cred\"",
				    "object=\"gid\"")) {
		TH_LOG("%s", self->job->report.log);
	}
	self->job->in_namespace = true;
	EXPECT_EQ(-EPERM, as_user(self));
	EXPECT_NE(NULL, fail_logged(&self->job->report, "level=error", "record=\"cred\""));
}

TEST_F(permission, that_is_missing_is_lowered_if_asked_for)
{
	ASSERT_TRUE(save(self, "plain"));
	self->job->in_namespace = true;
	self->job->flags = RESTART_CLAMP;
	EXPECT_EQ(0, as_user(self)) {
		TH_LOG("%s", self->job->report.log);
	}
	EXPECT_TRUE(self->job->alive);
	EXPECT_NE(NULL, fail_logged(&self->job->report, "level=clamp", "object=\"uid\""));
	EXPECT_EQ(NULL, fail_logged(&self->job->report, "level=error"));
}

/* Change the image; it must be refused on this axis, and lowered if asked for. */
static void ask_more(struct __test_metadata *_metadata, FIXTURE_DATA(permission) *self,
		     uint32_t type, size_t at, const void *value, size_t size,
		     const char *axis)
{
	struct fail_image image;

	ASSERT_EQ(0, fail_image_read(&image, self->fd));
	memcpy((char *)fail_image_data(&image, fail_image_find(&image, type, 0)) + at,
	       value, size);
	fail_image_seal(&image);
	self->job->fd = fail_image_fd(image.data, image.len);
	self->job->flags = 0;
	EXPECT_EQ(-EPERM, as_user(self));
	EXPECT_NE(NULL, fail_logged(&self->job->report, "level=error", axis)) {
		TH_LOG("%s", self->job->report.log);
	}
	self->job->flags = RESTART_CLAMP;
	EXPECT_EQ(0, as_user(self));
	EXPECT_NE(NULL, fail_logged(&self->job->report, "level=clamp", axis)) {
		TH_LOG("%s", self->job->report.log);
	}
	close(self->job->fd);
	fail_image_free(&image);
}

TEST_F(permission, to_raise_limits_is_needed)
{
	uint64_t limit[2] = { 1 << 19, 1 << 19 };
	uint32_t nice = -5, oom = -500;

	ASSERT_TRUE(save(self, "user"));
	self->job->in_namespace = true;
	ask_more(_metadata, self, CKPT_REC_PROCESS, offsetof(struct ckpt_process, rlimits[7]),
		 limit, sizeof(limit), "object=\"rlimit\"");
	ask_more(_metadata, self, CKPT_REC_PROCESS,
		 offsetof(struct ckpt_process, oom_score_adj), &oom, sizeof(oom),
		 "object=\"oom_score_adj\"");
	ask_more(_metadata, self, CKPT_REC_THREAD, offsetof(struct ckpt_thread, nice),
		 &nice, sizeof(nice), "object=\"nice\"");
}

/* Without a namespace, which would give them: all ends with the first axis. */
TEST_F(permission, to_have_capabilities_is_needed)
{
	struct fail_image image;
	struct ckpt_cred *cred;

	ASSERT_TRUE(save(self, "user"));
	ASSERT_EQ(0, fail_image_read(&image, self->fd));
	cred = fail_image_data(&image, fail_image_find(&image, CKPT_REC_CRED, 0));
	cred->cap_permitted = cred->cap_effective = 1ULL << 21;
	fail_image_seal(&image);
	self->job->fd = fail_image_fd(image.data, image.len);
	EXPECT_EQ(-EPERM, as_user(self));
	EXPECT_NE(NULL, fail_logged(&self->job->report, "object=\"permitted capabilities\"")) {
		TH_LOG("%s", self->job->report.log);
	}
	close(self->job->fd);
	fail_image_free(&image);
}

TEST_F(permission, to_open_a_file_is_the_holders)
{
	int fd = open(SECRET, O_RDWR | O_CREAT | O_TRUNC, 0600);

	ASSERT_EQ(6, write(fd, "secret", 6));
	close(fd);
	ASSERT_TRUE(save(self, "secret"));
	EXPECT_EQ(-EACCES, fail_restart(self->fd, &self->group, 0, &self->report));
	EXPECT_NE(NULL, fail_logged(&self->report, "level=error", SECRET));
	EXPECT_TRUE(fail_no_children());
	lseek(self->fd, 0, SEEK_SET);
	EXPECT_EQ(0, fail_restart(self->fd, &self->group, RESTART_OPEN_AS_CALLER,
				  &self->report)) {
		TH_LOG("%s", self->report.log);
	}
	EXPECT_TRUE(fail_beats(self->report.pid));
	unlink(SECRET);
}

TEST_HARNESS_MAIN
