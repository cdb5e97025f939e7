// SPDX-License-Identifier: GPL-2.0
/* CHECKPOINT_COW: the image is one instant, and the group runs on meanwhile. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

#define PAGE	4096UL
#define MB	(1UL << 20)
#define PAGES	2048

CR_FIXTURE(cow);

static void *anonymous(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CR_CHECK(mem != MAP_FAILED);
	return mem;
}

/* The programs look for this file. */
static void end(struct cr *cr)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/stop", cr->dir);
	close(open(path, O_CREAT | O_CLOEXEC, 0644));
}

/* ---- One instant ---- */

/*
 * One word of each page is raised, page after page. So at any instant the pages
 * up to the one that @at names have a value, and all the others the one before;
 * and @at and @value are in registers. A page that is of another instant shows.
 */
static void keep_in_step(volatile unsigned long *mem, const char *stop)
{
	unsigned long value, at;

	for (value = 1; ; value++) {
		for (at = 0; at < PAGES; at++) {
			unsigned long *word = (void *)(mem + at * PAGE / sizeof(*mem));

			CR_EQ(value - 1, *word);
			*word = value;
		}
		if (!access(stop, F_OK))
			return;
	}
}

CR_PROGRAM(in_step)
{
	pid_t pid[3];
	int i;

	for (i = 0; i < 3; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			keep_in_step(anonymous(PAGES * PAGE), "stop");
			_exit(0);
		}
	}
	cr_touch("ready");
	for (i = 0; i < 3; i++)
		cr_reap(pid[i], 0);
}

