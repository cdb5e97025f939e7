// SPDX-License-Identifier: GPL-2.0
/*
 * Injected faults. With CR_FAULT in the environment, every checkpoint and
 * every restart of a round trip is first tried with one allocation or user
 * copy after the other failing: CR_FAULT=all fails each of them, CR_FAULT=40
 * forty that are spread evenly. A call that fails must leave the group as it
 * was, or empty; one that survives its fault must have done its work whole.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cr_fault.h"
#include "cr_image.h"

#define DEBUGFS	"/sys/kernel/debug/"
#define NEVER	2000000000L

/* Faults of the calling thread are counted; those of others by their size. */
static const char *const kinds[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
static const char *const by_thread = "fail-nth";

/* @nth: the thread's fail-nth; @image: to restart, or -1; @fd: the image to compare with */
struct sweep {
	struct cr *cr;
	const char *call;
	const char *kind;
	int nth;
	int image;
	int fd;
	unsigned int roots;
	char children[512];
	long total;
	unsigned long tried, failed, survived;
	int err;
};

static int put(const char *path, long value)
{
	char text[24];
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int len = snprintf(text, sizeof(text), "%ld", value);
	bool done = fd >= 0 && write(fd, text, len) == len;

	if (fd >= 0)
		close(fd);
	return done ? 0 : -EIO;
}

static int set(const char *kind, const char *what, long value)
{
	char path[96];

	snprintf(path, sizeof(path), DEBUGFS "%s/%s", kind, what);
	return put(path, value);
}

static long get(const char *kind, const char *what)
{
	char path[96], text[24] = "";

	snprintf(path, sizeof(path), DEBUGFS "%s/%s", kind, what);
	cr_read_file(path, text, sizeof(text));
	return atol(text);
}

/* Every kind, quiet, where the kernel could sleep too. */
static int prepare(void)
{
	int err = 0;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds) && !err; i++)
		err = set(kinds[i], "verbose", 0) ?: set(kinds[i], "probability", 0) ?:
		      set(kinds[i], "task-filter", 1);
	err = err ?: set("failslab", "ignore-gfp-wait", 0) ?:
	      set("fail_page_alloc", "ignore-gfp-wait", 0) ?:
	      set("fail_page_alloc", "ignore-gfp-highmem", 0) ?:
	      set("fail_page_alloc", "min-order", 0);
	if (err)
		fprintf(stderr, "# faults cannot be injected here\n");
	return err;
}

static int arm(struct sweep *sweep, long point)
{
	char text[24];
	int len;

	if (sweep->kind != by_thread)
		return set(sweep->kind, "space", point) ?: set(sweep->kind, "times", 1) ?:
		       set(sweep->kind, "probability", 100) ?: put("/proc/self/make-it-fail", 1);
	len = snprintf(text, sizeof(text), "%ld", point);
	return pwrite(sweep->nth, text, len, 0) == len ? 0 : -errno;
}

/* What was left of the point: 0 if the fault was injected. */
static long disarm(struct sweep *sweep)
{
	char text[24] = "";
	long left = 1;

	if (sweep->kind != by_thread) {
		put("/proc/self/make-it-fail", 0);
		set(sweep->kind, "probability", 0);
		return get(sweep->kind, "times") ? get(sweep->kind, "space") : 0;
	}
	/* the copy of this very read may be the one that fails */
	if (pread(sweep->nth, text, sizeof(text) - 1, 0) > 0)
		left = atol(text);
	if (pwrite(sweep->nth, "0", 1, 0) != 1)
		return -errno;
	return left;
}

/* Points in the order of time; all, or as many as were asked for. */
static int each_point(struct sweep *sweep, int (*try)(struct sweep *sweep, long point))
{
	const char *asked = getenv("CR_FAULT");
	long points = strcmp(asked, "all") ? atol(asked) : sweep->total;
	long i, nr = points < sweep->total ? points : sweep->total;

	/* by size, every object of 32 bytes or more has a point of its own */
	if (sweep->kind != by_thread && !strcmp(asked, "all"))
		nr = sweep->total / 32;
	for (i = 0; i < nr && !sweep->err; i++) {
		sweep->err = try(sweep, 1 + i * sweep->total / nr);
		sweep->tried++;
	}
	fprintf(stderr, "# %s, %s: %lu of %ld points, %lu failed, %lu survived%s\n", sweep->call,
		sweep->kind, sweep->tried, sweep->total, sweep->failed, sweep->survived,
		sweep->err ? ", then WRONG" : "");
	return sweep->err;
}

