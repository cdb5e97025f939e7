// SPDX-License-Identifier: GPL-2.0
/*
 * The process forest of a restart. Each task is made by its own parent, in
 * the parent's context; it restores itself and then waits at the gate, still
 * in the kernel. When all of them wait there, and memory is filled, the
 * caller sets registers and opens the gate: the commit. Before it, any
 * failure makes every new task reap its children and exit; none has run an
 * instruction of user mode.
 *
 * Lifetime: tasks use struct ckpt_load only while load->users counts them,
 * and the caller waits for that count to drop. After that a task touches the
 * gate alone, which is counted by itself.
 */
#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/oom.h>
#include <linux/rseq.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/task_work.h>
#include <linux/wait.h>
#include <uapi/linux/wait.h>

#include "internal.h"

enum { GATE_OPEN = 1, GATE_ABORT = 2 };

/* The last one may free it while the one before still wakes the caller. */
static void gate_put(struct ckpt_gate *gate)
{
	guard(rcu)();
	if (refcount_dec_and_test(&gate->refs))
		kfree_rcu(gate, rcu);
	else
		wake_up(&gate->wait);
}

static struct ckpt_gate *new_gate(void)
{
	struct ckpt_gate *gate = kzalloc(sizeof(*gate), GFP_KERNEL_ACCOUNT);

	if (!gate)
		return NULL;
	refcount_set(&gate->refs, 1);
	init_waitqueue_head(&gate->wait);
	return gate;
}

static void users_put(struct ckpt_load *load)
{
	if (atomic_dec_and_test(&load->users))
		complete(&load->quiet);
}

/* The first error of any task is the call's. */
static void set_error(struct ckpt_load *load, int err)
{
	cmpxchg(&load->err, 0, err);
}

/* ---- In a new task ---- */

struct park {
	struct callback_head work;
	struct ckpt_gate *gate;
};

static void __noreturn die(struct ckpt_gate *gate)
{
	long pid = 0;

	/*
	 * Children do the same first. A freezer or a signal does not end the wait, but
	 * to be killed does: who traces a child may never look at its end.
	 */
	scoped_guard(no_notify_signal)
		while ((pid >= 0 || pid == -ERESTARTSYS) && !__fatal_signal_pending(current)) {
			clear_thread_flag(TIF_SIGPENDING);
			pid = kernel_wait4(-1, NULL, __WALL, NULL);
		}
	gate_put(gate);
	do_group_exit(SIGKILL);
}

