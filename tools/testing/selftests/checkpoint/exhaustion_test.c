// SPDX-License-Identifier: GPL-2.0
/*
 * Images that ask for more than there is: what they claim costs nothing, what
 * they hold costs little, what they are to become costs what it always costs,
 * and is limited by what always limits it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "exhaust.h"
#include "fail_rich.h"

#define TB		(1UL << 40)
#define FAT		(48 * MB)
#define FREE		((unsigned long)FAIL_PAGE + (1UL << 30))
#define PID_MAX		"/proc/sys/kernel/pid_max"
#define MAP_COUNT	"/proc/sys/vm/max_map_count"

/* What a call takes in any case: its own structs, a log, reserves per CPU. */
#define IN_ANY_CASE	(2 * MB)

static int fat(const char *arg)
{
	char *memory = mmap(NULL, FAT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (memory == MAP_FAILED)
		return errno;
	memset(memory, 'f', FAT);
	return 0;
}

const struct fail_target fail_targets[] = {
	{ "plain", NULL },
	{ "rich", fail_rich },
	{ "fat", fat },
	{ }
};

FIXTURE(exhausted) {
	struct exhaust e;
	struct exhaust_job *job;
	struct fail_image image;
};

FIXTURE_SETUP(exhausted)
{
	int fd;

	ASSERT_EQ(0, exhaust_setup(&self->e));
	ASSERT_EQ(0, fail_rich_files());
	fd = fail_image_of(&self->e.group, "rich", &self->image);
	ASSERT_LT(0, fd);
	close(fd);
	self->job = self->e.job;
	self->job->restarts = true;
}

FIXTURE_TEARDOWN(exhausted)
{
	fail_image_free(&self->image);
	exhaust_teardown(&self->e);
}

/* How much is much? Checkers make it slow. */
static unsigned long many(void)
{
	return exhaust_can_measure() ? 100000 : 2000;
}

static int restart(FIXTURE_DATA(exhausted) *self, struct fail_image *image)
{
	int err;

	fail_image_seal(image);
	self->job->image_fd = fail_image_fd(image->data, image->len);
	err = exhaust_call(&self->e);
	close(self->job->image_fd);
	fail_group_clear(&self->e.group);
	return err;
}

/* A refusal has its reason in the log, and nobody is left. */
#define EXPECT_REFUSED(error, word)						\
do {										\
	EXPECT_EQ(error, self->err);						\
	EXPECT_NE(NULL, fail_logged(&self->job->report, "level=error", word)) {	\
		TH_LOG("%d: %s", self->err, self->job->report.log);		\
	}									\
	EXPECT_FALSE(exhaust_left(&self->e));					\
} while (0)

static struct ckpt_process *process_of(struct fail_image *image, int nth)
{
	return fail_image_data(image, fail_image_find(image, CKPT_REC_PROCESS, nth));
}

/* ---- What is claimed ---- */

#define CLAIM(TYPE, S, FIELD, VALUE) { \
	CKPT_REC_##TYPE, offsetof(struct S, FIELD), sizeof(((struct S *)0)->FIELD), \
	VALUE, #TYPE "." #FIELD " = " #VALUE }

static const struct claim {
	uint32_t type;
	size_t at, size;
	uint64_t value;
	const char *what;
} claims[] = {
	CLAIM(HEADER, ckpt_header, nr_objects, 1000000),
	CLAIM(HEADER, ckpt_header, nr_processes, 1000000),
	CLAIM(HEADER, ckpt_header, nr_threads, ~0),
	CLAIM(MM, ckpt_mm, nr_vmas, 1000000),
	CLAIM(PROCESS, ckpt_process, nr_threads, 1000000),
	CLAIM(PROCESS, ckpt_process, nr_siginfos, ~0),
	CLAIM(THREAD, ckpt_thread, nr_siginfos, 1000000),
	CLAIM(X86_THREAD, ckpt_x86_thread, nr_xfeatures, ~0),
	CLAIM(FILES, ckpt_files, nr_fds, 1000000),
	CLAIM(CRED, ckpt_cred, nr_groups, ~0),
	CLAIM(MM, ckpt_mm, auxv_len, ~0),
	CLAIM(CONTENT, ckpt_content, nr_pages, ~0),
	CLAIM(CONTENT, ckpt_content, nr_runs, ~0),
	CLAIM(CONTENT, ckpt_content, runs[0].count, ~0),
};

TEST_F(exhausted, by_claims_is_nobody)
{
	struct fail_image image;
	struct ckpt_record *rec;
	size_t i;
	int err;

	for (i = 0; i < ARRAY_SIZE(claims); i++) {
		const struct claim *c = &claims[i];

		fail_image_copy(&image, &self->image);
		memcpy(fail_image_data(&image, fail_image_find(&image, c->type, 0)) + c->at,
		       &c->value, c->size);
		EXPECT_EQ(-EBADMSG, restart(self, &image)) {
			TH_LOG("%s", c->what);
		}
		EXPECT_NE(0, self->job->report.log[0]);
		fail_image_free(&image);
	}
	/* lengths: of any record, as long as files may be */
	for (i = 0; i < (size_t)self->image.nr; i++) {
		fail_image_copy(&image, &self->image);
		rec = (void *)(image.data + image.rec[i].at);
		rec->len = TB;
		self->job->image_fd = fail_image_fd(image.data, image.len);
		err = exhaust_call(&self->e);
		EXPECT_EQ(-EBADMSG, err) {
			TH_LOG("record %zu: %s", i, self->job->report.log);
		}
		close(self->job->image_fd);
		fail_image_free(&image);
	}
	EXPECT_FALSE(exhaust_left(&self->e));
	EXPECT_TRUE(!exhaust_can_measure() || IN_ANY_CASE >= exhaust_peak(&self->e));
}

/* ---- What is held: records without end ---- */

static unsigned int objects;

static void number(struct fail_image *image, int rec, unsigned long copy)
{
	*(uint32_t *)fail_image_data(image, rec) = objects + 1 + copy;
}

/* A number behind all that are taken, and that will be while a test runs. */
static unsigned long free_numbers(void)
{
	unsigned long last = 0;
	FILE *f = fopen("/proc/loadavg", "re");

	if (f && fscanf(f, "%*s %*s %*s %*s %lu", &last) != 1)
		last = 0;
	if (f)
		fclose(f);
	return last + 1000;
}

static unsigned long first_number;

static void far_apart(struct fail_image *image, int rec, unsigned long copy)
{
	/* each has a part of a table by numbers of its own */
	uint32_t nr = first_number + 64 * copy;
	struct ckpt_process *process = fail_image_data(image, rec);
	struct ckpt_thread *thread = fail_image_data(image, rec);

	if (image->rec[rec].type == CKPT_REC_THREAD)
		thread->tid = nr;
	else
		process->tgid = process->pgid = nr;
}

static void mapping(struct fail_image *image, int rec, unsigned long copy)
{
	struct ckpt_vma *vma = fail_image_data(image, rec);

	vma->start = FREE + copy * 8192;
	vma->end = vma->start + 4096;
}

/* Which of the mappings is that of the heartbeat? */
static int page_of(struct fail_image *image)
{
	int i;

	for (i = 0; i < image->nr; i++) {
		struct ckpt_vma *vma = fail_image_data(image, i);

		if (image->rec[i].type == CKPT_REC_VMA && vma->start == (uintptr_t)FAIL_PAGE)
			return i;
	}
	return -1;
}

static int zombie_of(struct fail_image *image)
{
	int i;

	for (i = 0; i < image->nr; i++) {
		struct ckpt_process *process = fail_image_data(image, i);

		if (image->rec[i].type == CKPT_REC_PROCESS &&
		    process->state == CKPT_PROCESS_ZOMBIE)
			return i;
	}
	return -1;
}

static int end_of_metadata(struct fail_image *image)
{
	return fail_image_find(image, CKPT_REC_CONTENT, 0);
}

static void with_mappings(struct fail_image *to, struct fail_image *from, unsigned long nr)
{
	int page = page_of(from), mm = page;

	while (from->rec[mm].type != CKPT_REC_MM)
		mm--;
	exhaust_repeat(to, from, page, page, page + 1, nr, mapping);
	((struct ckpt_mm *)fail_image_data(to, mm))->nr_vmas += nr;
}

static void with_zombies(struct fail_image *to, struct fail_image *from, unsigned long nr)
{
	int zombie = zombie_of(from);

	first_number = free_numbers();
	exhaust_repeat(to, from, zombie, zombie + 1, end_of_metadata(from), nr, far_apart);
	exhaust_header(to)->nr_processes += nr;
	exhaust_header(to)->nr_threads += nr;
}

static void with_objects(struct fail_image *to, struct fail_image *from, uint32_t type,
			 unsigned long nr)
{
	int one = fail_image_find(from, type, 0);

	objects = exhaust_header(from)->nr_objects;
	exhaust_repeat(to, from, one, one, fail_image_find(from, CKPT_REC_PROCESS, 0), nr,
		       number);
	exhaust_header(to)->nr_objects += nr;
}

static void with_signals(struct fail_image *to, struct fail_image *from, unsigned long nr)
{
	int one = fail_image_find(from, CKPT_REC_SIGINFO, 0), owner = one;

	while (from->rec[owner].type == CKPT_REC_SIGINFO)
		owner--;
	exhaust_repeat(to, from, one, one, one, nr, NULL);
	if (from->rec[owner].type == CKPT_REC_PROCESS)
		((struct ckpt_process *)fail_image_data(to, owner))->nr_siginfos += nr;
	else
		((struct ckpt_thread *)fail_image_data(to, owner))->nr_siginfos += nr;
}

static void with_descriptors(struct fail_image *to, struct fail_image *from,
			     unsigned long nr)
{
	int rec = fail_image_find(from, CKPT_REC_FILES, 0);
	struct ckpt_files *files;
	struct ckpt_fd *fds;
	unsigned long i;
	uint32_t had;

	had = ((struct ckpt_files *)fail_image_data(from, rec))->nr_fds;
	exhaust_lengthen(to, from, rec, nr * sizeof(struct ckpt_fd));
	files = fail_image_data(to, rec);
	fds = (void *)(files + 1);
	files->nr_fds += nr;
	for (i = had; i < had + nr; i++) {
		fds[i] = fds[had - 1];
		fds[i].fd = fds[had - 1].fd + 1 + i - had;
	}
}

/* What sort of record an image has many of. */
FIXTURE(metadata) {
	struct exhaust e;
	struct exhaust_job *job;
	struct fail_image image;
	int err;
};

FIXTURE_VARIANT(metadata) {
	uint32_t type;
	void (*make)(struct fail_image *to, struct fail_image *from, unsigned long nr);
};

#define OBJECTS(TYPE) \
FIXTURE_VARIANT_ADD(metadata, TYPE) { .type = CKPT_REC_##TYPE }
#define MADE(TYPE, fn) \
FIXTURE_VARIANT_ADD(metadata, TYPE) { .make = fn }

OBJECTS(CRED);
OBJECTS(PIPE);
OBJECTS(SHMEM);
OBJECTS(FILE_PATH);
OBJECTS(FILE_PIPE);
OBJECTS(FILE_SHMEM);
OBJECTS(FS);
OBJECTS(FILES);
OBJECTS(SIGHAND);
MADE(VMA, with_mappings);
MADE(SIGINFO, with_signals);
MADE(PROCESS, with_zombies);

FIXTURE_SETUP(metadata)
{
	int fd;

	ASSERT_EQ(0, exhaust_setup(&self->e));
	ASSERT_EQ(0, fail_rich_files());
	fd = fail_image_of(&self->e.group, "rich", &self->image);
	ASSERT_LT(0, fd);
	close(fd);
	self->job = self->e.job;
	self->job->restarts = true;
	self->job->flags = RESTART_CHECK;
}

FIXTURE_TEARDOWN(metadata)
{
	fail_image_free(&self->image);
	exhaust_teardown(&self->e);
}

TEST_F(metadata, takes_four_times_its_length_at_most)
{
	struct fail_image image;
	unsigned long peak, most;

	if (!exhaust_can_measure())
		SKIP(return, "checkers of this kernel make each object longer");
	/* numbers that are far apart do not go on for ever */
	if (variant->make)
		variant->make(&image, &self->image, variant->make == with_zombies ? 60000 : many());
	else
		with_objects(&image, &self->image, variant->type,
			     variant->type == CKPT_REC_SIGHAND ? many() / 10 : many());
	fail_image_seal(&image);
	self->job->image_fd = fail_image_fd(image.data, image.len);
	most = 4 * image.len + IN_ANY_CASE;
	EXPECT_EQ(0, exhaust_call(&self->e)) {
		TH_LOG("%s", self->job->report.log);
	}
	peak = exhaust_peak(&self->e);
	EXPECT_GE(most, peak);
	TH_LOG("%zu bytes read, %lu of memory: %lu %%", image.len, peak, peak * 100 / image.len);
	/* the whole of it is there at once: what is measured is what is meant */
	EXPECT_LT(image.len, peak);
	close(self->job->image_fd);
	fail_image_free(&image);
}

static void feed(int fd, const uint8_t *data, size_t len)
{
	ssize_t n;

	for (; len; data += n, len -= n) {
		n = write(fd, data, len);
		if (n < 0)
			return;
	}
}

TEST_F(metadata, is_charged_to_the_caller)
{
	struct fail_image image;
	long all, own;
	int ends[2];

	if (!exhaust_can_measure())
		SKIP(return, "checkers of this kernel take memory of their own");
	if (variant->make)
		variant->make(&image, &self->image, 30000);
	else
		with_objects(&image, &self->image, variant->type, 30000);
	fail_image_seal(&image);
	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	self->job->image_fd = ends[0];
	ASSERT_EQ(0, exhaust_begin(&self->e));
	ASSERT_TRUE(exhaust_waits(&self->e, ends[0], false));
	all = exhaust_kernel_of_all();
	own = exhaust_kernel_of(&self->e);
	feed(ends[1], image.data, image.len - 8);
	ASSERT_TRUE(exhaust_waits(&self->e, ends[0], false));
	all = exhaust_kernel_of_all() - all;
	own = exhaust_kernel_of(&self->e) - own;
	feed(ends[1], image.data + image.len - 8, 8);
	EXPECT_EQ(0, exhaust_end(&self->e));
	TH_LOG("%zu bytes: the kernel took %ld, of which the caller was charged %ld",
	       image.len, all, own);
	EXPECT_LT((long)image.len, own);
	EXPECT_GE(own + own / 32 + (long)MB, all);
	fail_image_free(&image);
	close(ends[0]);
	close(ends[1]);
}

/* ---- What it becomes ---- */

FIXTURE(limits) {
	struct exhaust e;
	struct exhaust_job *job;
	struct fail_image image;
	unsigned long map_count;
	int err;
};

FIXTURE_SETUP(limits)
{
	int fd;

	ASSERT_EQ(0, exhaust_setup(&self->e));
	ASSERT_EQ(0, fail_rich_files());
	fd = fail_image_of(&self->e.group, "rich", &self->image);
	ASSERT_LT(0, fd);
	close(fd);
	self->job = self->e.job;
	self->job->restarts = true;
	self->map_count = exhaust_number(MAP_COUNT);
}

static void put_number(const char *path, unsigned long value)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return;
	fprintf(f, "%lu", value);
	fclose(f);
}

FIXTURE_TEARDOWN(limits)
{
	put_number(MAP_COUNT, self->map_count);
	fail_image_free(&self->image);
	exhaust_teardown(&self->e);
}

static void start(FIXTURE_DATA(limits) *self, struct fail_image *image)
{
	fail_image_seal(image);
	self->job->image_fd = fail_image_fd(image->data, image->len);
	self->err = exhaust_call(&self->e);
	close(self->job->image_fd);
	if (!self->err)
		fail_group_clear(&self->e.group);
	fail_image_free(image);
}

TEST_F(limits, of_pids_hold_for_many_tasks)
{
	struct fail_image image;

	ASSERT_EQ(0, fail_group_write(&self->e.group, "pids.max", "100"));
	with_zombies(&image, &self->image, 300);
	start(self, &image);
	EXPECT_REFUSED(-EAGAIN, "cannot create pid");
	ASSERT_EQ(0, fail_group_write(&self->e.group, "pids.max", "1000"));
	with_zombies(&image, &self->image, 300);
	start(self, &image);
	EXPECT_EQ(0, self->err) {
		TH_LOG("%s", self->job->report.log);
	}
}

TEST_F(limits, of_numbers_hold_for_many_tasks)
{
	unsigned long nr = exhaust_number(PID_MAX) / 64 + 10;
	struct fail_image image;

	with_zombies(&image, &self->image, nr);
	/* the first is the one that cannot be, so that none is made before */
	process_of(&image, 0)->tgid = process_of(&image, 0)->pgid;
	start(self, &image);
	EXPECT_TRUE(self->err == -EINVAL || self->err == -EBADMSG);
	EXPECT_NE(0, self->job->report.log[0]);
	EXPECT_FALSE(exhaust_left(&self->e));
}

TEST_F(limits, of_the_group_s_memory_hold_for_many_tasks)
{
	struct fail_image image;

	ASSERT_EQ(0, fail_group_write(&self->e.group, "memory.max", "2M"));
	with_zombies(&image, &self->image, 400);
	start(self, &image);
	/* the caller is in another group: it has to be told */
	EXPECT_TRUE(self->job->done) {
		TH_LOG("the caller was killed");
	}
	/* a killed task is an answer, too: its group was out of memory */
	EXPECT_TRUE(self->err == -ENOMEM || self->err == -EINTR || self->err == -EAGAIN) {
		TH_LOG("%d: %s", self->err, self->job->report.log);
	}
	EXPECT_NE(NULL, fail_logged(&self->job->report, "level=error"));
	EXPECT_FALSE(exhaust_left(&self->e));
}

TEST_F(limits, of_mappings_hold)
{
	struct fail_image image;

	put_number(MAP_COUNT, 1000);
	with_mappings(&image, &self->image, 2000);
	start(self, &image);
	EXPECT_REFUSED(-ENOMEM, "cannot map");
}

static int few_descriptors(struct exhaust_job *job)
{
	struct rlimit limit = { job->value, job->value };

	return setrlimit(RLIMIT_NOFILE, &limit) ? errno : 0;
}

TEST_F(limits, of_descriptors_hold_for_a_million_references)
{
	struct fail_image image;

	self->job->prepare = few_descriptors;
	self->job->value = 1024;
	with_descriptors(&image, &self->image, 1000000);
	start(self, &image);
	EXPECT_REFUSED(-EBADF, "RLIMIT_NOFILE");
}

TEST_F(limits, of_address_space_hold)
{
	static const unsigned long lengths[] = { TB, 100 * TB };
	struct fail_image image;
	struct ckpt_vma *vma;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		with_mappings(&image, &self->image, 1);
		vma = fail_image_data(&image, page_of(&image) + 1);
		vma->end = vma->start + lengths[i];
		start(self, &image);
		EXPECT_REFUSED(lengths[i] == TB ? -ENOMEM : self->err, "");
		EXPECT_GT(0, self->err);
	}
}

