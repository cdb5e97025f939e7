// SPDX-License-Identifier: GPL-2.0
/*
 * A campaign of hostile images: each is a mutation of a sound one, with right
 * checksums, and is fed to restart(2). Any verdict will do, as long as nothing
 * is left. CKPT_IMAGES is their number, CKPT_SEED repeats a campaign. Where the
 * kernel has KCOV, an image that reaches new code becomes material for more.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kcov.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_family.h"
#include "fail_rich.h"
#include "mutate.h"

#define SAMPLE		300
#define CORPUS_MAX	2048
#define PCS_MAX		(256 * 1024)
#define EDGES		(1 << 20)

/* ---- Material ---- */

static const char *const material[] = { "rich", "asleep", "household" };

const struct fail_target fail_targets[] = {
	{ "rich", fail_rich },
	{ "asleep", fail_asleep },
	{ "household", fail_household },
	{ }
};

/* ---- Where a call went ---- */

struct trail {
	int fd;
	uint64_t *pcs;
	uint8_t *seen;
};

static void trail_open(struct trail *trail)
{
	trail->seen = calloc(1, EDGES);
	trail->fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (trail->fd < 0)
		return;
	if (!ioctl(trail->fd, KCOV_INIT_TRACE, PCS_MAX)) {
		trail->pcs = mmap(NULL, PCS_MAX * sizeof(*trail->pcs), PROT_READ | PROT_WRITE,
				  MAP_SHARED, trail->fd, 0);
		if (trail->pcs != MAP_FAILED)
			return;
	}
	close(trail->fd);
	trail->fd = -1;
}

static void trail_begin(struct trail *trail)
{
	if (trail->fd < 0)
		return;
	if (ioctl(trail->fd, KCOV_ENABLE, KCOV_TRACE_PC))
		abort();
	__atomic_store_n(trail->pcs, 0, __ATOMIC_RELAXED);
}

/* How many pairs of consecutive places are new? */
static unsigned int trail_end(struct trail *trail)
{
	uint64_t nr, i, last = 0;
	unsigned int news = 0;

	if (trail->fd < 0)
		return 0;
	nr = __atomic_load_n(trail->pcs, __ATOMIC_RELAXED);
	ioctl(trail->fd, KCOV_DISABLE, 0);
	for (i = 1; i <= nr && i < PCS_MAX; i++) {
		uint64_t pc = trail->pcs[i];
		uint8_t *seen = &trail->seen[((pc ^ last * 0x9e3779b97f4a7c15ULL) >> 3) % EDGES];

		news += !*seen;
		*seen = 1;
		last = pc;
	}
	return news;
}

static void trail_close(struct trail *trail)
{
	if (trail->fd >= 0) {
		munmap(trail->pcs, PCS_MAX * sizeof(*trail->pcs));
		close(trail->fd);
	}
	free(trail->seen);
}

/* ---- The campaign ---- */

FIXTURE(campaign) {
	struct fail_group group;
	struct fail_report report;
	struct trail trail;
	struct mutate_image corpus[CORPUS_MAX];
	int nr_corpus;
	unsigned long verdicts[256], checked;
	uint64_t seed;
	long images;
	int fd;
};

static long long number(const char *name, long long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoll(text, NULL, 0) : otherwise;
}

static int gather(FIXTURE_DATA(campaign) *self, const char *target)
{
	struct fail_image image;
	int fd, err;

	if (fail_start(&self->group, target, NULL) <= 0)
		return -ECHILD;
	fd = fail_save(&self->group);
	fail_group_clear(&self->group);
	if (fd < 0)
		return fd;
	err = fail_image_read(&image, fd);
	close(fd);
	if (!err)
		mutate_take(&self->corpus[self->nr_corpus++], &image);
	fail_image_free(&image);
	return err;
}

