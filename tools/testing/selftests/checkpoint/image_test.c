// SPDX-License-Identifier: GPL-2.0
/*
 * Images that are damaged: cut off, flipped bit by bit, put together from
 * pieces; and the streams that they come through. Whatever happens, a restart
 * that fails leaves no task, and one that succeeds leaves one that can be
 * killed. CKPT_SWEEP=all flips every byte rather than samples.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
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

FIXTURE(image) {
	struct fail_group group;
	struct fail_report report;
	struct fail_image image;
	int fd;
};

/* An image whose processes are dead by now. */
static int make_image(struct fail_group *group, const char *target,
		      struct fail_image *image)
{
	pid_t pid = fail_start(group, target, NULL);
	int fd = pid > 0 ? fail_save(group) : pid, err;

	fail_group_clear(group);
	if (fd < 0)
		return fd;
	err = fail_image_read(image, fd);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

FIXTURE_SETUP(image)
{
	fail_become_reaper();
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, fail_group_make(&self->group));
	self->fd = make_image(&self->group, "plain", &self->image);
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

TEST_F(image, cut_off_anywhere_is_refused)
{
	size_t at[4096], cut;
	int nr = 0, i, err;

	/* from the end, since the file can only shrink */
	for (i = self->image.nr - 1; i >= 0; i--) {
		const struct fail_rec *rec = &self->image.rec[i];

		ASSERT_LT(nr, 4000);
		at[nr++] = rec->end - 1;
		at[nr++] = rec->at + (rec->end - rec->at) / 2;
		at[nr++] = rec->at + sizeof(struct ckpt_record);
		at[nr++] = rec->at + 7;
		at[nr++] = rec->at;
	}
	at[nr++] = 16;
	at[nr++] = 15;
	at[nr++] = 1;
	at[nr++] = 0;
	for (i = 0; i < nr; i++) {
		cut = at[i];
		ASSERT_EQ(0, ftruncate(self->fd, cut));
		lseek(self->fd, 0, SEEK_SET);
		err = restart(self);
		ASSERT_EQ(cut < 16 ? -ENOEXEC : -EBADMSG, err) {
			TH_LOG("cut at %zu: %s", cut, self->report.log);
		}
		ASSERT_TRUE(nothing_left(self));
		ASSERT_NE(0, self->report.log[0]);
	}
}

/* Where metadata or the header page of a block is, more often. */
static size_t stride(const struct fail_image *image, size_t at)
{
	const char *sweep = getenv("CKPT_SWEEP");
	int i;

	if (sweep && !strcmp(sweep, "all"))
		return 1;
	for (i = 0; i < image->nr; i++)
		if (image->rec[i].type == CKPT_REC_CONTENT &&
		    at >= image->rec[i].at + 4096 && at < image->rec[i].end)
			return 3989;
	return 37;
}

TEST_F(image, with_any_bit_flipped_is_refused)
{
	unsigned int bit = 0;
	size_t at;
	int err;

	for (at = 0; at < self->image.len; at += stride(&self->image, at)) {
		uint8_t byte = self->image.data[at] ^ 1 << (bit++ % 8);

		ASSERT_EQ(1, pwrite(self->fd, &byte, 1, at));
		lseek(self->fd, 0, SEEK_SET);
		err = restart(self);
		EXPECT_TRUE(err == -EBADMSG || err == -ENOEXEC) {
			TH_LOG("byte %zu: %d: %s", at, err, self->report.log);
		}
		if (!err)
			fail_group_clear(&self->group);
		ASSERT_TRUE(nothing_left(self));
		pwrite(self->fd, &self->image.data[at], 1, at);
	}
}

static void __attribute__((noinline))
sweep_resealed(struct __test_metadata *_metadata, FIXTURE_DATA(image) *self,
	       struct fail_image *image)
{
	struct fail_image bad;
	unsigned int bit = 3, good = 0, all = 0;
	size_t at;
	int i, err;

	for (i = 0; i < image->nr; i++) {
		const struct fail_rec *rec = &image->rec[i];

		for (at = rec->at; at < rec->end; at += stride(image, at), all++) {
			fail_image_copy(&bad, image);
			bad.data[at] ^= 1 << (bit++ % 8);
			fail_image_seal_one(&bad, i ? i : -1);
			err = try(self, &bad, 0);
			if (!err) {
				good++;
				fail_group_clear(&self->group);
			}
			ASSERT_TRUE(nothing_left(self)) {
				TH_LOG("record %d type %u byte %zu: %d", i, rec->type,
				       at - rec->at, err);
			}
			fail_image_free(&bad);
		}
	}
	TH_LOG("%u of %u images restarted", good, all);
}

TEST_F(image, flipped_and_sealed_again_leaves_nothing)
{
	sweep_resealed(_metadata, self, &self->image);
}

TEST_F(image, of_many_things_flipped_and_sealed_again_leaves_nothing)
{
	struct fail_image rich;

	ASSERT_LT(0, make_image(&self->group, "rich", &rich));
	sweep_resealed(_metadata, self, &rich);
	fail_image_free(&rich);
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

	ASSERT_LT(0, make_image(&self->group, "plain", &other));
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
