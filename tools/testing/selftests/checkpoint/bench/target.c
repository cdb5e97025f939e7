// SPDX-License-Identifier: GPL-2.0
/* The load's life, seen from outside. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define PAGE	4096

int target_make(struct target *target)
{
	int fd;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	mkdir(WORK_DIR, 0755);
	mkdir(LOAD_DIR, 0755);
	mkdir(IMAGE_DIR, 0755);
	mkdir(CGROUP, 0755);
	target->group = open(CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = open(LOAD_DIR "/" HEART_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (target->group < 0 || fd < 0 || ftruncate(fd, PAGE))
		return -1;
	target->heart = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return target->heart == MAP_FAILED ? -1 : 0;
}

static void become_load(const char *load, const char *size)
{
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_CHILD_SUBREAPER, 0);
	setsid();
	if (chdir(LOAD_DIR) || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(3);
	close_range(3, ~0U, 0);
	execl("/bin/bench_load", "bench_load", load, size, NULL);
	_exit(4);
}

int target_start(struct target *target, const char *load, const char *size)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = target->group,
	};
	volatile struct heart *heart = target->heart;

	memset((void *)heart, 0, sizeof(*heart));
	target->pid = syscall(SYS_clone3, &args, sizeof(args));
	if (!target->pid)
		become_load(load, size);
	/* beats come last */
	while (heart->beats < 3) {
		if (target->pid < 0 || waitpid(target->pid, NULL, WNOHANG))
			return failed("start", "the load ended");
		usleep(1000);
	}
	/* sleepers go to sleep after they said that they are ready */
	usleep(20000);
	return 0;
}

void target_end(struct target *target)
{
	int fd = openat(target->group, "cgroup.kill", O_WRONLY | O_CLOEXEC);

	if (write(fd, "1", 1) != 1)
		perror("cgroup.kill");
	close(fd);
	/* orphans come to us */
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

/* A command that returned may have left a process that is still the parent. */
static pid_t wait_for(pid_t pid, int *status)
{
	int tries;

	for (tries = 0; tries < 10000; tries++) {
		if (waitpid(pid, status, 0) == pid)
			return pid;
		if (errno != ECHILD)
			break;
		usleep(1000);
	}
	return -1;
}

int target_verify(struct target *target)
{
	int status = 0;

	kill(target->pid, SIG_VERIFY);
	if (wait_for(target->pid, &status) < 0)
		return failed("verify", "not our child: %s", strerror(errno));
	target_end(target);
	if (status)
		return failed("verify", "not as it was: wait status 0x%x", status);
	return 0;
}

void target_watch(const struct target *target)
{
	target->heart->gap = 0;
}

uint64_t target_gap(const struct target *target)
{
	uint64_t beats = target->heart->beats;

	while (target->heart->beats < beats + 2)
		usleep(500);
	return target->heart->gap;
}

static uint64_t share_of(int pid)
{
	unsigned long kib = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pss: %lu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * 1024;
}

uint64_t target_memory(void)
{
	FILE *f = fopen(CGROUP "/cgroup.procs", "r");
	uint64_t sum = 0;
	int pid;

	while (f && fscanf(f, "%d", &pid) == 1)
		sum += share_of(pid);
	if (f)
		fclose(f);
	return sum;
}

uint64_t target_fork(const struct target *target)
{
	uint64_t forks = target->heart->forks;

	kill(target->pid, SIG_FORK);
	while (target->heart->forks == forks)
		usleep(1000);
	return target->heart->fork_ns;
}
