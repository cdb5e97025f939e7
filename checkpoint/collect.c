// SPDX-License-Identifier: GPL-2.0
/*
 * Which tasks a checkpoint is of: every live task of the group, leaders that
 * exited before their threads, and zombies whose parent is in the group.
 * Parents come before children, a leader before its threads.
 *
 * Refused: what is not at the border to user mode with a whole register frame
 * (traced, in vfork(), kernel threads), processes with threads in several
 * groups, children outside the group, pid namespaces below the root task's.
 */
#include <linux/cgroup.h>
#include <linux/delay.h>
#include <linux/list_sort.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>

#include "internal.h"

/* What the log says from now on is about this task. */
void ckpt_at_task(struct ckpt_save *save, struct task_struct *task)
{
	save->where = (struct ckpt_where){
		.pid	= task_pid_vnr(task),
		.comm	= task->comm,
		.fd	= -1,
	};
}

struct ckpt_member *ckpt_member_of(struct ckpt_save *save, struct task_struct *task)
{
	return xa_load(&save->index, (unsigned long)task);
}

/* The live thread that stands for a process whose leader may be dead. */
struct ckpt_member *ckpt_live_thread(struct ckpt_save *save, struct ckpt_member *leader)
{
	struct ckpt_member *member = leader;
	u32 i;

	for (i = 0; i < leader->nr_threads; i++) {
		if (!member->dead)
			return member;
		member = list_next_entry(member, list);
	}
	return NULL;
}

/* The list and the index own one reference to @task, taken by the caller. */
static struct ckpt_member *add_member(struct ckpt_save *save,
				      struct task_struct *task,
				      struct list_head *list)
{
	struct task_struct *ref __free(put_task) = task;

	struct ckpt_member *member __free(kfree) =
		kzalloc(sizeof(*member), GFP_KERNEL_ACCOUNT);
	if (!member)
		return ERR_PTR(-ENOMEM);
	if (xa_err(xa_store(&save->index, (unsigned long)task, member,
			    GFP_KERNEL_ACCOUNT)))
		return ERR_PTR(-ENOMEM);
	member->task = no_free_ptr(ref);
	member->leader = thread_group_leader(task);
	member->dead = READ_ONCE(task->exit_state);
	list_add_tail(&member->list, list);
	return no_free_ptr(member);
}

void ckpt_collect_free(struct ckpt_save *save)
{
	struct ckpt_member *member, *next;

	list_for_each_entry_safe(member, next, &save->members, list) {
		/* all at once they would be freed with interrupts off */
		xa_erase(&save->index, (unsigned long)member->task);
		put_task_struct(member->task);
		kfree(member);
		cond_resched();
	}
	INIT_LIST_HEAD(&save->members);
	xa_destroy(&save->index);
}

static int meet(struct ckpt_save *save, struct task_struct *task,
		struct list_head *found)
{
	if (ckpt_member_of(save, task))
		return 0;
	return PTR_ERR_OR_ZERO(add_member(save, get_task_struct(task), found));
}

/* Its leader is there as long as the task is hashed; a killed one may not be. */
static int meet_leader(struct ckpt_save *save, struct task_struct *task,
		       struct list_head *found)
{
	struct task_struct *leader __free(put_task) = NULL;

	scoped_guard(rcu)
		if (pid_alive(task))
			leader = get_task_struct(task->group_leader);
	return leader ? meet(save, leader, found) : 0;
}

static int collect_css(struct ckpt_save *save, struct cgroup_subsys_state *css,
		       struct list_head *found)
{
	struct css_task_iter it;
	struct task_struct *task;
	int err = 0;

	css_task_iter_start(css, 0, &it);
	while (!err && (task = css_task_iter_next(&it))) {
		ckpt_at_task(save, task);
		if (css->cgroup != save->cgrp)
			err = ckpt_refuse(save, "cgroup", "is in a group below the one to checkpoint, and groups are not saved yet; move it up");
		if (task->flags & PF_KTHREAD) {
			err = ckpt_refuse(save, "kernel thread", "cannot be saved; move it out of the group");
			continue;
		}
		if (!err)
			err = meet_leader(save, task, found);
		if (!err)
			err = meet(save, task, found);
	}
	css_task_iter_end(&it);
	return err;
}

