// SPDX-License-Identifier: GPL-2.0
/* Calls that wait for processes and signals go on waiting. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

CR_FIXTURE(syscall_wait);

static volatile int handled, *in;

static void on_signal(int sig)
{
	handled = sig;
}

static char state_of(pid_t pid)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (cr_read_file(path, text, sizeof(text)) <= 0)
		return 0;
	return strrchr(text, ')')[2];
}

static pid_t sleeper(void (*fn)(void))
{
	pid_t pid;

	in = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = fork();
	if (!pid) {
		fn();
		_exit(0);
	}
	cr_until(*in);
	cr_until(state_of(pid) == 'S');
	return pid;
}

static void in_wait(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		cr_until(in[1]);
		_exit(33);
	}
	*in = 1;
	CR_EQ(pid, wait4(pid, &status, 0, NULL));
	CR_EQ(33 << 8, status);
}

CR_TEST(syscall_wait, wait4)
{
	pid_t pid = sleeper(in_wait);

	cr_ready();
	in[1] = 1;
	cr_reap(pid, 0);
}

static void in_pause(void)
{
	signal(SIGUSR1, on_signal);
	*in = 1;
	CR_EQ(-1, pause());
	CR_EQ(EINTR, errno);
	CR_EQ(SIGUSR1, handled);
}

CR_TEST(syscall_wait, pause_until_a_signal)
{
	pid_t pid = sleeper(in_pause);
	int status;

	cr_ready();
	CR_EQ(0, waitpid(pid, NULL, WNOHANG));
	/*
	 * The call begins anew, as after any freeze. A signal that comes before it has
	 * does not end it, so one may not be enough.
	 */
	do {
		kill(pid, SIGUSR1);
		cr_nap();
	} while (!waitpid(pid, &status, WNOHANG));
	CR_EQ(0, status);
}

static void on_hangup(int sig)
{
	in[1]++;
}

static void in_sigsuspend(void)
{
	sigset_t blocked, open, seen;

	signal(SIGHUP, on_hangup);
	signal(SIGUSR1, on_signal);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigaddset(&blocked, SIGUSR2);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	sigemptyset(&open);
	sigaddset(&open, SIGHUP);
	*in = 1;
	CR_EQ(-1, sigsuspend(&open));
	CR_EQ(EINTR, errno);
	CR_EQ(SIGUSR1, handled);
	sigprocmask(SIG_SETMASK, NULL, &seen);
	CR_CHECK(!memcmp(&blocked, &seen, 8));
}

CR_TEST(syscall_wait, sigsuspend_returns_to_the_old_mask)
{
	pid_t pid = sleeper(in_sigsuspend);
	int before, tries = 0;

	cr_ready();
	CR_EQ(0, waitpid(pid, NULL, WNOHANG));
	/*
	 * Blocked in the call's own mask, the signal stays pending. The call begins anew,
	 * as after any freeze: before it has, the old mask lets the signal in.
	 */
	do {
		CR_CHECK(tries++ < 1000);
		before = in[1];
		kill(pid, SIGHUP);
		cr_nap();
	} while (in[1] != before);
	kill(pid, SIGUSR1);
	/* it is let in once the old mask is back */
	cr_reap(pid, 0);
	CR_EQ(before + 1, in[1]);
}

static void in_sigsuspend_plainly(void)
{
	sigset_t blocked, open, seen;

	signal(SIGUSR1, on_signal);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	sigemptyset(&open);
	*in = 1;
	CR_EQ(-1, sigsuspend(&open));
	CR_EQ(EINTR, errno);
	CR_EQ(SIGUSR1, handled);
	sigprocmask(SIG_SETMASK, NULL, &seen);
	CR_CHECK(!memcmp(&blocked, &seen, 8));
}

CR_TEST(syscall_wait, sigsuspend_runs_the_handler)
{
	pid_t pid = sleeper(in_sigsuspend_plainly);

	cr_ready();
	kill(pid, SIGUSR1);
	cr_reap(pid, 0);
}

static void *in_join(void *arg)
{
	cr_until(in[1]);
	return arg;
}

static void in_pthread_join(void)
{
	pthread_t thread;
	void *ret;

	pthread_create(&thread, NULL, in_join, (void *)77);
	*in = 1;
	CR_EQ(0, pthread_join(thread, &ret));
	CR_EQ(77, ret);
}

CR_TEST(syscall_wait, pthread_join_of_a_live_thread)
{
	pid_t pid = sleeper(in_pthread_join);

	cr_ready();
	in[1] = 1;
	cr_reap(pid, 0);
}

static void restart_with_handler(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	int fds[2];
	char c;

	CR_EQ(0, pipe(fds));
	sigaction(SIGUSR1, &sa, NULL);
	*in = 1;
	if (!fork()) {
		cr_until(in[1]);
		CR_EQ(0, kill(getppid(), SIGUSR1));
		cr_until(in[2]);
		CR_EQ(1, write(fds[1], "y", 1));
		_exit(0);
	}
	CR_EQ(1, read(fds[0], &c, 1));
	CR_EQ('y', c);
	CR_EQ(SIGUSR1, handled);
}

CR_TEST(syscall_wait, a_handler_with_sa_restart_does_not_end_the_call)
{
	pid_t pid = sleeper(restart_with_handler);

	cr_ready();
	in[1] = 1;
	cr_nap();
	in[2] = 1;
	cr_reap(pid, 0);
}

TEST_HARNESS_MAIN
