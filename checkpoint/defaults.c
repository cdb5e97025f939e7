// SPDX-License-Identifier: GPL-2.0
/*
 * State of a task that no record holds. Each is compared with its default
 * here and refused by name if it differs; Documentation/checkpoint/fields.rst
 * lists what becomes of every field of task_struct and signal_struct.
 */
#include <linux/hrtimer.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/posix-timers.h>
#include <linux/sched/signal.h>
#include <linux/seccomp.h>
#include <linux/thread_info.h>

#include "defaults.h"
#include "internal.h"

/* A yes or no question about a task, and what is refused when it is yes. */
struct question {
	bool (*asks)(struct task_struct *task);
	const char *object;
	const char *reason;
};

static bool has_posix_timers(struct task_struct *task)
{
	return !hlist_empty(&task->signal->posix_timers);
}

static bool has_real_itimer(struct task_struct *task)
{
	return hrtimer_active(&task->signal->real_timer) ||
	       task->signal->it_real_incr;
}

static bool has_cpu_itimer(struct task_struct *task)
{
	struct cpu_itimer *it = task->signal->it;

	return it[CPUCLOCK_PROF].expires || it[CPUCLOCK_PROF].incr ||
	       it[CPUCLOCK_VIRT].expires || it[CPUCLOCK_VIRT].incr;
}

static bool is_exiting(struct task_struct *task)
{
	return task->signal->flags & SIGNAL_GROUP_EXIT ||
	       task->signal->group_exec_task;
}

static bool is_stopping(struct task_struct *task)
{
	return task->signal->group_stop_count;
}

static bool has_seccomp(struct task_struct *task)
{
	return task->seccomp.mode != SECCOMP_MODE_DISABLED;
}

static bool has_user_dispatch(struct task_struct *task)
{
	return test_task_syscall_work(task, SYSCALL_USER_DISPATCH);
}

static bool is_worker(struct task_struct *task)
{
	return task->flags & (PF_KTHREAD | PF_USER_WORKER | PF_IO_WORKER);
}

static bool is_io_flusher(struct task_struct *task)
{
	return task->flags & (PF_MEMALLOC_NOIO | PF_LOCAL_THROTTLE);
}

static bool has_mce_policy(struct task_struct *task)
{
	return task->flags & (PF_MCE_PROCESS | PF_MCE_EARLY);
}

static bool has_speculation_control(struct task_struct *task)
{
	return task->atomic_flags & ~BIT(PFA_NO_NEW_PRIVS);
}

static bool has_reset_on_fork(struct task_struct *task)
{
	return task->sched_reset_on_fork;
}

static bool has_compat_robust_list(struct task_struct *task)
{
	return task_compat_robust_list(task);
}

static bool owns_pi_futex(struct task_struct *task)
{
	return !list_empty(&task->pi_state_list);
}

static bool has_overridden_cred(struct task_struct *task)
{
	return rcu_access_pointer(task->cred) != rcu_access_pointer(task->real_cred);
}

static bool is_tracer(struct task_struct *task)
{
	return !list_empty(&task->ptraced);
}

static bool has_slice(struct task_struct *task)
{
	return task->se.custom_slice;
}

static bool has_nproc_exceeded(struct task_struct *task)
{
	return task->flags & PF_NPROC_EXCEEDED;
}

static bool has_old_pgrp(struct task_struct *task)
{
	return task->signal->tty_old_pgrp;
}

