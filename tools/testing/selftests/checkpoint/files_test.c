// SPDX-License-Identifier: GPL-2.0
/* Descriptors and the files, directories and devices behind them. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

CR_FIXTURE(files);

static int make_file(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT, 0644);

	CR_EQ(strlen(text), write(fd, text, strlen(text)));
	return fd;
}

static void reads(int fd, const char *text)
{
	char seen[64] = "";

	CR_EQ(strlen(text), read(fd, seen, strlen(text)));
	if (strcmp(seen, text))
		cr_fail("read '%s', not '%s'", seen, text);
}

CR_TEST(files, position_is_kept)
{
	int fd = make_file("data", "0123456789");

	lseek(fd, 3, SEEK_SET);
	cr_ready();
	CR_EQ(3, lseek(fd, 0, SEEK_CUR));
	reads(fd, "3456");
}

CR_TEST(files, a_position_behind_the_end_is_kept)
{
	int fd = make_file("data", "0123456789");

	lseek(fd, 1L << 40, SEEK_SET);
	cr_ready();
	CR_EQ(1L << 40, lseek(fd, 0, SEEK_CUR));
}

CR_TEST(files, flags_are_kept)
{
	static const int flags[] = {
		O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_APPEND, O_RDONLY | O_NONBLOCK,
		O_WRONLY | O_SYNC, O_RDWR | O_DSYNC, O_RDONLY | O_NOATIME,
	};
	int fd[8], before[8], i;

	close(make_file("data", "0123456789"));
	for (i = 0; i < 8; i++) {
		fd[i] = open("data", flags[i]);
		before[i] = fcntl(fd[i], F_GETFL);
	}
	cr_ready();
	for (i = 0; i < 8; i++)
		CR_EQ(before[i], fcntl(fd[i], F_GETFL));
	CR_EQ(-1, write(fd[0], "x", 1));
	CR_EQ(-1, read(fd[1], &i, 1));
	CR_EQ(3, write(fd[3], "end", 3));
	CR_EQ(13, lseek(fd[3], 0, SEEK_CUR));
}

CR_TEST(files, opening_does_not_truncate_or_create_again)
{
	int fd = open("data", O_RDWR | O_CREAT | O_TRUNC | O_EXCL, 0600);

	CR_EQ(4, write(fd, "kept", 4));
	cr_ready();
	lseek(fd, 0, SEEK_SET);
	reads(fd, "kept");
}

CR_TEST(files, dup_and_fork_share_one_description)
{
	int fd = make_file("data", "0123456789"), twin = dup(fd), other;
	pid_t pid = fork();

	other = open("data", O_RDWR);
	if (!pid) {
		cr_await("look");
		CR_EQ(5, lseek(fd, 0, SEEK_CUR));
		CR_EQ(7, lseek(fd, 7, SEEK_SET));
		CR_EQ(0, fcntl(fd, F_SETFL, O_APPEND));
		_exit(0);
	}
	cr_ready();
	lseek(twin, 5, SEEK_SET);
	CR_EQ(5, lseek(fd, 0, SEEK_CUR));
	cr_touch("look");
	cr_reap(pid, 0);
	CR_EQ(7, lseek(twin, 0, SEEK_CUR));
	CR_CHECK(fcntl(twin, F_GETFL) & O_APPEND);
	CR_EQ(0, lseek(other, 0, SEEK_CUR));
}

CR_TEST(files, close_on_exec_is_of_the_descriptor)
{
	int fd = make_file("data", "x"), twin = dup(fd);

	fcntl(twin, F_SETFD, FD_CLOEXEC);
	cr_ready();
	CR_EQ(0, fcntl(fd, F_GETFD));
	CR_EQ(FD_CLOEXEC, fcntl(twin, F_GETFD));
}

static int list_fds(char *list, size_t size)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int nr = 0;

	CR_CHECK(dir);
	*list = 0;
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.' || atoi(entry->d_name) == dirfd(dir))
			continue;
		snprintf(list + strlen(list), size - strlen(list), "%s ", entry->d_name);
		nr++;
	}
	closedir(dir);
	return nr;
}

CR_TEST(files, high_numbers_and_gaps_stay)
{
	static const int at[] = { 5, 63, 64, 65, 255, 500, 1000 };
	int fd = make_file("data", "0123456789"), i;
	char before[512], after[512];

	for (i = 0; i < 7; i++)
		CR_EQ(at[i], dup2(fd, at[i]));
	close(fd);
	close(1);
	CR_EQ(9, list_fds(before, sizeof(before)));
	cr_ready();
	CR_EQ(9, list_fds(after, sizeof(after)));
	CR_CHECK(!strcmp(before, after));
	/* the lowest free number is found as ever */
	CR_EQ(1, dup(1000));
	CR_EQ(3, dup(1000));
}

CR_TEST(files, a_shared_table_stays_shared)
{
	int fd = make_file("data", "x");
	struct clone_args args = { .flags = CLONE_FILES, .exit_signal = SIGCHLD };
	pid_t pid = syscall(SYS_clone3, &args, sizeof(args));

	if (!pid) {
		cr_await("look");
		CR_EQ(50, dup2(fd, 50));
		CR_EQ(0, close(fd));
		_exit(0);
	}
	cr_ready();
	cr_touch("look");
	cr_reap(pid, 0);
	CR_EQ(-1, fcntl(fd, F_GETFD));
	CR_EQ(0, fcntl(50, F_GETFD));
}