TEST_F(limits, of_shared_memory_hold)
{
	static const uint64_t sizes[] = { 1000 * TB, ~0ULL >> 1, ~0ULL };
	struct fail_image image;
	struct ckpt_shmem *shmem;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		fail_image_copy(&image, &self->image);
		shmem = fail_image_data(&image, fail_image_find(&image, CKPT_REC_SHMEM, 0));
		shmem->size = sizes[i];
		start(self, &image);
		/* a memfd has no memory before it is written to */
		if (self->err) {
			EXPECT_NE(NULL, fail_logged(&self->job->report, "level=error")) {
				TH_LOG("%d: %s", self->err, self->job->report.log);
			}
		}
		EXPECT_FALSE(exhaust_left(&self->e));
	}
}

TEST_F(limits, of_the_group_s_memory_hold_for_contents)
{
	struct fail_image image;
	int fd;

	fd = fail_image_of(&self->e.group, "fat", &image);
	ASSERT_LT(0, fd);
	close(fd);
	ASSERT_EQ(0, fail_group_write(&self->e.group, "memory.max", "16M"));
	start(self, &image);
	EXPECT_TRUE(self->err == -ENOMEM || self->err == -EINTR);
	EXPECT_NE(NULL, fail_logged(&self->job->report, "level=error")) {
		TH_LOG("%d: %s", self->err, self->job->report.log);
	}
	EXPECT_FALSE(exhaust_left(&self->e));
}

