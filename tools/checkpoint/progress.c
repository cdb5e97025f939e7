// SPDX-License-Identifier: GPL-2.0
/*
 * Progress: the system calls do not return before they are done, so a child
 * looks at the file meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "progress.h"
#include "sys.h"

#define FIRST_MS	1000
#define EVERY_MS	500

/* A hostile image may want all pids that there are. */
#define AVOID_TRIES	65536

/*
 * Processes of ckpt must not sit on a pid that an image needs: a child with
 * such a pid ends at once, and the next one gets another pid.
 */
pid_t clone_avoiding(uint64_t flags, const struct pidset *avoid)
{
	struct clone_args args = { .flags = flags, .exit_signal = SIGCHLD };
	unsigned int tries;
	pid_t pid;

	for (tries = 0; tries < AVOID_TRIES; tries++) {
		pid = sys_clone3(&args);
		if (pid < 0 || !avoid || !pidset_has(avoid, pid ? pid : getpid()))
			return pid;
		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	errno = EAGAIN;
	return -1;
}

/* From fdinfo: lseek(2) would wait for the call that moves the position. */
static uint64_t position(int fd)
{
	unsigned long long pos = 0;
	char name[64], text[512];
	struct stat st;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	if (read_file_at(AT_FDCWD, name, text, sizeof(text)) > 0)
		sscanf(text, "pos: %llu", &pos);
	/* a file being written may grow before its position moves */
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY && !fstat(fd, &st) &&
	    S_ISREG(st.st_mode) && (uint64_t)st.st_size > pos)
		pos = st.st_size;
	return pos;
}

static noreturn void show(const char *what, int fd, int stop)
{
	struct pollfd p = { .fd = stop };
	uint64_t start = now_ms(), pos;
	int wait = FIRST_MS;
	char size[16];

	while (!poll(&p, 1, wait)) {
		pos = position(fd);
		fprintf(stderr, "\r\033[Kckpt: %s: %s%s%llu s", what,
			pos ? human_size(pos, size) : "", pos ? ", " : "",
			(unsigned long long)(now_ms() - start) / 1000);
		wait = EVERY_MS;
	}
	_exit(0);
}

/* In a child that shall not keep the progress going. */
void progress_drop(struct progress *p)
{
	if (p->stop >= 0)
		close(p->stop);
	p->stop = -1;
}

/* @hidden_fd is one that the child must not keep open, or -1. */
void progress_start(struct progress *p, const char *what, int fd, int hidden_fd,
		    const struct pidset *avoid)
{
	int stop[2];

	*p = (struct progress){ .stop = -1, .started = now_ms() };
	/* a job in the background does not write over what is in front */
	if (tcgetpgrp(STDERR_FILENO) != getpgrp() || pipe2(stop, O_CLOEXEC))
		return;
	p->pid = clone_avoiding(0, avoid);
	if (!p->pid) {
		close(stop[1]);
		if (hidden_fd >= 0)
			close(hidden_fd);
		show(what, fd, stop[0]);
	}
	close(stop[0]);
	p->stop = stop[1];
	if (p->pid < 0)
		progress_drop(p);
}

void progress_stop(struct progress *p)
{
	if (p->stop < 0)
		return;
	progress_drop(p);
	waitpid(p->pid, NULL, 0);
	if (now_ms() - p->started >= FIRST_MS)
		fputs("\r\033[K", stderr);
}
