// SPDX-License-Identifier: GPL-2.0
/* What is left behind is seen and named. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/loop.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "growth.h"
#include "residue.h"

FIXTURE(residue) {
	struct residue before, now;
};

FIXTURE_SETUP(residue)
{
	residue_counts_removed = true;
	residue_counts_files = true;
	residue_take(&self->before);
}

/* With no patience: what is there is there. */
FIXTURE_TEARDOWN(residue)
{
}

/* More of this by so many, now that it was left behind. */
#define LEFT(what, number)							\
	do {									\
		bool grew = residue_settle(&self->before, &self->now, 2);	\
										\
		EXPECT_TRUE(grew);						\
		EXPECT_EQ(residue_count(&self->before, what) + (number),	\
			  residue_count(&self->now, what));			\
	} while (0)

#define NAMED(what) EXPECT_EQ(1, residue_count(&self->now, what))

TEST_F(residue, sees_nothing_where_there_is_nothing)
{
	EXPECT_FALSE(residue_settle(&self->before, &self->now, RESIDUE_PATIENCE));
}

TEST_F(residue, sees_a_task)
{
	pid_t pid = fork();
	char name[40];

	if (!pid) {
		pause();
		_exit(0);
	}
	LEFT("processes", 1);
	snprintf(name, sizeof(name), "process %d", pid);
	NAMED(name);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_F(residue, sees_a_zombie)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	LEFT("processes", 1);
	waitpid(pid, NULL, 0);
}

TEST_F(residue, sees_one_file)
{
	int fd = eventfd(0, 0);

	LEFT("open files", 1);
	close(fd);
}

/* A loop device has a file that no task has. */
TEST_F(residue, sees_a_file_that_no_task_has)
{
	int loop = open("/dev/loop0", O_RDWR), file;

	if (loop < 0)
		SKIP(return, "no loop device here");
	residue_take(&self->before);
	file = memfd_create("disk", 0);
	ASSERT_EQ(0, ftruncate(file, 1 << 16));
	ASSERT_EQ(0, ioctl(loop, LOOP_SET_FD, file));
	close(file);
	LEFT("open files", 1);
	EXPECT_EQ(0, ioctl(loop, LOOP_CLR_FD, 0));
	close(loop);
}

TEST_F(residue, sees_a_group)
{
	static const char path[] = "/sys/fs/cgroup/residue";

	ASSERT_EQ(0, mkdir(path, 0755));
	LEFT("cgroups", 1);
	NAMED("cgroup residue");
	rmdir(path);
}

static int write_to(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | flags, 0600);

	return write(fd, text, strlen(text)) < 0 || close(fd);
}

/* It is charged for a page of a file. */
TEST_F(residue, sees_a_group_that_is_removed_but_still_there)
{
	static const char file[] = "/tmp/residue-file";
	int status;
	pid_t pid;

	ASSERT_EQ(0, mkdir("/sys/fs/cgroup/residue", 0755));
	pid = fork();
	if (!pid)
		_exit(write_to("/sys/fs/cgroup/residue/cgroup.procs", 0, "0") ||
		      write_to(file, O_CREAT, "charged"));
	waitpid(pid, &status, 0);
	ASSERT_EQ(0, status);
	ASSERT_EQ(0, rmdir("/sys/fs/cgroup/residue"));
	LEFT("cgroups, removed but still there", 1);
	unlink(file);
	EXPECT_FALSE(residue_settle(&self->before, &self->now, RESIDUE_PATIENCE));
}

TEST_F(residue, sees_a_mount_and_its_inodes)
{
	static const char path[] = "/tmp/residue";

	mkdir(path, 0755);
	ASSERT_EQ(0, mount("none", path, "tmpfs", 0, NULL));
	LEFT("mounts", 1);
	NAMED("mount of tmpfs on /tmp/residue");
	umount(path);
	rmdir(path);
}

TEST_F(residue, sees_a_namespace_of_any_kind)
{
	static const int kinds[] = {
		CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWCGROUP,
	};
	static const char *const names[] = { "uts", "ipc", "mnt", "user", "cgroup" };
	char path[64];
	int i, fd, ends[2];
	pid_t pid;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, pipe(ends));
		pid = fork();
		if (!pid)
			_exit(unshare(kinds[i]) || write(ends[1], "x", 1) != 1 || pause());
		ASSERT_EQ(1, read(ends[0], path, 1));
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, names[i]);
		fd = open(path, O_RDONLY);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		/* by its descriptor alone */
		LEFT("namespaces", 1);
		close(fd);
		close(ends[0]);
		close(ends[1]);
		EXPECT_FALSE(residue_settle(&self->before, &self->now, RESIDUE_PATIENCE));
	}
}

TEST_F(residue, sees_sockets)
{
	int ends[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	LEFT("sockets", 2);
	close(ends[0]);
	close(ends[1]);
}

TEST_F(residue, sees_objects_of_ipc)
{
	int shm = shmget(IPC_PRIVATE, 4096, 0600), sem = semget(IPC_PRIVATE, 1, 0600);

	mq_open("/residue", O_RDWR | O_CREAT, 0600, NULL);
	LEFT("SysV shared memory", 1);
	LEFT("SysV semaphores", 1);
	LEFT("POSIX message queues", 1);
	mq_unlink("/residue");
	shmctl(shm, IPC_RMID, NULL);
	semctl(sem, 0, IPC_RMID);
}

TEST_F(residue, sees_queued_signals)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 1 });
	LEFT("signals and timers queued by user 0", 1);
}

/* ---- Growth ---- */

/* Four samples, with so many files more in each; the last keeps what the third had. */
static bool grows(struct growth *growth, const int *files, long cycles)
{
	int i, nr = 0, fd[1024];
	bool leaks;

	memset(growth, 0, sizeof(*growth));
	for (i = 0; i < 4; i++) {
		while (nr < files[i])
			fd[nr++] = eventfd(0, 0);
		growth_sample(growth, i * cycles);
	}
	leaks = growth_leaks(growth);
	while (nr)
		close(fd[--nr]);
	return leaks;
}

TEST_F(residue, growth_is_one_object_for_each_cycle)
{
	static struct growth growth;
	struct rlimit limit = { 1100, 1100 };

	if (residue_has_kmemleak())
		SKIP(return, "growth is kmemleak's here");
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_TRUE(grows(&growth, (int []){ 0, 64, 128, 192 }, 64));
}

TEST_F(residue, growth_is_not_what_comes_to_an_end)
{
	static struct growth growth;
	struct rlimit limit = { 1100, 1100 };

	if (residue_has_kmemleak())
		SKIP(return, "growth is kmemleak's here");
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_FALSE(grows(&growth, (int []){ 0, 300, 600, 600 }, 640));
}

TEST_HARNESS_MAIN