/* ---- Callers with little memory ---- */

TEST_F(limits, of_the_caller_s_memory_hold_for_metadata)
{
	struct fail_image image;
	int i;

	ASSERT_EQ(0, fail_group_write(&self->e.caller, "memory.max", "4M"));
	for (i = 0; i < 2; i++) {
		self->job->survives = i;
		with_mappings(&image, &self->image, 60000);
		start(self, &image);
		EXPECT_EQ(!i, !!WIFSIGNALED(self->job->status));
		if (i)
			EXPECT_REFUSED(-ENOMEM, "memory");
		EXPECT_FALSE(exhaust_left(&self->e));
	}
}

/* From nothing to enough: whatever is the first that there is no memory for. */
TEST_F(limits, of_the_caller_s_memory_hold_at_any_place)
{
	struct fail_image image;
	unsigned long kb, refused = 0, killed = 0;
	char text[24];

	self->job->survives = true;
	for (kb = 128, self->err = -1; self->err && kb < 64 * KB; kb += kb / 8) {
		snprintf(text, sizeof(text), "%luK", kb);
		ASSERT_EQ(0, fail_group_write(&self->e.caller, "memory.max", text));
		fail_image_copy(&image, &self->image);
		start(self, &image);
		ASSERT_FALSE(exhaust_left(&self->e));
		if (!self->job->done)
			killed++;
		else if (self->err)
			refused++;
		if (self->job->done && self->err) {
			ASSERT_TRUE(self->err == -ENOMEM || self->err == -EAGAIN ||
				    self->err == -EINTR) {
				TH_LOG("%s: %d: %s", text, self->err, self->job->report.log);
			}
			/* but where the log itself is what there is no memory for */
			EXPECT_TRUE(!self->job->report.result.stage ||
				    fail_logged(&self->job->report, "level=error")) {
				TH_LOG("%s: %d without a word, stage %u", text, self->err,
				       self->job->report.result.stage);
			}
		}
	}
	EXPECT_EQ(0, self->err);
	TH_LOG("refused %lu times, the caller killed %lu times, enough are %lu KB", refused,
	       killed, kb);
}

