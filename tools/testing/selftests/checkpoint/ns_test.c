// SPDX-License-Identifier: GPL-2.0
/* Programs whose root is pid 1 of a pid namespace. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

CR_FIXTURE(ns);

static void names_are(const char *host, const char *domain)
{
	struct utsname uts;

	CR_EQ(0, uname(&uts));
	if (strcmp(uts.nodename, host) || strcmp(uts.domainname, domain))
		cr_fail("names are %s and %s", uts.nodename, uts.domainname);
}

static void member(int level);

static pid_t beget(int level)
{
	pid_t pid = fork();

	if (!pid)
		member(level);
	return pid;
}

static void member(int level)
{
	pid_t pid = getpid(), ppid = getppid();
	pid_t child = level < 3 ? beget(level + 1) : 0;
	char file[32];

	snprintf(file, sizeof(file), "in-%d", level);
	cr_touch(file);
	cr_await("go");
	CR_EQ(pid, getpid());
	CR_EQ(ppid, getppid());
	names_are("inside", "a domain");
	if (child)
		cr_reap(child, 0);
	_exit(0);
}

static void name_it(void)
{
	CR_EQ(1, getpid());
	CR_EQ(0, getppid());
	CR_EQ(0, sethostname("inside", 6));
	CR_EQ(0, setdomainname("a domain", 8));
}

/* Several may run from one image, so the file that lets it go stays. */
CR_PROGRAM(namespace)
{
	pid_t child, fresh;

	name_it();
	child = beget(1);
	cr_await("in-1");
	cr_await("in-2");
	cr_await("in-3");
	cr_say_ready();
	cr_await("go");
	CR_EQ(1, getpid());
	CR_EQ(0, getppid());
	names_are("inside", "a domain");
	CR_EQ(2, child);
	/* is not in the way of signals that it did not ask for */
	CR_EQ(0, kill(1, SIGTERM));
	cr_reap(child, 0);
	fresh = fork();
	if (!fresh)
		_exit(getpid() > 1 && getpid() < 100 ? 5 : 6);
	cr_reap(fresh, 5 << 8);
	_exit(0);
}

static int start(struct cr *cr)
{
	return cr_start_clone(cr, "namespace", NULL, CLONE_NEWPID | CLONE_NEWUTS) ?:
	       cr_wait_for(cr, "ready");
}

