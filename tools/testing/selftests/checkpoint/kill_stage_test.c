// SPDX-License-Identifier: GPL-2.0
/*
 * Death at each stage of either call: of the caller, and of the tasks that a
 * restart makes. The call's result is in memory that the caller shares with the
 * test, so that it tells at which stage death was noticed; the moment to kill at
 * is looked for by halving. CKPT_KILLS / 50 kills are made at each stage.
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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "gap.h"

#define SAMPLE		2
#define TRIES		400	/* for one kill at the stage that is wanted */
#define MARKER		"/tmp/fail-marker"
#define CHILDREN	8
#define THREADS		8
#define FILES		50
#define MAPPINGS	50

/* ---- Targets ---- */

static void *counter(void *count)
{
	for (;;) {
		++*(volatile unsigned long *)count;
		fail_nap(10);
	}
	return NULL;
}

static void *sleeper(void *unused)
{
	for (;;)
		pause();
	return NULL;
}

static int many_things(void)
{
	char *at = (char *)FAIL_PAGE + (1UL << 30);
	pthread_t thread;
	int i;

	for (i = 0; i < FILES; i++)
		if (open("/dev/null", O_RDONLY) < 0)
			return errno;
	/* each with a page of contents, and none next to another */
	for (i = 0; i < MAPPINGS; i++, at += 8192) {
		if (mmap(at, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at)
			return errno;
		*at = 1;
	}
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, sleeper, NULL))
			return EAGAIN;
	return 0;
}

/*
 * So much of all that each stage takes some time. Each process counts in a word of
 * its own of a file: whoever runs leaves a trace.
 */
static int crowd(const char *arg)
{
	unsigned long *count;
	int fd = open(MARKER, O_RDWR), i, err = many_things();
	pthread_t thread;

	count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (err || count == MAP_FAILED)
		return err ?: errno;
	close(fd);
	for (i = 1; i <= CHILDREN; i++)
		if (!fork())
			counter(count + i);
	return pthread_create(&thread, NULL, counter, count) ? EAGAIN : 0;
}

/* Its child asks for another signal to its parent than SIGCHLD. */
static int parent(const char *arg)
{
	pid_t pid = syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);

	if (!pid)
		sleeper(NULL);
	FAIL_PAGE->value[0] = pid;
	return pid < 0 ? errno : 0;
}

const struct fail_target fail_targets[] = {
	{ "crowd", crowd },
	{ "parent", parent },
	{ }
};

/* ---- Calls that are killed ---- */

/* Shared with the helper that makes the call. */
struct job {
	struct fail_group group;
	struct fail_report report;
	bool restarts;
	int fd;
	volatile int err, started, done;
};

FIXTURE(stages) {
	struct fail_group group;
	struct job *job;
	volatile unsigned long *count;
	unsigned long before[CHILDREN + 1];
	long kills;
	pid_t helper;
};

FIXTURE_SETUP(stages)
{
	int fd = open(MARKER, O_RDWR | O_CREAT | O_TRUNC, 0644);

	self->kills = atol(getenv("CKPT_KILLS") ?: "0") / 50 ?: SAMPLE;
	ASSERT_EQ(0, ftruncate(fd, 4096));
	self->count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, self->count);
	close(fd);
	self->job = mmap(NULL, sizeof(*self->job), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->job);
	fail_become_reaper();
	ASSERT_EQ(0, fail_group_make(&self->group));
	self->job->group = self->group;
	ASSERT_LT(0, fail_start(&self->group, "crowd", NULL));
}

FIXTURE_TEARDOWN(stages)
{
	fail_group_end(&self->group);
	munmap(self->job, sizeof(*self->job));
	munmap((void *)self->count, 4096);
}

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void do_job(void *arg)
{
	struct job *job = arg;

	job->started = 1;
	job->err = job->restarts ? fail_restart(job->fd, &job->group, 0, &job->report) :
		   fail_checkpoint(&job->group, job->fd, 0, 0, &job->report);
	job->done = 1;
	pause();
}

static void begin_call(FIXTURE_DATA(stages) *self, int fd)
{
	struct job *job = self->job;

	if (!job->restarts && ftruncate(fd, 0))
		return;
	lseek(fd, 0, SEEK_SET);
	job->fd = fd;
	job->started = 0;
	job->done = 0;
	job->err = -EINTR;
	memset(&job->report.result, 0, sizeof(job->report.result));
	self->helper = fail_helper(do_job, job);
	while (!job->started)
		;
}