/* ---- Depth, and no end ---- */

static unsigned int depth_of;

static void below(struct fail_image *image, int rec, unsigned long copy)
{
	struct ckpt_process *process = fail_image_data(image, rec);
	struct ckpt_thread *thread = fail_image_data(image, rec);
	uint32_t nr = 20000 + copy;

	switch (image->rec[rec].type) {
	case CKPT_REC_PROCESS:
		process->tgid = nr;
		process->parent = copy ? nr - 1 : depth_of;
		process->nr_threads = 1;
		break;
	case CKPT_REC_THREAD:
		thread->tid = nr;
		break;
	case CKPT_REC_MM:
	case CKPT_REC_SIGHAND:
		*(uint32_t *)process = objects + 1 + 2 * copy +
				       (image->rec[rec].type == CKPT_REC_MM);
		break;
	}
}

/* The child of the rich target, again and again: each the child of the one before. */
static void with_depth(struct fail_image *to, struct fail_image *from, unsigned long nr)
{
	struct fail_image some;
	struct ckpt_process *child = process_of(from, 1), *process;
	int first = fail_image_find(from, CKPT_REC_PROCESS, 1), last = first;
	int mm = -1, sighand = -1, i, at;

	while (from->rec[last + 1].type != CKPT_REC_PROCESS && last + 1 < end_of_metadata(from))
		last++;
	for (i = 0; i < from->nr; i++) {
		uint32_t *id = fail_image_data(from, i);

		if (from->rec[i].type == CKPT_REC_MM && *id == child->mm)
			mm = i;
		if (from->rec[i].type == CKPT_REC_SIGHAND && *id == child->sighand)
			sighand = i;
	}
	objects = exhaust_header(from)->nr_objects;
	depth_of = child->tgid;
	/* a group of signal handlers and an address space for each, then the tasks */
	int *order = malloc((from->nr + nr * (from->nr + 4)) * sizeof(*order));
	int *whose = malloc((from->nr + nr * (from->nr + 4)) * sizeof(*whose));
	unsigned long copy;

	at = 0;
	for (i = 0; i < fail_image_find(from, CKPT_REC_PROCESS, 0); i++)
		whose[at] = -1, order[at++] = i;
	for (copy = 0; copy < nr; copy++) {
		whose[at] = copy;
		order[at++] = sighand;
		whose[at] = copy;
		order[at++] = mm;
		for (i = mm + 1; from->rec[i].type == CKPT_REC_VMA; i++)
			whose[at] = -1, order[at++] = i;
	}
	for (i = fail_image_find(from, CKPT_REC_PROCESS, 0); i < end_of_metadata(from); i++)
		whose[at] = -1, order[at++] = i;
	for (copy = 0; copy < nr; copy++)
		for (i = first; i <= last; i++) {
			whose[at] = copy;
			order[at++] = i;
		}
	for (i = end_of_metadata(from); i < from->nr; i++)
		whose[at] = -1, order[at++] = i;
	fail_image_build(&some, from, order, at);
	for (i = 0; i < at; i++)
		if (whose[i] >= 0)
			below(&some, i, whose[i]);
	for (i = 0; i < at; i++) {
		process = fail_image_data(&some, i);
		if (some.rec[i].type != CKPT_REC_PROCESS || whose[i] < 0)
			continue;
		process->sighand = objects + 1 + 2 * whose[i];
		process->mm = process->sighand + 1;
	}
	exhaust_header(&some)->nr_objects += 2 * nr;
	exhaust_header(&some)->nr_processes += nr;
	exhaust_header(&some)->nr_threads += nr;
	free(order);
	free(whose);
	*to = some;
}

