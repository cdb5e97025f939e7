// SPDX-License-Identifier: GPL-2.0
/* Trees of processes: pids, zombies, exit signals. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

CR_FIXTURE(process);

/* What the members of a tree have in common. */
struct board {
	volatile int arrived;
	volatile int go;
	volatile pid_t pid[64];
};

static struct board *board(void)
{
	return mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void arrive(struct board *b, int place)
{
	b->pid[place] = getpid();
	__sync_fetch_and_add(&b->arrived, 1);
}

static void stay(struct board *b)
{
	cr_until(b->go);
}

#define TREE	3

/* Each member has TREE children, two levels deep, and checks who it is. */
static void grow(struct board *b, int level, int place);

static pid_t sprout(struct board *b, int level, int place)
{
	pid_t pid = fork();

	if (!pid)
		grow(b, level, place);
	return pid;
}

static void grow(struct board *b, int level, int place)
{
	pid_t pid = getpid(), ppid = getppid(), kid[TREE];
	pid_t pgid, sid;
	int i;

	if (level == 1)
		setpgid(0, 0);
	if (level == 2 && place % TREE == 0)
		setsid();
	pgid = getpgrp();
	sid = getsid(0);
	for (i = 0; level < 3 && i < TREE; i++)
		kid[i] = sprout(b, level + 1, place * TREE + i + 1);
	arrive(b, place);
	if (!level) {
		cr_until(b->arrived == 40);
		cr_ready();
		b->go = 1;
	} else {
		stay(b);
	}
	CR_EQ(pid, getpid());
	CR_EQ(pid, syscall(SYS_gettid));
	/* the test, or what restarts the program, is the root's parent */
	CR_EQ(ppid, getppid());
	/* groups and sessions that are led from outside become the caller's */
	if (level) {
		CR_EQ(pgid, getpgrp());
		CR_EQ(sid, getsid(0));
	}
	for (i = 0; level < 3 && i < TREE; i++)
		cr_reap(kid[i], (i + 1) << 8);
	_exit(level ? (place - 1) % TREE + 1 : 0);
}

CR_TEST(process, a_tree_of_forty_keeps_its_pids_groups_and_sessions)
{
	grow(board(), 0, 0);
}

CR_TEST(process, zombies_keep_their_statuses)
{
	pid_t exits = fork(), killed, dumped;
	siginfo_t info;

	if (!exits)
		_exit(42);
	killed = fork();
	if (!killed)
		for (;;)
			pause();
	dumped = fork();
	if (!dumped)
		abort();
	kill(killed, SIGUSR1);
	CR_EQ(0, waitid(P_PID, exits, &info, WEXITED | WNOWAIT));
	CR_EQ(0, waitid(P_PID, killed, &info, WEXITED | WNOWAIT));
	CR_EQ(0, waitid(P_PID, dumped, &info, WEXITED | WNOWAIT));
	cr_ready();
	CR_EQ(0, waitid(P_PID, exits, &info, WEXITED | WNOWAIT));
	CR_EQ(CLD_EXITED, info.si_code);
	CR_EQ(42, info.si_status);
	cr_reap(exits, 42 << 8);
	cr_reap(killed, SIGUSR1);
	CR_EQ(dumped, waitpid(-1, &info.si_errno, 0));
	CR_EQ(SIGABRT, WTERMSIG(info.si_errno));
	CR_EQ(-1, waitpid(-1, NULL, 0));
	CR_EQ(ECHILD, errno);
}

CR_TEST(process, zombies_of_children_pass_on_when_these_exit)
{
	struct board *b = board();
	pid_t child, grandchild;

	CR_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	child = fork();
	if (!child) {
		grandchild = fork();
		if (!grandchild)
			_exit(9);
		b->pid[1] = grandchild;
		waitid(P_PID, grandchild, &(siginfo_t){}, WEXITED | WNOWAIT);
		arrive(b, 0);
		stay(b);
		_exit(8);
	}
	cr_until(b->arrived);
	cr_ready();
	b->go = 1;
	cr_reap(child, 8 << 8);
	cr_reap(b->pid[1], 9 << 8);
}

CR_TEST(process, subreaper_is_given_orphans)
{
	struct board *b = board();
	int reaper = 0;
	pid_t child;

	CR_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	child = fork();
	if (!child) {
		if (!fork()) {
			arrive(b, 0);
			stay(b);
			_exit(3);
		}
		cr_until(b->arrived);
		_exit(0);
	}
	cr_reap(child, 0);
	cr_ready();
	CR_EQ(0, prctl(PR_GET_CHILD_SUBREAPER, &reaper));
	CR_EQ(1, reaper);
	CR_EQ(1, b->arrived);
	child = fork();
	if (!child) {
		child = fork();
		if (!child) {
			cr_until(b->pid[9] && getppid() == b->pid[9]);
			_exit(4);
		}
		b->pid[8] = child;
		_exit(0);
	}
	b->pid[9] = getpid();
	cr_reap(child, 0);
	cr_reap(b->pid[8], 4 << 8);
	b->go = 1;
	cr_reap(b->pid[0], 3 << 8);
}

CR_PROGRAM(reaper)
{
	struct board *b = board();
	pid_t child;

	CR_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	child = fork();
	if (!child) {
		if (!fork()) {
			arrive(b, 0);
			cr_until(b->go && getppid() != b->pid[1]);
			_exit(3);
		}
		arrive(b, 1);
		stay(b);
		_exit(0);
	}
	cr_until(b->arrived == 2);
	cr_ready();
	b->go = 1;
	cr_reap(child, 0);
	cr_reap(b->pid[0], 3 << 8);
	_exit(0);
}

TEST_F(process, subreaper_works_without_another_above)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_ready(cr, "reaper", NULL));
	ASSERT_EQ(0, cr_stop(cr));
	/* children of a subreaper are marked at birth: these are not */
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	ASSERT_EQ(0, cr_restart(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

static volatile int usr1s, chlds;

static void count_usr1(int sig)
{
	usr1s++;
}

static void count_chld(int sig)
{
	chlds++;
}

static pid_t fork_with(int exit_signal)
{
	struct clone_args args = { .exit_signal = exit_signal };

	return syscall(SYS_clone3, &args, sizeof(args));
}

CR_TEST(process, exit_signals_are_kept)
{
	struct board *b = board();
	pid_t usr1, none, chld;

	signal(SIGUSR1, count_usr1);
	signal(SIGCHLD, count_chld);
	usr1 = fork_with(SIGUSR1);
	if (!usr1) {
		arrive(b, 0);
		stay(b);
		_exit(1);
	}
	none = fork_with(0);
	if (!none) {
		arrive(b, 1);
		stay(b);
		_exit(2);
	}
	chld = fork();
	if (!chld)
		_exit(3);
	cr_until(b->arrived == 2 && chlds == 1);
	cr_ready();
	/* the zombie does not tell again */
	CR_EQ(1, chlds);
	CR_EQ(0, usr1s);
	b->go = 1;
	CR_EQ(usr1, waitpid(usr1, NULL, __WALL));
	CR_EQ(none, waitpid(none, NULL, __WALL));
	cr_until(usr1s == 1);
	cr_reap(chld, 3 << 8);
	CR_EQ(1, chlds);
}

/* clone(2) takes any number. Nothing is sent, and only who asks for such children has them. */
CR_TEST(process, exit_signals_that_are_none_stay_silent)
{
	static const unsigned long numbers[] = { 65, 100, 255 };
	struct board *b = board();
	pid_t pid[3];
	int i;

	signal(SIGCHLD, count_chld);
	for (i = 0; i < 3; i++) {
		pid[i] = syscall(SYS_clone, numbers[i], 0, 0, 0, 0);
		if (!pid[i]) {
			arrive(b, i);
			if (i)
				stay(b);
			_exit(i + 1);
		}
	}
	cr_until(b->arrived == 3);
	/* the first is a zombie */
	CR_EQ(0, waitid(P_PID, pid[0], &(siginfo_t){}, WEXITED | WNOWAIT | __WALL));
	cr_ready();
	b->go = 1;
	for (i = 0; i < 3; i++) {
		int status;

		CR_EQ(-1, waitpid(pid[i], NULL, 0));
		CR_EQ(ECHILD, errno);
		CR_EQ(pid[i], waitpid(pid[i], &status, __WALL));
		CR_EQ((i + 1) << 8, status);
	}
	CR_EQ(0, chlds);
}

static struct board *thread_board;

static void *outlive(void *arg)
{
	cr_until(thread_board->go);
	CR_EQ(thread_board->pid[0], getpid());
	_exit(77);
	return NULL;
}

CR_TEST(process, leader_that_exited_before_its_threads)
{
	struct board *b = board();
	char state[64], path[64];
	pthread_t thread;
	pid_t pid;

	thread_board = b;
	pid = fork();
	if (!pid) {
		arrive(b, 0);
		pthread_create(&thread, NULL, outlive, NULL);
		syscall(SYS_exit, 0);
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	cr_until(cr_read_file(path, state, sizeof(state)) > 0 && strstr(state, ") Z"));
	cr_ready();
	CR_CHECK(cr_read_file(path, state, sizeof(state)) > 0);
	CR_CHECK(strstr(state, ") Z"));
	CR_EQ(0, waitpid(pid, NULL, WNOHANG));
	b->go = 1;
	cr_reap(pid, 77 << 8);
}

/* Two roots in one group: the test is the parent of both. */
CR_PROGRAM(twin)
{
	pid_t pid = getpid();

	cr_touch(arg);
	cr_await("go");
	CR_EQ(pid, getpid());
	_exit(0);
}

TEST_F(process, two_roots_of_one_group)
{
	struct cr *cr = &self->cr;
	pid_t first, second;

	ASSERT_EQ(0, cr_start(cr, "twin", "one"));
	first = cr->pid;
	ASSERT_EQ(0, cr_wait_for(cr, "one"));
	ASSERT_EQ(0, cr_start(cr, "twin", "two"));
	second = cr->pid;
	ASSERT_EQ(0, cr_wait_for(cr, "two"));
	cr->pids[1] = first;
	cr->nr_roots = 2;
	ASSERT_EQ(0, cr_stop(cr));
	ASSERT_EQ(0, cr_restart(cr));
	ASSERT_EQ(2, cr->nr_roots);
	EXPECT_EQ(first, cr->pids[0]);
	EXPECT_EQ(second, cr->pids[1]);
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
	cr->pid = second;
	cr->exited = false;
	EXPECT_EQ(0, cr_wait_exit(cr));
}

TEST_HARNESS_MAIN
