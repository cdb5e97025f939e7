// SPDX-License-Identifier: GPL-2.0
/* Threads: what the C library keeps of them, and what the kernel does. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <linux/rseq.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

CR_FIXTURE(thread);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static volatile int arrived, go;
static __thread unsigned long local = 42;

static pid_t gettid_now(void)
{
	return syscall(SYS_gettid);
}

static void arrive(void)
{
	__sync_fetch_and_add(&arrived, 1);
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 * 1024);
	CR_EQ(0, pthread_create(&thread, &attr, fn, arg));
	return thread;
}

static void *wait_for_condition(void *arg)
{
	pthread_mutex_lock(&mutex);
	arrive();
	while (!go)
		pthread_cond_wait(&condition, &mutex);
	go++;
	pthread_mutex_unlock(&mutex);
	return arg + 1;
}

CR_TEST(thread, waits_for_a_condition_and_is_joined)
{
	pthread_t thread[3];
	void *ret;
	long i;

	for (i = 0; i < 3; i++)
		thread[i] = start(wait_for_condition, (void *)i);
	cr_until(arrived == 3);
	cr_ready();
	pthread_mutex_lock(&mutex);
	go = 1;
	pthread_cond_broadcast(&condition);
	pthread_mutex_unlock(&mutex);
	for (i = 0; i < 3; i++) {
		CR_EQ(0, pthread_join(thread[i], &ret));
		CR_EQ(i + 1, ret);
	}
	CR_EQ(4, go);
}

static pthread_mutex_t kinds[3];

static void *lock_them(void *arg)
{
	CR_EQ(EBUSY, pthread_mutex_trylock(&kinds[0]));
	arrive();
	pthread_mutex_lock(&kinds[0]);
	pthread_mutex_lock(&kinds[1]);
	return NULL;
}

CR_TEST(thread, mutexes_of_every_kind_keep_their_owner)
{
	static const int types[] = {
		PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK,
	};
	pthread_mutexattr_t attr;
	pthread_t thread;
	int i;

	for (i = 0; i < 3; i++) {
		pthread_mutexattr_init(&attr);
		pthread_mutexattr_settype(&attr, types[i]);
		pthread_mutex_init(&kinds[i], &attr);
		CR_EQ(0, pthread_mutex_lock(&kinds[i]));
	}
	thread = start(lock_them, NULL);
	cr_until(arrived);
	cr_ready();
	/* these two know their owner by its tid */
	CR_EQ(EDEADLK, pthread_mutex_lock(&kinds[2]));
	CR_EQ(0, pthread_mutex_lock(&kinds[1]));
	for (i = 0; i < 3; i++)
		CR_EQ(0, pthread_mutex_unlock(&kinds[i]));
	CR_EQ(0, pthread_mutex_unlock(&kinds[1]));
	CR_EQ(EPERM, pthread_mutex_unlock(&kinds[2]));
	CR_EQ(0, pthread_join(thread, NULL));
}

static void *keep_local(void *arg)
{
	unsigned long mine = (uintptr_t)arg, *at = &local;
	pid_t tid = gettid_now();

	CR_EQ(42, local);
	local = mine;
	arrive();
	cr_until(go);
	CR_EQ(tid, gettid_now());
	CR_CHECK(at == &local);
	CR_EQ(mine, local);
	return NULL;
}

CR_TEST(thread, a_hundred_keep_their_variables_and_tids)
{
	pthread_t thread[100];
	int i;

	for (i = 0; i < 100; i++)
		thread[i] = start(keep_local, (void *)(i + 1000L));
	local = 999;
	cr_until(arrived == 100);
	cr_ready();
	CR_EQ(999, local);
	go = 1;
	for (i = 0; i < 100; i++)
		CR_EQ(0, pthread_join(thread[i], NULL));
	/* and there is room for another */
	CR_EQ(0, pthread_join(start(wait_for_condition, NULL), NULL));
}

static pthread_mutex_t robust;

static void *die_with_it(void *arg)
{
	pthread_mutex_lock(&robust);
	arrive();
	cr_until(go);
	return NULL;
}

CR_TEST(thread, robust_mutex_of_a_dead_owner_is_passed_on)
{
	pthread_mutexattr_t attr;
	pthread_t thread;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attr);
	thread = start(die_with_it, NULL);
	cr_until(arrived);
	cr_ready();
	CR_EQ(EBUSY, pthread_mutex_trylock(&robust));
	go = 1;
	CR_EQ(EOWNERDEAD, pthread_mutex_lock(&robust));
	CR_EQ(0, pthread_mutex_consistent(&robust));
	CR_EQ(0, pthread_mutex_unlock(&robust));
	CR_EQ(0, pthread_join(thread, NULL));
}

static void *robust_head(void)
{
	size_t len = 0;
	void *head = NULL;

	CR_EQ(0, syscall(SYS_get_robust_list, 0, &head, &len));
	CR_CHECK(head && len);
	return head;
}

