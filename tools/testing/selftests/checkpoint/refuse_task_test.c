// SPDX-License-Identifier: GPL-2.0
/*
 * What cannot be saved is refused by name. Here: state of tasks, memory and
 * namespaces. See also refuse_test.c.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"

static int made(long ret)
{
	if (ret >= 0)
		return 0;
	return errno == ENOSYS || errno == EOPNOTSUPP || errno == ENODEV ||
	       errno == ENOSPC || errno == EINVAL ? FAIL_SKIP : errno;
}

static void *map(int prot, int flags)
{
	return mmap(NULL, 1 << 21, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static int beating_child(int flags)
{
	pid_t pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		for (;;)
			pause();
	return made(pid);
}

static int shm(const char *a)
{
	int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	void *at = shmat(id, NULL, 0);

	shmctl(id, IPC_RMID, NULL);
	return made(id) ?: made(at == (void *)-1 ? -1 : 0);
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

static int uts_ns_child(const char *a) { return beating_child(CLONE_NEWUTS); }
static int pid_ns_child(const char *a) { return beating_child(CLONE_NEWPID); }

static int sleeper(void *arg)
{
	for (;;)
		pause();
	return 0;
}

static int shared_memory(const char *a)
{
	static char stack[65536];

	return made(clone(sleeper, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL));
}

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

static int locked_memory(const char *a)
{
	return made(mlock(map(PROT_READ | PROT_WRITE, 0), 4096));
}

static int sealed_memory(const char *a)
{
	return made(syscall(462, map(PROT_READ, 0), 4096, 0));
}

static int huge_pages(const char *a)
{
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "w");

	if (f) {
		fputs("2", f);
		fclose(f);
	}
	errno = ENOSPC;
	return made(map(PROT_READ | PROT_WRITE, MAP_HUGETLB) == MAP_FAILED ? -1 : 0);
}

static int merged_memory(const char *a)
{
	return made(madvise(map(PROT_READ | PROT_WRITE, 0), 1 << 21, MADV_MERGEABLE));
}

static int protection_key(const char *a)
{
	return made(syscall(SYS_pkey_alloc, 0, 0));
}

static int ldt(const char *a)
{
	struct user_desc desc = { .entry_number = 0, .limit = 4095, .seg_32bit = 1 };

	return made(syscall(SYS_modify_ldt, 1, &desc, sizeof(desc)));
}

static int ports(const char *a) { return made(ioperm(0x80, 1, 1)); }
static int mdwe(const char *a) { return made(prctl(65, 1, 0, 0, 0)); }
static int tsc(const char *a) { return made(prctl(PR_SET_TSC, PR_TSC_SIGSEGV)); }
static int merge_all(const char *a) { return made(prctl(67, 1, 0, 0, 0)); }

static int membarrier(const char *a)
{
	return made(syscall(SYS_membarrier,
			    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
}

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

/* The group's path comes as argument. */
static int move_child(const char *dir)
{
	pid_t pid = fork();
	char name[128], text[16];
	int fd;

	if (!pid)
		for (;;)
			pause();
	snprintf(name, sizeof(name), "%s/cgroup.procs", dir);
	snprintf(text, sizeof(text), "%d", pid);
	fd = open(name, O_WRONLY);
	return made(fd) ?: made(write(fd, text, strlen(text))) ?: made(close(fd));
}

static int child_outside(const char *a)
{
	return move_child("/sys/fs/cgroup");
}

static int child_below(const char *a)
{
	char name[128];

	snprintf(name, sizeof(name), "%s/below", a);
	return made(mkdir(name, 0755)) ?: move_child(name);
}

#define T(name) { #name, name }
const struct fail_target fail_targets[] = {
	T(shm), T(sem_undo), T(seccomp_filter), T(posix_timer), T(alarm_set),
	T(prof_timer), T(mount_ns), T(net_ns), T(ipc_ns), T(cgroup_ns), T(time_ns),
	T(pid_ns), T(user_ns_child), T(uts_ns_child), T(pid_ns_child), T(shared_memory),
	T(vfork_parent), T(traced_child), T(realtime), T(reset_on_fork), T(ioprio),
	T(locked_memory), T(sealed_memory), T(huge_pages), T(merged_memory),
	T(protection_key), T(ldt), T(ports), T(mdwe), T(tsc), T(merge_all),
	T(membarrier), T(terminal), T(landlock), T(keyring), T(child_outside),
	T(child_below),
	{ }
};

#include "fail_refuse.h"

#define OBJECT(name) "object=\"" name "\""

REFUSED(shm, "addr=");
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
REFUSED(uts_ns_child, OBJECT("uts namespace"));
REFUSED(pid_ns_child, OBJECT("pid namespace"));
REFUSED(shared_memory, OBJECT("mm"), "CLONE_VM");
REFUSED(vfork_parent, OBJECT("vfork"));
REFUSED(traced_child, OBJECT("ptrace"), "traced by pid");
REFUSED(realtime, OBJECT("scheduling policy"));
REFUSED(reset_on_fork, OBJECT("scheduling"));
REFUSED(ioprio, OBJECT("I/O priority"));
REFUSED(locked_memory, OBJECT("mapping"), "locked");
REFUSED(sealed_memory, OBJECT("mapping"));
REFUSED(huge_pages, "addr=");
REFUSED(merged_memory, OBJECT("mapping"));
REFUSED(protection_key, OBJECT("protection key"));
REFUSED(ldt, OBJECT("LDT"));
REFUSED(ports, OBJECT("I/O ports"));
REFUSED(mdwe, OBJECT("PR_SET_MDWE"));
REFUSED(tsc, OBJECT("PR_SET_TSC"));
REFUSED(merge_all, OBJECT("PR_SET_MEMORY_MERGE"));
REFUSED(membarrier, OBJECT("membarrier"));
REFUSED(terminal, OBJECT("controlling terminal"));
REFUSED(landlock, OBJECT("landlock"));
REFUSED(keyring, OBJECT("keyring"));
REFUSED(child_outside, OBJECT("process"), "not in the group");

TEST_F(refused, child_below)
{
	char below[128];

	refuse(_metadata, self, "child_below", (const char *const []){ "cgroup", NULL });
	snprintf(below, sizeof(below), "%s/below", self->group.path);
	fail_group_clear(&self->group);
	rmdir(below);
}

TEST_HARNESS_MAIN
