// SPDX-License-Identifier: GPL-2.0
/*
 * prog_scribble GROUP: a child in the cgroup sleeps, and while it lives each page of
 * its memory is written to from here, out of reach of its freezer. Exits with 0 when
 * the child was killed.
 */
#define _GNU_SOURCE
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE	(32 << 20)
#define STEP	4096

static void join(const char *group)
{
	char name[4096];
	FILE *f;

	snprintf(name, sizeof(name), "%s/cgroup.procs", group);
	f = fopen(name, "w");
	if (!f || fputs("0", f) < 0 || fclose(f))
		err(1, "%s", name);
}

static void scribble(pid_t pid, char *memory)
{
	unsigned long word = 0;
	struct iovec from = { &word, sizeof(word) }, to = { memory, sizeof(word) };
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		word++;
		for (to.iov_base = memory; (char *)to.iov_base < memory + SIZE; to.iov_base += STEP)
			process_vm_writev(pid, &from, 1, &to, 1, 0);
	}
	exit(!(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
}

int main(int argc, char **argv)
{
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (argc != 2 || memory == MAP_FAILED)
		errx(1, "usage: prog_scribble GROUP");
	memset(memory, 1, SIZE);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid)
		scribble(pid, memory);
	join(argv[1]);
	for (;;)
		pause();
}
