// SPDX-License-Identifier: GPL-2.0
/* Storms, and the targets that live through them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storm.h"

/* ---- Common ground ---- */

struct storm *storm_new(void)
{
	struct storm *storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return storm == MAP_FAILED ? NULL : storm;
}

void storm_free(struct storm *storm)
{
	munmap(storm, sizeof(*storm));
}

void storm_count(struct storm *storm, enum storm_event event)
{
	__atomic_fetch_add(&storm->events[event], 1, __ATOMIC_RELAXED);
}

unsigned int storm_dice(unsigned int sides)
{
	static unsigned int state;

	if (!state)
		state = getpid() * 2654435761U | 1;
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % sides;
}

void storm_complain(struct storm *storm, const char *fmt, ...)
{
	va_list args;

	if (__atomic_fetch_add(&storm->complaints, 1, __ATOMIC_RELAXED))
		return;
	va_start(args, fmt);
	vsnprintf(storm->complaint, sizeof(storm->complaint), fmt, args);
	va_end(args);
}

/* As the manual pages have them, but for what nothing here brings about. */
const int storm_checkpoint_errors[] = {
	EAGAIN, EBUSY, ESRCH, EXDEV, ETIMEDOUT, EINTR, ENODEV, ENOMEM, 0
};

const int storm_restart_errors[] = { EAGAIN, EBUSY, EINTR, ENODEV, ENOMEM, EPERM, 0 };

void storm_verdict(struct storm *storm, struct storm_calls *calls, const int *documented,
		   int err, const struct fail_report *report)
{
	__atomic_fetch_add(&calls->nr[-err & 0xff], 1, __ATOMIC_RELAXED);
	while (err && *documented && *documented != -err)
		documented++;
	if (err && (!*documented || !report->log[0])) {
		calls->wrong++;
		storm_complain(storm, "%s in stage %u: %s", strerror(-err),
			       report->result.stage, report->log);
	}
}

void storm_tell(const char *what, const struct storm_calls *calls)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < 256; i++)
		sum += calls->nr[i];
	fprintf(stderr, "# %lu calls of %s:", sum, what);
	for (i = 0; i < 256; i++)
		if (calls->nr[i])
			fprintf(stderr, " %s %lu", i ? strerrorname_np(i) : "done",
				calls->nr[i]);
	fprintf(stderr, "\n");
}

/* ---- Wild targets ---- */

static void *brief(void *unused)
{
	return NULL;
}

