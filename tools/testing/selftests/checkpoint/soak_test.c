// SPDX-License-Identifier: GPL-2.0
/*
 * A tree of many things is restarted over and over, CKPT_CYCLES times from one
 * image and through CKPT_GENERATIONS images of what was restarted from the one
 * before. What the kernel shows of it stays as it was, and nothing grows.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_family.h"
#include "fail_rich.h"
#include "growth.h"
#include "residue.h"
#include "visible.h"

#define CYCLES		64
#define SLOW_CYCLES	16	/* where growth is not judged: it is kmemleak's */
#define GENERATIONS	5
#define LOOKS		100	/* in so many cycles is looked at all that is visible */

const struct fail_target fail_targets[] = {
	{ "mixed", fail_mixed },
	{ }
};

FIXTURE(soak) {
	struct fail_group group;
	struct fail_report report;
	struct residue before, now;
	struct visible first;
	struct growth growth;
	long sample, cycles, generations, fields;
	int image, next;
	time_t started;
};

static long number(const char *name, long otherwise)
{
	return atol(getenv(name) ?: "0") ?: otherwise;
}

static bool is_frozen(void *group)
{
	return fail_group_has(group, "cgroup.events", "frozen 1") == 1;
}

static int freeze(struct fail_group *group)
{
	return fail_group_write(group, "cgroup.freeze", "1") ?:
	       fail_poll(is_frozen, group, FOR_EVER) - 1;
}

/* Let it live for a moment: does it find itself as it was? */
static int live(FIXTURE_DATA(soak) *self)
{
	struct fail_page page;

	fail_group_write(&self->group, "cgroup.freeze", "0");
	if (!fail_beats(self->report.pid))
		return -ESRCH;
	return fail_look(self->report.pid, &page) ?: -page.error;
}

/* Into an image that was used before. */
static int save(FIXTURE_DATA(soak) *self, int image)
{
	lseek(image, 0, SEEK_SET);
	return ftruncate(image, 0) ?: fail_checkpoint(&self->group, image, 0, 0, &self->report);
}

static int end(FIXTURE_DATA(soak) *self)
{
	fail_group_clear(&self->group);
	return fail_group_write(&self->group, "cgroup.freeze", "0");
}

/* Restart, look before the first instruction, live, save again, kill. */
static int turn(FIXTURE_DATA(soak) *self, bool looks)
{
	struct visible now;
	int err, pid;

	lseek(self->image, 0, SEEK_SET);
	err = fail_restart(self->image, &self->group, RESTART_FROZEN, &self->report);
	if (err || !fail_poll(is_frozen, &self->group, FOR_EVER))
		return err ?: -ETIMEDOUT;
	pid = self->report.pid;
	if (looks) {
		visible_take(&now, pid);
		err = visible_compare(&self->first, &now) ? -EUCLEAN : 0;
		self->fields = now.nr;
		visible_free(&now);
	}
	return live(self) ?: freeze(&self->group) ?: save(self, self->next) ?: end(self) ?: err;
}

FIXTURE_SETUP(soak)
{
	self->sample = residue_has_kmemleak() ? SLOW_CYCLES : CYCLES;
	self->cycles = number("CKPT_CYCLES", self->sample);
	self->generations = number("CKPT_GENERATIONS", GENERATIONS);
	self->image = memfd_create("image", MFD_CLOEXEC);
	self->next = memfd_create("next", MFD_CLOEXEC);
	fail_become_reaper();
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, fail_group_make(&self->group));
	self->report.pid = fail_start(&self->group, "mixed", NULL);
	ASSERT_LT(0, self->report.pid);
	ASSERT_EQ(0, freeze(&self->group));
	visible_take(&self->first, self->report.pid);
	ASSERT_EQ(0, save(self, self->image)) {
		TH_LOG("%s", self->report.log);
	}
	ASSERT_EQ(0, end(self));
	self->started = time(NULL);
}

FIXTURE_TEARDOWN(soak)
{
	visible_free(&self->first);
	fail_group_end(&self->group);
}

static void sample(FIXTURE_DATA(soak) *self, struct __test_metadata *_metadata, long cycles)
{
	residue_counts_removed = true;
	if (!self->before.nr) {
		residue_take(&self->before);
	} else if (residue_settle(&self->before, &self->now, RESIDUE_PATIENCE)) {
		residue_grew(&self->before, &self->now, residue_complain);
		_metadata->exit_code = KSFT_FAIL;
	}
	if (!residue_has_kmemleak() || self->cycles != self->sample)
		growth_sample(&self->growth, cycles);
}

/* A quarter of the cycles warms up, then is measured at each eighth. */
TEST_F_TIMEOUT(soak, of_cycles_leaves_nothing_and_changes_nothing, FOR_EVER)
{
	long i, first = self->cycles / 4, every = self->cycles / 8 ?: 1;
	long look = self->cycles / LOOKS ?: self->cycles / 4 ?: 1;

	for (i = 1; i <= self->cycles; i++) {
		ASSERT_EQ(0, turn(self, i % look == 0)) {
			TH_LOG("cycle %ld: %s", i, self->report.log);
		}
		if (i >= first && i % every == 0)
			sample(self, _metadata, i);
	}
	/* there, areas to be purged have shadows, and kmemleak has objects for them */
	if (!residue_has_kmemleak())
		EXPECT_FALSE(growth_leaks(&self->growth));
	if (self->cycles != self->sample)
		growth_tell(&self->growth);
	fprintf(stderr, "# %ld cycles in %ld s, %ld fields compared in each %ldth\n", i - 1,
		(long)(time(NULL) - self->started), self->fields, look);
}

TEST_F_TIMEOUT(soak, of_generations_changes_nothing, FOR_EVER)
{
	long i;
	int swap;

	for (i = 1; i <= self->generations; i++) {
		ASSERT_EQ(0, turn(self, true)) {
			TH_LOG("generation %ld: %s", i, self->report.log);
		}
		swap = self->image;
		self->image = self->next;
		self->next = swap;
	}
	fprintf(stderr, "# %ld generations in %ld s, %ld fields compared in each\n", i - 1,
		(long)(time(NULL) - self->started), self->fields);
}

TEST_HARNESS_MAIN
