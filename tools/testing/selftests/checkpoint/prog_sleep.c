// SPDX-License-Identifier: GPL-2.0
/*
 * prog_sleep UNIT NUMBER: that many children sleep, each in a call of its own
 * kind and for a time of its own, 4, 5, 6... UNITs of seconds. Child N leaves a
 * file sleep-N in the working directory: when it began, for how long, and when
 * it woke, in nanoseconds of CLOCK_MONOTONIC. Exits with 0 when all have ended
 * as they should.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct timespec now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts;
}

static long long ns(struct timespec ts)
{
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int in_poll(long seconds)
{
	return poll(NULL, 0, seconds * 1000);
}

static int in_nanosleep(long seconds)
{
	return syscall(SYS_nanosleep, &(struct timespec){ seconds }, NULL);
}

static int in_monotonic(long seconds)
{
	return clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ seconds }, NULL);
}

static int in_boottime(long seconds)
{
	return clock_nanosleep(CLOCK_BOOTTIME, 0, &(struct timespec){ seconds }, NULL);
}

static int in_realtime(long seconds)
{
	return clock_nanosleep(CLOCK_REALTIME, 0, &(struct timespec){ seconds }, NULL);
}

static int in_futex(long seconds)
{
	int word = 0;

	if (!syscall(SYS_futex, &word, FUTEX_WAIT, 0, &(struct timespec){ seconds }) ||
	    errno != ETIMEDOUT)
		return 1;
	return 0;
}

/* An instant has come when it says that it has. */
static int until(clockid_t clock, long seconds)
{
	struct timespec end = now(clock);

	end.tv_sec += seconds;
	return clock_nanosleep(clock, TIMER_ABSTIME, &end, NULL) || ns(now(clock)) < ns(end);
}

static int until_realtime(long seconds)
{
	return until(CLOCK_REALTIME, seconds);
}

static int until_monotonic(long seconds)
{
	return until(CLOCK_MONOTONIC, seconds);
}

static int (*const kinds[])(long seconds) = {
	in_poll, in_nanosleep, in_monotonic, in_boottime, in_realtime, in_futex,
	until_realtime, until_monotonic,
};

static int child(int number, long seconds)
{
	char name[32];
	int bad;
	FILE *f;

	snprintf(name, sizeof(name), "sleep-%d", number);
	f = fopen(name, "w");
	if (!f)
		return 1;
	fprintf(f, "%lld %lld\n", ns(now(CLOCK_MONOTONIC)), seconds * 1000000000LL);
	fflush(f);
	bad = kinds[number](seconds);
	fprintf(f, "%lld\n", ns(now(CLOCK_MONOTONIC)));
	fclose(f);
	if (bad)
		fprintf(stderr, "sleep %d did not end well (errno %d)\n", number, errno);
	return !!bad;
}

int main(int argc, char **argv)
{
	long unit = argc == 3 ? atol(argv[1]) : 0;
	int number = argc == 3 ? atoi(argv[2]) : 0, i, status, bad = 0;

	if (unit < 1 || number < 1 || number > (int)(sizeof(kinds) / sizeof(kinds[0])))
		return 2;
	for (i = 0; i < number; i++)
		if (!fork())
			return child(i, (i + 4) * unit);
	while (wait(&status) > 0)
		bad |= status;
	return !!bad;
}
