// SPDX-License-Identifier: GPL-2.0
/*
 * checkpoint(2) cannot write on, at one byte of the image after the other: a
 * file that fails with any error, one that may not grow, a disk that is full, a
 * pipe or socket whose reader goes away. The error is the file's, one line of
 * the log names it, the group is as it was, frozen or running, and what has been
 * written so far is no image.
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
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_file.h"
#include "fail_places.h"
#include "fail_rich.h"

#define TURNS		32			/* the group is frozen, and thawed, so often */
#define DISK		"/tmp/fail-disk"

const struct fail_target fail_targets[] = {
	{ "rich", fail_rich },
	{ }
};

FIXTURE(writing) {
	struct fail_group group;
	struct fail_report report, checked;
	struct fail_image image;		/* of how long it is, and where its records are */
	struct fail_file file;
	struct fail_places places;
	pid_t target;
	bool frozen;
	int memfd;
};

static bool is_frozen(void *group)
{
	return fail_group_has(group, "cgroup.events", "frozen 1") == 1;
}

static bool freeze(FIXTURE_DATA(writing) *self, bool frozen)
{
	self->frozen = frozen;
	return !fail_group_write(&self->group, "cgroup.freeze", frozen ? "1" : "0") &&
	       (!frozen || fail_poll(is_frozen, &self->group, 10000));
}

FIXTURE_SETUP(writing)
{
	int fd;

	fail_become_reaper();
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, fail_group_make(&self->group));
	self->target = fail_start(&self->group, "rich", NULL);
	ASSERT_LT(0, self->target);
	fd = fail_save(&self->group);
	ASSERT_LT(0, fd);
	ASSERT_EQ(0, fail_image_read(&self->image, fd));
	close(fd);
	ASSERT_EQ(0, fail_file_make(&self->file, self->image.len + 65536));
	self->memfd = memfd_create("part", MFD_CLOEXEC);
	signal(SIGXFSZ, SIG_IGN);
}

FIXTURE_TEARDOWN(writing)
{
	close(self->memfd);
	fail_image_free(&self->image);
	fail_group_end(&self->group);
	fail_file_end(&self->file);
}

/* All of the metadata, and the first, second and last byte of each page. */
static bool is_write(const struct fail_places *p)
{
	size_t in_page = p->at % CKPT_PAGE_SIZE;

	if (p->parts)
		return !fail_places_in_data(p) || in_page < 2 || in_page == CKPT_PAGE_SIZE - 1;
	return p->at < 2 || p->at % (fail_places_in_data(p) ? 65536 : 1021) == 0;
}

/* Records and what they consist of begin at whole words. */
static bool is_word(const struct fail_places *p)
{
	return (!p->parts || p->at % 8 == 0) && is_write(p);
}

static void tell(FIXTURE_DATA(writing) *self, const char *what)
{
	fprintf(stderr, "# swept writes, %s: %zu of %zu places\n", what, self->places.tried,
		self->places.total);
}

/* The next place, with the group frozen or running by turns. */
static bool next(FIXTURE_DATA(writing) *self, const char *what)
{
	if (!fail_places_next(&self->places)) {
		tell(self, what);
		return false;
	}
	if (fail_places_news(&self->places))
		tell(self, what);
	return self->places.tried % TURNS || freeze(self, !self->frozen);
}

static int checkpoint(FIXTURE_DATA(writing) *self, int fd)
{
	return fail_checkpoint(&self->group, fd, 0, 0, &self->report);
}

/* Is the group what it was before the call? */
static bool is_as_before(FIXTURE_DATA(writing) *self)
{
	if (self->frozen)
		return is_frozen(&self->group) &&
		       fail_group_has(&self->group, "cgroup.freeze", "1") == 1;
	return fail_group_has(&self->group, "cgroup.freeze", "0") == 1 && fail_beats(self->target);
}

/* One line, which has the error's number. */
static bool is_logged(FIXTURE_DATA(writing) *self, int err)
{
	char words[32];

	snprintf(words, sizeof(words), "errno %d", err);
	return fail_errors_logged(&self->report) == 1 &&
	       fail_logged(&self->report, "level=error", "cannot write the image at offset", words);
}

/* Nobody takes what is in the file for an image. */
static bool is_no_image(FIXTURE_DATA(writing) *self, int fd)
{
	int err;

	lseek(fd, 0, SEEK_SET);
	err = fail_restart(fd, NULL, RESTART_CHECK, &self->checked);
	return err == (self->report.result.bytes < sizeof(struct ckpt_preamble) ?
		       -ENOEXEC : -EBADMSG) && fail_errors_logged(&self->checked) == 1;
}

/*
 * The image of a group that runs is not always as long: a task that sleeps has
 * more to it than one that does not. Was this one there before the place came?
 */
static bool was_done(FIXTURE_DATA(writing) *self, int err, size_t buffered)
{
	return !err && self->report.result.bytes <= self->places.at + buffered;
}