static int wrong(struct sweep *sweep, long point, const char *what)
{
	fprintf(stderr, "# %s with a fault at %s %ld: %s\n# log: %s\n", sweep->call, sweep->kind,
		point, what, sweep->cr->log);
	return -EPROTO;
}

/* ---- Images that must be the same ---- */

/* Records that hold a moment or an identity; for a restart, also what is left of a sleep. */
static bool is_momentary(const struct sweep *sweep, const struct ckpt_record *record)
{
	return record->type == CKPT_REC_HEADER || record->type == CKPT_REC_TRAILER ||
	       (record->type == CKPT_REC_THREAD && sweep->image >= 0);
}

/*
 * The kernel writes into the memory of a thread where it runs, rseq(2): as many
 * areas of 32 bytes as there are threads may differ after a restart.
 */
static bool same_bytes(const struct sweep *sweep, const struct ckpt_record *a,
		       const struct ckpt_record *b)
{
	const char *one = (const char *)(a + 1), *other = (const char *)(b + 1);
	unsigned int may = 0;
	size_t at;

	if (a->type == CKPT_REC_CONTENT && sweep->image >= 0)
		may = sweep->cr->result.threads;
	for (at = 0; at + 32 <= a->len; at += 32)
		if (memcmp(one + at, other + at, 32) && !may--)
			return false;
	return !memcmp(one + at, other + at, a->len - at);
}

/*
 * A huge page that could not be had again leaves other empty pages in the image
 * of what was restarted. Contents can be compared only without that.
 */
static bool is_same_image(const struct sweep *sweep, int other_fd)
{
	struct cr_image one = { .data = MAP_FAILED }, other = { .data = MAP_FAILED };
	bool same = !cr_image_map(&one, sweep->fd) && !cr_image_map(&other, other_fd);
	const struct ckpt_record *a = NULL, *b = NULL;
	bool sized = one.size == other.size;

	if (!sized && sweep->image < 0)
		same = false;
	while (same) {
		a = cr_image_step(&one, a);
		b = cr_image_step(&other, b);
		if (!a || !b || (a->type == CKPT_REC_CONTENT && !sized))
			break;
		same = a->type == b->type && a->len == b->len &&
		       (is_momentary(sweep, a) || same_bytes(sweep, a, b));
	}
	if (!same)
		fprintf(stderr, "# images of %zu and %zu bytes differ at %zu\n", one.size,
			other.size, a ? (const char *)a - one.data : 0);
	cr_image_unmap(&one);
	cr_image_unmap(&other);
	return same;
}

static int rewind_image(int fd)
{
	return ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET) ? -errno : 0;
}

/* The kernel writes the CPU into the memory of each thread: rseq(2). */
void cr_fault_setup(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (getenv("CR_FAULT"))
		sched_setaffinity(0, sizeof(one), &one);
}

/* ---- checkpoint(2) ---- */

static int try_checkpoint(struct sweep *sweep, long point)
{
	int fd = memfd_create("image", MFD_CLOEXEC), err;
	long left;

	err = arm(sweep, point);
	if (err)
		return wrong(sweep, point, "cannot arm");
	err = cr_call_checkpoint(sweep->cr, fd);
	left = disarm(sweep);
	if (err)
		sweep->failed++;
	else if (!left)
		sweep->survived++;
	if (err && left)
		err = wrong(sweep, point, "failed before its fault");
	else if (!err && !is_same_image(sweep, fd))
		err = wrong(sweep, point, "the image is another one");
	else if (!cr_has_event(sweep->cr, "frozen 1"))
		err = wrong(sweep, point, "the group is not frozen any more");
	else
		err = 0;
	close(fd);
	return err;
}

