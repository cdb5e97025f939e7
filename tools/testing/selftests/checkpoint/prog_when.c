// SPDX-License-Identifier: GPL-2.0
/*
 * prog_when CALL SCRIPT COMMAND...: runs a command, and a shell script where the command
 * is about to make its first system call of that name. Exits like the command, which
 * goes on untraced afterwards.
 */
#define _GNU_SOURCE
#include <err.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSCALL_STOP	(SIGTRAP | 0x80)

static const struct {
	const char *name;
	unsigned long long nr;
} calls[] = {
	{ "fsync", SYS_fsync },
	{ "rename", SYS_renameat },
	{ "pipe2", SYS_pipe2 },
	{ "clone3", SYS_clone3 },
	{ "checkpoint", __NR_checkpoint },
	{ "restart", __NR_restart },
};

static unsigned long long number(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (!strcmp(name, calls[i].name))
			return calls[i].nr;
	errx(125, "prog_when: what is %s", name);
}

static int ended(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Stops come in pairs: before a call and after it. */
static int follow(pid_t pid, unsigned long long call, const char *script)
{
	struct user_regs_struct regs;
	bool inside = false, done = false;
	int status, sig = 0;

	for (;;) {
		if (ptrace(done ? PTRACE_DETACH : PTRACE_SYSCALL, pid, NULL, (long)sig))
			err(125, "prog_when: ptrace");
		if (waitpid(pid, &status, 0) != pid)
			err(125, "prog_when: waitpid");
		if (!WIFSTOPPED(status))
			return ended(status);
		sig = WSTOPSIG(status);
		if (sig != SYSCALL_STOP)
			continue;
		sig = 0;
		inside = !inside;
		if (!inside || ptrace(PTRACE_GETREGS, pid, NULL, &regs) || regs.orig_rax != call)
			continue;
		if (system(script))
			errx(125, "prog_when: the script failed");
		done = true;
	}
}

int main(int argc, char **argv)
{
	int status;
	pid_t pid;

	if (argc < 4)
		errx(125, "usage: prog_when CALL SCRIPT COMMAND...");
	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		errx(125, "prog_when: %s does not start", argv[3]);
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	return follow(pid, number(argv[1]), argv[2]);
}
