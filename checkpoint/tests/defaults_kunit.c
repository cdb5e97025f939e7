// SPDX-License-Identifier: GPL-2.0
/*
 * State of a task that no record holds is refused by name. What user space can
 * bring about is tested there; here is what it hardly can.
 */
#include <linux/pid_namespace.h>
#include <linux/posix-timers.h>
#include <linux/sched/signal.h>
#include <linux/seccomp.h>

#include "fixture.h"

struct defaults_test {
	struct ckpt_save *save;
	struct task_struct *task;
};

static int defaults_init(struct kunit *test)
{
	struct defaults_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->save = ckpt_kunit_save(test);
	t->save->pid_ns = get_pid_ns(task_active_pid_ns(current));
	t->task = ckpt_kunit_task(test);
	/* which it is, but that is one of the questions */
	t->task->flags &= ~PF_KTHREAD;
	test->priv = t;
	return 0;
}

static void defaults_exit(struct kunit *test)
{
	struct defaults_test *t = test->priv;

	if (t)
		t->task->flags |= PF_KTHREAD;
}

static u32 refused(struct defaults_test *t)
{
	ckpt_kunit_forget(&t->save->call);
	t->save->call.result.blockers = 0;
	return ckpt_refuse_unknown(t->save, t->task) ? U32_MAX : t->save->call.result.blockers;
}

