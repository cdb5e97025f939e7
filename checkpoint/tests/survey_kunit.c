// SPDX-License-Identifier: GPL-2.0
/* Who is killed while its group is held has less than a task has: the call ends. */
#include "fixture.h"

struct survey_test {
	struct ckpt_save *save;
	struct ckpt_member member;
};

static int survey_init(struct kunit *test)
{
	struct survey_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->save = ckpt_kunit_save(test);
	t->member.task = ckpt_kunit_task(test);
	t->member.nr_threads = 1;
	t->member.leader = true;
	test->priv = t;
	return 0;
}

static void a_task_without_files_has_exited(struct kunit *test)
{
	struct survey_test *t = test->priv;
	struct task_struct *task = t->member.task;
	struct files_struct *files = task->files;
	struct fs_struct *fs = task->fs;

	task->files = NULL;
	KUNIT_EXPECT_EQ(test, -ESRCH, survey_task(t->save, &t->member));
	task->fs = NULL;
	KUNIT_EXPECT_EQ(test, -ESRCH, survey_task(t->save, &t->member));
	task->files = files;
	KUNIT_EXPECT_EQ(test, -ESRCH, survey_task(t->save, &t->member));
	task->fs = fs;
	CKPT_EXPECT_LOGGED(test, &t->save->call, "the task exited while the group was held");
	ckpt_kunit_forget(&t->save->call);
	KUNIT_EXPECT_EQ(test, 0, survey_task(t->save, &t->member));
}

/* A kernel thread has no memory, like a task that exits. */
static void a_process_without_memory_has_exited(struct kunit *test)
{
	struct survey_test *t = test->priv;
	struct sighand_struct *sighand = t->member.task->sighand;
	int count = refcount_read(&sighand->count);

	KUNIT_EXPECT_EQ(test, -ESRCH, survey_process(t->save, &t->member));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "the task exited while the group was held");
	/* what was found of it is let go */
	KUNIT_EXPECT_EQ(test, count, refcount_read(&sighand->count));
	RCU_INIT_POINTER(t->member.task->sighand, NULL);
	KUNIT_EXPECT_EQ(test, -ESRCH, survey_process(t->save, &t->member));
	RCU_INIT_POINTER(t->member.task->sighand, sighand);
}

static struct kunit_case survey_cases[] = {
	KUNIT_CASE(a_task_without_files_has_exited),
	KUNIT_CASE(a_process_without_memory_has_exited),
	{}
};

static struct kunit_suite survey_suite = {
	.name = "checkpoint_survey",
	.init = survey_init,
	.test_cases = survey_cases,
};
kunit_test_suite(survey_suite);