/* Every task of the group and of those below it, in no order. */
static int collect_group(struct ckpt_save *save, struct list_head *found)
{
	struct cgroup_subsys_state *css;
	int err = 0;

	rcu_read_lock();
	css_for_each_descendant_pre(css, &save->cgrp->self) {
		if (!css_tryget(css))
			continue;
		rcu_read_unlock();
		err = collect_css(save, css, found);
		rcu_read_lock();
		css_put(css);
		if (err)
			break;
	}
	rcu_read_unlock();
	return err;
}

static int by_age(void *priv, const struct list_head *a, const struct list_head *b)
{
	const struct ckpt_member *x = list_entry(a, struct ckpt_member, list);
	const struct ckpt_member *y = list_entry(b, struct ckpt_member, list);

	if (x->task->start_boottime != y->task->start_boottime)
		return x->task->start_boottime > y->task->start_boottime ? 1 : -1;
	return x->task->pid > y->task->pid ? 1 : -1;
}

/* A leader that is found in the group; its parent is not. */
static bool is_root(struct ckpt_save *save, struct ckpt_member *member)
{
	guard(rcu)();

	return member->leader &&
	       !ckpt_member_of(save, rcu_dereference(member->task->real_parent));
}

/* A live thread that the hold does not reach. */
static bool is_elsewhere(struct ckpt_save *save, struct task_struct *task)
{
	guard(rcu)();

	return !READ_ONCE(task->exit_state) &&
	       !cgroup_is_descendant(task_dfl_cgroup(task), save->cgrp);
}

/* Move a leader and its threads to the end of the list of members. */
static int append_process(struct ckpt_save *save, struct ckpt_member *leader)
{
	struct ckpt_member *member;
	struct task_struct *task;
	unsigned int lost = is_elsewhere(save, leader->task);

	list_move_tail(&leader->list, &save->members);
	leader->nr_threads = 1;

	rcu_read_lock();
	for_each_thread(leader->task, task) {
		if (task == leader->task)
			continue;
		member = ckpt_member_of(save, task);
		if (!member) {
			lost += !READ_ONCE(task->exit_state);
			continue;
		}
		list_move_tail(&member->list, &save->members);
		leader->nr_threads++;
	}
	rcu_read_unlock();

	ckpt_at_task(save, leader->task);
	if (lost) {
		save->moving = true;
		ckpt_refuse(save, "threads", "%u of its threads are in another group; move them together",
			    lost);
	}
	return 0;
}

/*
 * The next child of a task after @prev. One that was reaped meanwhile is in no list
 * any more; what comes after it is not found then, and the call ends.
 */
static struct task_struct *next_child(struct task_struct *task,
				      struct task_struct *prev)
{
	struct list_head *next;

	guard(read_lock)(&tasklist_lock);
	if (prev && (list_empty(&prev->sibling) ||
		     rcu_access_pointer(prev->real_parent) != task))
		return NULL;
	next = prev ? prev->sibling.next : task->children.next;
	if (next == &task->children)
		return NULL;
	return get_task_struct(list_entry(next, struct task_struct, sibling));
}

static int append_child(struct ckpt_save *save, struct task_struct *parent,
			struct task_struct *child)
{
	struct ckpt_member *member = ckpt_member_of(save, child);

	if (member)
		return append_process(save, member);
	if (READ_ONCE(child->exit_state) == EXIT_DEAD)
		return 0;
	/* a leader that ended before its threads is no zombie yet */
	if (READ_ONCE(child->exit_state) != EXIT_ZOMBIE || !thread_group_empty(child)) {
		ckpt_at_task(save, child);
		ckpt_refuse(save, "process", "is a child of pid %d but not in the group; move it there",
			    task_pid_vnr(parent));
		/* its name is in the task, which is not held */
		save->where = (struct ckpt_where){ .fd = -1 };
		return 0;
	}
	member = add_member(save, get_task_struct(child), &save->members);
	if (IS_ERR(member))
		return PTR_ERR(member);
	member->nr_threads = 1;
	return 0;
}

