// SPDX-License-Identifier: GPL-2.0
/* Settings of processes and threads that system calls and /proc show. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

CR_FIXTURE(attributes);

static void proc_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	CR_EQ(strlen(text), write(fd, text, strlen(text)));
	close(fd);
}

static void proc_is(const char *path, const char *text)
{
	char seen[256];

	CR_CHECK(cr_read_file(path, seen, sizeof(seen)) >= 0);
	if (strcmp(text, seen))
		cr_fail("%s is '%s', not '%s'", path, seen, text);
}

CR_TEST(attributes, all_resource_limits)
{
	struct rlimit before[RLIM_NLIMITS], after;
	int i;

	for (i = 0; i < RLIM_NLIMITS; i++) {
		CR_EQ(0, getrlimit(i, &before[i]));
		/* low enough to differ, high enough to live with */
		before[i].rlim_max = i == RLIMIT_NICE || i == RLIMIT_RTPRIO ? 30 :
				     before[i].rlim_max == RLIM_INFINITY ? 1UL << 40 :
				     before[i].rlim_max - 1;
		before[i].rlim_cur = before[i].rlim_max - before[i].rlim_max / 8;
		CR_EQ(0, setrlimit(i, &before[i]));
	}
	cr_ready();
	for (i = 0; i < RLIM_NLIMITS; i++) {
		CR_EQ(0, getrlimit(i, &after));
		CR_EQ(before[i].rlim_cur, after.rlim_cur);
		CR_EQ(before[i].rlim_max, after.rlim_max);
	}
}

CR_TEST(attributes, limits_below_what_is_in_use)
{
	struct rlimit none = {}, files = { 4, 4 }, seen;

	CR_EQ(100, dup2(0, 100));
	CR_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	CR_EQ(0, setrlimit(RLIMIT_CORE, &none));
	CR_EQ(0, setrlimit(RLIMIT_NPROC, &none));
	CR_EQ(0, setrlimit(RLIMIT_STACK, &none));
	CR_EQ(0, setrlimit(RLIMIT_AS, &none));
	CR_EQ(0, setrlimit(RLIMIT_DATA, &none));
	cr_ready();
	CR_EQ(0, fcntl(100, F_GETFD));
	CR_EQ(-1, dup2(0, 101));
	CR_EQ(0, getrlimit(RLIMIT_AS, &seen));
	CR_EQ(0, seen.rlim_cur);
}

CR_TEST(attributes, oom_score_and_coredump_filter)
{
	proc_write("/proc/self/oom_score_adj", "300");
	proc_write("/proc/self/coredump_filter", "0x7a");
	cr_ready();
	proc_is("/proc/self/oom_score_adj", "300\n");
	proc_is("/proc/self/coredump_filter", "0000007a\n");
}

CR_TEST(attributes, negative_oom_score)
{
	proc_write("/proc/self/oom_score_adj", "-500");
	cr_ready();
	proc_is("/proc/self/oom_score_adj", "-500\n");
}

CR_TEST(attributes, nice_values_of_both_signs)
{
	pid_t pid = fork();
	int mine;

	CR_EQ(0, setpriority(PRIO_PROCESS, 0, pid ? 7 : -5));
	if (!pid) {
		cr_touch("child");
		cr_await("look");
		CR_EQ(-5, getpriority(PRIO_PROCESS, 0));
		_exit(0);
	}
	cr_await("child");
	cr_ready();
	mine = getpriority(PRIO_PROCESS, 0);
	cr_touch("look");
	CR_EQ(7, mine);
	cr_reap(pid, 0);
}

static void scheduling(int policy)
{
	struct sched_param param = {};

	CR_EQ(0, setpriority(PRIO_PROCESS, 0, 3));
	CR_EQ(0, sched_setscheduler(0, policy, &param));
	CR_EQ(3, getpriority(PRIO_PROCESS, 0));
	cr_ready();
	CR_EQ(policy, sched_getscheduler(0));
	CR_EQ(3, getpriority(PRIO_PROCESS, 0));
}

CR_TEST(attributes, batch_scheduling)
{
	scheduling(SCHED_BATCH);
}

CR_TEST(attributes, idle_scheduling)
{
	scheduling(SCHED_IDLE);
}

