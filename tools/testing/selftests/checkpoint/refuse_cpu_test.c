// SPDX-License-Identifier: GPL-2.0
/*
 * What cannot be saved is refused by name. Here: what a CPU does for a task that
 * its registers do not tell.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/time_types.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_refuse.h"

#define LOW	(MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT)

/* A child runs a jump to itself in a segment of 32-bit code. */
static int code_of_32_bits(const char *a)
{
	unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, LOW, -1, 0);
	struct { unsigned int offset; unsigned short segment; } __attribute__((packed)) to = {
		(unsigned long)code, 0x23,
	};
	pid_t pid;

	if (code == MAP_FAILED)
		return errno;
	code[0] = 0xeb;
	code[1] = 0xfe;
	pid = fork();
	if (!pid)
		asm volatile("ljmpl *%0" :: "m"(to));
	while (pid > 0 && !ptrace(PTRACE_SEIZE, pid, 0, 0)) {
		struct user_regs_struct regs;

		/* its segment shows only where it is stopped */
		ptrace(PTRACE_INTERRUPT, pid, 0, 0);
		waitpid(pid, NULL, __WALL);
		ptrace(PTRACE_GETREGS, pid, 0, &regs);
		ptrace(PTRACE_DETACH, pid, 0, 0);
		if (regs.cs == to.segment)
			break;
	}
	return made(pid);
}

static bool is_asleep(pid_t pid)
{
	char path[64], state = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	stat = fopen(path, "r");
	if (stat && fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (stat)
		fclose(stat);
	return state == 'S';
}

/* clock_nanosleep_time64() by the gate of 32-bit code, from a child. */
static int call_of_32_bits(const char *a)
{
	struct __kernel_timespec *hour = mmap(NULL, 4096, PROT_READ | PROT_WRITE, LOW, -1, 0);
	unsigned int nr = 407;
	pid_t pid;

	if (hour == MAP_FAILED)
		return errno;
	hour->tv_sec = 3600;
	pid = fork();
	if (!pid) {
		asm volatile("int $0x80" : "+a"(nr) :
			     "b"(1), "c"(0), "d"(hour), "S"(0) : "memory");
		_exit(nr);
	}
	while (pid > 0 && !is_asleep(pid))
		fail_nap(1);
	return made(pid);
}

/* What a tracer set and left behind when it went. */
static int breakpoint(const char *a)
{
	size_t dr = offsetof(struct user, u_debugreg);
	pid_t parent = getpid(), pid = fork();
	int status;

	if (!pid) {
		if (ptrace(PTRACE_ATTACH, parent, 0, 0) || waitpid(parent, NULL, 0) != parent ||
		    ptrace(PTRACE_POKEUSER, parent, dr, breakpoint) ||
		    ptrace(PTRACE_POKEUSER, parent, dr + 7 * sizeof(long), 1))
			_exit(errno);
		ptrace(PTRACE_DETACH, parent, 0, 0);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WEXITSTATUS(status);
}

#define T(name) { #name, name }
const struct fail_target fail_targets[] = {
	T(code_of_32_bits), T(call_of_32_bits), T(breakpoint),
	{ }
};

REFUSED(code_of_32_bits, OBJECT("32-bit task"));
REFUSED(call_of_32_bits, OBJECT("32-bit call"), "int 0x80");
REFUSED(breakpoint, OBJECT("breakpoint"));

TEST_HARNESS_MAIN
