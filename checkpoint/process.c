// SPDX-License-Identifier: GPL-2.0
/*
 * A process: what its threads have in common beside memory, handlers and the
 * objects that have records of their own.
 *
 * Refused, in defaults.c: timers, seccomp, traced processes and whatever else
 * is not at its default and has no field here.
 */
#include <linux/nsproxy.h>
#include <linux/oom.h>
#include <linux/personality.h>
#include <linux/pid_namespace.h>
#include <linux/resource.h>
#include <linux/sched/jobctl.h>
#include <linux/sched/signal.h>
#include <linux/tty.h>
#include <linux/utsname.h>

#include "internal.h"

#define FLAGS_KNOWN	(CKPT_PROCESS_NEW_PIDNS | CKPT_PROCESS_SUBREAPER |	\
			 CKPT_PROCESS_STOPPED | CKPT_PROCESS_STOP_SEEN |	\
			 CKPT_PROCESS_EXECED | CKPT_PROCESS_CONTINUED)

/* Threads more than this no pid namespace has room for. */
#define THREADS_MAX	PID_MAX_LIMIT
#define SIGINFOS_MAX	BIT(20)

static bool is_member_pid(struct ckpt_save *save, struct pid *pid, enum pid_type type)
{
	struct task_struct *task;

	guard(rcu)();
	task = pid_task(pid, PIDTYPE_TGID);
	/* a leader that is gone left its number to its session or group */
	return !task || ckpt_member_of(save, task);
}

/* A session or group led from outside is the caller's at restart: 0. */
static u32 led_inside(struct ckpt_save *save, struct task_struct *task,
		      enum pid_type type)
{
	struct pid *pid __free(put_pid) = NULL;

	read_lock(&tasklist_lock);
	pid = get_pid(type == PIDTYPE_SID ? task_session(task) : task_pgrp(task));
	read_unlock(&tasklist_lock);
	if (!pid || !is_member_pid(save, pid, type))
		return 0;
	return pid_nr_ns(pid, save->pid_ns);
}

static int save_uts(struct ckpt_save *save, struct task_struct *task,
		    bool root, u32 *id)
{
	struct uts_namespace *ns = NULL;
	int err = 0;

	*id = 0;
	task_lock(task);
	if (task->nsproxy) {
		ns = task->nsproxy->uts_ns;
		get_uts_ns(ns);
	}
	task_unlock(task);
	if (!ns)
		return 0;
	if (ns != current->nsproxy->uts_ns) {
		err = ckpt_object(save, ns, &ckpt_uts_ns_ops, id);
		if (root && save->call.result.roots > 1)
			ckpt_refuse(save, "uts namespace", "is another than the caller's, and there are several roots");
		if (!err && !root && *id != save->uts_id)
			ckpt_refuse(save, "uts namespace", "is in another uts namespace than the first root");
	} else if (!root && save->uts_id) {
		ckpt_refuse(save, "uts namespace", "is in another uts namespace than the first root");
	}
	if (root)
		save->uts_id = *id;
	else
		*id = 0;
	put_uts_ns(ns);
	return err;
}

static u32 flags_of(struct ckpt_save *save, struct task_struct *task, bool root)
{
	struct signal_struct *signal = task->signal;
	u32 flags = 0;

	if (root && save->new_pid_ns)
		flags |= CKPT_PROCESS_NEW_PIDNS;
	if (signal->is_child_subreaper)
		flags |= CKPT_PROCESS_SUBREAPER;
	if (signal->flags & SIGNAL_STOP_STOPPED)
		flags |= CKPT_PROCESS_STOPPED;
	if (signal->flags & SIGNAL_STOP_STOPPED && !signal->group_exit_code)
		flags |= CKPT_PROCESS_STOP_SEEN;
	if (signal->flags & SIGNAL_STOP_CONTINUED)
		flags |= CKPT_PROCESS_CONTINUED;
	if (!(task->flags & PF_FORKNOEXEC))
		flags |= CKPT_PROCESS_EXECED;
	return flags;
}

static u32 exit_code_of(struct task_struct *task, bool zombie)
{
	struct signal_struct *signal = task->signal;

	if (zombie)
		return signal->flags & SIGNAL_GROUP_EXIT ?
		       signal->group_exit_code : task->exit_code;
	if (signal->flags & SIGNAL_STOP_STOPPED)
		return signal->group_exit_code ?:
		       task->jobctl & JOBCTL_STOP_SIGMASK;
	return 0;
}

