// SPDX-License-Identifier: GPL-2.0
/*
 * The streams that images come through, and the world that they come to: bytes
 * in any portions, nothing read past the trailer, pids taken, files changed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_rich.h"

const struct fail_target fail_targets[] = {
	{ "plain", NULL },
	{ "rich", fail_rich },
	{ }
};

FIXTURE(stream) {
	struct fail_group group;
	struct fail_report report;
	struct fail_image image;
	pid_t target;
	int fd;
};

FIXTURE_SETUP(stream)
{
	fail_become_reaper();
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, fail_group_make(&self->group));
	self->target = fail_start(&self->group, "rich", NULL);
	ASSERT_LT(0, self->target);
	self->fd = fail_save(&self->group);
	ASSERT_LT(0, self->fd);
	ASSERT_EQ(0, fail_image_read(&self->image, self->fd));
}

FIXTURE_TEARDOWN(stream)
{
	fail_image_free(&self->image);
	fail_group_end(&self->group);
}

static int restart(FIXTURE_DATA(stream) *self, int fd)
{
	return fail_restart(fd, &self->group, 0, &self->report);
}

struct feed {
	const struct fail_image *image;
	int fd;
	size_t portion, extra;
};

static void feed(void *arg)
{
	struct feed *f = arg;
	size_t at, n;

	for (at = 0; at < f->image->len; at += n) {
		n = f->image->len - at < f->portion ? f->image->len - at : f->portion;
		if (write(f->fd, f->image->data + at, n) != (ssize_t)n)
			_exit(1);
	}
	if (f->extra && write(f->fd, "behind the trailer", f->extra) < 0)
		_exit(1);
	close(f->fd);
}

static int restart_fed(FIXTURE_DATA(stream) *self, int ends[2], size_t portion,
		       size_t extra)
{
	struct feed f = { &self->image, ends[1], portion, extra };
	pid_t pid;
	int err;

	fail_group_clear(&self->group);
	pid = fail_helper(feed, &f);
	err = restart(self, ends[0]);
	close(ends[1]);
	waitpid(pid, NULL, 0);
	return err;
}

TEST_F(stream, of_any_portions_is_read)
{
	static const size_t portions[] = { 1, 7, 333, 4095, 4097, 100000 };
	int i, ends[2];

	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, pipe2(ends, O_CLOEXEC | (i & 1 ? O_NONBLOCK : 0)));
		fcntl(ends[1], F_SETFL, 0);
		EXPECT_EQ(0, restart_fed(self, ends, portions[i], 0)) {
			TH_LOG("portions of %zu: %s", portions[i], self->report.log);
		}
		EXPECT_TRUE(fail_beats(self->report.pid));
		close(ends[0]);
	}
}

TEST_F(stream, from_a_socket_is_read)
{
	int ends[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	EXPECT_EQ(0, restart_fed(self, ends, 5000, 0)) {
		TH_LOG("%s", self->report.log);
	}
	EXPECT_TRUE(fail_beats(self->report.pid));
}

TEST_F(stream, of_a_pipe_keeps_what_is_behind_the_trailer)
{
	char buf[64] = {};
	int ends[2];

	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	EXPECT_EQ(0, restart_fed(self, ends, 65536, 18));
	EXPECT_EQ(18, read(ends[0], buf, sizeof(buf)));
	EXPECT_STREQ("behind the trailer", buf);
}

TEST_F(stream, of_a_file_ends_with_the_trailer)
{
	int fd = memfd_create("padded", MFD_CLOEXEC);

	write(fd, "in front", 8);
	write(fd, self->image.data, self->image.len);
	write(fd, "behind", 6);
	lseek(fd, 8, SEEK_SET);
	fail_group_clear(&self->group);
	EXPECT_EQ(0, restart(self, fd)) {
		TH_LOG("%s", self->report.log);
	}
	EXPECT_EQ((off_t)(8 + self->image.len), lseek(fd, 0, SEEK_CUR));
	EXPECT_EQ(self->image.len, self->report.result.bytes);
}

struct fetch {
	int fd;
	struct fail_report *report;
	const struct fail_group *group;
};

static void fetch(void *arg)
{
	struct fetch *f = arg;

	_exit(-fail_checkpoint(f->group, f->fd, 0, 0, f->report));
}

TEST_F(stream, is_written_whatever_portions_are_read)
{
	struct fetch f = { 0, &self->report, &self->group };
	struct fail_image image;
	int type, ends[2], status, fd;
	char buf[777];
	ssize_t n;
	pid_t pid;

	for (type = 0; type < 2; type++) {
		fd = memfd_create("fetched", MFD_CLOEXEC);
		ASSERT_EQ(0, type ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) :
				    pipe2(ends, O_NONBLOCK));
		fcntl(ends[0], F_SETFL, 0);
		f.fd = ends[1];
		pid = fail_helper(fetch, &f);
		close(ends[1]);
		while ((n = read(ends[0], buf, sizeof(buf))) > 0)
			ASSERT_EQ(n, write(fd, buf, n));
		waitpid(pid, &status, 0);
		EXPECT_EQ(0, status);
		EXPECT_EQ(0, fail_image_read(&image, fd));
		fail_image_free(&image);
		close(ends[0]);
		close(fd);
	}
	EXPECT_TRUE(fail_beats(self->target));
}

/* ---- The world ---- */

