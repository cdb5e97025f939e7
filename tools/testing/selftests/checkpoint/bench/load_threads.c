// SPDX-License-Identifier: GPL-2.0
/* One process of many threads, each asleep on a futex. */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "load.h"

#define STACK	(4 * 4096UL)

static unsigned long nr_threads;
static pthread_t *threads;
static sem_t go;
static __thread pid_t own_tid;

static void *sleeper(void *arg)
{
	own_tid = gettid();
	load_count_ready();
	while (sem_wait(&go))
		;
	return (void *)(long)(own_tid == gettid());
}

void build_threads(unsigned long nr)
{
	pthread_attr_t attr;
	unsigned long i;

	nr_threads = nr;
	threads = calloc(nr, sizeof(*threads));
	sem_init(&go, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setguardsize(&attr, 0);
	/* one area for all stacks: this is about threads */
	char *stacks = load_map(nr * STACK);

	for (i = 0; i < nr; i++) {
		if (pthread_attr_setstack(&attr, stacks + i * STACK, STACK) ||
		    pthread_create(&threads[i], &attr, sleeper, NULL))
			load_die("pthread_create");
	}
	while (heart->ready < nr)
		usleep(1000);
}

bool verify_threads(void)
{
	bool good = true;
	unsigned long i;
	void *said;

	for (i = 0; i < nr_threads; i++)
		sem_post(&go);
	for (i = 0; i < nr_threads; i++)
		if (pthread_join(threads[i], &said) || said != (void *)1)
			good = false;
	return good;
}