static const struct question questions[] = {
	{ is_tracer, "ptrace", "traces another process; detach first" },
	{ has_slice, "scheduling", "a time slice is set by sched_setattr(2), not saved yet" },
	{ has_nproc_exceeded, "RLIMIT_NPROC", "was exceeded by a change of user, not saved yet" },
	{ has_old_pgrp, "terminal", "a hung up terminal is remembered, not saved yet" },
	{ is_worker, "kernel worker", "is a kernel worker of a user process, not saved yet" },
	{ is_exiting, "exit", "the process is exiting or in execve(); try again" },
	{ is_stopping, "stop", "a group stop is under way; try again" },
	{ has_posix_timers, "posix timer", "timer_create(2) timers are not saved yet" },
	{ has_real_itimer, "itimer", "alarm(2) or setitimer(2) is running, not saved yet" },
	{ has_cpu_itimer, "itimer", "a CPU time setitimer(2) is running, not saved yet" },
	{ has_seccomp, "seccomp", "a seccomp mode or filter is in force, not saved yet" },
	{ has_user_dispatch, "syscall user dispatch", "is on, not saved yet" },
	{ has_speculation_control, "speculation control", "is in force, not saved yet" },
	{ has_reset_on_fork, "scheduling", "SCHED_RESET_ON_FORK is set, not saved yet" },
	{ is_io_flusher, "PR_SET_IO_FLUSHER", "is set, not saved yet" },
	{ has_mce_policy, "PR_MCE_KILL", "is set, not saved yet" },
	{ has_compat_robust_list, "robust list", "a 32-bit robust list is registered" },
	{ owns_pi_futex, "pi futex", "owns one that others wait for, not saved yet" },
	{ has_overridden_cred, "credentials", "acts with overridden credentials" },
	{ task_has_io_uring, "io_uring", "has used io_uring, not saved yet" },
	{ task_has_sem_undo, "semaphore undo", "has adjustments (SEM_UNDO), not saved yet" },
	{ task_has_mempolicy, "memory policy", "set_mempolicy(2) is in force, not saved yet" },
	{ task_has_ioprio, "I/O priority", "ioprio_set(2) is in force, not saved yet" },
	{ task_has_uclamp, "utilization clamp", "is set, not saved yet" },
	{ task_has_core_cookie, "core scheduling", "has a cookie, not saved yet" },
	{ task_has_user_events, "user events", "are enabled, not saved yet" },
};

/* A thread may have left that of its process, which save_uts() looks at. */
static bool is_other_uts(struct ckpt_save *save, struct uts_namespace *ns)
{
	struct ckpt_obj *obj = ckpt_object_find(save, ns);

	if (ns == current->nsproxy->uts_ns)
		return save->uts_id;
	return !obj || obj->id != save->uts_id;
}

static int refuse_namespaces(struct ckpt_save *save, struct task_struct *task)
{
	const struct nsproxy *own = current->nsproxy;
	struct nsproxy ns = {};

	/* compared by address only: the copy holds no references */
	task_lock(task);
	if (task->nsproxy)
		ns = *task->nsproxy;
	task_unlock(task);
	if (!ns.mnt_ns)
		return ckpt_err(save, -ESRCH, "the task exited while the group was held");

	if (ns.mnt_ns != own->mnt_ns)
		ckpt_refuse(save, "mount namespace", "is another than the caller's, not saved yet; call from inside it");
	if (!thread_group_leader(task) && is_other_uts(save, ns.uts_ns))
		ckpt_refuse(save, "uts namespace", "of a thread is another than the first root's, not saved yet");
	if (ns.net_ns != own->net_ns)
		ckpt_refuse(save, "network namespace", "is another than the caller's, not saved yet; call from inside it");
	if (ns.ipc_ns != own->ipc_ns)
		ckpt_refuse(save, "ipc namespace", "is another than the caller's, not saved yet; call from inside it");
	if (ns.cgroup_ns != own->cgroup_ns)
		ckpt_refuse(save, "cgroup namespace", "is another than the caller's, not saved yet; call from inside it");
	if (ns.time_ns != own->time_ns || ns.time_ns_for_children != own->time_ns)
		ckpt_refuse(save, "time namespace", "is another than the caller's, not saved yet; call from inside it");
	if (ns.pid_ns_for_children != save->pid_ns)
		ckpt_refuse(save, "pid namespace", "children would be born in another pid namespace, not saved yet");
	return 0;
}

/**
 * ckpt_refuse_unknown - refuse a thread whose state no record holds
 * @save: the call
 * @task: the thread, stopped
 *
 * Return: 0 or -ESRCH; refusals are counted.
 */
int ckpt_refuse_unknown(struct ckpt_save *save, struct task_struct *task)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(questions); i++)
		if (questions[i].asks(task))
			ckpt_refuse(save, questions[i].object, "%s", questions[i].reason);
	return refuse_namespaces(save, task);
}
