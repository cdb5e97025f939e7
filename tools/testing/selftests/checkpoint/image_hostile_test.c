// SPDX-License-Identifier: GPL-2.0
/*
 * Images that aim at what is not theirs: files, other directories, records
 * that nobody knows.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_rich.h"

const struct fail_target fail_targets[] = {
	{ "rich", fail_rich },
	{ }
};

FIXTURE(hostile) {
	struct fail_group group;
	struct fail_report report;
	struct fail_image image;
};

FIXTURE_SETUP(hostile)
{
	pid_t pid;
	int fd;

	fail_become_reaper();
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, fail_group_make(&self->group));
	pid = fail_start(&self->group, "rich", NULL);
	ASSERT_LT(0, pid);
	fd = fail_save(&self->group);
	fail_group_clear(&self->group);
	ASSERT_LT(0, fd);
	ASSERT_EQ(0, fail_image_read(&self->image, fd));
	close(fd);
}

FIXTURE_TEARDOWN(hostile)
{
	fail_image_free(&self->image);
	fail_group_end(&self->group);
}

static int try(FIXTURE_DATA(hostile) *self, struct fail_image *image)
{
	int err;

	fail_image_seal(image);
	err = fail_image_restart(image, &self->group, 0, &self->report);
	if (!err)
		fail_group_clear(&self->group);
	return err;
}


static int left(FIXTURE_DATA(hostile) *self)
{
	return !fail_no_children() || !fail_group_empty(&self->group);
}

TEST_F(hostile, contents_do_not_reach_a_shared_file)
{
	struct ckpt_content *content;
	char before[4096], after[4096];
	struct fail_image image;
	uint64_t shared = 0;
	int i, fd = open(RICH_SHARED, O_RDONLY);

	ASSERT_EQ(4096, pread(fd, before, sizeof(before), 0));
	for (i = 0; i < self->image.nr; i++) {
		struct ckpt_vma *vma = fail_image_data(&self->image, i);

		if (self->image.rec[i].type == CKPT_REC_VMA &&
		    vma->flags & CKPT_VMA_SHARED)
			shared = vma->start;
	}
	ASSERT_NE(0, shared);
	fail_image_copy(&image, &self->image);
	content = fail_image_data(&image, fail_image_find(&image, CKPT_REC_CONTENT, 0));
	for (i = 0; i < content->nr_runs; i++)
		if (content->runs[i].kind == CKPT_RUN_DATA && content->runs[i].count == 1)
			content->runs[i].index = shared >> 12;
	EXPECT_EQ(-EBADMSG, try(self, &image));
	EXPECT_FALSE(left(self));
	ASSERT_EQ(4096, pread(fd, after, sizeof(after), 0));
	EXPECT_EQ(0, memcmp(before, after, sizeof(after)));
	fail_image_free(&image);
	close(fd);
}

TEST_F(hostile, shared_memory_takes_no_page_beyond_its_end)
{
	struct ckpt_content *content;
	struct fail_image image;
	int i, rec = fail_image_find(&self->image, CKPT_REC_SHMEM, 0);
	uint32_t id = *(uint32_t *)fail_image_data(&self->image, rec);
	bool found = false;

	fail_image_copy(&image, &self->image);
	content = fail_image_data(&image, fail_image_find(&image, CKPT_REC_CONTENT, 0));
	for (i = 0; i < content->nr_runs; i++) {
		if (content->runs[i].object != id)
			continue;
		content->runs[i].index = 2;
		found = true;
	}
	ASSERT_TRUE(found);
	EXPECT_EQ(-EBADMSG, try(self, &image));
	EXPECT_FALSE(left(self));
	fail_image_free(&image);
}

/* Put another path of the same length in place of RICH_PATH. */
static int with_path(FIXTURE_DATA(hostile) *self, const char *path)
{
	struct fail_image image;
	int i, err = -ENOENT;
	uint8_t *at;

	fail_image_copy(&image, &self->image);
	for (i = 0; i < image.nr; i++) {
		if (image.rec[i].type != CKPT_REC_FILE_PATH)
			continue;
		at = memmem(image.data + image.rec[i].at, image.rec[i].end - image.rec[i].at,
			    RICH_PATH, strlen(RICH_PATH));
		if (!at)
			continue;
		memcpy(at, path, strlen(RICH_PATH));
		err = try(self, &image);
	}
	fail_image_free(&image);
	return err;
}