FIXTURE_SETUP(campaign)
{
	struct timespec now;
	size_t i;

	clock_gettime(CLOCK_REALTIME, &now);
	self->seed = number("CKPT_SEED", now.tv_sec ^ now.tv_nsec);
	self->images = number("CKPT_IMAGES", SAMPLE);
	mutate_seed(self->seed);
	/* an image's pages are used again by the next: on a debug kernel new ones cost most */
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	self->fd = memfd_create("image", MFD_CLOEXEC);
	ASSERT_LE(0, self->fd);
	fail_become_reaper();
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, fail_group_make(&self->group));
	for (i = 0; i < sizeof(material) / sizeof(*material); i++)
		ASSERT_EQ(0, gather(self, material[i]));
	trail_open(&self->trail);
}

FIXTURE_TEARDOWN(campaign)
{
	trail_close(&self->trail);
	close(self->fd);
	while (self->nr_corpus)
		mutate_free(&self->corpus[--self->nr_corpus]);
	fail_group_end(&self->group);
}

static void put_image(FIXTURE_DATA(campaign) *self, struct mutate_image *image)
{
	struct fail_image whole;

	mutate_join(&whole, image);
	if (pwrite(self->fd, whole.data, whole.len, 0) != (ssize_t)whole.len ||
	    ftruncate(self->fd, whole.len) || lseek(self->fd, 0, SEEK_SET))
		abort();
	fail_image_free(&whole);
}

static uint64_t any_flags(void)
{
	uint64_t flags = 0;

	if (!mutate_below(4))
		flags |= RESTART_CHECK;
	/* mostly frozen, so that what starts does nothing before it is killed */
	else if (mutate_below(8))
		flags |= RESTART_FROZEN;
	if (!mutate_below(8))
		flags |= RESTART_CLAMP;
	return flags;
}

/* Return: 1 if there are tasks now, 0 if not. */
static int feed(FIXTURE_DATA(campaign) *self, struct mutate_image *image)
{
	uint64_t flags = any_flags();
	int err;

	put_image(self, image);
	trail_begin(&self->trail);
	err = fail_restart(self->fd, flags & RESTART_CHECK ? NULL : &self->group, flags,
			   &self->report);
	if (trail_end(&self->trail) && self->nr_corpus < CORPUS_MAX)
		mutate_copy(&self->corpus[self->nr_corpus++], image);
	if (!err && flags & RESTART_CHECK)
		self->checked++;
	else
		self->verdicts[-err & 0xff]++;
	return !err && !(flags & RESTART_CHECK);
}

static void tell(FIXTURE_DATA(campaign) *self, long nr)
{
	int i;

	fprintf(stderr, "# %ld images, seed %llu, corpus of %d: found right %lu", nr,
		(unsigned long long)self->seed, self->nr_corpus, self->checked);
	for (i = 0; i < 256; i++)
		if (self->verdicts[i])
			fprintf(stderr, " %s %lu", i ? strerrorname_np(i) : "started",
				self->verdicts[i]);
	fprintf(stderr, "\n");
}

TEST_F_TIMEOUT(campaign, of_mutated_images_leaves_nothing, FOR_EVER)
{
	struct mutate_image image;
	long i;
	int started;

	for (i = 0; i < self->images; i++) {
		/* every other one is made of a sound image */
		mutate_copy(&image, &self->corpus[mutate_below(i % 2 ? self->nr_corpus :
							       ARRAY_SIZE(material))]);
		mutate(&image, &self->corpus[mutate_below(self->nr_corpus)]);
		started = feed(self, &image);
		mutate_free(&image);
		if (started) {
			fail_group_clear(&self->group);
			fail_group_write(&self->group, "cgroup.freeze", "0");
		}
		ASSERT_TRUE(fail_group_empty(&self->group) && fail_no_children()) {
			TH_LOG("image %ld of seed %llu left something: %s", i,
			       (unsigned long long)self->seed, self->report.log);
		}
		if (i % 5000 == 4999)
			tell(self, i + 1);
	}
	tell(self, i);
	/* else the mutations are too wild to test anything */
	EXPECT_LT(0, self->verdicts[0]);
	EXPECT_LT(0, self->verdicts[EBADMSG]);
}

TEST_HARNESS_MAIN