TEST_F(cow, image_is_one_instant)
{
	struct cr *cr = &self->cr;
	int round;

	ASSERT_EQ(0, cr_start(cr, "in_step", NULL));
	ASSERT_EQ(0, cr_wait_for(cr, "ready"));
	cr->checkpoint_flags = CHECKPOINT_COW;
	for (round = 0; round < 5; round++) {
		ASSERT_EQ(0, cr_checkpoint(cr));
		EXPECT_LT(0, cr->result.snapshot_pages);
		EXPECT_EQ(0, cr->result.held_pages);
		ASSERT_EQ(0, cr_kill(cr));
		ASSERT_EQ(0, cr_restart(cr));
		usleep(50000 * round);
	}
	end(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

/* ---- Beside a writer that stalls ---- */

/* A heartbeat in a file of the working directory. */
CR_PROGRAM(beats)
{
	int fd = open("beat", O_RDWR | O_CREAT, 0644);
	char *mem = anonymous(8 * MB);
	unsigned long beat;

	cr_fill(mem, 8 * MB, 1);
	cr_touch("ready");
	for (beat = 1; access("stop", F_OK); beat++) {
		CR_EQ(sizeof(beat), pwrite(fd, &beat, sizeof(beat), 0));
		mem[beat % (8 * MB)] = beat;
	}
}

static unsigned long beat(struct cr *cr)
{
	unsigned long value = 0;
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/beat", cr->dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &value, sizeof(value), 0) != sizeof(value))
		value = 0;
	close(fd);
	return value;
}

struct stalled {
	struct cr *cr;
	int fd;
	int err;
};

static void *call(void *arg)
{
	struct stalled *s = arg;

	s->err = cr_checkpoint_fd(s->cr, s->fd);
	close(s->fd);
	return NULL;
}

/*
 * Start a program, and a checkpoint of it that nobody reads, so that it does not end.
 * Return: where it is to be read, or -errno.
 */
static int begin(struct cr *cr, const char *program, struct stalled *s, pthread_t *thread)
{
	struct pollfd p = { .events = POLLIN };
	int ends[2], err;

	err = cr_start(cr, program, NULL) ?: cr_wait_for(cr, "ready");
	if (err)
		return err;
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	*s = (struct stalled){ cr, ends[1], 1 };
	cr->checkpoint_flags = CHECKPOINT_COW;
	if (pthread_create(thread, NULL, call, s))
		return -EAGAIN;
	/* with its first byte the image is the call's own */
	p.fd = ends[0];
	return poll(&p, 1, -1) == 1 ? ends[0] : -errno;
}

static int drain(struct cr *cr, int from)
{
	int to = open(cr->image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	static char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, n) != n)
			break;
	close(from);
	close(to);
	return n ? -EIO : 0;
}

static bool goes_on(struct cr *cr)
{
	unsigned long before = beat(cr);

	cr_until(beat(cr) > before + 10);
	return !cr_has_event(cr, "frozen 1");
}

TEST_F(cow, group_runs_while_the_stream_stalls)
{
	struct cr *cr = &self->cr;
	struct stalled s;
	pthread_t thread;
	int fd;

	fd = begin(cr, "beats", &s, &thread);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(goes_on(cr));
	EXPECT_EQ(1, s.err);
	ASSERT_EQ(0, drain(cr, fd));
	pthread_join(thread, NULL);
	ASSERT_EQ(0, s.err);
	ASSERT_EQ(0, cr_kill(cr));
	ASSERT_EQ(0, cr_restart(cr));
	EXPECT_TRUE(goes_on(cr));
	end(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

/* What the call had hold of is the group's alone again: a pipe ends with its writer. */
CR_PROGRAM(ends)
{
	int ends[2];
	pid_t pid;
	char c;

	cr_fill(anonymous(8 * MB), 8 * MB, 1);
	CR_EQ(0, pipe(ends));
	pid = fork();
	if (!pid) {
		cr_await("close");
		_exit(0);
	}
	close(ends[1]);
	cr_touch("ready");
	CR_EQ(0, read(ends[0], &c, 1));
	cr_reap(pid, 0);
	cr_touch("closed");
}

TEST_F(cow, nothing_of_the_group_is_held_while_it_runs)
{
	struct cr *cr = &self->cr;
	struct stalled s;
	pthread_t thread;
	char path[100];
	int fd;

	fd = begin(cr, "ends", &s, &thread);
	ASSERT_LE(0, fd);
	snprintf(path, sizeof(path), "%s/close", cr->dir);
	close(open(path, O_CREAT | O_CLOEXEC, 0644));
	EXPECT_EQ(0, cr_wait_for(cr, "closed"));
	EXPECT_EQ(0, cr_wait_exit(cr));
	ASSERT_EQ(0, drain(cr, fd));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, s.err);
}

TEST_F(cow, group_is_not_checkpointed_again_meanwhile)
{
	struct cr *cr = &self->cr;
	struct stalled s;
	pthread_t thread;
	struct cr again;
	int fd, null;

	fd = begin(cr, "beats", &s, &thread);
	ASSERT_LE(0, fd);
	again = *cr;
	again.log = malloc(CR_LOG_SIZE);
	null = memfd_create("again", MFD_CLOEXEC);
	EXPECT_EQ(-EBUSY, cr_checkpoint_fd(&again, null));
	EXPECT_TRUE(cr_logged(&again, "is being written yet"));
	close(null);
	free(again.log);
	EXPECT_TRUE(goes_on(cr));
	ASSERT_EQ(0, drain(cr, fd));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, s.err);
	end(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

/* A file that can be made shorter takes private pages with it, those of a snapshot too. */
CR_PROGRAM(shortens)
{
	int fd = memfd_create("short", MFD_CLOEXEC);
	char *mem;

	CR_EQ(0, ftruncate(fd, 4 * PAGE));
	mem = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CR_CHECK(mem != MAP_FAILED);
	cr_fill(mem, 4 * PAGE, 1);
	cr_ready();
	CR_CHECK(cr_filled(mem, 4 * PAGE, 1));
	CR_EQ(0, ftruncate(fd, 0));
}

TEST_F(cow, memory_that_may_be_truncated_is_written_while_it_is_held)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_ready(cr, "shortens", NULL));
	cr->checkpoint_flags = CHECKPOINT_COW;
	ASSERT_EQ(0, cr_checkpoint(cr));
	EXPECT_TRUE(cr_logged(cr, "can be made shorter"));
	EXPECT_EQ(cr->result.pages, cr->result.held_pages);
	ASSERT_EQ(0, cr_kill(cr));
	ASSERT_EQ(0, cr_restart(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

TEST_F(cow, image_is_whole_though_the_group_was_killed)
{
	struct cr *cr = &self->cr;
	struct stalled s;
	pthread_t thread;
	int fd;

	fd = begin(cr, "beats", &s, &thread);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, cr_kill(cr));
	ASSERT_EQ(0, drain(cr, fd));
	pthread_join(thread, NULL);
	ASSERT_EQ(0, s.err);
	ASSERT_EQ(0, cr_restart(cr));
	EXPECT_TRUE(goes_on(cr));
	end(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

TEST_F(cow, failure_of_the_stream_leaves_the_group_running)
{
	struct cr *cr = &self->cr;
	struct stalled s;
	pthread_t thread;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	fd = begin(cr, "beats", &s, &thread);
	ASSERT_LE(0, fd);
	close(fd);
	pthread_join(thread, NULL);
	EXPECT_EQ(-EPIPE, s.err);
	EXPECT_TRUE(cr_logged(cr, "cannot write the image"));
	EXPECT_TRUE(goes_on(cr));
	/* and it is not held any more */
	ASSERT_EQ(0, cr_checkpoint(cr));
	end(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

/* ---- What a snapshot has, and what has none ---- */

CR_PROGRAM(kinds)
{
	char *plain = anonymous(MB), *dont = anonymous(MB), *wipe = anonymous(MB);
	char *shared = mmap(NULL, MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *huge = anonymous(8 * MB), text[4] = "";
	int ends[2];

	CR_CHECK(shared != MAP_FAILED);
	CR_EQ(0, madvise(dont, MB, MADV_DONTFORK));
	CR_EQ(0, madvise(wipe, MB, MADV_WIPEONFORK));
	madvise(huge, 8 * MB, MADV_HUGEPAGE);
	cr_fill(plain, MB, 1);
	cr_fill(dont, MB, 2);
	cr_fill(wipe, MB, 3);
	cr_fill(shared, MB, 4);
	cr_fill(huge, 8 * MB, 5);
	CR_EQ(0, pipe(ends));
	CR_EQ(3, write(ends[1], "abc", 3));
	cr_ready();
	cr_touch("on");
	CR_CHECK(cr_filled(plain, MB, 1));
	CR_CHECK(cr_filled(dont, MB, 2));
	CR_CHECK(cr_filled(wipe, MB, 3));
	CR_CHECK(cr_filled(shared, MB, 4));
	CR_CHECK(cr_filled(huge, 8 * MB, 5));
	CR_EQ(3, read(ends[0], text, sizeof(text)));
	CR_CHECK(!strcmp("abc", text));
}

TEST_F(cow, every_kind_of_memory_is_saved)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_ready(cr, "kinds", NULL));
	cr->checkpoint_flags = CHECKPOINT_COW;
	ASSERT_EQ(0, cr_checkpoint(cr));
	/* shared memory has no snapshot */
	EXPECT_LE(MB / PAGE, cr->result.held_pages);
	EXPECT_GT(2 * MB / PAGE, cr->result.held_pages);
	EXPECT_LE(11 * MB / PAGE, cr->result.snapshot_pages);
	ASSERT_EQ(0, cr_kill(cr));
	ASSERT_EQ(0, cr_restart(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

static int set_limit(struct cr *cr, const char *limit)
{
	char path[160];
	int fd, n;

	snprintf(path, sizeof(path), "%s/memory.max", cr->cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	n = write(fd, limit, strlen(limit));
	close(fd);
	return n < 0 ? -errno : 0;
}

TEST_F(cow, group_without_room_is_written_while_it_is_held)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_ready(cr, "kinds", NULL));
	if (set_limit(cr, "20M"))
		SKIP(return, "no memory controller");
	cr->checkpoint_flags = CHECKPOINT_COW;
	ASSERT_EQ(0, cr_checkpoint(cr));
	EXPECT_TRUE(cr_logged(cr, "too little room"));
	EXPECT_EQ(0, cr->result.snapshot_pages);
	EXPECT_EQ(cr->result.pages, cr->result.held_pages);
	ASSERT_EQ(0, cr_kill(cr));
	ASSERT_EQ(0, set_limit(cr, "max"));
	ASSERT_EQ(0, cr_restart(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

/* Nothing is left of snapshots: fork gives the same pages to the image as before. */
TEST_F(cow, pages_of_a_fork_are_written_once)
{
	struct cr *cr = &self->cr;
	unsigned long held;

	ASSERT_EQ(0, cr_start_ready(cr, "forked", NULL));
	ASSERT_EQ(0, cr_checkpoint(cr));
	held = cr->result.pages;
	cr->checkpoint_flags = CHECKPOINT_COW;
	ASSERT_EQ(0, cr_checkpoint(cr));
	EXPECT_EQ(held, cr->result.pages);
	ASSERT_EQ(0, cr_kill(cr));
	ASSERT_EQ(0, cr_restart(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

CR_PROGRAM(forked)
{
	char *mem = anonymous(4 * MB);
	pid_t pid;

	madvise(mem, 4 * MB, MADV_NOHUGEPAGE);
	cr_fill(mem, 4 * MB, 1);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		cr_touch("born");
		cr_await("on");
		CR_CHECK(cr_filled(mem, 4 * MB, 1));
		mem[0] ^= 1;
		_exit(0);
	}
	cr_await("born");
	cr_ready();
	cr_touch("on");
	cr_reap(pid, 0);
	CR_CHECK(cr_filled(mem, 4 * MB, 1));
}

TEST_HARNESS_MAIN