static struct task_struct *exiting_child(struct task_struct *task)
{
	struct task_struct *child;

	guard(read_lock)(&tasklist_lock);
	list_for_each_entry(child, &task->children, sibling)
		if (READ_ONCE(child->flags) & PF_EXITING && !READ_ONCE(child->exit_state))
			return get_task_struct(child);
	return NULL;
}

/* A task leaves its group a moment before it is a zombie, or gone. */
static int wait_for_exits(struct ckpt_save *save, struct task_struct *task)
{
	unsigned long deadline = max(save->deadline, jiffies + HZ);
	struct task_struct *child;

	while ((child = exiting_child(task))) {
		put_task_struct(child);
		if (fatal_signal_pending(current))
			return -EINTR;
		if (time_after(jiffies, deadline))
			break;
		fsleep(50);
	}
	return 0;
}

/*
 * Children of one task after the other. The children of a frozen task change
 * only when one is killed; then the call ends with -ESRCH.
 */
static int append_children(struct ckpt_save *save, struct task_struct *task)
{
	struct task_struct *child = NULL, *prev;
	int err = wait_for_exits(save, task);

	if (err)
		return err;
	do {
		prev = child;
		child = next_child(task, prev);
		if (prev)
			put_task_struct(prev);
		if (child)
			err = append_child(save, task, child);
	} while (child && !err);
	if (child)
		put_task_struct(child);
	return err;
}

static int order(struct ckpt_save *save, struct list_head *found)
{
	struct ckpt_member *member, *next;
	LIST_HEAD(roots);
	int err = 0;

	list_for_each_entry_safe(member, next, found, list)
		if (is_root(save, member))
			list_move_tail(&member->list, &roots);
	list_sort(NULL, &roots, by_age);

	while (!list_empty(&roots)) {
		member = list_first_entry(&roots, struct ckpt_member, list);
		append_process(save, member);
		save->call.result.roots++;
	}
	/* the list grows while it is walked: a breadth-first search */
	list_for_each_entry(member, &save->members, list) {
		if (!member->dead)
			err = append_children(save, member->task);
		if (err)
			break;
	}
	if (!err && !list_empty(found))
		err = ckpt_err(save, -ESRCH, "a task of the group exited while it was looked at");
	list_splice_tail_init(found, &save->members);
	return err;
}

/* Is this task where its registers can be read? Names what it is otherwise. */
static const char *not_at_border(struct task_struct *task)
{
	unsigned int state = READ_ONCE(task->__state);

	if (task->ptrace)
		return "traced";
	if (state & __TASK_STOPPED)
		return NULL;
	if (state & TASK_INTERRUPTIBLE && READ_ONCE(task->jobctl) & JOBCTL_TRAP_FREEZE)
		return NULL;
	/* frozen in the middle of a call, or on its way into the trap */
	return state & TASK_UNINTERRUPTIBLE && task->frozen ? "vfork" : "running";
}

static pid_t tracer_of(struct task_struct *task)
{
	guard(rcu)();
	return task_pid_vnr(rcu_dereference(task->parent));
}

/*
 * Prove a live task to be off its CPU, at the border to user mode. A signal
 * wakes it for a moment, into the same trap; and a group may count as frozen
 * a moment before all of its tasks are.
 */