TEST_F(hostile, paths_are_looked_at)
{
	EXPECT_EQ(-ELOOP, with_path(self, "/proc/self/exe"));
	EXPECT_EQ(-EBADMSG, with_path(self, "tmp//fail-path"));
	EXPECT_EQ(-EBADMSG, with_path(self, "/tmp/fail-pat\0"));
	EXPECT_EQ(-ENOENT, with_path(self, "/tmp/fail-none"));
	EXPECT_EQ(-ESTALE, with_path(self, "/../..///dev//"));
	EXPECT_EQ(-ESTALE, with_path(self, "////dev///null"));
	EXPECT_EQ(-ESTALE, with_path(self, "///dev/console"));
	EXPECT_EQ(-ESTALE, with_path(self, "/////proc/kmsg"));
	EXPECT_FALSE(left(self));
}

static volatile int alarms;

static void on_alarm(int sig)
{
	alarms++;
}

/* A FIFO is not opened at all, or at least nobody waits for its other end. */
TEST_F(hostile, a_path_to_a_fifo_does_not_block)
{
	struct sigaction sa = { .sa_handler = on_alarm };

	ASSERT_EQ(0, mknod("/tmp/fail-fifo", S_IFIFO | 0600, 0));
	sigaction(SIGALRM, &sa, NULL);
	alarm(5);
	EXPECT_EQ(-ESTALE, with_path(self, "/tmp/fail-fifo"));
	EXPECT_EQ(0, alarms);
	alarm(0);
	EXPECT_FALSE(left(self));
	unlink("/tmp/fail-fifo");
}

/* Insert a record of an unknown type before record @before. */
static int with_unknown(FIXTURE_DATA(hostile) *self, int before, uint16_t flags,
			size_t len)
{
	struct fail_image from, to;
	struct ckpt_record rec = { .type = 0x7777, .flags = flags, .len = len };
	int *order = calloc(self->image.nr + 1, sizeof(int)), i, err;

	/* behind the trailer, for as long as it takes to build */
	fail_image_copy(&from, &self->image);
	from.data = realloc(from.data, from.len + sizeof(rec) + len);
	memcpy(from.data + from.len, &rec, sizeof(rec));
	memset(from.data + from.len + sizeof(rec), 0x55, len);
	from.rec = realloc(from.rec, (from.nr + 1) * sizeof(*from.rec));
	from.rec[from.nr] = (struct fail_rec){
		from.len, from.len + sizeof(rec) + len, rec.type };
	for (i = 0; i <= from.nr; i++)
		order[i] = i < before ? i : i == before ? from.nr : i - 1;
	fail_image_build(&to, &from, order, from.nr + 1);
	err = try(self, &to);
	fail_image_free(&to);
	fail_image_free(&from);
	free(order);
	return err;
}

TEST_F(hostile, a_record_that_nobody_knows_is_fatal_unless_it_may_be_skipped)
{
	int last = self->image.nr - 1, i;
	int places[] = { 1, 3, fail_image_find(&self->image, CKPT_REC_CONTENT, 0), last };

	for (i = 0; i < 4; i++) {
		EXPECT_EQ(-EOPNOTSUPP, with_unknown(self, places[i], 0, 64));
		EXPECT_FALSE(left(self));
		EXPECT_EQ(0, with_unknown(self, places[i], CKPT_REC_F_SKIPPABLE, 64)) {
			TH_LOG("at record %d: %s", places[i], self->report.log);
		}
		EXPECT_EQ(0, with_unknown(self, places[i], CKPT_REC_F_SKIPPABLE, 0));
		EXPECT_EQ(-EBADMSG, with_unknown(self, places[i], CKPT_REC_F_SKIPPABLE,
						 1 << 20));
		EXPECT_FALSE(left(self));
	}
}

/* A header that claims a lot is not believed before the bytes are there. */
TEST_F(hostile, a_length_without_bytes_costs_nothing)
{
	int rec = fail_image_find(&self->image, CKPT_REC_FILES, 0);
	struct fail_image image;
	struct ckpt_record *hdr;

	fail_image_copy(&image, &self->image);
	hdr = (void *)(image.data + image.rec[rec].at);
	hdr->len = 8 + (1 << 20) * sizeof(struct ckpt_fd);
	EXPECT_EQ(-EBADMSG, fail_image_restart(&image, &self->group, 0, &self->report));
	hdr->len += 8;
	EXPECT_EQ(-EBADMSG, fail_image_restart(&image, &self->group, 0, &self->report));
	EXPECT_FALSE(left(self));
	fail_image_free(&image);
}

TEST_HARNESS_MAIN
