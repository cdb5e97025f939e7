/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a load and the one who measures it share: a page of a file on tmpfs. The
 * root of the load beats; the longest time between two beats is what an outsider
 * sees of a pause.
 */
#ifndef BENCH_HEART_H
#define BENCH_HEART_H

#include <stdint.h>
#include <time.h>

#define HEART_FILE	"heart"
#define BEAT_NS		1000000

/* The root verifies itself, and exits with 0 if it is as it was; it forks. */
#define SIG_VERIFY	SIGUSR1
#define SIG_FORK	SIGUSR2

/**
 * struct heart - lives in HEART_FILE
 * @ready: tasks that are as they are to be
 * @beats: number of beats
 * @last: time of the last one
 * @gap: longest time between two, since somebody set it to 0
 * @forks: number of forks that SIG_FORK asked for
 * @fork_ns: how long the last one took
 */
struct heart {
	uint64_t ready;
	uint64_t beats;
	uint64_t last;
	uint64_t gap;
	uint64_t forks;
	uint64_t fork_ns;
};

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* The beat of a load that does something else meanwhile. */
static inline void heart_beat(volatile struct heart *heart)
{
	uint64_t now = now_ns();

	if (heart->last && now - heart->last > heart->gap)
		heart->gap = now - heart->last;
	heart->last = now;
	heart->beats++;
}

#endif
