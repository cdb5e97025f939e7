// SPDX-License-Identifier: GPL-2.0
/*
 * System calls that are slept in when the program is caught: they go on, none
 * returns EINTR, and relative sleeps last their whole time.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

CR_FIXTURE(syscall);

/*
 * The child sleeps in a call. Its parent, the program's root, is told by the
 * first word that the call is about to begin, and waits until it sleeps.
 */
struct word {
	volatile int in;
	volatile int futex;
	volatile long long written;
};

static struct word *word;

static char state_of(pid_t pid)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (cr_read_file(path, text, sizeof(text)) <= 0)
		return 0;
	return strrchr(text, ')')[2];
}

static pid_t sleeper(void (*fn)(void))
{
	pid_t pid;

	word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = fork();
	if (!pid) {
		fn();
		_exit(0);
	}
	cr_until(word->in);
	cr_until(state_of(pid) == 'S');
	return pid;
}

static void sleeps_again(pid_t pid)
{
	cr_until(state_of(pid) != 'R');
	CR_EQ('S', state_of(pid));
}

static long long now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int fds[2];

static void in_read(void)
{
	char c = 0;

	close(fds[1]);
	word->in = 1;
	CR_EQ(1, read(fds[0], &c, 1));
	CR_EQ('x', c);
	CR_EQ(0, read(fds[0], &c, 1));
}

CR_TEST(syscall, read_of_an_empty_pipe)
{
	pid_t pid;

	CR_EQ(0, pipe(fds));
	pid = sleeper(in_read);
	close(fds[0]);
	cr_ready();
	sleeps_again(pid);
	CR_EQ(1, write(fds[1], "x", 1));
	close(fds[1]);
	cr_reap(pid, 0);
}

static void in_write(void)
{
	static char much[100000];
	ssize_t len;

	cr_fill(much, sizeof(much), 1);
	close(fds[0]);
	word->in = 1;
	/* a write that has written a part is ended by what stops the task */
	len = write(fds[1], much, sizeof(much));
	CR_CHECK(len == 65536 || len == sizeof(much));
	word->written = len;
}

CR_TEST(syscall, write_into_a_full_pipe)
{
	static char much[100000];
	ssize_t len = 0, nr;
	pid_t pid;

	CR_EQ(0, pipe(fds));
	pid = sleeper(in_write);
	close(fds[1]);
	cr_ready();
	while ((nr = read(fds[0], much + len, sizeof(much) - len)) > 0)
		len += nr;
	cr_reap(pid, 0);
	CR_EQ(word->written, len);
	CR_CHECK(cr_filled(much, len & -8L, 1));
}

static void in_poll(void)
{
	struct pollfd pfd = { .fd = fds[0], .events = POLLIN };

	word->in = 1;
	CR_EQ(1, poll(&pfd, 1, -1));
	CR_EQ(POLLIN, pfd.revents);
}

static void in_poll_timeout(void)
{
	struct pollfd pfd = { .fd = fds[0], .events = POLLIN };

	word->in = 1;
	CR_EQ(1, poll(&pfd, 1, 600000));
	CR_EQ(POLLIN, pfd.revents);
}

static void in_ppoll(void)
{
	struct pollfd pfd = { .fd = fds[0], .events = POLLIN };
	struct timespec ts = { 600 };

	word->in = 1;
	CR_EQ(1, ppoll(&pfd, 1, &ts, NULL));
}