/**
 * ckpt_process_objects - capture what the threads of a process share
 * @save: the call
 * @leader: its leader, a zombie perhaps
 */
int ckpt_process_objects(struct ckpt_save *save, struct ckpt_member *leader)
{
	bool root = list_is_first(&leader->list, &save->members);
	struct ckpt_member *member = ckpt_live_thread(save, leader);
	struct mm_struct *mm __free(mmput) = NULL;
	struct ckpt_ids *ids = &leader->ids;
	struct sighand_struct *sighand;
	int err;

	if (!member)
		return 0;
	mm = get_task_mm(member->task);
	/* the survey holds it; a task that was reaped meanwhile has none */
	sighand = rcu_access_pointer(member->task->sighand);
	if (!mm || !sighand)
		return ckpt_err(save, -ESRCH, "the task exited while the group was held");
	err = ckpt_save_cred(save, member->task, &save->cred_id);
	return err ?:
	       save_uts(save, member->task, root, &ids->uts_ns) ?:
	       ckpt_object(save, mm, &ckpt_mm_ops, &ids->mm) ?:
	       ckpt_object(save, sighand, &ckpt_sighand_ops, &ids->sighand);
}

static void fill_rlimits(struct ckpt_process *out, struct task_struct *task)
{
	int i;

	BUILD_BUG_ON(ARRAY_SIZE(out->rlimits) != RLIM_NLIMITS);
	guard(task_lock)(task->group_leader);
	for (i = 0; i < RLIM_NLIMITS; i++) {
		out->rlimits[i][0] = cpu_to_le64(task->signal->rlim[i].rlim_cur);
		out->rlimits[i][1] = cpu_to_le64(task->signal->rlim[i].rlim_max);
	}
}

static u32 parent_of(struct ckpt_save *save, struct task_struct *task)
{
	struct ckpt_member *parent;

	guard(rcu)();
	parent = ckpt_member_of(save, rcu_dereference(task->real_parent));
	return parent ? parent->tid : 0;
}

/* What its parent gets at exit: see do_notify_parent(). */
static u32 exit_signal_of(struct ckpt_save *save, struct task_struct *task)
{
	guard(rcu)();
	if (task->parent_exec_id != READ_ONCE(rcu_dereference(task->real_parent)->self_exec_id))
		return SIGCHLD;
	if (!ckpt_member_of(save, rcu_dereference(task->real_parent)) && task->exit_signal)
		return SIGCHLD;
	/* clone(2) takes any number, and those that are none are sent to nobody */
	return valid_signal(task->exit_signal) ? task->exit_signal : 0;
}

/* A terminal that controls a session inside would be lost. */
static int refuse_tty(struct ckpt_save *save, struct task_struct *task, u32 sid)
{
	struct tty_struct *tty;
	unsigned long flags;

	if (!sid || !lock_task_sighand(task, &flags))
		return 0;
	tty = task->signal->tty;
	unlock_task_sighand(task, &flags);
	if (tty)
		ckpt_refuse(save, "controlling terminal", "of a session inside the group, not saved yet; start the group from the terminal's own session");
	return 0;
}

/**
 * checkpoint_process - capture a process without its threads
 * @save: the call
 * @leader: its leader, a zombie perhaps
 */
