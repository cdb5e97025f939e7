// SPDX-License-Identifier: GPL-2.0
/*
 * restart(2) cannot read on, at one byte of the image after the other: a file
 * that fails with any error, or ends while it is read, a pipe or socket whose
 * writer goes away. The error is the file's, or EBADMSG where there is no more,
 * one line of the log says so, and nothing is left.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_file.h"
#include "fail_places.h"
#include "fail_rich.h"

const struct fail_target fail_targets[] = {
	{ "rich", fail_rich },
	{ }
};

FIXTURE(reading) {
	struct fail_group group;
	struct fail_report report;
	struct fail_image image;
	struct fail_file file;
	struct fail_places places;
};

FIXTURE_SETUP(reading)
{
	int fd;

	fail_become_reaper();
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, fail_group_make(&self->group));
	fd = fail_image_of(&self->group, "rich", &self->image);
	ASSERT_LT(0, fd);
	close(fd);
	ASSERT_EQ(0, fail_file_make(&self->file, self->image.len));
	memcpy(self->file.data, self->image.data, self->image.len);
	self->file.len = self->image.len;
}

FIXTURE_TEARDOWN(reading)
{
	fail_image_free(&self->image);
	fail_group_end(&self->group);
	fail_file_end(&self->file);
}

/* All of the metadata, and the first, second and last byte of each page. */
static bool is_read(const struct fail_places *p)
{
	size_t in_page = p->at % CKPT_PAGE_SIZE;

	if (p->parts)
		return !fail_places_in_data(p) || in_page < 2 || in_page == CKPT_PAGE_SIZE - 1;
	return p->at < 2 || p->at % (fail_places_in_data(p) ? 65536 : 1021) == 0;
}

/* Records and what they consist of begin at whole words. */
static bool is_word(const struct fail_places *p)
{
	return (!p->parts || p->at % 8 == 0) && is_read(p);
}

static void tell(FIXTURE_DATA(reading) *self, const char *what)
{
	fprintf(stderr, "# swept reads, %s: %zu of %zu places\n", what, self->places.tried,
		self->places.total);
}

static bool next(FIXTURE_DATA(reading) *self, const char *what)
{
	bool more = fail_places_next(&self->places);

	if (!more || fail_places_news(&self->places))
		tell(self, what);
	return more;
}

static int restart(FIXTURE_DATA(reading) *self, int fd)
{
	return fail_restart(fd, &self->group, 0, &self->report);
}

/* What restart(2) says where there is no more. */
static int truncated(FIXTURE_DATA(reading) *self)
{
	return self->places.at < sizeof(struct ckpt_preamble) ? ENOEXEC : EBADMSG;
}

/* One line, which says what is wrong. */
static bool is_logged(FIXTURE_DATA(reading) *self, int err)
{
	char words[32];

	snprintf(words, sizeof(words), "errno %d", err);
	return fail_errors_logged(&self->report) == 1 &&
	       fail_logged(&self->report, "level=error",
			   err == ENOEXEC ? "not a checkpoint image" :
			   err == EBADMSG ? "truncated at offset" :
			   "cannot read the image at offset",
			   err == ENOEXEC || err == EBADMSG ? "level" : words);
}

static void check_failed(struct __test_metadata *_metadata, FIXTURE_DATA(reading) *self, int err,
			 int expected)
{
	ASSERT_EQ(-expected, err) {
		TH_LOG("at byte %zu of %zu: %s", self->places.at, self->image.len,
		       self->report.log);
	}
	ASSERT_TRUE(is_logged(self, expected)) {
		TH_LOG("at byte %zu: %s", self->places.at, self->report.log);
	}
	ASSERT_TRUE(self->report.result.stage == CKPT_STAGE_READ ||
		    self->report.result.stage == CKPT_STAGE_CONTENTS);
	ASSERT_TRUE(fail_no_children() && fail_group_empty(&self->group)) {
		TH_LOG("something is left, at byte %zu", self->places.at);
	}
}

TEST_F_TIMEOUT(reading, from_a_file_that_fails_at_any_byte_ends_with_its_error, FOR_EVER)
{
	static const int errors[] = { EIO, ESTALE, ENXIO, ENOMEM, ENODATA, EAGAIN, ETIMEDOUT };
	int fd, err, expected;

	fail_places_begin(&self->places, &self->image, is_read);
	while (next(self, "from a file that fails")) {
		expected = errors[(self->places.tried + self->places.at) % 7];
		fail_file_plan(&self->file, self->places.at, FAIL_FILE_ERROR, expected);
		fd = fail_file_open(&self->file, O_RDONLY);
		err = restart(self, fd);
		/* EAGAIN has a meaning of its own */
		check_failed(_metadata, self, err, expected == EAGAIN ? EIO : expected);
		ASSERT_EQ((off_t)self->places.at, lseek(fd, 0, SEEK_CUR));
		close(fd);
	}
}

