// SPDX-License-Identifier: GPL-2.0
/* What a process was doing last: stopped, continued, or gone. */
#include "fixture.h"

struct process_test {
	struct ckpt_save *save;
	struct ckpt_load *load;
	struct task_struct *from, *to;
};

static int process_init(struct kunit *test)
{
	struct process_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->save = ckpt_kunit_save(test);
	t->load = ckpt_kunit_load(test);
	t->from = ckpt_kunit_task(test);
	t->to = ckpt_kunit_task(test);
	test->priv = t;
	return 0;
}

/* The task is to exit as if nothing had been. */
static void forget_stop(struct task_struct *task)
{
	task->signal->flags = 0;
	task->signal->group_exit_code = 0;
	task->jobctl = 0;
}

static struct ckpt_process save_stop(struct process_test *t)
{
	return (struct ckpt_process){
		.state		= cpu_to_le32(CKPT_PROCESS_LIVE),
		.exit_code	= cpu_to_le32(exit_code_of(t->from, false)),
		.flags		= cpu_to_le32(flags_of(t->save, t->from, false)),
	};
}

static void load_stop(struct kunit *test, struct process_test *t,
		      const struct ckpt_process *in)
{
	struct ckpt_rec *rec = ckpt_kunit_rec(test, t->load, &ckpt_process_ops, in, NULL, 0);
	struct ckpt_proc proc = { .rec = rec };
	struct ckpt_task task = { .task = t->to };

	INIT_LIST_HEAD(&proc.threads);
	list_add(&task.list, &proc.threads);
	stop_again(&proc, in);
}

/* Whether or not its parent has waited for the stop, by any signal. */
static void a_stop_comes_back_with_its_signal(struct kunit *test)
{
	struct process_test *t = test->priv;
	int sig, seen;

	for (sig = 1; sig <= _NSIG; sig++) {
		for (seen = 0; seen < 2; seen++) {
			struct ckpt_process in;

			t->from->signal->flags = SIGNAL_STOP_STOPPED;
			t->from->signal->group_exit_code = seen ? 0 : sig;
			t->from->jobctl = sig;
			in = save_stop(t);
			KUNIT_EXPECT_EQ(test, sig, le32_to_cpu(in.exit_code));
			load_stop(test, t, &in);
			KUNIT_EXPECT_EQ(test, SIGNAL_STOP_STOPPED, t->to->signal->flags);
			KUNIT_EXPECT_EQ(test, seen ? 0 : sig, t->to->signal->group_exit_code);
			KUNIT_EXPECT_EQ(test, JOBCTL_STOP_PENDING | sig, t->to->jobctl);
			forget_stop(t->from);
			forget_stop(t->to);
		}
	}
}

static void every_flag_is_saved_alone(struct kunit *test)
{
	struct process_test *t = test->priv;
	struct signal_struct *signal = t->from->signal;
	unsigned int forked = t->from->flags;

	t->from->flags |= PF_FORKNOEXEC;
	signal->is_child_subreaper = 0;
	KUNIT_EXPECT_EQ(test, 0, flags_of(t->save, t->from, true));
	signal->is_child_subreaper = 1;
	KUNIT_EXPECT_EQ(test, CKPT_PROCESS_SUBREAPER, flags_of(t->save, t->from, true));
	signal->is_child_subreaper = 0;
	signal->flags = SIGNAL_STOP_CONTINUED;
	KUNIT_EXPECT_EQ(test, CKPT_PROCESS_CONTINUED, flags_of(t->save, t->from, true));
	signal->flags = SIGNAL_STOP_STOPPED;
	signal->group_exit_code = SIGTSTP;
	KUNIT_EXPECT_EQ(test, CKPT_PROCESS_STOPPED, flags_of(t->save, t->from, true));
	signal->group_exit_code = 0;
	KUNIT_EXPECT_EQ(test, CKPT_PROCESS_STOPPED | CKPT_PROCESS_STOP_SEEN,
			flags_of(t->save, t->from, true));
	forget_stop(t->from);
	t->save->new_pid_ns = true;
	KUNIT_EXPECT_EQ(test, CKPT_PROCESS_NEW_PIDNS, flags_of(t->save, t->from, true));
	KUNIT_EXPECT_EQ(test, 0, flags_of(t->save, t->from, false));
	t->from->flags &= ~PF_FORKNOEXEC;
	KUNIT_EXPECT_EQ(test, CKPT_PROCESS_EXECED, flags_of(t->save, t->from, false));
	t->from->flags = forked;
}

/* A process that ran is not stopped, whatever was left from an earlier stop. */
static void a_process_that_runs_has_no_code(struct kunit *test)
{
	struct process_test *t = test->priv;

	t->from->jobctl = SIGSTOP;
	KUNIT_EXPECT_EQ(test, 0, exit_code_of(t->from, false));
	t->from->signal->flags = SIGNAL_STOP_CONTINUED;
	KUNIT_EXPECT_EQ(test, 0, exit_code_of(t->from, false));
	forget_stop(t->from);
}

/* As wait(2) tells it: the group's code if it was killed as a group. */
static void a_zombie_has_the_code_of_its_group(struct kunit *test)
{
	struct process_test *t = test->priv;
	int own = t->from->exit_code;

	t->from->exit_code = 3 << 8;
	t->from->signal->group_exit_code = SIGKILL;
	KUNIT_EXPECT_EQ(test, 3 << 8, exit_code_of(t->from, true));
	t->from->signal->flags = SIGNAL_GROUP_EXIT;
	KUNIT_EXPECT_EQ(test, SIGKILL, exit_code_of(t->from, true));
	t->from->exit_code = own;
	forget_stop(t->from);
}

/* As it is for one that was killed while its group was held. */
static void a_process_without_memory_has_exited(struct kunit *test)
{
	struct process_test *t = test->priv;
	struct ckpt_member leader = { .task = t->from, .nr_threads = 1, .leader = true };

	KUNIT_EXPECT_EQ(test, -ESRCH, ckpt_process_objects(t->save, &leader));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "the task exited while the group was held");
}

static struct kunit_case process_cases[] = {
	KUNIT_CASE(a_stop_comes_back_with_its_signal),
	KUNIT_CASE(every_flag_is_saved_alone),
	KUNIT_CASE(a_process_that_runs_has_no_code),
	KUNIT_CASE(a_zombie_has_the_code_of_its_group),
	KUNIT_CASE(a_process_without_memory_has_exited),
	{}
};

static struct kunit_suite process_suite = {
	.name = "checkpoint_process",
	.init = process_init,
	.test_cases = process_cases,
};
kunit_test_suite(process_suite);
