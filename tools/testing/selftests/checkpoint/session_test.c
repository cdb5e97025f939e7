// SPDX-License-Identifier: GPL-2.0
/* Sessions and process groups whose leaders are dead or outside. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

CR_FIXTURE(session);

/* What the members of a group have in common. */
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

CR_TEST(session, session_and_group_without_leaders_are_kept)
{
	struct board *b = board();
	pid_t leader;

	CR_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	leader = fork();
	if (!leader) {
		setsid();
		if (!fork()) {
			b->pid[1] = getsid(0);
			arrive(b, 0);
			stay(b);
			CR_EQ(b->pid[1], getsid(0));
			CR_EQ(b->pid[1], getpgrp());
			CR_EQ(0, setpgid(0, 0));
			_exit(0);
		}
		cr_until(b->arrived);
		_exit(0);
	}
	cr_reap(leader, 0);
	CR_EQ(leader, b->pid[1]);
	cr_ready();
	CR_EQ(leader, getsid(b->pid[0]));
	CR_EQ(leader, getpgid(b->pid[0]));
	CR_EQ(-1, kill(leader, 0));
	b->go = 1;
	cr_reap(b->pid[0], 0);
}

CR_TEST(session, zombies_keep_sessions_and_groups)
{
	pid_t session = fork(), group;
	siginfo_t info;

	if (!session) {
		setsid();
		_exit(1);
	}
	group = fork();
	if (!group) {
		setpgid(0, 0);
		_exit(2);
	}
	CR_EQ(0, waitid(P_PID, session, &info, WEXITED | WNOWAIT));
	CR_EQ(0, waitid(P_PID, group, &info, WEXITED | WNOWAIT));
	CR_EQ(session, getsid(session));
	cr_ready();
	CR_EQ(session, getsid(session));
	CR_EQ(session, getpgid(session));
	CR_EQ(group, getpgid(group));
	CR_EQ(getsid(0), getsid(group));
	CR_EQ(group, waitpid(-group, NULL, 0));
	cr_reap(session, 1 << 8);
}

static pid_t outer_session;

CR_PROGRAM(outsider)
{
	outer_session = getsid(0);
	cr_ready();
	/* the caller's; the test has made itself a new one meanwhile */
	CR_CHECK(getsid(0) != outer_session);
	CR_EQ(getppid(), getsid(0));
	CR_EQ(getppid(), getpgrp());
}

TEST_F(session, session_led_from_outside_becomes_the_callers)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_ready(cr, "outsider", NULL));
	ASSERT_EQ(0, cr_stop(cr));
	/* the harness made this process the leader of a group: no setsid() here */
	pid_t pid = fork();

	if (!pid) {
		setsid();
		if (cr_restart(cr))
			_exit(99);
		cr_go(cr);
		_exit(cr_wait_exit(cr) ? 98 : 0);
	}
	int status;

	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