static void *keep_head(void *arg)
{
	void *head = robust_head();

	arrive();
	cr_until(go);
	CR_CHECK(head == robust_head());
	return NULL;
}

CR_TEST(thread, robust_lists_are_registered_again)
{
	pthread_t thread = start(keep_head, NULL);
	void *head = robust_head();

	cr_until(arrived);
	cr_ready();
	CR_CHECK(head == robust_head());
	go = 1;
	pthread_join(thread, NULL);
}

static volatile struct rseq *rseq_area(void)
{
	return (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

static bool rseq_works(void)
{
	volatile struct rseq *area = rseq_area();
	cpu_set_t set, all;
	int cpu;

	sched_getaffinity(0, sizeof(all), &all);
	for (cpu = 0; cpu < 2; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		sched_setaffinity(0, sizeof(set), &set);
		if ((int)area->cpu_id != cpu || (int)area->cpu_id_start != cpu)
			return false;
		/* a stale number would have been right by chance */
		area->cpu_id = 77;
		sched_yield();
		cr_nap();
		if ((int)area->cpu_id != cpu)
			return false;
	}
	sched_setaffinity(0, sizeof(all), &all);
	return true;
}

static void *keep_rseq(void *arg)
{
	CR_CHECK(rseq_works());
	arrive();
	cr_until(go);
	CR_CHECK(rseq_works());
	return NULL;
}

CR_TEST(thread, rseq_areas_are_registered_again)
{
	pthread_t thread;

	if (!__rseq_size)
		return;
	thread = start(keep_rseq, NULL);
	CR_CHECK(rseq_works());
	cr_until(arrived);
	cr_ready();
	CR_CHECK(rseq_works());
	/* a second registration of the same area is refused with EBUSY */
	CR_EQ(-1, syscall(SYS_rseq, rseq_area(), 32, 0, RSEQ_SIG));
	CR_EQ(EBUSY, errno);
	go = 1;
	CR_EQ(0, pthread_join(thread, NULL));
}

static void *keep_mask(void *arg)
{
	sigset_t set, seen;
	int sig = (intptr_t)arg;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigaddset(&set, SIGRTMIN + sig);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	arrive();
	cr_until(go);
	pthread_sigmask(SIG_SETMASK, NULL, &seen);
	CR_CHECK(!memcmp(&set, &seen, 8));
	return NULL;
}

CR_TEST(thread, signal_masks_differ)
{
	pthread_t thread[8];
	int i;

	for (i = 0; i < 8; i++)
		thread[i] = start(keep_mask, (void *)(i + 1L));
	cr_until(arrived == 8);
	cr_ready();
	go = 1;
	for (i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
}

static void *keep_name(void *arg)
{
	char name[16];

	prctl(PR_SET_NAME, arg);
	prctl(PR_SET_TIMERSLACK, 70000 + *(char *)arg);
	arrive();
	cr_until(go);
	prctl(PR_GET_NAME, name);
	CR_CHECK(!strcmp(name, arg));
	CR_EQ(70000 + *(char *)arg, prctl(PR_GET_TIMERSLACK));
	return NULL;
}

CR_TEST(thread, names_and_timer_slacks_differ)
{
	pthread_t one = start(keep_name, "one"), two = start(keep_name, "two");

	cr_until(arrived == 2);
	cr_ready();
	go = 1;
	pthread_join(one, NULL);
	pthread_join(two, NULL);
}

static void *fork_child(void *arg)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGUSR1);
		cr_touch("child");
		for (;;)
			pause();
	}
	*(pid_t *)arg = pid;
	arrive();
	cr_until(go);
	return NULL;
}

CR_TEST(thread, children_stay_with_the_thread_that_made_them)
{
	pid_t child = 0;
	pthread_t thread = start(fork_child, &child);

	cr_await("child");
	cr_until(arrived);
	cr_ready();
	/* not this thread's child */
	CR_EQ(-1, waitpid(child, NULL, __WNOTHREAD | WNOHANG));
	CR_EQ(0, waitpid(child, NULL, WNOHANG));
	/* the parent of PR_SET_PDEATHSIG is the thread */
	go = 1;
	CR_EQ(0, pthread_join(thread, NULL));
	cr_reap(child, SIGUSR1);
}

static void *compute(void *arg)
{
	arrive();
	while (!go)
		__sync_fetch_and_add(&local, 1);
	return NULL;
}

CR_TEST(thread, busy_threads_are_caught_too)
{
	pthread_t thread[4];
	int i;

	for (i = 0; i < 4; i++)
		thread[i] = start(compute, NULL);
	cr_until(arrived == 4);
	cr_ready();
	go = 1;
	for (i = 0; i < 4; i++)
		CR_EQ(0, pthread_join(thread[i], NULL));
}

TEST_HARNESS_MAIN
