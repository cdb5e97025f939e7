// SPDX-License-Identifier: GPL-2.0
/*
 * What cannot be saved is refused by name. Here: state of tasks and
 * namespaces. Other refuse_*_test.c have the rest.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/mempolicy.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_refuse.h"

static int beating_child(int flags)
{
	pid_t pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		for (;;)
			pause();
	return made(pid);
}

static int sem_undo(const char *a)
{
	struct sembuf op = { .sem_op = 1, .sem_flg = SEM_UNDO };
	int id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);

	return made(id) ?: made(semop(id, &op, 1));
}

static int seccomp_filter(const char *a)
{
	struct { unsigned short code; unsigned char jt, jf; unsigned int k; } allow = {
		6, 0, 0, SECCOMP_RET_ALLOW };
	struct { unsigned short len; void *filter; } prog = { 1, &allow };

	return made(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) ?:
	       made(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
}

static int posix_timer(const char *a)
{
	struct sigevent ev = { .sigev_notify = SIGEV_NONE };
	timer_t t;

	return made(timer_create(CLOCK_MONOTONIC, &ev, &t));
}

static int alarm_set(const char *a)
{
	alarm(3600);
	return 0;
}

static int prof_timer(const char *a)
{
	struct itimerval it = { .it_value = { .tv_sec = 3600 } };

	return made(setitimer(ITIMER_PROF, &it, NULL));
}

static int mount_ns(const char *a) { return made(unshare(CLONE_NEWNS)); }
static int net_ns(const char *a) { return made(unshare(CLONE_NEWNET)); }
static int ipc_ns(const char *a) { return made(unshare(CLONE_NEWIPC)); }
static int cgroup_ns(const char *a) { return made(unshare(CLONE_NEWCGROUP)); }
static int time_ns(const char *a) { return made(unshare(0x80)); }
static int pid_ns(const char *a) { return made(unshare(CLONE_NEWPID)); }

static int user_ns_child(const char *a)
{
	pid_t pid = fork();

	if (!pid) {
		unshare(CLONE_NEWUSER);
		for (;;)
			pause();
	}
	fail_nap(50);
	return made(pid);
}

static int unmapped_ids(const char *a) { return made(unshare(CLONE_NEWUSER)); }
static int uts_ns_child(const char *a) { return beating_child(CLONE_NEWUTS); }
static int pid_ns_child(const char *a) { return beating_child(CLONE_NEWPID); }

static int vfork_parent(const char *a)
{
	pid_t pid = fork();

	if (!pid) {
		if (!vfork())
			for (;;)
				pause();
		_exit(0);
	}
	fail_nap(50);
	return made(pid);
}

static int traced_child(const char *a)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	return made(pid) ?: made(ptrace(PTRACE_SEIZE, pid, 0, 0));
}

static int realtime(const char *a)
{
	struct sched_param param = { .sched_priority = 1 };

	return made(sched_setscheduler(0, SCHED_FIFO, &param));
}

static int reset_on_fork(const char *a)
{
	struct sched_param param = {};

	return made(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &param));
}

static int ioprio(const char *a)
{
	return made(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 3));
}

static int memory_policy(const char *a)
{
	unsigned long nodes = 1;

	return made(syscall(SYS_set_mempolicy, MPOL_BIND, &nodes, 8 * sizeof(nodes)));
}

static int ports(const char *a) { return made(ioperm(0x80, 1, 1)); }
static int tsc(const char *a) { return made(prctl(PR_SET_TSC, PR_TSC_SIGSEGV)); }

static int terminal(const char *a)
{
	int master = open("/dev/ptmx", O_RDWR), slave;
	char name[32];

	unlockpt(master);
	snprintf(name, sizeof(name), "%s", ptsname(master));
	if (setsid() < 0)
		return errno;
	slave = open(name, O_RDWR);
	return made(slave) ?: made(ioctl(slave, TIOCSCTTY, 0));
}

static int landlock(const char *a)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = 1 << 3 };
	int fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	return made(fd) ?: made(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) ?:
	       made(syscall(SYS_landlock_restrict_self, fd, 0)) ?: made(close(fd));
}

static int keyring(const char *a)
{
	return made(syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -2, 1));
}

/* The timer is gone, the signal that it sent is not. */
static int timer_signal(const char *a)
{
	struct itimerspec soon = { .it_value = { .tv_nsec = 1 } };
	sigset_t alarm, pending;
	timer_t t;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
	if (timer_create(CLOCK_MONOTONIC, NULL, &t) || timer_settime(t, 0, &soon, NULL))
		return errno;
	do
		sigpending(&pending);
	while (!sigismember(&pending, SIGALRM));
	return made(timer_delete(t));
}