static void check_failed(struct __test_metadata *_metadata, FIXTURE_DATA(writing) *self, int err,
			 int expected)
{
	ASSERT_EQ(-expected, err) {
		TH_LOG("at byte %zu of %zu: %s", self->places.at, self->image.len,
		       self->report.log);
	}
	ASSERT_EQ(CKPT_STAGE_WRITE, self->report.result.stage);
	ASSERT_TRUE(is_logged(self, expected)) {
		TH_LOG("at byte %zu: %s", self->places.at, self->report.log);
	}
	ASSERT_TRUE(is_as_before(self)) {
		TH_LOG("at byte %zu, frozen: %d", self->places.at, self->frozen);
	}
}

TEST_F_TIMEOUT(writing, to_a_file_that_fails_at_any_byte_ends_with_its_error, FOR_EVER)
{
	/* 0: it takes no bytes, and does not say why */
	static const int errors[] = { ENOSPC, EIO, EDQUOT, EROFS, ESTALE, ENOMEM, EAGAIN, 0 };
	struct fail_file *file = &self->file;
	int fd, err, expected;

	fail_places_begin(&self->places, &self->image, is_write);
	while (next(self, "to a file that fails")) {
		expected = errors[(self->places.tried + self->places.at) % 8];
		file->len = 0;
		fail_file_plan(file, self->places.at, FAIL_FILE_ERROR, expected);
		fd = fail_file_open(file, O_RDWR);
		err = checkpoint(self, fd);
		if (was_done(self, err, 0)) {
			close(fd);
			continue;
		}
		/* EAGAIN has a meaning of its own */
		check_failed(_metadata, self, err,
			     expected && expected != EAGAIN ? expected : EIO);
		ASSERT_EQ(self->places.at, self->report.result.bytes);
		ASSERT_EQ(self->places.at, file->len);
		ASSERT_EQ((off_t)self->places.at, lseek(fd, 0, SEEK_CUR));
		close(fd);
		/* a copy is faster to read */
		fd = fail_image_fd(file->data, file->len);
		ASSERT_TRUE(is_no_image(self, fd));
		close(fd);
	}
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes;
	setrlimit(RLIMIT_FSIZE, &limit);
}

TEST_F_TIMEOUT(writing, to_a_file_of_any_limited_size_is_EFBIG, FOR_EVER)
{
	int err;

	fail_places_begin(&self->places, &self->image, is_write);
	while (next(self, "to a file of limited size")) {
		ASSERT_EQ(0, ftruncate(self->memfd, 0));
		lseek(self->memfd, 0, SEEK_SET);
		limit_files(self->places.at);
		err = checkpoint(self, self->memfd);
		limit_files(RLIM_INFINITY);
		if (was_done(self, err, 0))
			continue;
		check_failed(_metadata, self, err, EFBIG);
		ASSERT_EQ(self->places.at, self->report.result.bytes);
		ASSERT_EQ((off_t)self->places.at, lseek(self->memfd, 0, SEEK_END));
		ASSERT_TRUE(is_no_image(self, self->memfd));
	}
}

static void write_too_much(void *arg)
{
	FIXTURE_DATA(writing) *self = arg;

	signal(SIGXFSZ, SIG_DFL);
	limit_files(5000);
	checkpoint(self, self->memfd);
}

TEST_F(writing, more_than_the_limit_has_the_signal_of_write)
{
	struct rlimit none = {};
	int status;
	pid_t pid;

	setrlimit(RLIMIT_CORE, &none);
	pid = fail_helper(write_too_much, self);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
	EXPECT_TRUE(is_as_before(self));
}

