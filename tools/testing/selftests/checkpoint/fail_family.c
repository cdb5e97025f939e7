// SPDX-License-Identifier: GPL-2.0
/* Targets of several tasks that wait in different ways. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cr.h"
#include "fail.h"
#include "fail_family.h"
#include "fail_rich.h"

static void *poller(void *unused)
{
	poll(NULL, 0, 1000000);
	return NULL;
}

static void *futex_waiter(void *lock)
{
	pthread_mutex_lock(lock);
	return NULL;
}

/* Threads and a child in calls that go on after a restart. */
int fail_asleep(const char *arg)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pid_t pid;
	pthread_t t;

	pthread_mutex_lock(&lock);
	pid = fork();
	if (!pid) {
		nanosleep(&(struct timespec){ .tv_sec = 100000 }, NULL);
		_exit(0);
	}
	signal(SIGUSR1, SIG_IGN);
	setpgid(pid, pid);
	return pthread_create(&t, NULL, poller, NULL) ?:
	       pthread_create(&t, NULL, futex_waiter, &lock);
}

/* A session, a stopped child, other rights, an event counter. */
int fail_household(const char *arg)
{
	static char stack[16384];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (setsid() < 0 || setgid(1000) || setuid(1000))
			_exit(1);
		raise(SIGSTOP);
		_exit(0);
	}
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		return ECHILD;
	if (eventfd(7, EFD_NONBLOCK) < 0 || sigaltstack(&alternate, NULL))
		return errno;
	return chdir("/tmp") ? errno : 0;
}

/* A thread begins with all signals blocked, and comes to its own mask by itself. */
bool fail_threads_have_begun(void)
{
	long long own = cr_field("/proc/thread-self/status", "SigBlk", 16);
	bool begun = true;
	char path[64];
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/task");

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/status", atoi(entry->d_name));
		if (*entry->d_name != '.' && cr_field(path, "SigBlk", 16) & ~own)
			begun = false;
	}
	closedir(dir);
	return begun;
}

/* All of it, in a tree that looks at itself for ever. */
int fail_mixed(const char *arg)
{
	sigset_t set;
	int err;

	/* else a thread would take the signals that are to stay pending */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	err = fail_asleep(arg) ?: fail_household(arg) ?: fail_rich(arg);
	if (err)
		return err;
	cr_until(fail_threads_have_begun());
	FAIL_PAGE->ready = 1;
	for (;;) {
		FAIL_PAGE->beats++;
		if (!fail_rich_is_whole())
			FAIL_PAGE->error = EILSEQ;
		fail_nap(2);
	}
}
