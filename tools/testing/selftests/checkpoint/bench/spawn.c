// SPDX-License-Identifier: GPL-2.0
/* Running a program as a shell would, but cheaply: the caller is not copied. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

int run_program(const char *const argv[], int group)
{
	int status, null;
	pid_t pid;

	/* it has to be born there, so this is a fork: the caller is small */
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = group,
	};

	pid = group < 0 ? vfork() : syscall(SYS_clone3, &args, sizeof(args));
	if (!pid) {
		null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return pid < 0 ? -1 : status;
}
