// SPDX-License-Identifier: GPL-2.0
/*
 * What cannot be saved is refused by name. Here: tasks that belong together and
 * are apart, or share what they should not.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_refuse.h"

static int sleep_on(void *arg)
{
	for (;;)
		pause();
	return 0;
}

static int sleeping_child(void)
{
	pid_t pid = fork();

	if (!pid)
		sleep_on(NULL);
	return pid;
}

static int move(pid_t pid, const char *dir)
{
	char name[128], text[16];
	int fd;

	snprintf(name, sizeof(name), "%s/cgroup.procs", dir);
	snprintf(text, sizeof(text), "%d", pid);
	fd = open(name, O_WRONLY);
	return made(pid) ?: made(fd) ?: made(write(fd, text, strlen(text))) ?: made(close(fd));
}

static int child_outside(const char *a)
{
	return move(sleeping_child(), "/sys/fs/cgroup");
}

static void *sleeper(void *unused)
{
	sleep_on(NULL);
	return NULL;
}

/* Its leader has ended, it has not. */
static int half_child_outside(const char *a)
{
	pthread_t thread;
	pid_t pid = fork();

	if (!pid) {
		if (!pthread_create(&thread, NULL, sleeper, NULL))
			syscall(SYS_exit, 0);
		_exit(1);
	}
	fail_nap(300);
	return move(pid, "/sys/fs/cgroup");
}

/* The session is led from inside, a process group in it from outside. */
static int leader_outside(const char *a)
{
	pid_t leader, member;

	setsid();
	leader = sleeping_child();
	member = sleeping_child();
	return made(setpgid(leader, leader)) ?: made(setpgid(member, leader)) ?:
	       move(leader, "/sys/fs/cgroup");
}

/* The group's path comes as argument. */
static int child_below(const char *a)
{
	char name[128];

	snprintf(name, sizeof(name), "%s/below", a);
	return made(mkdir(name, 0755)) ?: move(sleeping_child(), name);
}

/* Another child of the test shares them; it is told whom to kill. */
static int tables_outside(const char *a)
{
	pid_t pid = syscall(SYS_clone, CLONE_FILES | CLONE_FS | CLONE_PARENT | SIGCHLD,
			    0, 0, 0, 0);

	if (!pid)
		sleep_on(NULL);
	FAIL_PAGE->value[0] = pid;
	return move(pid, "/sys/fs/cgroup");
}

static int tables_outside_and_more(const char *a)
{
	return tables_outside(a) ?:
	       made(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
			    IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 3)));
}

/* Of tasks that share memory each needs a stack of its own. */
static pid_t sharing_child(int flags)
{
	char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	return clone(sleep_on, stack + 65536, flags | CLONE_VM | SIGCHLD, NULL);
}

static int handlers(const char *a) { return made(sharing_child(CLONE_SIGHAND)); }

static int memory_outside(const char *a)
{
	pid_t pid = sharing_child(CLONE_PARENT);

	FAIL_PAGE->value[0] = pid;
	return move(pid, "/sys/fs/cgroup");
}

/* The namespace would be that of the first root; there is a second. */
static int uts_ns_of_a_root(const char *a)
{
	pid_t pid = unshare(CLONE_NEWUTS) ? -1 :
		    syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		sleep_on(NULL);
	FAIL_PAGE->value[0] = pid;
	return made(pid);
}

/* A child that was born before. */
static int uts_ns_of_the_parent(const char *a)
{
	pid_t pid = fork();

	if (!pid)
		sleep_on(NULL);
	return made(pid) ?: made(unshare(CLONE_NEWUTS));
}

static int uts_ns_of_a_child(const char *a)
{
	pid_t pid = fork();

	if (!pid) {
		FAIL_PAGE->value[0] = unshare(CLONE_NEWUTS) ? errno : 1;
		sleep_on(NULL);
	}
	fail_nap(300);
	return made(pid);
}

static int nothing(const char *a) { return 0; }