TEST_F(limits, of_pids_hold_for_depth)
{
	unsigned long depth = exhaust_can_measure() ? 500 : 60;
	struct fail_image image;

	with_depth(&image, &self->image, depth);
	start(self, &image);
	EXPECT_EQ(0, self->err) {
		TH_LOG("%s", self->job->report.log);
	}
	EXPECT_EQ(depth + 3, self->job->report.result.processes);
	fail_group_clear(&self->e.group);
	ASSERT_EQ(0, fail_group_write(&self->e.group, "pids.max", "50"));
	with_depth(&image, &self->image, depth);
	start(self, &image);
	EXPECT_REFUSED(-EAGAIN, "cannot create pid");
}

/* One block of contents again and again, each with the next number. */
static void feed_blocks(struct fail_image *image, int fd, uint32_t *seq, int nr)
{
	struct ckpt_header *h = exhaust_header(image);
	uint32_t seed = fail_crc32c(~0, h->uuid, sizeof(h->uuid));
	int first = end_of_metadata(image);
	struct ckpt_record *rec = (void *)(image->data + image->rec[first].at);
	size_t len = sizeof(*rec) + rec->len;

	while (nr--) {
		rec->seq = (*seq)++;
		fail_record_seal(seed, rec, len);
		feed(fd, (void *)rec, len);
	}
}

