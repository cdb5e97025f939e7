// SPDX-License-Identifier: GPL-2.0
/* Handlers, masks, stacks, pending signals, job control. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

CR_FIXTURE(signal);

struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	unsigned long mask;
};

static volatile int handled, order[64], values[64];

static void on_signal(int sig)
{
	handled++;
}

static void on_siginfo(int sig, siginfo_t *info, void *context)
{
	order[handled] = sig;
	values[handled++] = info->si_value.sival_int;
}

CR_TEST(signal, every_action_is_kept)
{
	struct kernel_sigaction before[65], after;
	struct sigaction sa;
	int sig;

	for (sig = 1; sig < 65; sig++) {
		memset(&sa, 0, sizeof(sa));
		sa.sa_handler = sig % 5 == 0 ? SIG_IGN : sig % 5 == 1 ? SIG_DFL : on_signal;
		sa.sa_flags = (sig & 2 ? SA_RESTART : 0) | (sig & 4 ? SA_ONSTACK : 0) |
			      (sig & 8 ? SA_NODEFER : 0) | (sig & 16 ? SA_RESETHAND : 0) |
			      (sig & 32 ? SA_SIGINFO : 0) | (sig == SIGCHLD ? SA_NOCLDSTOP : 0);
		sigaddset(&sa.sa_mask, sig % 64 + 1);
		/* not those that cannot be set, and those of the C library */
		if (sig != SIGKILL && sig != SIGSTOP && sig != 32 && sig != 33)
			CR_EQ(0, sigaction(sig, &sa, NULL));
		syscall(SYS_rt_sigaction, sig, NULL, &before[sig], 8);
	}
	cr_ready();
	for (sig = 1; sig < 65; sig++) {
		CR_EQ(0, syscall(SYS_rt_sigaction, sig, NULL, &after, 8));
		CR_CHECK(!memcmp(&before[sig], &after, sizeof(after)));
	}
}

/* They are only numbers until the signal comes. */
CR_TEST(signal, actions_beyond_user_memory_are_kept)
{
	static const struct kernel_sigaction odd[] = {
		{ .handler = SIG_ERR },
		{ .handler = on_signal, .restorer = (void *)0xffff800000000000 },
		{ .handler = (void *)0xdead000000000000, .restorer = (void *)-1, .mask = 1 },
		{ .handler = (void *)0x7ffffffff000 },
	};
	struct kernel_sigaction after;
	int i;

	for (i = 0; i < 4; i++)
		CR_EQ(0, syscall(SYS_rt_sigaction, SIGRTMIN + i, &odd[i], NULL, 8));
	cr_ready();
	for (i = 0; i < 4; i++) {
		CR_EQ(0, syscall(SYS_rt_sigaction, SIGRTMIN + i, NULL, &after, 8));
		CR_CHECK(!memcmp(&odd[i], &after, sizeof(after)));
	}
}

CR_TEST(signal, handlers_run)
{
	signal(SIGUSR1, on_signal);
	cr_ready();
	raise(SIGUSR1);
	raise(SIGUSR1);
	CR_EQ(2, handled);
}

static char *stack;

static void on_stack(int sig)
{
	char here;

	handled = &here > stack && &here < stack + 65536 ? 1 : 2;
}

CR_TEST(signal, alternate_stack_is_used)
{
	struct sigaction sa = { .sa_handler = on_stack, .sa_flags = SA_ONSTACK };
	stack_t alt = { .ss_size = 65536 }, seen;

	alt.ss_sp = stack = malloc(65536);
	CR_EQ(0, sigaltstack(&alt, NULL));
	sigaction(SIGUSR1, &sa, NULL);
	cr_ready();
	CR_EQ(0, sigaltstack(NULL, &seen));
	CR_CHECK(seen.ss_sp == alt.ss_sp);
	CR_EQ(65536, seen.ss_size);
	CR_EQ(0, seen.ss_flags);
	raise(SIGUSR1);
	CR_EQ(1, handled);
}