static void end_caller(FIXTURE_DATA(stages) *self)
{
	kill(self->helper, SIGKILL);
	waitpid(self->helper, NULL, 0);
}

/* How long a call takes that nobody disturbs, or -1. */
static long long duration(FIXTURE_DATA(stages) *self, int fd)
{
	long long start;

	begin_call(self, fd);
	start = now_us();
	while (!self->job->done)
		;
	start = now_us() - start;
	end_caller(self);
	return self->job->err ? -1 : start;
}

static void kill_caller(FIXTURE_DATA(stages) *self)
{
	kill(self->helper, SIGKILL);
}

static void kill_tasks(FIXTURE_DATA(stages) *self)
{
	fail_group_write(&self->group, "cgroup.kill", "1");
}

/* Call, and kill after @us. Return: the stage at which that was noticed. */
static unsigned int kill_after(FIXTURE_DATA(stages) *self, int fd, long long us,
			       void (*kill_one)(FIXTURE_DATA(stages) *self))
{
	struct job *job = self->job;
	long long start;

	begin_call(self, fd);
	start = now_us();
	while (now_us() - start < us && !job->done)
		;
	kill_one(self);
	while (kill_one != kill_caller && !job->done)
		;
	end_caller(self);
	return job->err ? job->report.result.stage : CKPT_STAGE_DONE;
}

/* ---- What must hold after each kill ---- */

typedef bool (*verdict_fn)(FIXTURE_DATA(stages) *self, unsigned int stage);

static void remember(FIXTURE_DATA(stages) *self)
{
	int i;

	for (i = 0; i <= CHILDREN; i++)
		self->before[i] = self->count[i];
}

static bool all_count(void *arg)
{
	FIXTURE_DATA(stages) *self = arg;
	int i;

	for (i = 0; i <= CHILDREN; i++)
		if (self->count[i] == self->before[i])
			return false;
	return true;
}

static bool none_counted(FIXTURE_DATA(stages) *self)
{
	int i;

	for (i = 0; i <= CHILDREN; i++)
		if (self->count[i] != self->before[i])
			return false;
	return true;
}

/* All run again. */
static bool runs_on(FIXTURE_DATA(stages) *self, unsigned int stage)
{
	remember(self);
	return fail_poll(all_count, self, 10000);
}

static bool is_empty(void *arg)
{
	return fail_group_empty(arg);
}

static bool is_nobody_or_all(void *arg)
{
	FIXTURE_DATA(stages) *self = arg;

	return fail_group_empty(&self->group) || all_count(self);
}

/*
 * Before the commit nobody is left, and nobody has run. After it all run, or are
 * dead if it is they who were killed.
 */
static bool nobody_or_all(FIXTURE_DATA(stages) *self, unsigned int stage)
{
	if (stage == CKPT_STAGE_DONE)
		return fail_poll(is_nobody_or_all, self, 10000);
	return fail_poll(is_empty, &self->group, 10000) && none_counted(self);
}

static void prepare(FIXTURE_DATA(stages) *self)
{
	if (!self->job->restarts)
		return;
	fail_group_clear(&self->group);
	remember(self);
}

struct hunt {
	int fd;
	void (*kill_one)(FIXTURE_DATA(stages) *self);
	verdict_fn verdict;
	long long us;		/* of a whole call */
	long tries;
};

/*
 * One kill at a stage. Calls do not take the same time twice, so that the search
 * begins anew when nothing is left to halve.
 */
static int kill_at(FIXTURE_DATA(stages) *self, struct hunt *hunt, unsigned int wanted)
{
	long long low = 0, high = hunt->us * 3 / 2, us;
	unsigned int stage;
	int i;

	for (i = 0; i < TRIES; i++, hunt->tries++) {
		if (high - low < 4) {
			low = 0;
			high = hunt->us * (1 + rand() % 3);
		}
		us = (low + high) / 2;
		prepare(self);
		stage = kill_after(self, hunt->fd, us, hunt->kill_one);
		if (!hunt->verdict(self, stage)) {
			fprintf(stderr, "# killed after %lld us, stage %u: wrong\n", us, stage);
			return -EPROTO;
		}
		if (stage == wanted)
			return 0;
		if (stage < wanted)
			low = us;
		else
			high = us;
	}
	fprintf(stderr, "# stage %u was not met\n", wanted);
	return -ETIMEDOUT;
}