CR_TEST(attributes, affinity)
{
	cpu_set_t set, seen;

	CR_EQ(0, sched_getaffinity(0, sizeof(set), &set));
	if (CPU_COUNT(&set) > 1)
		CPU_CLR(0, &set);
	CR_EQ(0, sched_setaffinity(0, sizeof(set), &set));
	cr_ready();
	CR_EQ(0, sched_getaffinity(0, sizeof(seen), &seen));
	CR_CHECK(CPU_EQUAL(&set, &seen));
}

CR_TEST(attributes, timer_slack)
{
	CR_EQ(0, prctl(PR_SET_TIMERSLACK, 123456, 0, 0, 0));
	cr_ready();
	CR_EQ(123456, prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
	/* 0 means the default, which a child takes from its parent */
	CR_EQ(0, prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0));
	CR_EQ(50000, prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
}

CR_TEST(attributes, name)
{
	char name[17] = "";

	CR_EQ(0, prctl(PR_SET_NAME, "a (name) %s\n15c"));
	cr_ready();
	CR_EQ(0, prctl(PR_GET_NAME, name));
	CR_CHECK(!strcmp(name, "a (name) %s\n15c"));
}

CR_TEST(attributes, personality_flags)
{
	CR_CHECK(personality(ADDR_NO_RANDOMIZE | SHORT_INODE) >= 0);
	cr_ready();
	CR_EQ(ADDR_NO_RANDOMIZE | SHORT_INODE, personality(0xffffffff));
}

CR_TEST(attributes, not_dumpable)
{
	CR_EQ(0, prctl(PR_SET_DUMPABLE, 0));
	cr_ready();
	CR_EQ(0, prctl(PR_GET_DUMPABLE));
}

CR_TEST(attributes, dumpable)
{
	cr_ready();
	CR_EQ(1, prctl(PR_GET_DUMPABLE));
}

CR_TEST(attributes, parent_death_signal)
{
	pid_t child, grandchild;
	int sig = 0;

	CR_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	child = fork();
	if (!child) {
		grandchild = fork();
		if (!grandchild) {
			CR_EQ(0, prctl(PR_SET_PDEATHSIG, SIGUSR2));
			cr_touch("set");
			for (;;)
				pause();
		}
		cr_await("set");
		cr_touch("child");
		cr_await("look");
		_exit(0);
	}
	cr_await("child");
	CR_EQ(0, prctl(PR_SET_PDEATHSIG, SIGWINCH));
	cr_ready();
	CR_EQ(0, prctl(PR_GET_PDEATHSIG, &sig));
	CR_EQ(SIGWINCH, sig);
	cr_touch("look");
	cr_reap(child, 0);
	CR_CHECK(waitpid(-1, &sig, 0) > 0);
	CR_EQ(SIGUSR2, sig);
}

CR_TEST(attributes, umask_and_working_directory)
{
	char before[256], after[256];

	CR_EQ(0, mkdir("below", 0755));
	CR_EQ(0, chdir("below"));
	umask(0137);
	CR_CHECK(getcwd(before, sizeof(before)));
	cr_touch("../ready");
	cr_await("../go");
	CR_CHECK(getcwd(after, sizeof(after)));
	CR_CHECK(!strcmp(before, after));
	CR_EQ(0137, umask(0));
	CR_CHECK(!chdir(".."));
}

CR_TEST(attributes, shared_working_directory)
{
	char cwd[256];
	pid_t pid;

	CR_EQ(0, mkdir("below", 0755));
	pid = syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		cr_await("look");
		CR_EQ(0, chdir("below"));
		umask(0123);
		_exit(0);
	}
	cr_ready();
	cr_touch("look");
	cr_reap(pid, 0);
	CR_EQ(0123, umask(0));
	CR_CHECK(getcwd(cwd, sizeof(cwd)));
	CR_CHECK(strstr(cwd, "/below"));
	CR_CHECK(!chdir(".."));
}

CR_TEST(attributes, no_new_privs)
{
	CR_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	cr_ready();
	CR_EQ(1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

CR_TEST(attributes, setpgid_after_exec_stays_forbidden)
{
	pid_t pid = fork();

	if (!pid) {
		cr_await("look");
		_exit(0);
	}
	cr_ready();
	/* never executed anything: the parent may still move it */
	CR_EQ(0, setpgid(pid, pid));
	cr_touch("look");
	cr_reap(pid, 0);
}

TEST_HARNESS_MAIN