static void *thread(void *group)
{
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "%s/cgroup.threads", (char *)group);
	fd = open(name, O_WRONLY | O_CLOEXEC);
	FAIL_PAGE->value[0] = fd >= 0 && write(fd, "0", 1) == 1 ? 1 : errno;
	close(fd);
	sleep_on(NULL);
	return NULL;
}

/* One more thread, which moves to a group beside, whose path is the argument. */
static int thread_elsewhere(const char *a)
{
	static char group[128];
	pthread_t t;

	snprintf(group, sizeof(group), "%.*s/beside", (int)(strrchr(a, '/') - a), a);
	if (pthread_create(&t, NULL, thread, group))
		return EAGAIN;
	while (!FAIL_PAGE->value[0])
		fail_nap(1);
	return FAIL_PAGE->value[0] == 1 ? 0 : FAIL_PAGE->value[0];
}

#define T(name) { #name, name }
const struct fail_target fail_targets[] = {
	T(child_outside), T(half_child_outside), T(leader_outside), T(child_below),
	T(tables_outside),
	T(tables_outside_and_more), T(handlers), T(memory_outside), T(uts_ns_of_a_root),
	T(uts_ns_of_the_parent), T(uts_ns_of_a_child), T(thread_elsewhere), T(nothing),
	{ }
};

REFUSED(child_outside, OBJECT("process"), "not in the group");
REFUSED(half_child_outside, OBJECT("process"), "not in the group");
REFUSED(leader_outside, OBJECT("process group"), "led from outside");
REFUSED(uts_ns_of_the_parent, OBJECT("uts namespace"), "another uts namespace than the first");
REFUSED(uts_ns_of_a_child, OBJECT("uts namespace"), "another uts namespace than the first");
REFUSED(handlers, OBJECT("sighand"), "CLONE_SIGHAND");

TEST_F(refused, child_below)
{
	char below[128];

	refuse(_metadata, self, "child_below", (const char *const []){ "cgroup", NULL });
	snprintf(below, sizeof(below), "%s/below", self->group.path);
	fail_group_clear(&self->group);
	rmdir(below);
}

static void end_sharer(struct __test_metadata *_metadata, FIXTURE_DATA(refused) *self)
{
	struct fail_page page;

	ASSERT_EQ(0, fail_look(self->pid, &page));
	kill(page.value[0], SIGKILL);
	fail_reap(page.value[0]);
}

static void shared(struct __test_metadata *_metadata, FIXTURE_DATA(refused) *self,
		   const char *target, int err)
{
	self->err = err;
	refuse(_metadata, self, target,
	       (const char *const []){ OBJECT("descriptor table"), "outside", NULL });
	EXPECT_NE(NULL, fail_logged(&self->report, OBJECT("working directory"), "outside"));
	end_sharer(_metadata, self);
}

TEST_F(refused, tables_outside)
{
	shared(_metadata, self, "tables_outside", -EXDEV);
	EXPECT_EQ(2, self->report.result.blockers);
}

TEST_F(refused, tables_outside_and_more)
{
	shared(_metadata, self, "tables_outside_and_more", -EAGAIN);
	EXPECT_EQ(3, self->report.result.blockers);
	EXPECT_NE(NULL, fail_logged(&self->report, OBJECT("I/O priority")));
}

TEST_F(refused, memory_outside)
{
	self->err = -EXDEV;
	refuse(_metadata, self, "memory_outside",
	       (const char *const []){ OBJECT("mm"), "outside", NULL });
	end_sharer(_metadata, self);
}

TEST_F(refused, uts_ns_of_a_root)
{
	refuse(_metadata, self, "uts_ns_of_a_root",
	       (const char *const []){ OBJECT("uts namespace"), "several roots", NULL });
	end_sharer(_metadata, self);
}