static int kill_at_each(FIXTURE_DATA(stages) *self, struct hunt *hunt, const char *who,
			const unsigned int *stages, int nr)
{
	long i;
	int s, err;

	prepare(self);
	hunt->us = duration(self, hunt->fd);
	if (hunt->us < 0) {
		fprintf(stderr, "# %s", self->job->report.log);
		return self->job->err;
	}
	for (s = 0; s < nr; s++)
		for (i = 0; i < self->kills; i++) {
			err = kill_at(self, hunt, stages[s]);
			if (err)
				return err;
		}
	fprintf(stderr, "# %ld kills of %s at each of %d stages, %ld others\n", self->kills, who,
		nr, hunt->tries);
	return 0;
}

static const unsigned int of_checkpoint[] = {
	CKPT_STAGE_FREEZE, CKPT_STAGE_COLLECT, CKPT_STAGE_CAPTURE, CKPT_STAGE_WRITE,
};

static const unsigned int of_restart[] = {
	CKPT_STAGE_READ, CKPT_STAGE_OBJECTS, CKPT_STAGE_FOREST, CKPT_STAGE_CONTENTS,
};

/* The first two are before there are any. */
#define TASKS_FROM	2

TEST_F_TIMEOUT(stages, of_checkpoint_whose_caller_is_killed_let_the_group_run_on, FOR_EVER)
{
	struct hunt hunt = {
		.fd = memfd_create("image", MFD_CLOEXEC),
		.kill_one = kill_caller,
		.verdict = runs_on,
	};

	EXPECT_EQ(0, kill_at_each(self, &hunt, "callers of checkpoint", of_checkpoint,
				  ARRAY_SIZE(of_checkpoint)));
	/* and no hold is left */
	EXPECT_EQ(0, ftruncate(hunt.fd, 0));
	EXPECT_EQ(0, fail_checkpoint(&self->group, hunt.fd, 0, 0, &self->job->report));
	close(hunt.fd);
}

TEST_F_TIMEOUT(stages, of_restart_whose_caller_is_killed_leave_nobody, FOR_EVER)
{
	struct hunt hunt = {
		.fd = fail_save(&self->group),
		.kill_one = kill_caller,
		.verdict = nobody_or_all,
	};

	ASSERT_LT(0, hunt.fd);
	self->job->restarts = true;
	EXPECT_EQ(0, kill_at_each(self, &hunt, "callers of restart", of_restart,
				  ARRAY_SIZE(of_restart)));
	close(hunt.fd);
}

TEST_F_TIMEOUT(stages, of_restart_whose_tasks_are_killed_leave_nobody, FOR_EVER)
{
	struct hunt hunt = {
		.fd = fail_save(&self->group),
		.kill_one = kill_tasks,
		.verdict = nobody_or_all,
	};

	ASSERT_LT(0, hunt.fd);
	self->job->restarts = true;
	EXPECT_EQ(0, kill_at_each(self, &hunt, "new tasks", of_restart + TASKS_FROM,
				  ARRAY_SIZE(of_restart) - TASKS_FROM));
	close(hunt.fd);
}

/* ---- The commit: the caller waits where it tells of the roots ---- */

struct committer {
	struct job *job;
	struct gap gap;
};

static void *do_commit(void *arg)
{
	struct committer *c = arg;
	struct job *job = c->job;
	struct restart_args args = {
		.flags		= RESTART_INTO_CGROUP,
		.image_fd	= job->fd,
		.cgroup_fd	= job->group.fd,
		.pids		= (uintptr_t)c->gap.page,
		.nr_roots	= 1,
		.result		= (uintptr_t)&job->report.result,
		.result_size	= sizeof(job->report.result),
	};

	job->err = syscall(__NR_restart, &args, sizeof(args)) < 0 ? -errno : 0;
	job->done = 1;
	return NULL;
}

/* The one who fills the page is another thread of the caller. */
static void caller_at_commit(void *arg)
{
	struct job *job = arg;
	struct committer c = { .job = job };
	pthread_t thread;

	if (gap_make(&c.gap) || pthread_create(&thread, NULL, do_commit, &c))
		_exit(1);
	while (!gap_is_met(&c.gap) && !job->done)
		fail_nap(1);
	/* one that ended did not come to it */
	job->started = !job->done;
	while (job->started != 2)
		fail_nap(1);
	gap_fill(&c.gap);
	pause();
}

