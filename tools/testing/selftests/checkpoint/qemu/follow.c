// SPDX-License-Identifier: GPL-2.0
/*
 * follow FILE < FILE: copy what is written to a file to standard output at once,
 * until SIGTERM, then what is left. A test's output is a plain file, which a
 * program under checkpoint can have open; the host sees it even if the kernel
 * dies. Whoever started us shares the offset and can copy on if we are killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void copy(void)
{
	char buf[65536];
	ssize_t n, done, put;

	while ((n = read(0, buf, sizeof(buf))) > 0) {
		for (done = 0; done < n; done += put) {
			put = write(1, buf + done, n - done);
			if (put < 0)
				fail("write");
		}
	}
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_term };
	struct pollfd pfd = { .events = POLLIN };
	sigset_t term, none;
	char events[4096];

	pfd.fd = inotify_init1(IN_NONBLOCK);
	if (argc != 2 || pfd.fd < 0 || inotify_add_watch(pfd.fd, argv[1], IN_MODIFY) < 0)
		fail("inotify");

	/* The signal comes only while waiting: none is lost between two steps. */
	sigemptyset(&none);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	sigaction(SIGTERM, &act, NULL);
	while (!stop) {
		copy();
		if (ppoll(&pfd, 1, NULL, &none) < 0 && errno != EINTR)
			fail("ppoll");
		while (read(pfd.fd, events, sizeof(events)) > 0)
			;
	}
	copy();
	return 0;
}
