// SPDX-License-Identifier: GPL-2.0
/*
 * A pipeline over a socket: prog_join WRITER READER
 *
 * Two shell commands; the standard output of the first and the standard input
 * of the second are a pair of connected unix sockets. Exits as the second does,
 * if the first succeeds.
 */
#define _GNU_SOURCE
#include <err.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start(const char *command, int socket, int as)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	/* the pair itself closes at exec */
	dup2(socket, as);
	execlp("sh", "sh", "-c", command, NULL);
	err(125, "sh");
}

static int status_of(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	pid_t writer, reader;
	int pair[2], status;

	if (argc != 3)
		errx(125, "usage: prog_join WRITER READER");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		err(125, "socketpair");
	writer = start(argv[1], pair[0], 1);
	reader = start(argv[2], pair[1], 0);
	close(pair[0]);
	close(pair[1]);
	status = status_of(writer);
	return status_of(reader) ?: status;
}
