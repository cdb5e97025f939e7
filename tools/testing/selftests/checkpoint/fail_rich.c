// SPDX-License-Identifier: GPL-2.0
/* A target that has one of everything that has a record. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"
#include "fail_rich.h"

#define RICH_MEMORY	(16 * 4096)

/* Which words of the page say where things are. */
enum { CHILD, ZOMBIE, SHARED, PIPE, MEMFD, MEMORY };

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
	FAIL_PAGE->value[CHILD] = pid;
	pid = fork();
	if (!pid)
		_exit(7);
	FAIL_PAGE->value[ZOMBIE] = pid;
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
	FAIL_PAGE->value[SHARED] = (uintptr_t)memory;
	fd = memfd_create("rich", 0);
	if (fd < 0 || ftruncate(fd, 8192) || write(fd, "memory", 6) != 6)
		return errno;
	FAIL_PAGE->value[PIPE] = ends[0];
	FAIL_PAGE->value[MEMFD] = fd;
	memory = mmap(NULL, RICH_MEMORY, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return errno;
	memset(memory, 'r', RICH_MEMORY);
	FAIL_PAGE->value[MEMORY] = (uintptr_t)memory;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	pthread_kill(pthread_self(), SIGUSR2);
	return family() ?: pthread_create(&t, NULL, thread, NULL);
}

static bool is_full_of(const char *memory, char c, size_t len)
{
	return memory[0] == c && !memcmp(memory, memory + 1, len - 1);
}

static bool family_is_whole(void)
{
	siginfo_t info = {};

	return !kill(FAIL_PAGE->value[CHILD], 0) &&
	       !waitid(P_PID, FAIL_PAGE->value[ZOMBIE], &info, WEXITED | WNOHANG | WNOWAIT) &&
	       info.si_status == 7;
}

/* For the target: is all of this as fail_rich() made it? Changes nothing. */
bool fail_rich_is_whole(void)
{
	char text[6];
	sigset_t set;
	int bytes;

	return is_full_of((char *)FAIL_PAGE->value[MEMORY], 'r', RICH_MEMORY) &&
	       is_full_of((char *)FAIL_PAGE->value[SHARED], 's', 4096) &&
	       !ioctl(FAIL_PAGE->value[PIPE], FIONREAD, &bytes) &&
	       bytes == strlen(RICH_PIPE) &&
	       pread(FAIL_PAGE->value[MEMFD], text, sizeof(text), 0) == sizeof(text) &&
	       !memcmp(text, "memory", sizeof(text)) && !lseek(RICH_FD, 0, SEEK_CUR) &&
	       !sigpending(&set) && sigismember(&set, SIGUSR1) && sigismember(&set, SIGUSR2) &&
	       family_is_whole();
}