/* A disk ends at a page: all of the pages are tried, whatever the part. */
TEST_F_TIMEOUT(writing, to_a_disk_with_any_room_left_is_ENOSPC, FOR_EVER)
{
	char options[32];
	size_t pages;
	int fd, err;

	mkdir(DISK, 0700);
	for (pages = 1; pages * 4096 < self->image.len; pages++) {
		snprintf(options, sizeof(options), "size=%zuk", pages * 4);
		ASSERT_EQ(0, mount("none", DISK, "tmpfs", 0, options));
		fd = open(DISK "/image", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		err = checkpoint(self, fd);
		self->places.at = pages * 4096;
		if (!was_done(self, err, 0)) {
			check_failed(_metadata, self, err, ENOSPC);
			ASSERT_TRUE(is_no_image(self, fd));
		}
		close(fd);
		ASSERT_EQ(0, umount2(DISK, 0));
		if (pages % 8 == 0)
			ASSERT_TRUE(freeze(self, !self->frozen));
	}
	rmdir(DISK);
}

/* ---- A reader that goes away ---- */

struct reader {
	int fd;
	size_t left;
};

/* Reads so many bytes and closes its end. */
static void *read_some(void *arg)
{
	struct reader *reader = arg;
	char buf[4096];
	ssize_t n = 1;

	while (reader->left && n > 0) {
		n = read(reader->fd, buf, reader->left < sizeof(buf) ? reader->left : sizeof(buf));
		reader->left -= n > 0 ? n : 0;
	}
	close(reader->fd);
	return NULL;
}

/* What is sent to whoever will not read it is lost, not refused. */
static void sweep_readers(struct __test_metadata *_metadata, FIXTURE_DATA(writing) *self,
			  bool (*connect)(int ends[2]), size_t buffered, const char *what)
{
	struct reader reader;
	pthread_t thread;
	int ends[2], err;

	fail_places_begin(&self->places, &self->image, is_write);
	while (next(self, what)) {
		ASSERT_TRUE(connect(ends));
		fcntl(ends[1], F_SETFL, self->places.tried & 1 ? O_NONBLOCK : 0);
		reader = (struct reader){ ends[0], self->places.at };
		ASSERT_EQ(0, pthread_create(&thread, NULL, read_some, &reader));
		/* before the first byte, if that is when it goes */
		if (!self->places.at)
			pthread_join(thread, NULL);
		/* SIGPIPE is at its default: it would kill us */
		err = checkpoint(self, ends[1]);
		close(ends[1]);
		if (self->places.at)
			pthread_join(thread, NULL);
		ASSERT_EQ(0, reader.left);
		if (was_done(self, err, buffered))
			continue;
		check_failed(_metadata, self, err, EPIPE);
	}
}

static bool connect_pipe(int ends[2])
{
	return !pipe2(ends, O_CLOEXEC) && fcntl(ends[1], F_SETPIPE_SZ, 4096) == 4096;
}

TEST_F_TIMEOUT(writing, to_a_pipe_that_is_closed_after_any_byte_is_EPIPE, FOR_EVER)
{
	sweep_readers(_metadata, self, connect_pipe, 4096, "to a pipe");
}

static bool connect_socket(int ends[2])
{
	int least = 0;

	return !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) &&
	       !setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
}

TEST_F_TIMEOUT(writing, to_a_socket_that_is_closed_after_any_byte_is_EPIPE, FOR_EVER)
{
	sweep_readers(_metadata, self, connect_socket, 16384, "to a socket");
}

/* ---- What is no failure ---- */

static volatile int signals;

static void on_signal(int sig)
{
	signals++;
}

static bool is_whole(FIXTURE_DATA(writing) *self)
{
	struct fail_file *file = &self->file;
	struct fail_image image = { .data = file->data, .len = file->len };
	int err;

	err = fail_image_parse(&image) ?:
	      fail_image_restart(&image, NULL, RESTART_CHECK, &self->checked);
	free(image.rec);
	return !err && self->report.result.bytes == file->len;
}

TEST_F_TIMEOUT(writing, goes_on_after_a_signal_at_any_word, FOR_EVER)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct fail_file *file = &self->file;
	int fd, before;

	sigaction(SIGUSR1, &sa, NULL);
	fail_places_begin(&self->places, &self->image, is_word);
	while (next(self, "with a signal")) {
		before = signals;
		file->len = 0;
		fail_file_plan(file, self->places.at, FAIL_FILE_SIGNAL, 0);
		fd = fail_file_open(file, O_RDWR);
		ASSERT_EQ(0, checkpoint(self, fd)) {
			TH_LOG("at byte %zu: %s", self->places.at, self->report.log);
		}
		close(fd);
		ASSERT_EQ(was_done(self, 0, 0) ? 0 : 1, file->signals);
		ASSERT_EQ(before + file->signals, signals);
		ASSERT_TRUE(is_whole(self));
		ASSERT_TRUE(is_as_before(self));
	}
}

TEST_F(writing, is_not_interrupted_for_ever_by_a_signal)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct fail_file *file = &self->file;
	int fd;

	sigaction(SIGUSR1, &sa, NULL);
	fail_file_plan(file, 5000, FAIL_FILE_INTERRUPTIBLE, 0);
	fd = fail_file_open(file, O_RDWR);
	EXPECT_EQ(0, checkpoint(self, fd));
	EXPECT_GT(FAIL_FILE_PATIENCE, file->signals);
	EXPECT_LT(0, signals);
	EXPECT_TRUE(is_whole(self));
	close(fd);
}

TEST_F(writing, to_a_file_that_takes_few_bytes_at_a_time_is_done)
{
	static const size_t steps[] = { 509, 4095, 4097 };
	int i, fd;

	for (i = 0; i < 3; i++) {
		self->file.len = 0;
		self->file.step = steps[i];
		fd = fail_file_open(&self->file, O_RDWR);
		EXPECT_EQ(0, checkpoint(self, fd));
		EXPECT_TRUE(is_whole(self));
		close(fd);
	}
	EXPECT_TRUE(is_as_before(self));
}

TEST_HARNESS_MAIN
