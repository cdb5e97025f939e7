// SPDX-License-Identifier: GPL-2.0
/* A target that has one of everything that has a record. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"
#include "fail_rich.h"

/* What the target opens; made by the test. */
int fail_rich_files(void)
{
	static const char *const names[] = { RICH_SHARED, RICH_PATH };
	char page[4096];
	int i, fd;

	memset(page, 's', sizeof(page));
	for (i = 0; i < 2; i++) {
		fd = open(names[i], O_RDWR | O_CREAT | O_TRUNC, 0644);
		if (fd < 0 || write(fd, page, sizeof(page)) != sizeof(page))
			return -1;
		close(fd);
	}
	return 0;
}

static void *thread(void *unused)
{
	for (;;)
		pause();
	return NULL;
}

static int family(void)
{
	siginfo_t info;
	pid_t pid = fork();

	if (!pid) {
		for (;;)
			pause();
	}
	FAIL_PAGE->value[0] = pid;
	pid = fork();
	if (!pid)
		_exit(7);
	FAIL_PAGE->value[1] = pid;
	if (waitid(P_PID, pid, &info, WEXITED | WNOWAIT))
		return errno;
	return 0;
}

int fail_rich(const char *arg)
{
	int ends[2], fd, file = open(RICH_PATH, O_RDONLY);
	sigset_t set;
	char *memory;
	pthread_t t;

	if (dup2(file, RICH_FD) < 0 || pipe(ends) ||
	    write(ends[1], RICH_PIPE, strlen(RICH_PIPE)) < 0)
		return errno;
	fd = open(RICH_SHARED, O_RDWR);
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return errno;
	FAIL_PAGE->value[2] = (uintptr_t)memory;
	fd = memfd_create("rich", 0);
	if (fd < 0 || ftruncate(fd, 8192) || write(fd, "memory", 6) != 6)
		return errno;
	memory = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return errno;
	memset(memory, 'r', 16 * 4096);

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	pthread_kill(pthread_self(), SIGUSR2);
	return family() ?: pthread_create(&t, NULL, thread, NULL);
}