/* The group is frozen meanwhile, so that images are the same. */
int cr_fault_checkpoint(struct cr *cr)
{
	struct sweep sweep = { .cr = cr, .call = "checkpoint", .kind = by_thread, .image = -1 };
	bool frozen = cr_has_event(cr, "frozen 1");
	int err;

	if (prepare())
		return -EIO;
	sweep.nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	sweep.fd = memfd_create("reference", MFD_CLOEXEC);
	if (sweep.nth < 0 || sweep.fd < 0 || cr_freeze(cr, 1))
		return -EIO;
	/* a call that fails without faults is none to sweep */
	err = arm(&sweep, NEVER) ?: cr_call_checkpoint(cr, sweep.fd);
	sweep.total = NEVER - disarm(&sweep);
	err = err ? 0 : each_point(&sweep, try_checkpoint);
	if (!frozen)
		cr_freeze(cr, 0);
	close(sweep.fd);
	close(sweep.nth);
	return err;
}

/* ---- restart(2) ---- */

static int image_again(struct cr *cr, int fd)
{
	return rewind_image(fd) ?: cr_call_checkpoint(cr, fd);
}

static int end(struct cr *cr)
{
	return cr_kill(cr) ?: cr_freeze(cr, 0);
}

static int call_restart(struct sweep *sweep)
{
	return lseek(sweep->image, 0, SEEK_SET) ? -errno : cr_call_restart(sweep->cr, sweep->image);
}

/* Other copies of a program may run beside the one that is swept. */
static int children(char *text, size_t size)
{
	memset(text, 0, size);
	return cr_read_file("/proc/thread-self/children", text, size);
}

static int try_restart(struct sweep *sweep, long point)
{
	char now[sizeof(sweep->children)];
	struct cr *cr = sweep->cr;
	long left;
	int again, err;

	err = arm(sweep, point);
	if (err)
		return wrong(sweep, point, "cannot arm");
	err = call_restart(sweep);
	left = disarm(sweep);
	if (err) {
		sweep->failed++;
		if (left)
			return wrong(sweep, point, "failed before its fault");
		if (!cr_has_event(cr, "populated 0"))
			return wrong(sweep, point, "somebody is left in the group");
		if (children(now, sizeof(now)) < 0 || strcmp(now, sweep->children))
			return wrong(sweep, point, "a child is left");
		return cr_freeze(cr, 0);
	}
	/* the result may be what could not be copied */
	cr->nr_roots = sweep->roots;
	again = memfd_create("again", MFD_CLOEXEC);
	if (!left) {
		sweep->survived++;
		err = image_again(cr, again);
		if (err || !is_same_image(sweep, again))
			err = wrong(sweep, point, "what was restarted is not the same");
	}
	close(again);
	return end(cr) ?: err;
}

static int sweep_restart(struct cr *cr, const char *kind, int nth, int image)
{
	struct sweep sweep = {
		.cr = cr, .call = "restart", .kind = kind, .nth = nth, .image = image,
	};
	int err;

	if (children(sweep.children, sizeof(sweep.children)) < 0)
		return wrong(&sweep, 0, "cannot tell which children there are");
	sweep.fd = memfd_create("reference", MFD_CLOEXEC);
	err = arm(&sweep, NEVER) ?: call_restart(&sweep);
	sweep.total = NEVER - disarm(&sweep);
	if (err)
		return 0;
	sweep.roots = cr->nr_roots;
	err = image_again(cr, sweep.fd);
	err = end(cr) ?: err ? wrong(&sweep, 0, "no image of what was restarted") : 0;
	if (!err)
		err = each_point(&sweep, try_restart);
	close(sweep.fd);
	return err;
}

/* What is restarted stays frozen, so that it is the same every time. */
int cr_fault_restart(struct cr *cr)
{
	int nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	int image = open(cr->image, O_RDONLY | O_CLOEXEC);
	__u64 flags = cr->restart_flags;
	int err = prepare();
	size_t i;

	if (!err && !(flags & RESTART_CHECK)) {
		cr->restart_flags |= RESTART_FROZEN;
		err = sweep_restart(cr, by_thread, nth, image);
		for (i = 0; i < sizeof(kinds) / sizeof(*kinds) && !err; i++)
			err = sweep_restart(cr, kinds[i], nth, image);
		cr->restart_flags = flags;
	}
	close(image);
	close(nth);
	return err;
}