/* Runs when the task is about to return to user mode. */
static void wait_at_gate(struct callback_head *work)
{
	struct park *park = container_of(work, struct park, work);
	struct ckpt_gate *gate = park->gate;
	bool counted = false;

	kfree(park);
	while (!(current->flags & PF_EXITING)) {
		set_current_state(TASK_KILLABLE);
		if (!counted) {
			/* the state first: see wait_task_inactive() */
			counted = true;
			atomic_inc(&gate->waiting);
			wake_up(&gate->wait);
		}
		if (READ_ONCE(gate->state) || fatal_signal_pending(current))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	if (!READ_ONCE(gate->state))
		atomic_inc(&gate->killed);
	if (READ_ONCE(gate->state) == GATE_ABORT &&
	    !(current->flags & PF_EXITING))
		die(gate);
	gate_put(gate);
}

/* First of all: task work runs last in, first out, so all closes come before. */
static int queue_wait(struct ckpt_gate *gate)
{
	struct park *park = kmalloc(sizeof(*park), GFP_KERNEL_ACCOUNT);

	if (!park)
		return -ENOMEM;
	init_task_work(&park->work, wait_at_gate);
	refcount_inc(&gate->refs);
	park->gate = gate;
	if (task_work_add(current, &park->work, TWA_RESUME)) {
		refcount_dec(&gate->refs);
		kfree(park);
		return -ESRCH;
	}
	return 0;
}

static bool is_dead(const struct ckpt_task *task)
{
	return le32_to_cpu(ckpt_data(task->rec, ckpt_thread)->flags) & CKPT_THREAD_DEAD;
}

static bool is_leader(const struct ckpt_task *task)
{
	return list_is_first(&task->list, &task->proc->threads);
}

static const struct ckpt_process *process_of(const struct ckpt_task *task)
{
	return ckpt_data(task->proc->rec, ckpt_process);
}

static bool is_zombie(const struct ckpt_task *task)
{
	return le32_to_cpu(process_of(task)->state) == CKPT_PROCESS_ZOMBIE;
}

static int new_task(void *arg);

static int spawn(struct ckpt_task *task, u64 flags, int cgroup_fd)
{
	struct ckpt_load *load = task->load;
	pid_t tid = le32_to_cpu(ckpt_data(task->rec, ckpt_thread)->tid), pid;
	struct kernel_clone_args args = {
		.flags		= flags | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED,
		.fn		= new_task,
		.fn_arg		= task,
		.set_tid	= &tid,
		.set_tid_size	= 1,
		.cgroup		= cgroup_fd,
	};

	if (READ_ONCE(load->err))
		return load->err;
	atomic_inc(&load->users);
	pid = kernel_clone(&args);
	if (pid >= 0)
		return 0;
	users_put(load);
	switch (pid) {
	case -EEXIST:
		return ckpt_fail(load, task->rec, pid, "pid %d is taken; restart in a new pid namespace",
				 tid);
	case -EPERM:
		return ckpt_fail(load, task->rec, pid, "axis=pid: pid %d or its namespace needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN; restart in a new user and pid namespace",
				 tid);
	case -ERESTARTNOINTR:
	case -ERESTARTSYS:
	case -EINTR:
		return ckpt_fail(load, task->rec, -EINTR, "a signal ended the restart");
	default:
		return ckpt_fail(load, task->rec, pid, "cannot create pid %d: errno %d", tid, -pid);
	}
}

static int spawn_process(struct ckpt_proc *proc, u64 flags, int cgroup_fd)
{
	return spawn(list_first_entry(&proc->threads, struct ckpt_task, list),
		     flags, cgroup_fd);
}

static int spawn_children(struct ckpt_task *task)
{
	struct ckpt_proc *child;
	int err;

	list_for_each_entry(child, &task->children, sibling) {
		err = spawn_process(child, 0, 0);
		if (err)
			return err;
	}
	return 0;
}

static int spawn_threads(struct ckpt_proc *proc)
{
	struct ckpt_task *task;
	int err;

	list_for_each_entry(task, &proc->threads, list) {
		if (is_leader(task))
			continue;
		err = spawn(task, CLONE_THREAD | CLONE_SIGHAND | CLONE_SYSVSEM, 0);
		if (err)
			return err;
	}
	return 0;
}

/*
 * Children are made before the leader builds its own memory: sharing the
 * caller's costs a third of copying it. Threads are made after.
 */
static int build_leader(struct ckpt_task *task)
{
	const struct ckpt_process *in = process_of(task);
	struct ckpt_load *load = task->load;
	struct ckpt_rec *uts = ckpt_rec(load, le32_to_cpu(in->uts_ns));

	restart_process_birth(task->proc);
	return (uts ? ckpt_uts_ns_ops.install(load, uts) : 0) ?:
	       spawn_children(task) ?:
	       ckpt_mm_ops.install(load, ckpt_rec(load, le32_to_cpu(in->mm))) ?:
	       /* before threads have signals pending: it drops those that are ignored */
	       ckpt_sighand_ops.install(load, ckpt_rec(load, le32_to_cpu(in->sighand))) ?:
	       /* threads have these from their birth */
	       (is_dead(task) ? 0 : restart_thread_objects(load, task)) ?:
	       spawn_threads(task->proc) ?:
	       restart_process(load, task->proc);
}

/* Whoever may kill its threads may kill the process, which its leader stands for. */
static int be_owned(struct ckpt_task *leader)
{
	struct ckpt_load *load = leader->load;
	struct ckpt_task *task;
	u32 cred;

	list_for_each_entry(task, &leader->proc->threads, list) {
		if (is_dead(task))
			continue;
		cred = le32_to_cpu(ckpt_data(task->rec, ckpt_thread)->cred);
		return ckpt_cred_ops.install(load, ckpt_rec(load, cred));
	}
	return 0;
}

static int build(struct ckpt_task *task)
{
	int err;

	if (is_zombie(task)) {
		restart_zombie(task->proc);
		return 0;
	}
	err = is_leader(task) ? build_leader(task) : spawn_children(task);
	if (err)
		return err;
	if (!is_dead(task))
		return restart_thread(task->load, task);
	return is_leader(task) ? be_owned(task) : 0;
}

static int new_task(void *arg)
{
	struct ckpt_task *task = arg;
	const struct ckpt_thread *in = ckpt_data(task->rec, ckpt_thread);
	long code = le32_to_cpu(in->exit_code);
	bool dead = is_dead(task), gated;
	int err;

	if (is_zombie(task))
		code = le32_to_cpu(process_of(task)->exit_code);

	/* who is killed for memory takes all with it that share an address space */
	if (thread_group_leader(current) && !is_zombie(task))
		current->signal->oom_score_adj = OOM_SCORE_ADJ_MIN;
	/* registered by the caller in memory that goes away */
	rseq_execve(current);
	task->pid = get_pid(task_pid(current));
	WRITE_ONCE(task->task, get_task_struct(current));
	set_task_comm(current, (const char *)in->comm);
	/* without the gate there is nothing between it and user mode */
	gated = !dead && !queue_wait(task->load->gate);
	/* kill_all() sees that we are there, or we see the error that it follows */
	smp_mb();
	err = READ_ONCE(task->load->err);
	if (!err)
		err = gated || dead ? build(task) : -ENOMEM;
	if (err && fatal_signal_pending(current))
		err = ckpt_fail(task->load, task->rec, -EINTR, "a new task was killed");
	if (err)
		set_error(task->load, err);
	users_put(task->load);
	/* @task may be gone from here on */
	if (!gated)
		do_exit(dead ? code : SIGKILL);
	return 0;
}

/* ---- In the caller ---- */

static int create_roots(struct ckpt_load *load)
{
	struct ckpt_proc *proc;
	int err;

	list_for_each_entry(proc, &load->roots, sibling) {
		const struct ckpt_process *in = ckpt_data(proc->rec, ckpt_process);
		u64 flags = 0;

		if (le32_to_cpu(in->flags) & CKPT_PROCESS_NEW_PIDNS)
			flags |= CLONE_NEWPID;
		if (in->uts_ns)
			flags |= CLONE_NEWUTS;
		if (load->call.flags & RESTART_INTO_CGROUP)
			flags |= CLONE_INTO_CGROUP;
		err = spawn_process(proc, flags, load->cgroup_fd);
		if (err)
			return err;
	}
	return 0;
}

/* What they wait for may never come, such as a page of a file that a daemon serves. */
static void kill_all(struct ckpt_load *load)
{
	struct ckpt_proc *proc;
	struct ckpt_task *task;

	list_for_each_entry(proc, &load->procs, list)
		list_for_each_entry(task, &proc->threads, list)
			if (READ_ONCE(task->task))
				send_sig(SIGKILL, task->task, 1);
}

/**
 * ckpt_forest_create - create every task, and wait until each is built
 * @load: the call, all signals blocked
 *
 * Return: 0, or the first error of any task; then ckpt_forest_abort().
 */
int ckpt_forest_create(struct ckpt_load *load)
{
	int err;

	load->gate = new_gate();
	if (!load->gate)
		return -ENOMEM;
	atomic_set(&load->users, 1);
	init_completion(&load->quiet);
	err = create_roots(load);
	if (err)
		set_error(load, err);
	users_put(load);
	if (wait_for_completion_killable(&load->quiet)) {
		set_error(load, -EINTR);
		kill_all(load);
		wait_for_completion(&load->quiet);
	}
	return load->err;
}

static struct ckpt_task *any_killed(struct ckpt_load *load)
{
	struct ckpt_proc *proc;
	struct ckpt_task *task;

	if (!load->gate || !atomic_read(&load->gate->killed))
		return NULL;
	list_for_each_entry(proc, &load->procs, list)
		list_for_each_entry(task, &proc->threads, list)
			if (!is_dead(task) && task->task->flags & PF_EXITING)
				return task;
	return NULL;
}

/**
 * ckpt_forest_lives - was no new task killed?
 * @load: the call, its tasks made
 *
 * Return: 0, or -EINTR, logged. The OOM killer is one that may kill them, when
 * the group has less memory than its image.
 */
int ckpt_forest_lives(struct ckpt_load *load)
{
	struct ckpt_task *task = any_killed(load);

	return task ? ckpt_fail(load, task->rec, -EINTR, "a new task was killed") : 0;
}

static bool all_wait(struct ckpt_load *load)
{
	struct ckpt_proc *proc;
	struct ckpt_task *task;
	int live = 0;

	list_for_each_entry(proc, &load->procs, list)
		list_for_each_entry(task, &proc->threads, list) {
			live += !is_dead(task);
			if (is_dead(task) && !READ_ONCE(task->task->exit_state))
				return false;
		}
	return atomic_read(&load->gate->waiting) >= live;
}

/**
 * ckpt_forest_wait - wait until every task is at the gate, or dead as it was
 * @load: the call, its tasks built
 */
int ckpt_forest_wait(struct ckpt_load *load)
{
	int err = 0;

	while (!err && !all_wait(load)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		fsleep(50);
		err = ckpt_forest_lives(load);
	}
	return err;
}

/*
 * A task at the gate is woken by a thaw of its group, and goes back to sleep;
 * only death ends that.
 */
static bool wait_off_cpu(struct task_struct *task)
{
	while (!wait_task_inactive(task, TASK_KILLABLE)) {
		if (READ_ONCE(task->flags) & PF_EXITING || fatal_signal_pending(current))
			return false;
		fsleep(50);
	}
	return true;
}

/* A task that waits at the gate keeps its stack until it is let go or killed. */
static int set_registers(struct ckpt_load *load, struct ckpt_task *task)
{
	int err;

	if (!try_get_task_stack(task->task))
		return ckpt_fail(load, task->rec, -EINTR, "a new task was killed");
	if (!wait_off_cpu(task->task))
		err = ckpt_fail(load, task->rec, -EINTR, "a new task was killed");
	else if (task->task->ptrace)
		err = ckpt_fail(load, task->rec, -EPERM, "somebody traces a new task");
	else
		err = restart_arch_thread(load, task);
	put_task_stack(task->task);
	return err;
}

/**
 * ckpt_forest_settle - all that can still fail: limits, registers
 * @load: the call, its memory filled
 */
int ckpt_forest_settle(struct ckpt_load *load)
{
	struct ckpt_proc *proc;
	struct ckpt_task *task;
	int err = 0;

	list_for_each_entry(proc, &load->procs, list) {
		if (!err)
			err = ckpt_process_settle(load, proc);
		list_for_each_entry(task, &proc->threads, list)
			if (!err && !is_dead(task))
				err = set_registers(load, task);
	}
	return err;
}

/**
 * ckpt_forest_commit - the commit point
 * @load: the call
 *
 * Context: no failure paths from here on.
 */
void ckpt_forest_commit(struct ckpt_load *load)
{
	struct ckpt_proc *proc;
	struct ckpt_task *task;

	list_for_each_entry(proc, &load->procs, list) {
		list_for_each_entry(task, &proc->threads, list)
			if (!is_dead(task))
				ckpt_thread_commit(load, task);
		ckpt_process_commit(load, proc);
	}
	ckpt_drop_objects(load);
	/* pairs with READ_ONCE() at the gate: all that was set is seen */
	smp_store_release(&load->gate->state, GATE_OPEN);
	list_for_each_entry(proc, &load->procs, list)
		list_for_each_entry(task, &proc->threads, list)
			wake_up_process(task->task);
}

/*
 * The roots are children of the caller: reap what is left of them. A stop, or
 * a freezer, can wait until then.
 */
static void reap(struct ckpt_load *load, struct ckpt_proc *proc)
{
	struct ckpt_task *leader = list_first_entry(&proc->threads, struct ckpt_task, list);
	pid_t pid;
	long err;

	if (!leader->task)
		return;
	/* another thread may have waited for it, and its number be somebody else's */
	scoped_guard(rcu)
		pid = pid_task(leader->pid, PIDTYPE_PID) ? pid_vnr(leader->pid) : 0;
	if (!pid)
		return;
	guard(no_notify_signal)();
	do {
		if (!__fatal_signal_pending(current))
			clear_thread_flag(TIF_SIGPENDING);
		err = kernel_wait4(pid, NULL, __WALL, NULL);
	} while (err == -ERESTARTSYS && !__fatal_signal_pending(current));

	guard(spinlock_irq)(&current->sighand->siglock);
	recalc_sigpending();
}

/* One that was killed has not waited for its children: wait for each. */
static void wait_for_ends(struct ckpt_load *load)
{
	struct ckpt_proc *proc;
	struct ckpt_task *task;

	list_for_each_entry(proc, &load->procs, list)
		list_for_each_entry(task, &proc->threads, list)
			while (task->task && !READ_ONCE(task->task->exit_state) &&
			       !fatal_signal_pending(current))
				fsleep(50);
}

/**
 * ckpt_forest_abort - end every new task
 * @load: the call; no task uses it any more
 *
 * Returns when none is left. A caller that is being killed itself leaves its
 * zombies to init, and so does a new task that somebody killed.
 */
void ckpt_forest_abort(struct ckpt_load *load)
{
	struct ckpt_gate *gate = load->gate;
	struct ckpt_proc *proc;
	struct ckpt_task *task;

	if (!gate)
		return;
	/* pairs with READ_ONCE() at the gate */
	smp_store_release(&gate->state, GATE_ABORT);
	list_for_each_entry(proc, &load->procs, list)
		list_for_each_entry(task, &proc->threads, list)
			if (task->task)
				wake_up_process(task->task);
	/* they need nothing but the gate any more, which is counted */
	if (wait_event_killable(gate->wait, refcount_read(&gate->refs) == 1))
		return;
	wait_for_ends(load);
	list_for_each_entry(proc, &load->roots, sibling)
		reap(load, proc);
}

void ckpt_forest_free(struct ckpt_load *load)
{
	struct ckpt_proc *proc, *next_proc;
	struct ckpt_task *task, *next_task;

	list_for_each_entry_safe(proc, next_proc, &load->procs, list) {
		list_for_each_entry_safe(task, next_task, &proc->threads, list) {
			if (task->task)
				put_task_struct(task->task);
			put_pid(task->pid);
			kfree(task);
		}
		kfree(proc);
	}
	xa_destroy(&load->tids);
	if (load->gate)
		gate_put(load->gate);
}