/* Its length was another one when it was opened. */
TEST_F_TIMEOUT(reading, from_a_file_that_is_cut_off_meanwhile_is_EBADMSG, FOR_EVER)
{
	int fd, err;

	fail_places_begin(&self->places, &self->image, is_read);
	while (next(self, "from a file that is cut off")) {
		fail_file_plan(&self->file, self->places.at, FAIL_FILE_ERROR, 0);
		fd = fail_file_open(&self->file, O_RDONLY);
		err = restart(self, fd);
		check_failed(_metadata, self, err, truncated(self));
		close(fd);
	}
}

/* ---- A writer that goes away ---- */

struct writer {
	int fd;
	const uint8_t *data;
	size_t len;
};

static void *write_some(void *arg)
{
	struct writer *writer = arg;
	ssize_t n = 0;
	size_t at;

	for (at = 0; at < writer->len && n >= 0; at += n)
		n = write(writer->fd, writer->data + at, writer->len - at);
	close(writer->fd);
	return NULL;
}

enum connection { PIPE, SOCKET, RESET };

/* A socket that is closed with bytes unread in it resets the connection. */
static bool connect_ends(int ends[2], enum connection kind)
{
	if (kind == PIPE)
		return !pipe2(ends, O_CLOEXEC);
	return !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) &&
	       (kind == SOCKET || write(ends[0], "unread", 6) == 6);
}

static void sweep_writers(struct __test_metadata *_metadata, FIXTURE_DATA(reading) *self,
			  enum connection kind, const char *what)
{
	struct writer writer;
	pthread_t thread;
	int ends[2], err;

	fail_places_begin(&self->places, &self->image, is_read);
	while (next(self, what)) {
		ASSERT_TRUE(connect_ends(ends, kind));
		fcntl(ends[0], F_SETFL, self->places.tried & 1 ? O_NONBLOCK : 0);
		writer = (struct writer){ ends[1], self->image.data, self->places.at };
		ASSERT_EQ(0, pthread_create(&thread, NULL, write_some, &writer));
		err = restart(self, ends[0]);
		pthread_join(thread, NULL);
		check_failed(_metadata, self, err,
			     kind == RESET ? ECONNRESET : truncated(self));
		close(ends[0]);
	}
}

TEST_F_TIMEOUT(reading, from_a_pipe_that_ends_at_any_byte_is_EBADMSG, FOR_EVER)
{
	sweep_writers(_metadata, self, PIPE, "from a pipe");
}

TEST_F_TIMEOUT(reading, from_a_socket_that_ends_at_any_byte_is_EBADMSG, FOR_EVER)
{
	sweep_writers(_metadata, self, SOCKET, "from a socket");
}

TEST_F_TIMEOUT(reading, from_a_socket_that_is_reset_at_any_byte_is_ECONNRESET, FOR_EVER)
{
	sweep_writers(_metadata, self, RESET, "from a socket that is reset");
}

/* ---- What is no failure ---- */

static volatile int signals;

static void on_signal(int sig)
{
	signals++;
}

TEST_F_TIMEOUT(reading, goes_on_after_a_signal_at_any_word, FOR_EVER)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int fd, before;

	sigaction(SIGUSR1, &sa, NULL);
	fail_places_begin(&self->places, &self->image, is_word);
	while (next(self, "with a signal")) {
		before = signals;
		fail_file_plan(&self->file, self->places.at, FAIL_FILE_SIGNAL, 0);
		fd = fail_file_open(&self->file, O_RDONLY);
		ASSERT_EQ(0, restart(self, fd)) {
			TH_LOG("at byte %zu: %s", self->places.at, self->report.log);
		}
		ASSERT_EQ(1, self->file.signals);
		ASSERT_EQ(before + 1, signals);
		ASSERT_TRUE(fail_beats(self->report.pid));
		close(fd);
		fail_group_clear(&self->group);
	}
}

TEST_F(reading, is_not_interrupted_for_ever_by_a_signal)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int fd;

	sigaction(SIGUSR1, &sa, NULL);
	fail_file_plan(&self->file, 5000, FAIL_FILE_INTERRUPTIBLE, 0);
	fd = fail_file_open(&self->file, O_RDONLY);
	EXPECT_EQ(0, restart(self, fd));
	EXPECT_GT(FAIL_FILE_PATIENCE, self->file.signals);
	EXPECT_LT(0, signals);
	EXPECT_TRUE(fail_beats(self->report.pid));
	close(fd);
}

TEST_F(reading, from_a_file_that_gives_few_bytes_at_a_time_is_done)
{
	static const size_t steps[] = { 509, 4095, 4097 };
	int i, fd;

	for (i = 0; i < 3; i++) {
		self->file.step = steps[i];
		fd = fail_file_open(&self->file, O_RDONLY);
		EXPECT_EQ(0, restart(self, fd));
		EXPECT_TRUE(fail_beats(self->report.pid));
		close(fd);
		fail_group_clear(&self->group);
	}
}

TEST_HARNESS_MAIN