CR_TEST(files, many_descriptors)
{
	int i;

	close(make_file("data", "0123456789"));
	for (i = 0; i < 500; i++) {
		CR_EQ(3 + i, open("data", i & 1 ? O_RDONLY : O_RDWR));
		lseek(3 + i, i, SEEK_SET);
	}
	cr_ready();
	for (i = 0; i < 500; i++)
		CR_EQ(i, lseek(3 + i, 0, SEEK_CUR));
}

CR_TEST(files, directories_are_opened_again)
{
	struct stat before, after;
	int fd, path;

	CR_EQ(0, mkdir("dir", 0755));
	close(make_file("dir/inside", "text"));
	fd = open("dir", O_RDONLY | O_DIRECTORY);
	CR_EQ(0, fstat(fd, &before));
	cr_ready();
	CR_EQ(0, fstat(fd, &after));
	CR_EQ(before.st_ino, after.st_ino);
	path = openat(fd, "inside", O_RDONLY);
	reads(path, "text");
}

CR_TEST(files, memory_devices_are_opened_again)
{
	static const char *const names[] = {
		"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
	};
	struct stat before[5], after;
	char buf[8];
	int i;

	for (i = 0; i < 5; i++) {
		CR_EQ(3 + i, open(names[i], O_RDWR));
		fstat(3 + i, &before[i]);
	}
	cr_ready();
	for (i = 0; i < 5; i++) {
		CR_EQ(0, fstat(3 + i, &after));
		CR_EQ(before[i].st_rdev, after.st_rdev);
		CR_CHECK(S_ISCHR(after.st_mode));
	}
	CR_EQ(0, read(3, buf, 8));
	CR_EQ(8, read(4, buf, 8));
	CR_EQ(0, *buf);
	CR_EQ(-1, write(5, buf, 8));
	CR_EQ(ENOSPC, errno);
	CR_EQ(8, read(6, buf, 8));
	CR_EQ(8, read(7, buf, 8));
}

CR_PROGRAM(logger)
{
	int fd = open("app.log", O_WRONLY | O_CREAT | O_APPEND, 0644);

	CR_EQ(3, fd);
	CR_EQ(4, write(fd, "one\n", 4));
	cr_ready();
	CR_EQ(4, write(fd, "two\n", 4));
	_exit(0);
}

static int share(struct cr *cr, int fd)
{
	int pidfd = syscall(SYS_pidfd_open, cr->pid, 0);
	int own = syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	close(pidfd);
	return own;
}

TEST_F(files, a_file_shared_with_the_outside_is_opened_again_with_a_warning)
{
	struct cr *cr = &self->cr;
	char path[128], text[64];
	int fd;

	ASSERT_EQ(0, cr_start_ready(cr, "logger", NULL));
	fd = share(cr, 3);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, cr_checkpoint(cr));
	EXPECT_TRUE(cr_logged(cr, "app.log"));
	snprintf(text, sizeof(text), "shared with pid %d ", getpid());
	EXPECT_TRUE(cr_logged(cr, text));
	ASSERT_EQ(0, cr_kill(cr));
	ASSERT_EQ(0, cr_restart(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
	/* one description before, two now */
	EXPECT_EQ(4, lseek(fd, 0, SEEK_CUR));
	close(fd);
	snprintf(path, sizeof(path), "%s/app.log", cr->dir);
	cr_read_file(path, text, sizeof(text));
	EXPECT_STREQ("one\ntwo\n", text);
}

TEST_F(files, a_strict_checkpoint_refuses_a_file_shared_with_the_outside)
{
	struct cr *cr = &self->cr;
	char text[64];
	int fd;

	ASSERT_EQ(0, cr_start_ready(cr, "logger", NULL));
	fd = share(cr, 3);
	ASSERT_LE(0, fd);
	cr->checkpoint_flags = CHECKPOINT_STRICT;
	EXPECT_EQ(-EXDEV, cr_checkpoint(cr));
	EXPECT_TRUE(cr_logged(cr, "app.log"));
	snprintf(text, sizeof(text), "shared with pid %d ", getpid());
	EXPECT_TRUE(cr_logged(cr, text));
	close(fd);
	EXPECT_EQ(0, cr_checkpoint(cr));
}

CR_TEST(files, writes_between_restart_and_end_reach_the_file)
{
	int fd = make_file("data", "start "), again;

	cr_ready();
	CR_EQ(3, write(fd, "end", 3));
	again = open("data", O_RDONLY);
	reads(again, "start end");
}

/* A program may have raised its soft limit, as the caller could. */
CR_PROGRAM(high)
{
	struct rlimit limit;

	CR_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	CR_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	CR_EQ((int)limit.rlim_max - 1, dup2(0, limit.rlim_max - 1));
	cr_ready();
	CR_CHECK(fcntl(limit.rlim_max - 1, F_GETFD) >= 0);
}

TEST_F(files, above_the_callers_soft_limit_are_there)
{
	struct rlimit mine, low;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &mine));
	low = (struct rlimit){ 64, 4096 };
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &low));
	EXPECT_EQ(0, cr_round_trip(&self->cr, "high", NULL));
	EXPECT_EQ(0, setrlimit(RLIMIT_NOFILE, &mine));
}

TEST_HARNESS_MAIN