/* The kernel takes SS_ONSTACK where it is set, and tells of it until the next time. */
CR_TEST(signal, alternate_stack_may_have_been_given_as_in_use)
{
	struct sigaction sa = { .sa_handler = on_stack, .sa_flags = SA_ONSTACK };
	stack_t alt = { .ss_size = 65536, .ss_flags = SS_ONSTACK };

	alt.ss_sp = stack = malloc(65536);
	CR_EQ(0, sigaltstack(&alt, NULL));
	sigaction(SIGUSR1, &sa, NULL);
	cr_ready();
	raise(SIGUSR1);
	CR_EQ(1, handled);
}

static void ready_on_stack(int sig)
{
	stack_t seen;

	CR_EQ(0, sigaltstack(NULL, &seen));
	CR_EQ(SS_ONSTACK, seen.ss_flags);
	cr_ready();
	CR_EQ(0, sigaltstack(NULL, &seen));
	CR_EQ(SS_ONSTACK, seen.ss_flags);
	handled = 7;
}

CR_TEST(signal, a_handler_on_its_stack_returns)
{
	struct sigaction sa = { .sa_handler = ready_on_stack, .sa_flags = SA_ONSTACK };
	stack_t alt = { .ss_size = 65536, .ss_sp = malloc(65536) };
	sigset_t set;

	CR_EQ(0, sigaltstack(&alt, NULL));
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	CR_EQ(7, handled);
	sigprocmask(SIG_SETMASK, NULL, &set);
	CR_EQ(0, sigismember(&set, SIGUSR1));
}

static void block_all(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

static void take(int sig, int code, pid_t pid, int value)
{
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	/* the C library would make SI_USER of SI_TKILL */
	CR_EQ(sig, syscall(SYS_rt_sigtimedwait, &set, &info, &(struct timespec){}, 8));
	CR_EQ(code, info.si_code);
	CR_EQ(pid, info.si_pid);
	if (code == SI_QUEUE)
		CR_EQ(value, info.si_value.sival_int);
}

CR_TEST(signal, pending_signals_keep_their_values_and_order)
{
	sigset_t pending;
	int i;

	block_all();
	for (i = 0; i < 5; i++)
		CR_EQ(0, sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = 100 + i }));
	CR_EQ(0, sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 7 }));
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR2);
	CR_EQ(0, pthread_sigqueue(pthread_self(), SIGRTMIN + 5, (union sigval){ .sival_int = 8 }));
	cr_ready();
	sigpending(&pending);
	CR_EQ(1, sigismember(&pending, SIGUSR1));
	CR_EQ(0, sigismember(&pending, SIGHUP));
	take(SIGUSR1, SI_USER, getpid(), 0);
	take(SIGUSR2, SI_TKILL, getpid(), 0);
	for (i = 0; i < 5; i++)
		take(SIGRTMIN + 3, SI_QUEUE, getpid(), 100 + i);
	take(SIGRTMIN + 1, SI_QUEUE, getpid(), 7);
	take(SIGRTMIN + 5, SI_QUEUE, getpid(), 8);
	sigpending(&pending);
	CR_CHECK(sigisemptyset(&pending));
}

CR_TEST(signal, a_queue_of_thousands_is_kept)
{
	struct rlimit room = { 10000, 10000 };
	siginfo_t info;
	sigset_t set;
	int i;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	CR_EQ(0, sigprocmask(SIG_BLOCK, &set, NULL));
	CR_EQ(0, setrlimit(RLIMIT_SIGPENDING, &room));
	for (i = 0; i < 2000; i++)
		CR_EQ(0, sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i }));
	cr_ready();
	for (i = 0; i < 2000; i++) {
		CR_EQ(SIGRTMIN, sigtimedwait(&set, &info, &(struct timespec){ }));
		CR_EQ(i, info.si_value.sival_int);
	}
	CR_EQ(-1, sigtimedwait(&set, &info, &(struct timespec){ }));
}

/* Without room for siginfos kill(2) would leave one of many, and sigqueue(3) no value. */
CR_PROGRAM(killed_often)
{
	int i;

	block_all();
	for (i = 0; i < 5; i++)
		CR_EQ(0, kill(getpid(), SIGRTMIN + 3));
	cr_ready();
	for (i = 0; i < 5; i++)
		take(SIGRTMIN + 3, SI_USER, getpid(), 0);
	CR_EQ(-1, sigtimedwait(&(sigset_t){ .__val = { ~0UL } }, NULL, &(struct timespec){}));
	_exit(0);
}