static bool has_started(void *arg)
{
	return ((struct job *)arg)->started;
}

static bool is_done(void *arg)
{
	return ((struct job *)arg)->done;
}

static bool begin_commit(FIXTURE_DATA(stages) *self, int fd)
{
	prepare(self);
	lseek(fd, 0, SEEK_SET);
	self->job->fd = fd;
	self->job->started = 0;
	self->job->done = 0;
	memset(&self->job->report.result, 0, sizeof(self->job->report.result));
	self->helper = fail_helper(caller_at_commit, self->job);
	return fail_poll(has_started, self->job, 20000);
}

TEST_F_TIMEOUT(stages, of_commit_at_which_the_caller_is_killed_leave_nobody, FOR_EVER)
{
	int fd = fail_save(&self->group);
	long i;

	ASSERT_LT(0, fd);
	self->job->restarts = true;
	for (i = 0; i < self->kills; i++) {
		ASSERT_TRUE(begin_commit(self, fd));
		EXPECT_FALSE(fail_group_empty(&self->group));
		EXPECT_TRUE(none_counted(self));
		end_caller(self);
		ASSERT_EQ(CKPT_STAGE_COMMIT, self->job->report.result.stage);
		ASSERT_TRUE(nobody_or_all(self, CKPT_STAGE_COMMIT));
	}
	fprintf(stderr, "# %ld kills of callers at the commit\n", self->kills);
	close(fd);
}

/*
 * What fails by now would have failed before: the commit goes on, and who was
 * killed is as if that had been a moment later.
 */
TEST_F_TIMEOUT(stages, of_commit_at_which_the_tasks_are_killed_leave_nobody, FOR_EVER)
{
	int fd = fail_save(&self->group);
	long i;

	ASSERT_LT(0, fd);
	self->job->restarts = true;
	for (i = 0; i < self->kills; i++) {
		ASSERT_TRUE(begin_commit(self, fd));
		kill_tasks(self);
		self->job->started = 2;
		ASSERT_TRUE(fail_poll(is_done, self->job, 20000));
		EXPECT_TRUE(!self->job->err || self->job->err == -EINTR);
		ASSERT_TRUE(fail_poll(is_empty, &self->group, 10000));
		EXPECT_TRUE(none_counted(self));
		end_caller(self);
	}
	fprintf(stderr, "# %ld kills of new tasks at the commit\n", self->kills);
	close(fd);
}

/* What its parent gets when it ends, as /proc has it, or -1. */
static int exit_signal_of(pid_t pid)
{
	char path[64], text[1024] = "", *field;
	int fd, i;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return -1;
	close(fd);
	field = strrchr(text, ')');
	/* the name is the second field, this one the 38th */
	for (i = 2; field && i < 38; i++)
		field = strchr(field + 1, ' ');
	return field ? atoi(field) : -1;
}

static bool is_zombie(void *pid)
{
	return fail_state(*(pid_t *)pid) == 'Z';
}

/* Whoever has the child then did not ask for its signal, and may be anybody. */
TEST_F(stages, of_commit_at_which_a_parent_is_killed_leave_its_child_to_SIGCHLD)
{
	struct fail_page page;
	pid_t pid;
	int fd;

	fail_group_clear(&self->group);
	pid = fail_start(&self->group, "parent", NULL);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, fail_look(pid, &page));
	EXPECT_EQ(SIGUSR1, exit_signal_of(page.value[0]));
	fd = fail_save(&self->group);
	ASSERT_LT(0, fd);
	self->job->restarts = true;
	ASSERT_TRUE(begin_commit(self, fd));
	EXPECT_EQ(0, kill(pid, SIGKILL));
	/* its children have another parent before it is one */
	EXPECT_TRUE(fail_poll(is_zombie, &pid, 20000));
	self->job->started = 2;
	EXPECT_TRUE(fail_poll(is_done, self->job, 20000));
	EXPECT_EQ(0, self->job->err);
	EXPECT_EQ(SIGCHLD, exit_signal_of(page.value[0]));
	end_caller(self);
	close(fd);
}

TEST_HARNESS_MAIN