int checkpoint_process(struct ckpt_save *save, struct ckpt_member *leader)
{
	struct ckpt_member *member = ckpt_live_thread(save, leader);
	struct task_struct *live = member ? member->task : NULL;
	struct task_struct *task = leader->task;
	struct signal_struct *signal = task->signal;
	bool root = list_is_first(&leader->list, &save->members);
	struct ckpt_process *out;
	u32 nr_siginfos = 0;

	if (live)
		nr_siginfos = ckpt_count_siginfos(live, &signal->shared_pending);
	out = ckpt_emit(save, &ckpt_process_ops, 0);
	if (!out)
		return -ENOMEM;
	out->tgid = cpu_to_le32(leader->tid);
	out->parent = cpu_to_le32(parent_of(save, task));
	out->sid = cpu_to_le32(led_inside(save, task, PIDTYPE_SID));
	out->pgid = cpu_to_le32(led_inside(save, task, PIDTYPE_PGID));
	out->exit_signal = cpu_to_le32(exit_signal_of(save, task));
	out->state = cpu_to_le32(live ? CKPT_PROCESS_LIVE : CKPT_PROCESS_ZOMBIE);
	out->exit_code = cpu_to_le32(exit_code_of(live ?: task, !live));
	out->flags = cpu_to_le32(flags_of(save, task, root));
	out->mm = cpu_to_le32(leader->ids.mm);
	out->sighand = cpu_to_le32(leader->ids.sighand);
	out->uts_ns = cpu_to_le32(leader->ids.uts_ns);
	out->oom_score_adj = cpu_to_le32(signal->oom_score_adj);
	out->nr_threads = cpu_to_le32(leader->nr_threads);
	out->nr_siginfos = cpu_to_le32(nr_siginfos);
	fill_rlimits(out, task);
	if (out->sid && !out->pgid)
		ckpt_refuse(save, "process group", "is led from outside the group, its session is not");
	if (!live)
		return 0;
	refuse_tty(save, live, le32_to_cpu(out->sid));
	if (root && (save->new_pid_ns || leader->tid == 1) &&
	    ((out->sid && out->sid != out->tgid) || (out->pgid && out->pgid != out->tgid)))
		ckpt_refuse(save, "session", "pid 1 is in a session or group that it does not lead");
	return checkpoint_siginfos(save, live, &signal->shared_pending, nr_siginfos);
}

static int validate_process(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_process *in = ckpt_data(rec, ckpt_process);
	u32 state = le32_to_cpu(in->state), nr = le32_to_cpu(in->nr_threads);
	bool zombie = state == CKPT_PROCESS_ZOMBIE;
	u32 flags = le32_to_cpu(in->flags), uts = le32_to_cpu(in->uts_ns);
	int adj = le32_to_cpu(in->oom_score_adj), i;

	if (state != CKPT_PROCESS_LIVE && !zombie)
		return ckpt_fail(load, rec, -EBADMSG, "unknown state %u", state);
	if (flags & ~FLAGS_KNOWN || le32_to_cpu(in->exit_signal) > _NSIG ||
	    adj < OOM_SCORE_ADJ_MIN || adj > OOM_SCORE_ADJ_MAX ||
	    le32_to_cpu(in->nr_siginfos) > SIGINFOS_MAX)
		return ckpt_fail(load, rec, -EBADMSG, "value out of range");
	if (!nr || nr > THREADS_MAX || (zombie && (nr > 1 || in->nr_siginfos)))
		return ckpt_fail(load, rec, -EBADMSG, "bad number of threads");
	if (le32_to_cpu(in->exit_code) > 0xffff ||
	    (flags & CKPT_PROCESS_STOPPED && (zombie || !in->exit_code ||
	     le32_to_cpu(in->exit_code) > _NSIG)))
		return ckpt_fail(load, rec, -EBADMSG, "bad exit code");
	for (i = 0; i < RLIM_NLIMITS; i++)
		if (le64_to_cpu(in->rlimits[i][0]) > le64_to_cpu(in->rlimits[i][1]))
			return ckpt_fail(load, rec, -EBADMSG, "soft limit %d above the hard one",
					 i);
	if (uts && !ckpt_ref(load, rec, uts, CKPT_REC_UTS_NS))
		return -EBADMSG;
	if (zombie)
		return in->mm || in->sighand || in->uts_ns ?
		       ckpt_fail(load, rec, -EBADMSG, "a zombie with memory or handlers") : 0;
	if (!ckpt_ref(load, rec, le32_to_cpu(in->mm), CKPT_REC_MM) ||
	    !ckpt_ref(load, rec, le32_to_cpu(in->sighand), CKPT_REC_SIGHAND))
		return -EBADMSG;
	return 0;
}

/**
 * ckpt_process_settle - limits of a process, by the caller's rights
 * @load: the call
 * @proc: the process, all of its threads waiting at the gate
 *
 * They come after all else was made, as what they would forbid may exist.
 */
