// SPDX-License-Identifier: GPL-2.0
/*
 * A terminal for scripts: prog_pty KEYS SCREEN COMMAND [ARGUMENT]...
 *
 * Runs the command as the leader of a session with a terminal of its own. What
 * is written to the FIFO KEYS is typed there, and what the terminal shows is
 * added to the file SCREEN. Exits as the command does.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int keys, screen, master;
static char slave[64];

static void run(char **command)
{
	int fd, sig;

	/* a shell ignores some for what it runs in the background */
	for (sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	setsid();
	fd = open(slave, O_RDWR);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0))
		err(125, "%s", slave);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
	execvp(command[0], command);
	err(127, "%s", command[0]);
}

/* Return: bytes moved, 0 at the end. */
static ssize_t move(int from, int to)
{
	char buf[4096];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n > 0 && write(to, buf, n) != n)
		err(125, "write");
	return n < 0 ? 0 : n;
}

static void serve(int ended)
{
	struct pollfd p[3] = {
		{ .fd = master, .events = POLLIN },
		{ .fd = keys, .events = POLLIN },
		{ .fd = ended, .events = POLLIN },
	};

	while (!p[2].revents) {
		if (poll(p, 3, -1) < 0)
			err(125, "poll");
		/* nobody has it open just now: there may come somebody */
		if (p[0].revents & POLLIN)
			move(master, screen);
		if (p[1].revents & POLLIN)
			move(keys, master);
		if (p[0].revents == POLLHUP)
			usleep(10000);
	}
	fcntl(master, F_SETFL, O_NONBLOCK);
	while (move(master, screen))
		;
}

int main(int argc, char **argv)
{
	int status;
	pid_t pid;

	if (argc < 4)
		errx(125, "usage: prog_pty KEYS SCREEN COMMAND [ARGUMENT]...");
	/* open for writing too: the FIFO never ends */
	keys = open(argv[1], O_RDWR | O_CLOEXEC);
	screen = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (keys < 0 || screen < 0 || master < 0 || grantpt(master) || unlockpt(master) ||
	    ptsname_r(master, slave, sizeof(slave)))
		err(125, "cannot make a terminal");
	pid = fork();
	if (!pid)
		run(argv + 3);
	serve(syscall(SYS_pidfd_open, pid, 0));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
