// SPDX-License-Identifier: GPL-2.0
/*
 * prog_cost: what everyday work costs a kernel, one line each: a name and a number
 * of nanoseconds. Run where the clock counts instructions, it is a number of these,
 * which is the same every time but for interrupts: the least of ROUNDS is told.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS	20
#define PAGES	256

static int pipes[2][2];
static char *memory;

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void null_syscall(void)
{
	syscall(SYS_getppid);
}

static void fork_exit_wait(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static void exec_true(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execl("/proc/self/exe", "prog_cost", "nothing", NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

static void *nothing(void *arg)
{
	return arg;
}

static void thread_join(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, nothing, NULL);
	pthread_join(thread, NULL);
}

static void page_faults(void)
{
	int i;

	for (i = 0; i < PAGES; i++)
		memory[i * 4096] = 1;
	madvise(memory, PAGES * 4096, MADV_DONTNEED);
}

/* There and back: two switches. */
static void context_switches(void)
{
	char c = 0;

	if (write(pipes[0][1], &c, 1) != 1 || read(pipes[1][0], &c, 1) != 1)
		exit(1);
}

static void nanosleep_expired(void)
{
	nanosleep(&(struct timespec){ }, NULL);
}

static void signal_to_itself(void)
{
	raise(SIGUSR1);
}

static void on_signal(int sig)
{
}

static const struct {
	const char *name;
	void (*work)(void);
	int times;
} works[] = {
	{ "null-syscall", null_syscall, 1000 },
	{ "fork-exit-wait", fork_exit_wait, 10 },
	{ "exec", exec_true, 10 },
	{ "thread-create-join", thread_join, 20 },
	{ "page-faults", page_faults, 4 },
	{ "context-switches", context_switches, 100 },
	{ "nanosleep-0", nanosleep_expired, 100 },
	{ "signal", signal_to_itself, 100 },
};

static void answer(void)
{
	char c;

	while (read(pipes[0][0], &c, 1) == 1)
		if (write(pipes[1][1], &c, 1) != 1)
			break;
	_exit(0);
}

int main(int argc, char **argv)
{
	long long best, start, took;
	int round, i;
	size_t w;

	if (argc > 1)
		return 0;
	signal(SIGUSR1, on_signal);
	memory = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	madvise(memory, PAGES * 4096, MADV_NOHUGEPAGE);
	if (memory == MAP_FAILED || pipe(pipes[0]) || pipe(pipes[1]))
		return 1;
	if (!fork()) {
		close(pipes[0][1]);
		answer();
	}
	for (w = 0; w < sizeof(works) / sizeof(*works); w++) {
		best = -1;
		for (round = 0; round < ROUNDS; round++) {
			start = now();
			for (i = 0; i < works[w].times; i++)
				works[w].work();
			took = now() - start;
			if (best < 0 || took < best)
				best = took;
		}
		printf("%s %lld\n", works[w].name, best / works[w].times);
	}
	return 0;
}
