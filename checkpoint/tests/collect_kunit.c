// SPDX-License-Identifier: GPL-2.0
/* What becomes of a task between the freeze and the end of the call. */
#include <linux/ptrace.h>

#include "fixture.h"

struct collect_test {
	struct ckpt_save *save;
	struct ckpt_member *member;
	struct task_struct *task;
};

static int collect_init(struct kunit *test)
{
	struct collect_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->save = ckpt_kunit_save(test);
	t->save->deadline = jiffies;
	t->task = ckpt_kunit_task(test);
	t->member = add_member(t->save, get_task_struct(t->task), &t->save->members);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->member);
	t->member->nr_threads = 1;
	test->priv = t;
	return 0;
}

/* The case is over: whoever looks at the task finds it as it was made. */
#define WITH(field, value, statement)			\
	do {						\
		typeof(field) old_ = field;		\
							\
		field = value;				\
		ckpt_kunit_forget(&t->save->call);	\
		statement;				\
		field = old_;				\
	} while (0)

static void a_task_that_does_not_freeze_is_not_waited_for_for_ever(struct kunit *test)
{
	struct collect_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, prove_stopped(t->save, t->member));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "does not reach the freezer");
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, ckpt_collect_verify(t->save));
}

static void a_task_that_exits_ends_the_call(struct kunit *test)
{
	struct collect_test *t = test->priv;

	WITH(t->task->flags, t->task->flags | PF_EXITING,
	     KUNIT_EXPECT_EQ(test, -ESRCH, prove_stopped(t->save, t->member)));
	WITH(t->task->exit_state, EXIT_ZOMBIE,
	     KUNIT_EXPECT_EQ(test, -ESRCH, prove_stopped(t->save, t->member)));
	WITH(t->task->flags, t->task->flags | PF_EXITING,
	     KUNIT_EXPECT_EQ(test, -ESRCH, ckpt_collect_verify(t->save)));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "was killed while the group was held");
}

static void a_task_that_is_traced_meanwhile_ends_the_call(struct kunit *test)
{
	struct collect_test *t = test->priv;

	WITH(t->task->ptrace, PT_PTRACED,
	     KUNIT_EXPECT_EQ(test, -EBUSY, ckpt_collect_verify(t->save)));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "began to trace it");
}

static void a_zombie_that_is_reaped_meanwhile_ends_the_call(struct kunit *test)
{
	struct collect_test *t = test->priv;

	t->member->dead = true;
	KUNIT_EXPECT_EQ(test, 0, ckpt_collect_verify(t->save));
	WITH(t->task->thread_pid, NULL,
	     KUNIT_EXPECT_EQ(test, -ESRCH, ckpt_collect_verify(t->save)));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "the zombie was reaped");
}

/* It is frozen, and not where its registers could be read. */
static void a_task_in_vfork_is_refused(struct kunit *test)
{
	struct collect_test *t = test->priv;

	t->task->frozen = 1;
	KUNIT_EXPECT_EQ(test, 0, prove_stopped(t->save, t->member));
	t->task->frozen = 0;
	KUNIT_EXPECT_EQ(test, 1, t->save->call.result.blockers);
	CKPT_EXPECT_LOGGED(test, &t->save->call, "object=\"vfork\"");
}

static void a_root_without_a_number_has_exited(struct kunit *test)
{
	struct collect_test *t = test->priv;

	WITH(t->task->thread_pid, NULL,
	     KUNIT_EXPECT_EQ(test, -ESRCH, find_namespaces(t->save)));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "the task exited while the group was held");
}

/* Of a thread whose leader was gone when it was found there is no process. */
static void a_thread_without_a_leader_ends_the_call(struct kunit *test)
{
	struct collect_test *t = test->priv;
	LIST_HEAD(found);

	t->member->leader = false;
	list_move_tail(&t->member->list, &found);
	KUNIT_EXPECT_EQ(test, -ESRCH, order(t->save, &found));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "exited while it was looked at");
	/* and it is let go with the others */
	KUNIT_EXPECT_FALSE(test, list_empty(&t->save->members));
}

static struct kunit_case collect_cases[] = {
	KUNIT_CASE(a_task_that_does_not_freeze_is_not_waited_for_for_ever),
	KUNIT_CASE(a_task_that_exits_ends_the_call),
	KUNIT_CASE(a_task_that_is_traced_meanwhile_ends_the_call),
	KUNIT_CASE(a_zombie_that_is_reaped_meanwhile_ends_the_call),
	KUNIT_CASE(a_task_in_vfork_is_refused),
	KUNIT_CASE(a_root_without_a_number_has_exited),
	KUNIT_CASE(a_thread_without_a_leader_ends_the_call),
	{}
};

static struct kunit_suite collect_suite = {
	.name = "checkpoint_collect",
	.init = collect_init,
	.test_cases = collect_cases,
};
kunit_test_suite(collect_suite);