static int prove_stopped(struct ckpt_save *save, struct ckpt_member *member)
{
	unsigned int stopped = TASK_INTERRUPTIBLE | __TASK_STOPPED;
	unsigned long deadline = max(save->deadline, jiffies + HZ);
	struct task_struct *task = member->task;
	const char *what;

	for (;;) {
		what = not_at_border(task);
		if (!what) {
			member->switches = wait_task_inactive(task, stopped);
			if (member->switches)
				return 0;
		} else if (strcmp(what, "running")) {
			break;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		if (READ_ONCE(task->exit_state) || task->flags & PF_EXITING)
			return ckpt_err(save, -ESRCH,
					"the task exited while the group was held");
		if (time_after(jiffies, deadline))
			return ckpt_err(save, -ETIMEDOUT,
					"does not reach the freezer; it is in an uninterruptible system call");
		fsleep(100);
	}
	save->moving = true;
	if (!strcmp(what, "traced"))
		return ckpt_refuse(save, "ptrace", "is traced by pid %d; detach the tracer",
				   tracer_of(task));
	return ckpt_refuse(save, "vfork", "waits in vfork() for its child to exec or exit; try again");
}

static int check_member(struct ckpt_save *save, struct ckpt_member *member)
{
	struct pid *pid __free(put_pid) = get_task_pid(member->task, PIDTYPE_PID);

	ckpt_at_task(save, member->task);
	if (ns_of_pid(pid) != save->pid_ns)
		ckpt_refuse(save, "pid namespace", "is in another pid namespace than the first root");
	member->tid = task_pid_nr_ns(member->task, save->pid_ns);
	save->call.result.threads++;
	save->call.result.processes += member->leader;
	if (member->dead || is_elsewhere(save, member->task))
		return 0;
	return prove_stopped(save, member);
}

static int find_namespaces(struct ckpt_save *save)
{
	struct ckpt_member *first =
		list_first_entry(&save->members, struct ckpt_member, list);
	struct pid *pid __free(put_pid) = get_task_pid(first->task, PIDTYPE_PID);

	ckpt_at_task(save, first->task);
	if (!pid)
		return ckpt_err(save, -ESRCH, "the task exited while the group was held");
	save->pid_ns = get_pid_ns(ns_of_pid(pid));
	save->user_ns = get_user_ns(task_cred_xxx(first->task, user_ns));
	if (save->pid_ns == task_active_pid_ns(current))
		return 0;
	save->new_pid_ns = true;
	if (!is_child_reaper(pid) || save->call.result.roots > 1)
		ckpt_refuse(save, "pid namespace", "the group holds part of a pid namespace; it must hold its pid 1 and nothing from outside");
	return 0;
}

/**
 * ckpt_collect - find the tasks of the held group, and prove them stopped
 * @save: the call
 *
 * Return: 0, -ESRCH for an empty group or one whose tasks die, -EBUSY,
 * -EINTR, -ENOMEM. Refusals are counted, not returned.
 */
int ckpt_collect(struct ckpt_save *save)
{
	struct ckpt_member *member;
	LIST_HEAD(found);
	int err;

	err = collect_group(save, &found);
	if (err) {
		list_splice_tail(&found, &save->members);
		return err;
	}
	save->where = (struct ckpt_where){ .fd = -1 };
	if (list_empty(&found))
		return ckpt_err(save, -ESRCH, "the group has no tasks");
	err = order(save, &found);
	if (err)
		return err;
	err = find_namespaces(save);
	list_for_each_entry(member, &save->members, list) {
		if (err)
			break;
		err = fatal_signal_pending(current) ? -EINTR : check_member(save, member);
		cond_resched();
	}
	return err;
}

/**
 * ckpt_collect_verify - did every task stay where it was?
 * @save: the call, at its end
 *
 * A signal may have woken a task into the same trap meanwhile; what was read
 * from it is still so.
 *
 * Return: 0, -ESRCH if a task left or died, -EBUSY if one is traced by now.
 */
int ckpt_collect_verify(struct ckpt_save *save)
{
	struct ckpt_member *member;
	int err;

	list_for_each_entry(member, &save->members, list) {
		ckpt_at_task(save, member->task);
		if (member->dead) {
			if (member->leader && !task_pid(member->task))
				return ckpt_err(save, -ESRCH, "the zombie was reaped while the group was held");
			continue;
		}
		if (member->task->flags & PF_EXITING)
			return ckpt_err(save, -ESRCH, "the task was killed while the group was held");
		if (member->task->ptrace)
			return ckpt_err(save, -EBUSY, "pid %d began to trace it while the group was held",
					tracer_of(member->task));
		err = prove_stopped(save, member);
		if (err)
			return err;
	}
	return 0;
}

#if IS_ENABLED(CONFIG_CHECKPOINT_KUNIT_TEST)
#include "tests/collect_kunit.c"
#endif