TEST_F(stream, does_not_start_while_a_pid_is_taken)
{
	EXPECT_EQ(-EEXIST, restart(self, self->fd));
	EXPECT_EQ(CKPT_STAGE_FOREST, self->report.result.stage);
	EXPECT_NE(NULL, fail_logged(&self->report, "is taken"));
	EXPECT_TRUE(fail_beats(self->target));
	fail_group_clear(&self->group);
	lseek(self->fd, 0, SEEK_SET);
	EXPECT_EQ(0, restart(self, self->fd));
}

static int again(FIXTURE_DATA(stream) *self, uint64_t flags)
{
	int err;

	lseek(self->fd, 0, SEEK_SET);
	err = fail_restart(self->fd, &self->group, flags, &self->report);
	if (!err)
		fail_group_clear(&self->group);
	return err;
}

TEST_F(stream, finds_a_file_that_is_gone)
{
	fail_group_clear(&self->group);
	unlink(RICH_PATH);
	EXPECT_EQ(-ENOENT, again(self, 0));
	EXPECT_EQ(CKPT_STAGE_OBJECTS, self->report.result.stage);
	EXPECT_NE(NULL, fail_logged(&self->report, RICH_PATH, "record="));
	EXPECT_TRUE(fail_no_children());
}

TEST_F(stream, finds_a_file_that_is_another)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	struct stat st;

	fail_group_clear(&self->group);
	ASSERT_EQ(0, stat(RICH_PATH, &st));
	times[1] = st.st_mtim;
	ASSERT_EQ(0, again(self, 0));
	/* the time alone */
	times[1].tv_nsec ^= 1;
	ASSERT_EQ(0, utimensat(AT_FDCWD, RICH_PATH, times, 0));
	EXPECT_EQ(-ESTALE, again(self, 0));
	EXPECT_NE(NULL, fail_logged(&self->report, RICH_PATH, "time"));
	/* the length alone */
	truncate(RICH_PATH, st.st_size + 1);
	times[1] = st.st_mtim;
	ASSERT_EQ(0, utimensat(AT_FDCWD, RICH_PATH, times, 0));
	EXPECT_EQ(-ESTALE, again(self, 0));
	EXPECT_NE(NULL, fail_logged(&self->report, RICH_PATH, "length"));
	/* a file just like it is good enough, unless asked for more */
	unlink(RICH_PATH);
	close(open(RICH_PATH, O_CREAT | O_EXCL | O_WRONLY, 0644));
	truncate(RICH_PATH, st.st_size);
	ASSERT_EQ(0, utimensat(AT_FDCWD, RICH_PATH, times, 0));
	EXPECT_EQ(0, again(self, 0));
	EXPECT_EQ(-ESTALE, again(self, RESTART_STRICT_FILES));
	/* a directory of that name */
	unlink(RICH_PATH);
	mkdir(RICH_PATH, 0755);
	EXPECT_EQ(-ESTALE, again(self, 0));
	rmdir(RICH_PATH);
	EXPECT_TRUE(fail_no_children());
}

TEST_F(stream, finds_a_file_that_is_shorter_if_it_was_written_to)
{
	fail_group_clear(&self->group);
	truncate(RICH_SHARED, 8192);
	EXPECT_EQ(0, again(self, 0));
	truncate(RICH_SHARED, 4095);
	EXPECT_EQ(-ESTALE, again(self, 0));
	EXPECT_NE(NULL, fail_logged(&self->report, RICH_SHARED, "length"));
	EXPECT_TRUE(fail_no_children());
}

TEST_HARNESS_MAIN
