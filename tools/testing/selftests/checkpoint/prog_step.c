// SPDX-License-Identifier: GPL-2.0
/*
 * prog_step N COMMAND...: runs a command, and kills it where it is about to make its
 * Nth system call. Says on stderr which one that was. The exit status is 137 then,
 * else the command's own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSCALL_STOP	(SIGTRAP | 0x80)

static int ended(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int end_here(pid_t pid)
{
	struct user_regs_struct regs;
	int status;

	if (!ptrace(PTRACE_GETREGS, pid, NULL, &regs))
		fprintf(stderr, "killed before system call %lld\n", (long long)regs.orig_rax);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return ended(status);
}

/* Stops come in pairs: before a call and after it. */
static int follow(pid_t pid, long calls)
{
	int status, sig = 0;
	bool inside = false;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (long)sig) || waitpid(pid, &status, 0) != pid)
			return 125;
		if (!WIFSTOPPED(status))
			return ended(status);
		sig = WSTOPSIG(status);
		if (sig != SYSCALL_STOP)
			continue;
		sig = 0;
		inside = !inside;
		if (inside && !--calls)
			return end_here(pid);
	}
}

int main(int argc, char **argv)
{
	int status;
	pid_t pid;

	if (argc < 3)
		return 125;
	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return 125;
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	return follow(pid, atol(argv[1]));
}