/* Exactly one thing is refused after @change, by this name. */
#define EXPECT_REFUSED(object, change)						\
	do {									\
		change;								\
		KUNIT_EXPECT_EQ_MSG(test, 1, refused(t), "%s", #change);	\
		CKPT_EXPECT_LOGGED(test, &t->save->call, "object=\"" object "\""); \
	} while (0)

static void a_plain_task_is_refused_nothing(struct kunit *test)
{
	struct defaults_test *t = test->priv;

	KUNIT_EXPECT_EQ_MSG(test, 0, refused(t), "%s", ckpt_kunit_log(&t->save->call));
}

static void flags_of_a_task_are_refused(struct kunit *test)
{
	struct defaults_test *t = test->priv;
	unsigned int own = t->task->flags;

	EXPECT_REFUSED("kernel worker", t->task->flags = own | PF_KTHREAD);
	EXPECT_REFUSED("kernel worker", t->task->flags = own | PF_IO_WORKER);
	EXPECT_REFUSED("kernel worker", t->task->flags = own | PF_USER_WORKER);
	EXPECT_REFUSED("PR_SET_IO_FLUSHER", t->task->flags = own | PF_MEMALLOC_NOIO);
	EXPECT_REFUSED("PR_SET_IO_FLUSHER", t->task->flags = own | PF_LOCAL_THROTTLE);
	EXPECT_REFUSED("PR_MCE_KILL", t->task->flags = own | PF_MCE_PROCESS);
	EXPECT_REFUSED("PR_MCE_KILL", t->task->flags = own | PF_MCE_EARLY);
	EXPECT_REFUSED("RLIMIT_NPROC", t->task->flags = own | PF_NPROC_EXCEEDED);
	t->task->flags = own;
	KUNIT_EXPECT_EQ(test, 0, refused(t));
}

/* All but no_new_privs, which is saved. */
static void atomic_flags_are_refused(struct kunit *test)
{
	struct defaults_test *t = test->priv;
	unsigned long own = t->task->atomic_flags;
	int bit;

	for (bit = 0; bit < BITS_PER_LONG; bit++) {
		t->task->atomic_flags = BIT(bit);
		KUNIT_EXPECT_EQ_MSG(test, bit != PFA_NO_NEW_PRIVS, refused(t), "bit %d", bit);
	}
	t->task->atomic_flags = own;
}

static void a_group_on_its_way_is_refused(struct kunit *test)
{
	struct defaults_test *t = test->priv;
	struct signal_struct *signal = t->task->signal;

	EXPECT_REFUSED("exit", signal->flags = SIGNAL_GROUP_EXIT);
	signal->flags = 0;
	EXPECT_REFUSED("exit", signal->group_exec_task = t->task);
	signal->group_exec_task = NULL;
	EXPECT_REFUSED("stop", signal->group_stop_count = 1);
	signal->group_stop_count = 0;
	/* a stop that is complete is saved */
	signal->flags = SIGNAL_STOP_STOPPED;
	KUNIT_EXPECT_EQ(test, 0, refused(t));
	signal->flags = 0;
}

static void timers_are_refused(struct kunit *test)
{
	struct defaults_test *t = test->priv;
	struct signal_struct *signal = t->task->signal;
	struct hlist_node timer = {};

	EXPECT_REFUSED("posix timer", hlist_add_head(&timer, &signal->posix_timers));
	hlist_del(&timer);
	EXPECT_REFUSED("itimer", signal->it_real_incr = 1);
	signal->it_real_incr = 0;
	EXPECT_REFUSED("itimer", signal->it[CPUCLOCK_PROF].expires = 1);
	signal->it[CPUCLOCK_PROF].expires = 0;
	EXPECT_REFUSED("itimer", signal->it[CPUCLOCK_VIRT].expires = 1);
	signal->it[CPUCLOCK_VIRT].expires = 0;
	KUNIT_EXPECT_EQ(test, 0, refused(t));
}

static void what_a_task_owes_others_is_refused(struct kunit *test)
{
	struct defaults_test *t = test->priv;
	const struct cred *own = rcu_access_pointer(t->task->cred);
	LIST_HEAD(entry);

	EXPECT_REFUSED("ptrace", list_add(&entry, &t->task->ptraced));
	list_del_init(&entry);
	EXPECT_REFUSED("pi futex", list_add(&entry, &t->task->pi_state_list));
	list_del_init(&entry);
#ifdef CONFIG_COMPAT
	EXPECT_REFUSED("robust list", t->task->compat_robust_list = (void __user *)8UL);
	t->task->compat_robust_list = NULL;
#endif
	EXPECT_REFUSED("credentials", rcu_assign_pointer(t->task->cred, current_cred()));
	rcu_assign_pointer(t->task->cred, own);
	EXPECT_REFUSED("terminal", t->task->signal->tty_old_pgrp = task_pid(t->task));
	t->task->signal->tty_old_pgrp = NULL;
	KUNIT_EXPECT_EQ(test, 0, refused(t));
}

static void what_a_task_is_confined_by_is_refused(struct kunit *test)
{
	struct defaults_test *t = test->priv;

	EXPECT_REFUSED("seccomp", t->task->seccomp.mode = SECCOMP_MODE_STRICT);
	EXPECT_REFUSED("seccomp", t->task->seccomp.mode = SECCOMP_MODE_FILTER);
	t->task->seccomp.mode = SECCOMP_MODE_DISABLED;
	EXPECT_REFUSED("syscall user dispatch",
		       set_task_syscall_work(t->task, SYSCALL_USER_DISPATCH));
	clear_task_syscall_work(t->task, SYSCALL_USER_DISPATCH);
	EXPECT_REFUSED("scheduling", t->task->sched_reset_on_fork = 1);
	t->task->sched_reset_on_fork = 0;
	EXPECT_REFUSED("scheduling", t->task->se.custom_slice = 1);
	t->task->se.custom_slice = 0;
	KUNIT_EXPECT_EQ(test, 0, refused(t));
}

static void children_in_another_pid_namespace_are_refused(struct kunit *test)
{
	struct defaults_test *t = test->priv;
	struct pid_namespace *own = t->save->pid_ns;

	EXPECT_REFUSED("pid namespace", t->save->pid_ns = NULL);
	t->save->pid_ns = own;
}

/* As it is for one that was killed while its group was held. */
static void a_task_without_namespaces_has_exited(struct kunit *test)
{
	struct defaults_test *t = test->priv;
	struct nsproxy *ns = t->task->nsproxy;

	t->task->nsproxy = NULL;
	KUNIT_EXPECT_EQ(test, -ESRCH, ckpt_refuse_unknown(t->save, t->task));
	t->task->nsproxy = ns;
	CKPT_EXPECT_LOGGED(test, &t->save->call, "the task exited while the group was held");
}

static struct kunit_case defaults_cases[] = {
	KUNIT_CASE(a_plain_task_is_refused_nothing),
	KUNIT_CASE(flags_of_a_task_are_refused),
	KUNIT_CASE(atomic_flags_are_refused),
	KUNIT_CASE(a_group_on_its_way_is_refused),
	KUNIT_CASE(timers_are_refused),
	KUNIT_CASE(what_a_task_owes_others_is_refused),
	KUNIT_CASE(what_a_task_is_confined_by_is_refused),
	KUNIT_CASE(children_in_another_pid_namespace_are_refused),
	KUNIT_CASE(a_task_without_namespaces_has_exited),
	{}
};

static struct kunit_suite defaults_suite = {
	.name = "checkpoint_defaults",
	.init = defaults_init,
	.exit = defaults_exit,
	.test_cases = defaults_cases,
};
kunit_test_suite(defaults_suite);