TEST_F(limits, of_memory_do_not_depend_on_the_length_of_the_stream)
{
	struct fail_image image;
	unsigned long early, late;
	int fd, first, ends[2];
	uint32_t seq;

	fd = fail_image_of(&self->e.group, "plain", &image);
	ASSERT_LT(0, fd);
	close(fd);
	seq = first = end_of_metadata(&image);
	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	self->job->image_fd = ends[0];
	ASSERT_EQ(0, exhaust_begin(&self->e));
	close(ends[0]);
	feed(ends[1], image.data, image.rec[first].at);
	feed_blocks(&image, ends[1], &seq, 3);
	ASSERT_TRUE(exhaust_waits(&self->e, ends[1], false)) {
		TH_LOG("%s", self->job->report.log);
	}
	early = exhaust_peak(&self->e);
	feed_blocks(&image, ends[1], &seq, many() / 500);
	ASSERT_TRUE(exhaust_waits(&self->e, ends[1], false));
	late = exhaust_peak(&self->e);
	EXPECT_GE(early + MB, late);
	/* it would wait for ever, but for this */
	kill(self->e.pid, SIGKILL);
	EXPECT_EQ(-EINTR, exhaust_end(&self->e));
	fail_group_clear(&self->e.group);
	EXPECT_FALSE(exhaust_left(&self->e));
	close(ends[1]);
	fail_image_free(&image);
}

TEST_HARNESS_MAIN