int ckpt_process_settle(struct ckpt_load *load, struct ckpt_proc *proc)
{
	struct task_struct *task =
		list_first_entry(&proc->threads, struct ckpt_task, list)->task;
	struct ckpt_rec *rec = proc->rec;
	const struct ckpt_process *in = ckpt_data(rec, ckpt_process);
	struct rlimit new, old;
	int i, err;

	if (le32_to_cpu(in->state) == CKPT_PROCESS_ZOMBIE)
		return 0;

	for (i = 0; i < RLIM_NLIMITS; i++) {
		task_lock(task->group_leader);
		old = task->signal->rlim[i];
		task_unlock(task->group_leader);
		new.rlim_cur = le64_to_cpu(in->rlimits[i][0]);
		new.rlim_max = le64_to_cpu(in->rlimits[i][1]);
		if (new.rlim_cur == old.rlim_cur && new.rlim_max == old.rlim_max)
			continue;
		err = do_prlimit(task, i, &new, NULL);
		if (err != -EPERM) {
			if (err)
				return err;
			continue;
		}
		err = ckpt_axis(load, rec, "rlimit", "limit %d of %llu is more than the caller's %lu",
				i, le64_to_cpu(in->rlimits[i][1]), old.rlim_max);
		if (err)
			return err;
		new.rlim_max = min(new.rlim_max, old.rlim_max);
		new.rlim_cur = min(new.rlim_cur, new.rlim_max);
		err = do_prlimit(task, i, &new, NULL);
		if (err)
			return err;
	}
	return 0;
}

/* As a write to /proc/self/oom_score_adj. */
static int set_oom(struct ckpt_load *load, struct ckpt_rec *rec)
{
	int adj = le32_to_cpu(ckpt_data(rec, ckpt_process)->oom_score_adj);
	struct signal_struct *signal = current->signal;

	if (adj < signal->oom_score_adj_min && !capable(CAP_SYS_RESOURCE)) {
		if (ckpt_axis(load, rec, "oom_score_adj", "%d is less than the caller's least, %d",
			      adj, signal->oom_score_adj_min))
			return -EPERM;
		adj = signal->oom_score_adj_min;
	}
	signal->oom_score_adj = adj;
	return 0;
}

/*
 * What decides where mappings go without an address: as far below the stack as
 * that may grow, and at random or not. A limit above the caller's is refused
 * later.
 */
static void set_layout(const struct ckpt_process *in, u32 personality)
{
	struct rlimit stack = current->signal->rlim[RLIMIT_STACK];

	stack.rlim_cur = min(le64_to_cpu(in->rlimits[RLIMIT_STACK][0]), stack.rlim_max);
	do_prlimit(current, RLIMIT_STACK, &stack, NULL);
	/* protections are as they were, not implied */
	current->personality = personality & ~READ_IMPLIES_EXEC;
	if (personality & ADDR_NO_RANDOMIZE)
		current->flags &= ~PF_RANDOMIZE;
	else
		current->flags |= PF_RANDOMIZE;
}

/**
 * restart_process_birth - what must be so before a leader has children
 * @proc: its process
 */
void restart_process_birth(struct ckpt_proc *proc)
{
	const struct ckpt_process *in = ckpt_data(proc->rec, ckpt_process);
	struct ckpt_task *task = list_first_entry(&proc->threads, struct ckpt_task, list);
	u32 personality = le32_to_cpu(ckpt_data(task->rec, ckpt_thread)->personality);
	struct rlimit nofile = current->signal->rlim[RLIMIT_NOFILE];

	/* it could have raised the soft limit itself; its own comes last */
	nofile.rlim_cur = nofile.rlim_max;
	do_prlimit(current, RLIMIT_NOFILE, &nofile, NULL);
	/* children take over has_child_subreaper from these two */
	current->signal->is_child_subreaper =
		!!(le32_to_cpu(in->flags) & CKPT_PROCESS_SUBREAPER);
	set_layout(in, personality);
}

/**
 * restart_process - what a process has, in its new leader
 * @load: the call
 * @proc: the process
 */
int restart_process(struct ckpt_load *load, struct ckpt_proc *proc)
{
	const struct ckpt_process *in = ckpt_data(proc->rec, ckpt_process);
	int err;

	if (le32_to_cpu(in->flags) & CKPT_PROCESS_EXECED)
		current->flags &= ~PF_FORKNOEXEC;
	err = set_oom(load, proc->rec);
	return err ?: ckpt_send_pending(load, proc->rec,
					le32_to_cpu(in->nr_siginfos), true);
}