CR_PROGRAM(told_a_value)
{
	block_all();
	CR_EQ(0, sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 77 }));
	cr_ready();
	take(SIGUSR1, SI_QUEUE, getpid(), 77);
	_exit(0);
}

static int restart_without_room(struct cr *cr)
{
	struct rlimit usual, none;
	int err;

	if (getrlimit(RLIMIT_SIGPENDING, &usual))
		return -errno;
	none = (struct rlimit){ .rlim_max = usual.rlim_max };
	err = setrlimit(RLIMIT_SIGPENDING, &none) ? -errno : cr_restart(cr);
	setrlimit(RLIMIT_SIGPENDING, &usual);
	return err;
}

static void no_room(struct __test_metadata *_metadata, struct cr *cr, const char *program)
{
	int err;

	ASSERT_EQ(0, cr_start_ready(cr, program, NULL));
	ASSERT_EQ(0, cr_stop(cr));
	err = restart_without_room(cr);
	EXPECT_EQ(-EAGAIN, err);
	EXPECT_TRUE(!err || cr_logged(cr, "RLIMIT_SIGPENDING"));
	if (err) {
		EXPECT_TRUE(cr_has_event(cr, "populated 0"));
		ASSERT_EQ(0, cr_restart(cr));
	}
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

TEST_F(signal, many_of_one_number_are_not_lost_for_want_of_room)
{
	no_room(_metadata, &self->cr, "killed_often");
}

TEST_F(signal, values_are_not_lost_for_want_of_room)
{
	no_room(_metadata, &self->cr, "told_a_value");
}

CR_TEST(signal, pending_signals_run_handlers_in_order)
{
	struct sigaction sa = { .sa_sigaction = on_siginfo, .sa_flags = SA_SIGINFO };
	sigset_t set;
	int i;

	block_all();
	/* one at a time, or the last would run first */
	sigfillset(&sa.sa_mask);
	for (i = 0; i < 6; i++) {
		sigaction(SIGRTMIN + i, &sa, NULL);
		CR_EQ(0, sigqueue(getpid(), SIGRTMIN + 5 - i, (union sigval){ .sival_int = i }));
	}
	cr_ready();
	CR_EQ(0, handled);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	CR_EQ(6, handled);
	for (i = 0; i < 6; i++) {
		CR_EQ(SIGRTMIN + i, order[i]);
		CR_EQ(5 - i, values[i]);
	}
}

static volatile int arrived, go;
static volatile pid_t thread_tid;

static void *has_pending(void *arg)
{
	sigset_t pending;

	thread_tid = syscall(SYS_gettid);
	pthread_sigqueue(pthread_self(), SIGRTMIN + 2, (union sigval){ .sival_int = 55 });
	arrived = 1;
	cr_until(go);
	sigpending(&pending);
	CR_EQ(1, sigismember(&pending, SIGRTMIN + 2));
	CR_EQ(1, sigismember(&pending, SIGRTMIN + 4));
	take(SIGRTMIN + 2, SI_QUEUE, getpid(), 55);
	return NULL;
}

CR_TEST(signal, private_and_shared_signals_stay_apart)
{
	sigset_t pending;
	pthread_t thread;

	block_all();
	pthread_create(&thread, NULL, has_pending, NULL);
	cr_until(arrived);
	CR_EQ(0, sigqueue(getpid(), SIGRTMIN + 4, (union sigval){ .sival_int = 66 }));
	cr_ready();
	sigpending(&pending);
	CR_EQ(0, sigismember(&pending, SIGRTMIN + 2));
	CR_EQ(1, sigismember(&pending, SIGRTMIN + 4));
	go = 1;
	pthread_join(thread, NULL);
	take(SIGRTMIN + 4, SI_QUEUE, getpid(), 66);
}

CR_TEST(signal, pending_child_signal_keeps_its_status)
{
	siginfo_t info;
	sigset_t set;
	pid_t pid;

	block_all();
	pid = fork();
	if (!pid)
		_exit(44);
	CR_EQ(0, waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	cr_ready();
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	CR_EQ(SIGCHLD, sigtimedwait(&set, &info, &(struct timespec){}));
	CR_EQ(pid, info.si_pid);
	CR_EQ(44, info.si_status);
	CR_EQ(CLD_EXITED, info.si_code);
	cr_reap(pid, 44 << 8);
}

static pid_t stopper(int sig)
{
	pid_t pid = fork();

	if (!pid) {
		cr_touch("child");
		for (;;)
			cr_nap();
	}
	cr_await("child");
	kill(pid, sig);
	return pid;
}

static char state_of(pid_t pid)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (cr_read_file(path, text, sizeof(text)) <= 0)
		return 0;
	return strrchr(text, ')')[2];
}

static void ends_when_continued(pid_t pid)
{
	int status;

	CR_EQ(0, kill(pid, SIGCONT));
	CR_EQ(pid, waitpid(pid, &status, WCONTINUED));
	CR_CHECK(WIFCONTINUED(status));
	CR_EQ(0, kill(pid, SIGTERM));
	cr_reap(pid, SIGTERM);
}

CR_TEST(signal, a_stopped_child_stays_stopped_and_continues)
{
	pid_t pid = stopper(SIGSTOP);
	int status;

	cr_until(state_of(pid) == 'T');
	cr_ready();
	/* its parent has not waited for that stop yet */
	CR_EQ(pid, waitpid(pid, &status, WUNTRACED));
	CR_CHECK(WIFSTOPPED(status));
	CR_EQ(SIGSTOP, WSTOPSIG(status));
	cr_until(state_of(pid) == 'T');
	ends_when_continued(pid);
}

CR_TEST(signal, a_stop_that_was_waited_for_is_not_told_again)
{
	pid_t pid = stopper(SIGTSTP);
	int status;

	CR_EQ(pid, waitpid(pid, &status, WUNTRACED));
	CR_EQ(SIGTSTP, WSTOPSIG(status));
	cr_ready();
	CR_EQ(0, waitpid(pid, &status, WUNTRACED | WNOHANG));
	cr_until(state_of(pid) == 'T');
	CR_EQ(0, waitpid(pid, &status, WUNTRACED | WNOHANG));
	ends_when_continued(pid);
}

CR_TEST(signal, a_stopped_child_can_be_killed)
{
	pid_t pid = stopper(SIGSTOP);

	cr_until(state_of(pid) == 'T');
	cr_ready();
	cr_until(state_of(pid) == 'T');
	kill(pid, SIGKILL);
	cr_reap(pid, SIGKILL);
}

static void *spin(void *arg)
{
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	for (;;)
		(*(volatile long *)arg)++;
	return NULL;
}

CR_TEST(signal, all_threads_of_a_stopped_child_stand_still)
{
	volatile long *count = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	pthread_t thread;
	long seen;

	if (!pid) {
		pthread_create(&thread, NULL, spin, (void *)&count[1]);
		pthread_create(&thread, NULL, spin, (void *)&count[2]);
		cr_until(arrived == 2);
		count[0] = 1;
		spin((void *)&count[3]);
	}
	cr_until(count[0] && count[1] && count[2] && count[3]);
	kill(pid, SIGSTOP);
	CR_EQ(pid, waitpid(pid, NULL, WUNTRACED));
	cr_ready();
	cr_until(state_of(pid) == 'T');
	seen = count[1] + count[2] + count[3];
	usleep(50000);
	CR_EQ(seen, count[1] + count[2] + count[3]);
	kill(pid, SIGCONT);
	cr_until(count[1] + count[2] + count[3] > seen);
	kill(pid, SIGKILL);
	cr_reap(pid, SIGKILL);
}

/* ---- SIGSTOP that came while the process was frozen ---- */

static volatile pid_t child_of_thread;

static void *has_child(void *arg)
{
	pid_t pid = fork();

	while (!pid)
		pause();
	child_of_thread = pid;
	cr_until(go);
	return NULL;
}

CR_PROGRAM(parent_in_a_thread)
{
	pthread_t thread;

	CR_EQ(0, pthread_create(&thread, NULL, has_child, NULL));
	cr_until(child_of_thread);
	cr_ready();
	CR_EQ(0, kill(child_of_thread, SIGKILL));
	cr_reap(child_of_thread, SIGKILL);
	go = 1;
	CR_EQ(0, pthread_join(thread, NULL));
	_exit(0);
}

CR_PROGRAM(loner)
{
	cr_ready();
	_exit(0);
}

/* Told to go on, a program whose stop was lost ends instead. */
static void stop_frozen(struct __test_metadata *_metadata, struct cr *cr)
{
	ASSERT_EQ(0, cr_wait_for(cr, "ready"));
	ASSERT_EQ(0, cr_freeze(cr, true));
	ASSERT_EQ(0, kill(cr->pid, SIGSTOP));
	ASSERT_EQ(0, cr_stop(cr));
	ASSERT_EQ(0, cr_freeze(cr, false));
	ASSERT_EQ(0, cr_restart(cr));
	cr_go(cr);
	ASSERT_EQ(cr->pid, waitpid(cr->pid, &cr->status, WUNTRACED));
	cr->exited = !WIFSTOPPED(cr->status);
	EXPECT_FALSE(cr->exited);
	if (!cr->exited) {
		EXPECT_EQ(SIGSTOP, WSTOPSIG(cr->status));
		cr_until(state_of(cr->pid) == 'T');
		EXPECT_EQ(0, kill(cr->pid, SIGCONT));
	}
	EXPECT_EQ(0, cr_wait_exit(cr));
}

TEST_F(signal, a_stop_that_a_frozen_process_was_sent_is_kept)
{
	ASSERT_EQ(0, cr_start(&self->cr, "loner", NULL));
	stop_frozen(_metadata, &self->cr);
}

TEST_F(signal, a_stop_that_a_frozen_parent_in_a_thread_was_sent_is_kept)
{
	ASSERT_EQ(0, cr_start(&self->cr, "parent_in_a_thread", NULL));
	stop_frozen(_metadata, &self->cr);
}

/* From inside it would be ignored. */
TEST_F(signal, a_stop_that_a_frozen_pid_1_was_sent_from_outside_is_kept)
{
	ASSERT_EQ(0, cr_start_clone(&self->cr, "loner", NULL, CLONE_NEWPID));
	stop_frozen(_metadata, &self->cr);
}

#define WAITERS	32

static volatile int waiting, kept;

static void *has_one_pending(void *unused)
{
	sigset_t pending;

	block_all();
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
	__atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
	cr_until(go);
	sigpending(&pending);
	if (sigismember(&pending, SIGUSR1))
		__atomic_fetch_add(&kept, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/*
 * Blocked, it stays, though nobody wants it. When the last of many threads is made
 * again, the first have long been whole: what is done to all then is done to them.
 */
CR_TEST(signal, one_of_a_thread_is_pending_though_it_is_ignored)
{
	pthread_t thread[WAITERS];
	int i;

	signal(SIGUSR1, SIG_IGN);
	for (i = 0; i < WAITERS; i++)
		CR_EQ(0, pthread_create(&thread[i], NULL, has_one_pending, NULL));
	cr_until(waiting == WAITERS);
	cr_ready();
	go = 1;
	for (i = 0; i < WAITERS; i++)
		CR_EQ(0, pthread_join(thread[i], NULL));
	CR_EQ(WAITERS, kept);
}

CR_PROGRAM(thread_with_pending)
{
	pthread_t thread;

	signal(SIGUSR1, on_signal);
	CR_EQ(0, pthread_create(&thread, NULL, has_one_pending, NULL));
	cr_until(waiting == 1);
	cr_ready();
	go = 1;
	CR_EQ(0, pthread_join(thread, NULL));
	CR_EQ(1, kept);
	CR_EQ(0, handled);
	_exit(0);
}

/* New tasks have the caller's handlers at first. */
TEST_F(signal, one_of_a_thread_is_pending_though_the_caller_ignores_it)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_ready(cr, "thread_with_pending", NULL));
	ASSERT_EQ(0, cr_stop(cr));
	signal(SIGUSR1, SIG_IGN);
	EXPECT_EQ(0, cr_restart(cr));
	signal(SIGUSR1, SIG_DFL);
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

TEST_HARNESS_MAIN
