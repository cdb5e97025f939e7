// SPDX-License-Identifier: GPL-2.0
/*
 * Images that are none, and images put together from pieces of others. Whatever
 * happens, a restart that fails leaves no task, and one that succeeds leaves one
 * that can be killed. image_sweep_test has what is damaged byte by byte.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"

const struct fail_target fail_targets[] = {
	{ "plain", NULL },
	{ }
};

FIXTURE(image) {
	struct fail_group group;
	struct fail_report report;
	struct fail_image image;
	int fd;
};

FIXTURE_SETUP(image)
{
	fail_become_reaper();
	ASSERT_EQ(0, fail_group_make(&self->group));
	self->fd = fail_image_of(&self->group, "plain", &self->image);
	ASSERT_LT(0, self->fd);
}

FIXTURE_TEARDOWN(image)
{
	fail_image_free(&self->image);
	fail_group_end(&self->group);
}

static int restart(FIXTURE_DATA(image) *self)
{
	return fail_restart(self->fd, &self->group, 0, &self->report);
}

static bool nothing_left(FIXTURE_DATA(image) *self)
{
	return fail_no_children() && fail_group_empty(&self->group);
}

/* The image, changed, from its start. Return: the call's verdict. */
static int try(FIXTURE_DATA(image) *self, const struct fail_image *image, uint64_t flags)
{
	return fail_image_restart(image, &self->group, flags, &self->report);
}

TEST_F(image, that_is_whole_restarts)
{
	ASSERT_EQ(0, restart(self)) {
		TH_LOG("%s", self->report.log);
	}
	EXPECT_TRUE(fail_beats(self->report.pid));
	EXPECT_EQ((off_t)self->image.len, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(CKPT_STAGE_DONE, self->report.result.stage);
	EXPECT_EQ(self->image.len, self->report.result.bytes);
	kill(self->report.pid, SIGKILL);
	EXPECT_EQ(self->report.pid, waitpid(self->report.pid, NULL, 0));
}

TEST_F(image, that_is_whole_passes_a_check_which_creates_nothing)
{
	EXPECT_EQ(0, try(self, &self->image, RESTART_CHECK));
	EXPECT_TRUE(nothing_left(self));
}

TEST_F(image, that_is_none_is_refused)
{
	static const char *const not[] = { "", "#!/bin/sh\nexit 0\n", "\211CKPT\r\n" };
	char zeros[8192] = {};
	int i, fd;

	for (i = 0; i < 3; i++) {
		fd = fail_image_fd(not[i], strlen(not[i]));
		EXPECT_EQ(-ENOEXEC, fail_restart(fd, &self->group, 0, &self->report));
		close(fd);
	}
	fd = fail_image_fd(zeros, sizeof(zeros));
	EXPECT_EQ(-ENOEXEC, fail_restart(fd, &self->group, 0, &self->report));
	close(fd);
	fd = open("/proc/self/exe", O_RDONLY);
	EXPECT_EQ(-ENOEXEC, fail_restart(fd, &self->group, 0, &self->report));
	close(fd);
	EXPECT_TRUE(nothing_left(self));
}

/* ---- Records in other places ---- */

static int try_order(FIXTURE_DATA(image) *self, const struct fail_image *from,
		     const int *order, int nr)
{
	struct fail_image built;
	int err;

	fail_image_build(&built, from, order, nr);
	err = try(self, &built, 0);
	if (!err)
		fail_group_clear(&self->group);
	fail_image_free(&built);
	return err;
}

TEST_F(image, put_together_again_as_it_was_restarts)
{
	int order[4096], i;

	for (i = 0; i < self->image.nr; i++)
		order[i] = i;
	EXPECT_EQ(0, try_order(self, &self->image, order, i));
}

TEST_F(image, with_a_record_missing_is_refused)
{
	int order[4096], gone, i, err;

	for (gone = 0; gone < self->image.nr; gone++) {
		for (i = 0; i < self->image.nr - 1; i++)
			order[i] = i < gone ? i : i + 1;
		err = try_order(self, &self->image, order, i);
		/* pages or an index that nobody counts may be missing */
		if (self->image.rec[gone].type == CKPT_REC_INDEX ||
		    self->image.rec[gone].type == CKPT_REC_CONTENT) {
			EXPECT_EQ(0, err);
		} else {
			EXPECT_EQ(-EBADMSG, err) {
				TH_LOG("without record %d: %s", gone, self->report.log);
			}
		}
		ASSERT_TRUE(nothing_left(self));
	}
}

TEST_F(image, with_a_record_twice_is_refused)
{
	int order[4096], twice, i, err;

	for (twice = 0; twice < self->image.nr; twice++) {
		uint32_t type = self->image.rec[twice].type;

		for (i = 0; i <= self->image.nr; i++)
			order[i] = i <= twice ? i : i - 1;
		err = try_order(self, &self->image, order, i);
		if (type == CKPT_REC_CONTENT || type == CKPT_REC_INDEX ||
		    type == CKPT_REC_TRAILER) {
			EXPECT_EQ(0, err);
		} else {
			EXPECT_TRUE(err == -EBADMSG || err == -EOPNOTSUPP) {
				TH_LOG("record %d twice: %d", twice, err);
			}
		}
		ASSERT_TRUE(nothing_left(self));
	}
}

TEST_F(image, with_neighbours_swapped_leaves_nothing)
{
	int order[4096], at, i, err;

	for (at = 0; at + 1 < self->image.nr; at++) {
		for (i = 0; i < self->image.nr; i++)
			order[i] = i == at ? at + 1 : i == at + 1 ? at : i;
		err = try_order(self, &self->image, order, i);
		if (self->image.rec[at].type == CKPT_REC_VMA ||
		    self->image.rec[at].type == CKPT_REC_HEADER)
			EXPECT_EQ(-EBADMSG, err);
		ASSERT_TRUE(nothing_left(self));
	}
}

/* Seals are seeded with the uuid: no record of another image fits. */
TEST_F(image, with_a_record_of_another_image_is_refused)
{
	struct fail_image other;
	int i, err, tried = 0;

	ASSERT_LT(0, fail_image_of(&self->group, "plain", &other));
	for (i = 1; i < self->image.nr && i < other.nr; i++) {
		const struct fail_rec *a = &self->image.rec[i], *b = &other.rec[i];

		if (a->type != b->type || a->at != b->at || a->end != b->end)
			break;
		pwrite(self->fd, other.data + b->at, b->end - b->at, a->at);
		lseek(self->fd, 0, SEEK_SET);
		err = restart(self);
		EXPECT_EQ(-EBADMSG, err);
		ASSERT_TRUE(nothing_left(self));
		pwrite(self->fd, self->image.data + a->at, a->end - a->at, a->at);
		tried++;
	}
	EXPECT_LT(10, tried);
	fail_image_free(&other);
}

TEST_HARNESS_MAIN