/* What /proc tells of a zombie; it has no memory that it could be killed for. */
void restart_zombie(struct ckpt_proc *proc)
{
	const struct ckpt_process *in = ckpt_data(proc->rec, ckpt_process);
	struct signal_struct *signal = current->signal;
	struct rlimit nofile = signal->rlim[RLIMIT_NOFILE];

	/* its parent has raised its own: see restart_process_birth() */
	nofile.rlim_cur = min_t(u64, le64_to_cpu(in->rlimits[RLIMIT_NOFILE][0]), nofile.rlim_max);
	do_prlimit(current, RLIMIT_NOFILE, &nofile, NULL);
	signal->oom_score_adj = max_t(int, le32_to_cpu(in->oom_score_adj),
				      signal->oom_score_adj_min);
}

static void stop_pending(struct ckpt_proc *proc, const struct ckpt_process *in)
{
	struct ckpt_task *leader = list_first_entry(&proc->threads, struct ckpt_task, list);
	unsigned long flags;

	if (!lock_task_sighand(leader->task, &flags))
		return;
	ckpt_stop_pending(leader->task, proc->rec, le32_to_cpu(in->nr_siginfos), true);
	unlock_task_sighand(leader->task, &flags);
}

static void continue_again(struct task_struct *leader)
{
	unsigned long flags;

	if (!lock_task_sighand(leader, &flags))
		return;
	if (!(leader->signal->flags & SIGNAL_GROUP_EXIT))
		leader->signal->flags |= SIGNAL_STOP_CONTINUED;
	unlock_task_sighand(leader, &flags);
}

/* Put a process into the group stop it was in, without telling its parent. */
static void stop_again(struct ckpt_proc *proc, const struct ckpt_process *in)
{
	struct ckpt_task *leader = list_first_entry(&proc->threads, struct ckpt_task, list);
	u32 sig = le32_to_cpu(in->exit_code);
	struct ckpt_task *thread;
	unsigned long flags;

	if (!lock_task_sighand(leader->task, &flags))
		return;
	/* one that is being killed keeps its code */
	if (leader->task->signal->flags & SIGNAL_GROUP_EXIT) {
		unlock_task_sighand(leader->task, &flags);
		return;
	}
	leader->task->signal->flags |= SIGNAL_STOP_STOPPED;
	leader->task->signal->group_exit_code =
		le32_to_cpu(in->flags) & CKPT_PROCESS_STOP_SEEN ? 0 : sig;
	list_for_each_entry(thread, &proc->threads, list)
		if (!thread->task->exit_state)
			task_set_jobctl_pending(thread->task, sig | JOBCTL_STOP_PENDING);
	unlock_task_sighand(leader->task, &flags);
}

/**
 * ckpt_process_commit - the last of a process, while it waits at the gate
 * @load: the call
 * @proc: the process
 *
 * Context: cannot fail.
 */
void ckpt_process_commit(struct ckpt_load *load, struct ckpt_proc *proc)
{
	const struct ckpt_process *in = ckpt_data(proc->rec, ckpt_process);
	struct ckpt_task *leader = list_first_entry(&proc->threads, struct ckpt_task, list);

	write_lock_irq(&tasklist_lock);
	/* it is 0 unless the parent was killed, and who is it now is to get SIGCHLD */
	if (!leader->task->exit_signal)
		leader->task->exit_signal = le32_to_cpu(in->exit_signal);
	write_unlock_irq(&tasklist_lock);
	if (le32_to_cpu(in->state) == CKPT_PROCESS_ZOMBIE)
		return;
	ckpt_mm_commit(ckpt_rec(load, le32_to_cpu(in->mm)));
	/* who exited has no memory that would tell whether it may be traced */
	if (leader->task->exit_state)
		leader->task->user_dumpable = ckpt_mm_dumpable(ckpt_rec(load, le32_to_cpu(in->mm)));
	stop_pending(proc, in);
	if (le32_to_cpu(in->flags) & CKPT_PROCESS_STOPPED)
		stop_again(proc, in);
	else if (le32_to_cpu(in->flags) & CKPT_PROCESS_CONTINUED)
		continue_again(leader->task);
}

const struct ckpt_ops ckpt_process_ops = {
	.name		= "process",
	.type		= CKPT_REC_PROCESS,
	.fixed		= sizeof(struct ckpt_process),
	.validate	= validate_process,
};

#if IS_ENABLED(CONFIG_CHECKPOINT_KUNIT_TEST)
#include "tests/process_kunit.c"
#endif