TEST_F(ns, pids_and_names_inside_are_kept)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, start(cr));
	ASSERT_EQ(0, cr_move(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

TEST_F(ns, names_outside_do_not_change)
{
	struct utsname before, after;
	struct cr *cr = &self->cr;

	uname(&before);
	ASSERT_EQ(0, start(cr));
	ASSERT_EQ(0, cr_move(cr));
	uname(&after);
	EXPECT_STREQ(before.nodename, after.nodename);
	EXPECT_STREQ(before.domainname, after.domainname);
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

TEST_F(ns, pids_outside_may_be_taken)
{
	struct cr *cr = &self->cr, second;
	pid_t old;

	ASSERT_EQ(0, start(cr));
	old = cr->pid;
	ASSERT_EQ(0, cr_checkpoint(cr));
	/* the original is alive and has its pids */
	ASSERT_EQ(0, cr_setup(&second));
	strcpy(second.image, cr->image);
	ASSERT_EQ(0, cr_restart(&second));
	EXPECT_NE(old, second.pid);
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(&second));
	EXPECT_EQ(0, cr_wait_exit(cr));
	cr_teardown(&second);
}

TEST_F(ns, two_copies_run_side_by_side)
{
	struct cr *cr = &self->cr, second;

	ASSERT_EQ(0, start(cr));
	ASSERT_EQ(0, cr_stop(cr));
	ASSERT_EQ(0, cr_setup(&second));
	strcpy(second.image, cr->image);
	ASSERT_EQ(0, cr_restart(cr));
	ASSERT_EQ(0, cr_restart(&second));
	EXPECT_NE(cr->pid, second.pid);
	EXPECT_EQ(0, kill(cr->pid, 0));
	EXPECT_EQ(0, kill(second.pid, 0));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
	EXPECT_EQ(0, cr_wait_exit(&second));
	cr_teardown(&second);
}

TEST_F(ns, a_copy_is_saved_again)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, start(cr));
	ASSERT_EQ(0, cr_move(cr));
	ASSERT_EQ(0, cr_move(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

/* The end of pid 1 is the end of all. */
CR_PROGRAM(leaves_others)
{
	name_it();
	if (!fork())
		for (;;)
			pause();
	cr_ready();
	_exit(0);
}

TEST_F(ns, the_end_of_pid_1_is_the_end_of_all)
{
	struct cr *cr = &self->cr;
	char path[128], events[256];

	ASSERT_EQ(0, cr_start_clone(cr, "leaves_others", NULL, CLONE_NEWPID | CLONE_NEWUTS));
	ASSERT_EQ(0, cr_wait_for(cr, "ready"));
	ASSERT_EQ(0, cr_move(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
	snprintf(path, sizeof(path), "%s/cgroup.events", cr->cgroup);
	cr_until(cr_read_file(path, events, sizeof(events)) > 0 &&
		 strstr(events, "populated 0"));
}

/* Orphans inside are pid 1's, dead leaders' numbers stay, threads have tids. */
static void *a_thread(void *arg)
{
	pid_t tid = syscall(SYS_gettid);

	*(volatile pid_t *)arg = tid;
	cr_await("go");
	CR_EQ(tid, syscall(SYS_gettid));
	return NULL;
}

CR_PROGRAM(orphans)
{
	volatile pid_t tid = 0;
	pthread_t thread;
	pid_t child;

	name_it();
	child = fork();
	if (!child) {
		setsid();
		if (!fork()) {
			CR_EQ(2, getsid(0));
			cr_until(getppid() == 1);
			cr_touch("orphan");
			cr_await("go");
			CR_EQ(1, getppid());
			CR_EQ(2, getsid(0));
			CR_EQ(3, getpid());
			_exit(7);
		}
		_exit(0);
	}
	cr_reap(child, 0);
	cr_await("orphan");
	pthread_create(&thread, NULL, a_thread, (void *)&tid);
	cr_until(tid);
	cr_say_ready();
	cr_await("go");
	cr_reap(3, 7 << 8);
	pthread_join(thread, NULL);
	CR_EQ(4, tid);
	_exit(0);
}

TEST_F(ns, orphans_sessions_and_threads_inside)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_clone(cr, "orphans", NULL, CLONE_NEWPID | CLONE_NEWUTS));
	ASSERT_EQ(0, cr_wait_for(cr, "ready"));
	ASSERT_EQ(0, cr_move(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

/* As long as it is in that group its exit waits for the number, which it has itself. */
CR_PROGRAM(follower)
{
	pid_t pid = fork();

	while (!pid)
		pause();
	CR_EQ(0, setpgid(pid, pid));
	CR_EQ(0, setpgid(0, pid));
	cr_ready();
	CR_EQ(0, setpgid(0, 0));
	_exit(0);
}

TEST_F(ns, whose_pid_1_is_in_the_group_of_another_is_refused)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_clone(cr, "follower", NULL, CLONE_NEWPID));
	ASSERT_EQ(0, cr_wait_for(cr, "ready"));
	EXPECT_EQ(-EAGAIN, cr_checkpoint(cr));
	EXPECT_TRUE(cr_logged(cr, "pid 1 is in a session or group that it does not lead")) {
		TH_LOG("%s", cr->log);
	}
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

CR_PROGRAM(parted)
{
	while (!fork())
		pause();
	cr_ready();
	_exit(0);
}

TEST_F(ns, whose_pid_1_is_outside_is_refused)
{
	struct cr *cr = &self->cr;
	char pid[16];
	int fd;

	ASSERT_EQ(0, cr_start_clone(cr, "parted", NULL, CLONE_NEWPID));
	ASSERT_EQ(0, cr_wait_for(cr, "ready"));
	fd = open("/sys/fs/cgroup/cgroup.procs", O_WRONLY);
	snprintf(pid, sizeof(pid), "%d", cr->pid);
	EXPECT_LT(0, write(fd, pid, strlen(pid)));
	close(fd);
	EXPECT_EQ(-EAGAIN, cr_checkpoint(cr));
	EXPECT_TRUE(cr_logged(cr, "part of a pid namespace")) {
		TH_LOG("%s", cr->log);
	}
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

CR_PROGRAM(named)
{
	CR_EQ(0, sethostname("elsewhere", 9));
	CR_EQ(0, setdomainname("", 0));
	cr_ready();
	names_are("elsewhere", "");
	_exit(0);
}

TEST_F(ns, uts_namespace_without_a_pid_namespace)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_clone(cr, "named", NULL, CLONE_NEWUTS));
	ASSERT_EQ(0, cr_wait_for(cr, "ready"));
	ASSERT_EQ(0, cr_move(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

/* ---- Time namespaces ---- */

#define AHEAD	100000		/* seconds, much more than anything takes */

static long long seconds(bool by_vdso)
{
	struct timespec now;

	CR_EQ(0, by_vdso ? clock_gettime(CLOCK_MONOTONIC, &now) :
		 syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now));
	return now.tv_sec;
}

/* Its clock is AHEAD, whoever is asked. */
CR_PROGRAM(traveller)
{
	long long before = seconds(false);

	cr_ready();
	CR_CHECK(seconds(false) >= before + AHEAD && seconds(false) < before + 2 * AHEAD);
	CR_CHECK(seconds(true) >= before + AHEAD && seconds(true) < before + 2 * AHEAD);
	_exit(0);
}

static void enter_time(void)
{
	char text[32];
	int fd, len = snprintf(text, sizeof(text), "monotonic %d 0\n", AHEAD);

	if (unshare(CLONE_NEWTIME))
		_exit(10);
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (write(fd, text, len) != len)
		_exit(11);
	close(fd);
}

static bool same_link(const char *one, const char *other)
{
	char a[64] = "", b[64] = "";

	return readlink(one, a, sizeof(a) - 1) > 0 && readlink(other, b, sizeof(b) - 1) > 0 &&
	       !strcmp(a, b);
}

static int checkpoint_inside(struct cr *cr)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(cr_checkpoint(cr) ? 1 : 0);
	waitpid(pid, &status, 0);
	return status;
}

/* The caller stays outside, as after fork(2), where its children are inside. */
static void restart_in_time(struct cr *cr)
{
	char path[64];

	enter_time();
	if (cr_restart(cr))
		_exit(12);
	snprintf(path, sizeof(path), "/proc/%d/ns/time", cr->pid);
	if (!same_link(path, "/proc/self/ns/time_for_children"))
		_exit(13);
	snprintf(path, sizeof(path), "/proc/%d/ns/time_for_children", cr->pid);
	if (!same_link(path, "/proc/self/ns/time_for_children"))
		_exit(14);
	if (checkpoint_inside(cr))
		_exit(15);
	cr_go(cr);
	_exit(cr_wait_exit(cr) ? 16 : 0);
}

TEST_F(ns, time_namespace_of_the_callers_children_is_where_a_restart_is)
{
	struct cr *cr = &self->cr;
	int status = -1;
	pid_t pid;

	ASSERT_EQ(0, cr_start_ready(cr, "traveller", NULL));
	ASSERT_EQ(0, cr_stop(cr));
	pid = fork();
	if (!pid)
		restart_in_time(cr);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status) {
		TH_LOG("exited with %d", WEXITSTATUS(status));
	}
}

TEST_HARNESS_MAIN