static void in_select(void)
{
	struct timeval tv = { 600 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	word->in = 1;
	CR_EQ(1, select(fds[0] + 1, &set, NULL, NULL, &tv));
	CR_CHECK(FD_ISSET(fds[0], &set));
}

static void until_readable(void (*fn)(void))
{
	pid_t pid;

	CR_EQ(0, pipe(fds));
	pid = sleeper(fn);
	cr_ready();
	sleeps_again(pid);
	CR_EQ(1, write(fds[1], "x", 1));
	cr_reap(pid, 0);
}

CR_TEST(syscall, poll_without_end)
{
	until_readable(in_poll);
}

CR_TEST(syscall, poll_with_a_timeout)
{
	until_readable(in_poll_timeout);
}

CR_TEST(syscall, ppoll_with_a_timeout)
{
	until_readable(in_ppoll);
}

CR_TEST(syscall, select_with_a_timeout)
{
	until_readable(in_select);
}

static long futex(volatile int *at, int op, int val, struct timespec *ts)
{
	return syscall(SYS_futex, at, op, val, ts, NULL, ~0U);
}

static void in_futex(void)
{
	word->in = 1;
	CR_EQ(0, futex(&word->futex, FUTEX_WAIT, 0, NULL));
}

static void in_futex_timeout(void)
{
	struct timespec ts = { 600 };

	word->in = 1;
	CR_EQ(0, futex(&word->futex, FUTEX_WAIT, 0, &ts));
}

static void until_woken(void (*fn)(void))
{
	pid_t pid = sleeper(fn);

	cr_ready();
	/* in the queue again only when it has run */
	cr_until(futex(&word->futex, FUTEX_WAKE, 1, NULL) == 1);
	cr_reap(pid, 0);
}

CR_TEST(syscall, futex_wait)
{
	until_woken(in_futex);
}

CR_TEST(syscall, futex_wait_with_a_timeout)
{
	until_woken(in_futex_timeout);
}

/*
 * Sleeps of SLEEP seconds, of which at least one passes between checkpoint and
 * restart. The clock goes on meanwhile, but the sleep does not: measured from
 * its beginning to its end it lasts its own time and the pause.
 */
#define SLEEP	3
#define PAUSE	2

static void lasts(long long begin, clockid_t clock)
{
	long long slept = now(clock) - begin;

	if (slept < (SLEEP + PAUSE) * 1000000000LL)
		cr_fail("slept and paused for %lld ns only", slept);
}

static void in_nanosleep(void)
{
	struct timespec ts = { SLEEP }, rest;
	long long begin = now(CLOCK_MONOTONIC);

	word->in = 1;
	CR_EQ(0, syscall(SYS_nanosleep, &ts, &rest));
	lasts(begin, CLOCK_MONOTONIC);
}

static void in_clock_nanosleep(clockid_t clock)
{
	struct timespec ts = { SLEEP };
	long long begin = now(clock);

	word->in = 1;
	CR_EQ(0, clock_nanosleep(clock, 0, &ts, NULL));
	lasts(begin, clock);
}

static void in_clock_monotonic(void)
{
	in_clock_nanosleep(CLOCK_MONOTONIC);
}

static void in_clock_boottime(void)
{
	in_clock_nanosleep(CLOCK_BOOTTIME);
}

static void in_poll_to_its_end(void)
{
	long long begin = now(CLOCK_MONOTONIC);

	word->in = 1;
	CR_EQ(0, poll(NULL, 0, SLEEP * 1000));
	lasts(begin, CLOCK_MONOTONIC);
}

static void in_select_to_its_end(void)
{
	struct timeval tv = { SLEEP };
	long long begin = now(CLOCK_MONOTONIC);

	word->in = 1;
	CR_EQ(0, select(0, NULL, NULL, NULL, &tv));
	lasts(begin, CLOCK_MONOTONIC);
}

static void in_futex_to_its_end(void)
{
	struct timespec ts = { SLEEP };
	long long begin = now(CLOCK_MONOTONIC);

	word->in = 1;
	CR_EQ(-1, futex(&word->futex, FUTEX_WAIT, 0, &ts));
	CR_EQ(ETIMEDOUT, errno);
	lasts(begin, CLOCK_MONOTONIC);
}

/* An instant of a clock that goes on is met, not moved. */
static void in_absolute_realtime(void)
{
	struct timespec ts;
	long long end;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += SLEEP + PAUSE + 1;
	end = ts.tv_sec * 1000000000LL + ts.tv_nsec;
	word->in = 1;
	CR_EQ(0, clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL));
	CR_CHECK(now(CLOCK_REALTIME) >= end);
}

CR_PROGRAM(sleeps)
{
	static void (*const kinds[])(void) = {
		in_nanosleep, in_clock_monotonic, in_clock_boottime, in_poll_to_its_end,
		in_select_to_its_end, in_futex_to_its_end, in_absolute_realtime,
	};
	pid_t pid = sleeper(kinds[atoi(arg)]);

	cr_ready();
	cr_reap(pid, 0);
}

static int sleep_through(struct cr *cr, const char *kind)
{
	int err = cr_start_ready(cr, "sleeps", kind) ?: cr_stop(cr);

	if (err)
		return err;
	sleep(PAUSE);
	err = cr_restart(cr);
	if (err)
		return err;
	cr_go(cr);
	return cr_wait_exit(cr);
}

TEST_F(syscall, nanosleep_keeps_what_remains)
{
	EXPECT_EQ(0, sleep_through(&self->cr, "0"));
}

TEST_F(syscall, clock_nanosleep_keeps_what_remains)
{
	EXPECT_EQ(0, sleep_through(&self->cr, "1"));
}

TEST_F(syscall, clock_nanosleep_of_boottime_keeps_what_remains)
{
	EXPECT_EQ(0, sleep_through(&self->cr, "2"));
}

TEST_F(syscall, poll_keeps_what_remains)
{
	EXPECT_EQ(0, sleep_through(&self->cr, "3"));
}

TEST_F(syscall, select_keeps_what_remains)
{
	EXPECT_EQ(0, sleep_through(&self->cr, "4"));
}

TEST_F(syscall, futex_keeps_what_remains)
{
	EXPECT_EQ(0, sleep_through(&self->cr, "5"));
}

TEST_F(syscall, absolute_sleep_meets_its_instant)
{
	EXPECT_EQ(0, sleep_through(&self->cr, "6"));
}

TEST_HARNESS_MAIN