static void live_by_forks(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(3);
	if (pid > 0 && storm_dice(2))
		waitpid(pid, NULL, 0);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static void live_by_execs(void)
{
	pid_t pid = storm_dice(2) ? vfork() : fork();

	if (!pid) {
		execl("/proc/self/exe", "fail", "--target", "brief", "", NULL);
		_exit(4);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void live_by_threads(void)
{
	pthread_t thread;

	if (!pthread_create(&thread, NULL, brief, NULL))
		pthread_join(thread, NULL);
}

/* To a user and back: by its gid first, while it may, and last. */
static void live_by_rights(void)
{
	if (syscall(SYS_setresgid, 1000, 1000, 0) || syscall(SYS_setresuid, 1000, 1000, 0) ||
	    syscall(SYS_setresuid, 0, 0, 0) || syscall(SYS_setresgid, 0, 0, 0))
		_exit(5);
}

int storm_live(const char *how)
{
	static void (*const lives[])(void) = {
		live_by_forks, live_by_execs, live_by_threads, live_by_rights,
	};

	FAIL_PAGE->ready = 1;
	for (;;) {
		FAIL_PAGE->beats++;
		lives[atoi(how) % 4]();
	}
}

/* ---- Storms ---- */

static int move(const struct fail_group *to, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	return fail_group_write(to, "cgroup.procs", text);
}

static pid_t some_chaos(struct storm *storm)
{
	return storm->chaos[storm_dice(STORM_GROUPS)][storm_dice(STORM_CHAOS)];
}

static pid_t some_caller(struct storm *storm)
{
	return storm->caller[storm_dice(sizeof(storm->caller) / sizeof(*storm->caller))];
}

/* Keeps up the number of wild targets; who was killed is followed by another. */
void storm_of_births(void *arg)
{
	struct storm *storm = arg;
	unsigned int i, j;
	char how[8];
	pid_t pid;

	while (!storm->over) {
		for (i = 0; i < STORM_GROUPS; i++)
			for (j = 0; j < STORM_CHAOS; j++) {
				pid = storm->chaos[i][j];
				if (pid > 0 && waitpid(pid, NULL, WNOHANG) != pid)
					continue;
				snprintf(how, sizeof(how), "%u", storm_dice(4));
				pid = fail_start_unready(&storm->group[i], "chaos", how);
				storm->chaos[i][j] = pid > 0 ? pid : 0;
				storm_count(storm, STORM_BORN);
			}
		fail_nap(20);
	}
}

/* Attached for a moment only; a tracer that exits leaves the task as it was. */
static void trace(pid_t pid)
{
	bool seized = storm_dice(2);
	int status, i;

	if (ptrace(seized ? PTRACE_SEIZE : PTRACE_ATTACH, pid, NULL, NULL))
		return;
	if (seized)
		ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
	for (i = 0; i < 20 && waitpid(pid, &status, WNOHANG | __WALL) != pid; i++)
		fail_nap(1);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

void storm_of_tracers(void *arg)
{
	struct storm *storm = arg;
	pid_t pid, target;

	while (!storm->over) {
		target = storm_dice(2) ? storm->steady[storm_dice(STORM_GROUPS)] :
					 some_chaos(storm);
		pid = target > 0 ? fork() : -1;
		if (!pid) {
			trace(target);
			_exit(0);
		}
		if (pid > 0)
			waitpid(pid, NULL, 0);
		/* what an attach stops, and a tracer's end does not let go on */
		if (target > 0)
			kill(target, SIGCONT);
		storm_count(storm, STORM_TRACED);
		fail_nap(2);
	}
}

void storm_of_moves(void *arg)
{
	struct storm *storm = arg;
	pid_t pid;

	while (!storm->over) {
		pid = some_chaos(storm);
		if (pid > 0)
			move(&storm->group[storm_dice(STORM_GROUPS)], pid);
		storm_count(storm, STORM_MOVED);
		fail_nap(1);
	}
}

void storm_of_mounts(void *arg)
{
	struct storm *storm = arg;
	char name[48];

	snprintf(name, sizeof(name), "/tmp/storm-%d", getpid());
	mkdir(name, 0755);
	while (!storm->over) {
		if (!mount("storm", name, "tmpfs", 0, "size=64k"))
			umount2(name, storm_dice(2) ? MNT_DETACH : 0);
		storm_count(storm, STORM_MOUNTED);
		fail_nap(1);
	}
	umount2(name, MNT_DETACH);
	rmdir(name);
}

void storm_of_signals(void *arg)
{
	static const int signals[] = { SIGSTOP, SIGCONT, SIGURG, SIGCHLD, SIGWINCH };
	struct storm *storm = arg;
	pid_t pid;

	while (!storm->over) {
		pid = storm_dice(3) ? storm->steady[storm_dice(STORM_GROUPS)] : some_caller(storm);
		if (pid > 0) {
			kill(pid, signals[storm_dice(5)]);
			kill(pid, SIGCONT);
		}
		pid = some_chaos(storm);
		if (pid > 0 && !storm_dice(4))
			kill(pid, SIGKILL);
		/* its group's, too, are as nobody's */
		pid = some_caller(storm);
		if (pid > 0 && !storm_dice(50)) {
			kill(pid, SIGKILL);
			storm_count(storm, STORM_KILLED);
		}
		storm_count(storm, STORM_SIGNALLED);
		fail_nap(1);
	}
}

/* An administrator: freezes, thaws, kills, makes groups below and removes them. */
void storm_of_freezes(void *arg)
{
	struct storm *storm = arg;
	struct fail_group *group;
	char below[120];

	while (!storm->over) {
		group = &storm->group[storm_dice(STORM_GROUPS)];
		snprintf(below, sizeof(below), "%s/below", group->path);
		switch (storm_dice(4)) {
		case 0:
			fail_group_write(group, "cgroup.freeze", "1");
			break;
		case 1:
			mkdir(below, 0755);
			rmdir(below);
			break;
		case 2:
			/* every other room, so that the rest is calm */
			group = &storm->room[2 * storm_dice(STORM_ROOMS / 2)];
			fail_group_write(group, storm_dice(2) ? "cgroup.freeze" : "cgroup.kill",
					 "1");
			break;
		}
		fail_group_write(group, "cgroup.freeze", "0");
		storm_count(storm, STORM_FROZEN);
		fail_nap(2);
	}
}
