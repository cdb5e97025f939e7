// SPDX-License-Identifier: GPL-2.0
/*
 * How long locks are held by both calls, beside what making the same by fork(),
 * pthread_create() and mmap() takes. Times are those of this machine: only what
 * compares them means something.
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
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"

#define LOCK_STAT	"/proc/lock_stat"
#define SHOWN		8

static void *sleeper(void *unused)
{
	for (;;)
		pause();
	return NULL;
}

static int threads(const char *nr)
{
	pthread_attr_t attr;
	pthread_t thread;
	int i, err = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32 * 1024);
	for (i = 1; !err && i < atoi(nr); i++)
		err = pthread_create(&thread, &attr, sleeper, NULL);
	return err;
}

static int processes(const char *nr)
{
	pid_t pid;
	int i;

	for (i = 1; i < atoi(nr); i++) {
		pid = fork();
		if (pid < 0)
			return errno;
		if (!pid)
			sleeper(NULL);
	}
	return 0;
}

/* And a child, which is given each of them by fork(). */
static int mappings(const char *nr)
{
	char *at = (char *)FAIL_PAGE + (1UL << 30);
	int i;

	for (i = 0; i < atoi(nr); i++, at += 8192)
		if (mmap(at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			 -1, 0) != at)
			return errno;
	return processes("2");
}

const struct fail_target fail_targets[] = {
	{ "threads", threads },
	{ "processes", processes },
	{ "mappings", mappings },
	{ }
};

struct lock {
	char name[80];
	unsigned long taken;
	double longest;
};

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

static void begin(void)
{
	put("/proc/sys/kernel/lock_stat", "0");
	put(LOCK_STAT, "0");
	put("/proc/sys/kernel/lock_stat", "1");
}

static bool parse(char *line, struct lock *lock)
{
	char *colon = strrchr(line, ':');

	if (!colon)
		return false;
	*colon = 0;
	snprintf(lock->name, sizeof(lock->name), "%s", line + strspn(line, " "));
	return sscanf(colon + 1, "%*u %*u %*f %*f %*f %*f %*u %lu %*f %lf", &lock->taken,
		      &lock->longest) == 2;
}

/* What was taken since begin(), the longest held first. */
static int end(struct lock *locks, int max)
{
	FILE *f;
	char line[512];
	struct lock one;
	int nr = 0, i;

	put("/proc/sys/kernel/lock_stat", "0");
	f = fopen(LOCK_STAT, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!parse(line, &one))
			continue;
		for (i = nr < max ? nr++ : max - 1; i && locks[i - 1].longest < one.longest; i--)
			locks[i] = locks[i - 1];
		locks[i] = one;
	}
	if (f)
		fclose(f);
	return nr;
}

/* One that was never taken for reading has no -W behind its name. */
static bool has_name(const struct lock *lock, const char *name)
{
	size_t len = strlen(lock->name);

	return !strncmp(lock->name, name, len) && (!name[len] || !strcmp(name + len, "-W"));
}

static const struct lock *lock_of(const struct lock *locks, int nr, const char *name)
{
	static const struct lock none;
	int i;

	for (i = 0; i < nr; i++)
		if (has_name(&locks[i], name))
			return &locks[i];
	return &none;
}

static void tell(const char *what, const char *target, const struct lock *locks, int nr)
{
	static const char *const always[] = { "tasklist_lock-R", "tasklist_lock-W", "cgroup_mutex",
					      "css_set_lock" };
	size_t i;

	for (i = 0; i < SHOWN && i < (size_t)nr; i++)
		fprintf(stderr, "# lock: %s of %s: %s %.0f us, taken %lu times\n", what, target,
			locks[i].name, locks[i].longest, locks[i].taken);
	for (i = 0; i < ARRAY_SIZE(always); i++) {
		const struct lock *lock = lock_of(locks, nr, always[i]);

		fprintf(stderr, "# lock: %s of %s: (%s %.0f us, taken %lu times)\n", what,
			target, always[i], lock->longest, lock->taken);
	}
}

FIXTURE(locks) {
	struct fail_group group;
	struct fail_report report;
	struct lock *lock;
};

FIXTURE_VARIANT(locks) {
	const char *target, *many;
};

#define MANY(what, nr) \
FIXTURE_VARIANT_ADD(locks, what) { .target = #what, .many = #nr }

MANY(threads, 1000);
MANY(processes, 200);
MANY(mappings, 10000);

#define LOCKS	2000

FIXTURE_SETUP(locks)
{
	if (access(LOCK_STAT, R_OK))
		SKIP(return, "no CONFIG_LOCK_STAT");
	fail_become_reaper();
	ASSERT_EQ(0, fail_group_make(&self->group));
	self->lock = calloc(LOCKS, sizeof(*self->lock));
}

FIXTURE_TEARDOWN(locks)
{
	fail_group_end(&self->group);
	free(self->lock);
}

static bool is_frozen(void *group)
{
	return fail_group_has(group, "cgroup.events", "frozen 1") == 1;
}

TEST_F(locks, are_held_briefly)
{
	int nr, fd, err, tries;
	pid_t pid;

	begin();
	pid = fail_start(&self->group, variant->target, variant->many);
	ASSERT_LT(0, pid);
	nr = end(self->lock, LOCKS);
	tell("making", variant->target, self->lock, nr);

	/* what the hold amounts to */
	begin();
	ASSERT_EQ(0, fail_group_write(&self->group, "cgroup.freeze", "1"));
	ASSERT_TRUE(fail_poll(is_frozen, &self->group, 60000));
	nr = end(self->lock, LOCKS);
	tell("freezing", variant->target, self->lock, nr);
	ASSERT_EQ(0, fail_group_write(&self->group, "cgroup.freeze", "0"));

	fd = memfd_create("image", MFD_CLOEXEC);
	/* others may fork, or exit, once */
	for (tries = 0; tries < 5; tries++) {
		ASSERT_EQ(0, ftruncate(fd, 0));
		lseek(fd, 0, SEEK_SET);
		begin();
		err = fail_checkpoint(&self->group, fd, 0, 0, &self->report);
		nr = end(self->lock, LOCKS);
		ASSERT_EQ(0, err) {
			TH_LOG("%s", self->report.log);
		}
		if (!lock_of(self->lock, nr, "tasklist_lock-W")->taken)
			break;
	}
	tell("checkpoint", variant->target, self->lock, nr);
	EXPECT_EQ(0, lock_of(self->lock, nr, "tasklist_lock-W")->taken);
	EXPECT_LT(0, lock_of(self->lock, nr, "cgroup_mutex")->taken);

	fail_group_clear(&self->group);
	lseek(fd, 0, SEEK_SET);
	begin();
	err = fail_restart(fd, &self->group, 0, &self->report);
	nr = end(self->lock, LOCKS);
	EXPECT_EQ(0, err) {
		TH_LOG("%s", self->report.log);
	}
	tell("restart", variant->target, self->lock, nr);
	close(fd);
}

TEST_HARNESS_MAIN
