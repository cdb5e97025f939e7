// SPDX-License-Identifier: GPL-2.0
/*
 * An image damaged at one place after the other: cut off there, with a bit
 * flipped, with a bit flipped and sealed again. Whatever the verdict, nothing
 * is left of a restart that fails; what starts looks at itself and is killed.
 *
 * By default places are samples. CKPT_SWEEP=K/N takes the K-th part of N of
 * them all, counted from 0: every byte is cut at, or has a bit flipped. K/N/B
 * flips other bits for each B from 0 to 7. Then what was tried is told on the
 * way.
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
#include "fail_places.h"
#include "fail_rich.h"

#define PATTERN		((volatile uint64_t *)0x110000000000UL)

/* ---- Targets that verify themselves, over and over ---- */

enum { UNSEEN, SAME, DIFFERS };

static bool pattern_is_whole(void)
{
	int i;

	for (i = 0; i < 512; i++)
		if (PATTERN[i] != i * 0x9e3779b97f4a7c15ULL)
			return false;
	return true;
}

static int verify_for_ever(bool (*is_whole)(void))
{
	int i;

	if (mmap((void *)PATTERN, 4096, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != PATTERN)
		return errno;
	for (i = 0; i < 512; i++)
		PATTERN[i] = i * 0x9e3779b97f4a7c15ULL;
	for (;;) {
		FAIL_PAGE->value[7] = pattern_is_whole() && is_whole() ? SAME : DIFFERS;
		FAIL_PAGE->beats++;
		FAIL_PAGE->ready = 1;
		fail_nap(2);
	}
}

static bool yes(void)
{
	return true;
}

static int plain(const char *arg)
{
	return verify_for_ever(yes);
}

static int rich(const char *arg)
{
	return fail_rich(arg) ?: verify_for_ever(fail_rich_is_whole);
}

const struct fail_target fail_targets[] = {
	{ "plain", plain },
	{ "rich", rich },
	{ }
};

/* ---- Places ---- */

/**
 * struct sweep - a walk over the places of an image, and what came of it
 * @places: where; the byte to be changed, or the first that is missing
 * @errors: how often a restart ended with this errno
 * @whole: how many started and found themselves as they were
 * @changed: started and found something else
 * @ended: started and came to their end
 * @still: started and stand still
 * @unsaid: restarts that failed without a word in the log
 */
struct sweep {
	struct fail_places places;
	unsigned int errors[200];
	unsigned int whole, changed, ended, still, unsaid;
};

/* Metadata is looked at more closely than contents. */
static bool is_dense(const struct fail_places *p)
{
	if (p->parts)
		return !fail_places_in_data(p) || p->at % 61 == p->bits;
	return p->at % (fail_places_in_data(p) ? 3989 : 37) == 0;
}

static bool is_cut(const struct fail_places *p)
{
	return fail_places_at_an_edge(p) || is_dense(p);
}

static bool is_flipped(const struct fail_places *p)
{
	return p->parts || is_dense(p);
}

static bool is_sealed(const struct fail_places *p)
{
	return fail_places_record(p) >= 0 && is_dense(p);
}

/* Its neighbours, and the same byte of other members, have another one. */
static uint8_t bit_of(const struct sweep *s)
{
	return 1 << (s->places.at * 3 + s->places.at / 8 + s->places.bits) % 8;
}

static void begin(struct sweep *s, const struct fail_image *image, fail_place is_a_place)
{
	*s = (struct sweep){};
	fail_places_begin(&s->places, image, is_a_place);
}

/* ---- What came of it ---- */

static void tell(struct sweep *s, const char *name)
{
	unsigned int started = s->whole + s->changed + s->ended + s->still;
	int err;

	fprintf(stderr, "# swept %s: %zu of %zu images:", name, s->places.tried, s->places.total);
	for (err = 1; err < 200; err++)
		if (s->errors[err])
			fprintf(stderr, " %u %s,", s->errors[err], strerrorname_np(err) ?: "?");
	fprintf(stderr, " %u started: %u whole, %u changed, %u ended, %u stand still; %u failed without a word\n",
		started, s->whole, s->changed, s->ended, s->still, s->unsaid);
}

/* Now and then, for whoever waits. */
static void tell_on_the_way(struct sweep *s, const char *name)
{
	if (fail_places_news(&s->places))
		tell(s, name);
}

static void tell_unsaid(struct sweep *s, int err)
{
	const struct fail_image *image = s->places.image;
	int rec = fail_places_record(&s->places);

	s->unsaid++;
	fprintf(stderr, "# %s without a word: bit 0x%x of byte %zu of a record of type %d\n",
		strerrorname_np(-err), bit_of(s), s->places.at - (rec < 0 ? 0 : image->rec[rec].at),
		rec < 0 ? 0 : (int)image->rec[rec].type);
}

struct watch {
	pid_t pid;
	uint64_t beats;
	struct fail_page page;
	bool ended;
};

static bool has_shown_itself(void *arg)
{
	struct watch *w = arg;
	siginfo_t info = {};

	w->ended = waitid(P_PID, w->pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid;
	return w->ended || (!fail_look(w->pid, &w->page) && w->page.beats >= w->beats + 2);
}

/* What runs has looked at itself by its second beat. */
static void look_at(struct sweep *s, pid_t pid)
{
	struct watch w = { .pid = pid };

	if (!fail_look(pid, &w.page))
		w.beats = w.page.beats;
	if (!fail_poll(has_shown_itself, &w, 300))
		s->still++;
	else if (w.ended)
		s->ended++;
	else if (w.page.value[7] == SAME)
		s->whole++;
	else
		s->changed++;
}

/* ---- Sweeps ---- */

FIXTURE(sweep) {
	struct fail_group group;
	struct fail_report report;
	struct fail_image image;
	struct sweep sweep;
	int fd;
};

FIXTURE_SETUP(sweep)
{
	fail_become_reaper();
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, fail_group_make(&self->group));
	self->fd = fail_image_of(&self->group, "plain", &self->image);
	ASSERT_LT(0, self->fd);
}

FIXTURE_TEARDOWN(sweep)
{
	fail_image_free(&self->image);
	fail_group_end(&self->group);
}

static bool nothing_left(FIXTURE_DATA(sweep) *self)
{
	return fail_no_children() && fail_group_empty(&self->group);
}

/* Restart what is in the file. Return: the call's verdict. */
static int restart(FIXTURE_DATA(sweep) *self, int fd)
{
	struct sweep *s = &self->sweep;
	int err;

	lseek(fd, 0, SEEK_SET);
	err = fail_restart(fd, &self->group, 0, &self->report);
	if (err) {
		s->errors[-err % 200]++;
		if (!self->report.log[0])
			tell_unsaid(s, err);
	} else {
		look_at(s, self->report.pid);
		fail_group_clear(&self->group);
	}
	return err;
}

TEST_F_TIMEOUT(sweep, cut_off_is_refused, FOR_EVER)
{
	struct sweep *s = &self->sweep;
	int err, fd;

	begin(s, &self->image, is_cut);
	while (fail_places_next(&s->places)) {
		fd = fail_image_fd(self->image.data, s->places.at);
		err = restart(self, fd);
		close(fd);
		ASSERT_EQ(s->places.at < sizeof(struct ckpt_preamble) ? -ENOEXEC : -EBADMSG, err) {
			TH_LOG("cut at %zu: %s", s->places.at, self->report.log);
		}
		ASSERT_TRUE(nothing_left(self));
		ASSERT_NE(0, self->report.log[0]);
		tell_on_the_way(s, "cut off");
	}
	tell(s, "cut off");
}

TEST_F_TIMEOUT(sweep, flipped_is_refused, FOR_EVER)
{
	struct sweep *s = &self->sweep;
	uint8_t byte;
	int err;

	begin(s, &self->image, is_flipped);
	while (fail_places_next(&s->places)) {
		byte = self->image.data[s->places.at] ^ bit_of(s);
		ASSERT_EQ(1, pwrite(self->fd, &byte, 1, s->places.at));
		err = restart(self, self->fd);
		ASSERT_EQ(1, pwrite(self->fd, &self->image.data[s->places.at], 1, s->places.at));
		EXPECT_TRUE(err == -EBADMSG || err == -ENOEXEC) {
			TH_LOG("byte %zu: %d: %s", s->places.at, err, self->report.log);
		}
		ASSERT_TRUE(nothing_left(self)) {
			TH_LOG("byte %zu: %d", s->places.at, err);
		}
		tell_on_the_way(s, "flipped");
	}
	tell(s, "flipped");
}

static void __attribute__((noinline))
sweep_sealed(struct __test_metadata *_metadata, FIXTURE_DATA(sweep) *self,
	     const struct fail_image *image, const char *name)
{
	struct sweep *s = &self->sweep;
	struct fail_image bad;
	int rec, fd, err;

	begin(s, image, is_sealed);
	fail_image_copy(&bad, image);
	while (fail_places_next(&s->places)) {
		memcpy(bad.data, image->data, image->len);
		bad.data[s->places.at] ^= bit_of(s);
		rec = fail_places_record(&s->places);
		/* all seals depend on the header */
		fail_image_seal_one(&bad, rec ? rec : -1);
		fd = fail_image_fd(bad.data, bad.len);
		err = restart(self, fd);
		close(fd);
		ASSERT_TRUE(nothing_left(self)) {
			TH_LOG("record %d type %u byte %zu bit 0x%x: %d", rec, image->rec[rec].type,
			       s->places.at - image->rec[rec].at, bit_of(s), err);
		}
		tell_on_the_way(s, name);
	}
	tell(s, name);
	EXPECT_LT(0, s->whole);
	fail_image_free(&bad);
}

TEST_F_TIMEOUT(sweep, flipped_and_sealed_again_leaves_nothing, FOR_EVER)
{
	sweep_sealed(_metadata, self, &self->image, "sealed");
}

TEST_F_TIMEOUT(sweep, of_many_things_flipped_and_sealed_again_leaves_nothing, FOR_EVER)
{
	struct fail_image many;

	ASSERT_LT(0, fail_image_of(&self->group, "rich", &many));
	sweep_sealed(_metadata, self, &many, "sealed, of many things");
	fail_image_free(&many);
}

TEST_HARNESS_MAIN