/* Any one that may be moved. Return: its pid, 0 if there is none. */
static pid_t kernel_thread_into(const struct fail_group *group)
{
	struct dirent *entry;
	char name[300], flags[64];
	pid_t pid = 0;
	DIR *dir = opendir("/proc");
	FILE *stat;

	while (!pid && (entry = readdir(dir))) {
		snprintf(name, sizeof(name), "/proc/%s/stat", entry->d_name);
		stat = atoi(entry->d_name) ? fopen(name, "r") : NULL;
		if (!stat)
			continue;
		/* PF_KTHREAD of its flags, the seventh field after its name */
		if (fscanf(stat, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %63s", flags) == 1 &&
		    atol(flags) & 0x200000 &&
		    !fail_group_write(group, "cgroup.procs", entry->d_name))
			pid = atoi(entry->d_name);
		fclose(stat);
	}
	closedir(dir);
	return pid;
}

/* It never freezes, so that nothing is looked at before the deadline. */
TEST_F(refused, kernel_thread)
{
	pid_t pid, thread = kernel_thread_into(&self->group);

	if (!thread)
		SKIP(return, "no kernel thread can be moved");
	pid = fail_start(&self->group, "nothing", NULL);
	ASSERT_LT(0, pid);
	EXPECT_EQ(-ETIMEDOUT, fail_checkpoint(&self->group, 0, CHECKPOINT_CHECK, 100,
					      &self->report));
	EXPECT_NE(NULL, fail_logged(&self->report, "kernel thread", "move it out"));
	EXPECT_TRUE(fail_beats(pid));
	EXPECT_EQ(0, move(thread, "/sys/fs/cgroup"));
	EXPECT_EQ(0, fail_checkpoint(&self->group, 0, CHECKPOINT_CHECK, 0, &self->report));
}

/* Only threads of one process can be apart, in groups of threads. */
TEST_F(refused, thread_elsewhere)
{
	struct fail_group inside = {}, beside = {};

	ASSERT_EQ(0, fail_group_below(&inside, &self->group, "inside"));
	ASSERT_EQ(0, fail_group_below(&beside, &self->group, "beside"));
	ASSERT_EQ(0, fail_group_write(&inside, "cgroup.type", "threaded"));
	ASSERT_EQ(0, fail_group_write(&beside, "cgroup.type", "threaded"));
	FIXTURE_DATA(refused) there = { .group = inside, .err = -EAGAIN };

	refuse(_metadata, &there, "thread_elsewhere",
	       (const char *const []){ OBJECT("threads"), "in another group", NULL });
	fail_group_clear(&self->group);
	fail_group_end(&inside);
	fail_group_end(&beside);
}

/* The leader stays where the group does not hold it. */
TEST_F(refused, leader_elsewhere)
{
	struct fail_group inside = {}, beside = {};
	int fd = memfd_create("image", MFD_CLOEXEC);

	ASSERT_EQ(0, fail_group_below(&inside, &self->group, "inside"));
	ASSERT_EQ(0, fail_group_below(&beside, &self->group, "beside"));
	ASSERT_EQ(0, fail_group_write(&inside, "cgroup.type", "threaded"));
	ASSERT_EQ(0, fail_group_write(&beside, "cgroup.type", "threaded"));
	ASSERT_LT(0, fail_start(&inside, "thread_elsewhere", inside.path));
	EXPECT_EQ(-EAGAIN, fail_checkpoint(&beside, fd, 0, 0, &self->report)) {
		TH_LOG("%s", self->report.log);
	}
	EXPECT_NE(NULL, fail_logged(&self->report, OBJECT("threads"), "in another group"));
	/* also when the leader stands still for another reason */
	ASSERT_EQ(0, fail_group_write(&inside, "cgroup.freeze", "1"));
	EXPECT_EQ(-EAGAIN, fail_checkpoint(&beside, fd, 0, 0, &self->report)) {
		TH_LOG("%s", self->report.log);
	}
	EXPECT_EQ(CKPT_STAGE_COLLECT, self->report.result.stage);
	close(fd);
	fail_group_clear(&self->group);
	fail_group_end(&inside);
	fail_group_end(&beside);
}

TEST_HARNESS_MAIN