static int prof_interval(const char *a)
{
	struct itimerval it = { .it_interval.tv_sec = 5 };

	return made(setitimer(ITIMER_PROF, &it, NULL));
}

static void *elsewhere(void *unused)
{
	FAIL_PAGE->value[0] = unshare(CLONE_NEWUTS) ? errno : 1;
	for (;;)
		pause();
	return NULL;
}

static int uts_ns_thread(const char *a)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, elsewhere, NULL))
		return EAGAIN;
	while (!FAIL_PAGE->value[0])
		fail_nap(1);
	return FAIL_PAGE->value[0] == 1 ? 0 : FAIL_PAGE->value[0];
}

/* A base that only the instruction sets, not arch_prctl(2). */
static int far_base(const char *a)
{
	if (!(getauxval(AT_HWCAP2) & 2 /* FSGSBASE */))
		return FAIL_SKIP;
	asm volatile("wrgsbase %0" : : "r"(0xffffffff00000000UL));
	return 0;
}

#define T(name) { #name, name }
const struct fail_target fail_targets[] = {
	T(sem_undo), T(seccomp_filter), T(posix_timer), T(alarm_set), T(prof_timer),
	T(mount_ns), T(net_ns), T(ipc_ns), T(cgroup_ns), T(time_ns), T(pid_ns),
	T(user_ns_child), T(unmapped_ids), T(uts_ns_child), T(pid_ns_child),
	T(vfork_parent), T(traced_child), T(realtime), T(reset_on_fork), T(ioprio),
	T(memory_policy), T(ports), T(tsc), T(terminal), T(landlock), T(keyring),
	T(timer_signal), T(prof_interval), T(uts_ns_thread), T(far_base),
	{ }
};

REFUSED(sem_undo, OBJECT("semaphore undo"));
REFUSED(seccomp_filter, OBJECT("seccomp"));
REFUSED(posix_timer, OBJECT("posix timer"));
REFUSED(alarm_set, OBJECT("itimer"));
REFUSED(prof_timer, OBJECT("itimer"));
REFUSED(mount_ns, OBJECT("mount namespace"));
REFUSED(net_ns, OBJECT("network namespace"));
REFUSED(ipc_ns, OBJECT("ipc namespace"));
REFUSED(cgroup_ns, OBJECT("cgroup namespace"));
REFUSED(time_ns, OBJECT("time namespace"));
REFUSED(pid_ns, OBJECT("pid namespace"));
REFUSED(user_ns_child, OBJECT("user namespace"));
REFUSED(unmapped_ids, OBJECT("credentials"), "not mapped");
REFUSED(uts_ns_child, OBJECT("uts namespace"));
REFUSED(pid_ns_child, OBJECT("pid namespace"));
REFUSED(vfork_parent, OBJECT("vfork"));
REFUSED(traced_child, OBJECT("ptrace"), "traced by pid");
REFUSED(realtime, OBJECT("scheduling policy"));
REFUSED(reset_on_fork, OBJECT("scheduling"));
REFUSED(ioprio, OBJECT("I/O priority"));
REFUSED(memory_policy, OBJECT("memory policy"));
REFUSED(ports, OBJECT("I/O ports"));
REFUSED(tsc, OBJECT("PR_SET_TSC"));
REFUSED(terminal, OBJECT("controlling terminal"));
REFUSED(landlock, OBJECT("landlock"));
REFUSED(keyring, OBJECT("keyring"));
REFUSED(prof_interval, OBJECT("itimer"));
REFUSED(uts_ns_thread, OBJECT("uts namespace"), "of a thread");
REFUSED(far_base, OBJECT("registers"));
REFUSED(timer_signal, OBJECT("timer signal"));

TEST_HARNESS_MAIN
