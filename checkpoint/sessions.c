// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions and process groups of a restart. Their numbers are pids of new
 * leaders, or pids without a task where the leader is dead. Number 0 is the
 * caller's, which every new task is born into.
 */
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/tty.h>

#include "internal.h"

static struct pid *pid_of(struct ckpt_load *load, u32 nr)
{
	struct ckpt_task *task = xa_load(&load->tids, nr);

	return task ? task->pid : xa_load(&load->pids, nr);
}

static int make_pid(struct ckpt_load *load, struct ckpt_proc *proc, u32 nr)
{
	struct pid *pid;
	pid_t tid = nr;
	int err;

	if (!nr || pid_of(load, nr))
		return 0;
	pid = alloc_pid(load->pid_ns, &tid, 1);
	if (IS_ERR(pid))
		return ckpt_fail(load, proc->rec, PTR_ERR(pid), "cannot have %u for a session or group: errno %d",
				 nr, -(int)PTR_ERR(pid));
	err = xa_err(xa_store(&load->pids, nr, pid, GFP_KERNEL_ACCOUNT));
	if (err)
		free_pid(pid);
	return err;
}

static void free_pids(struct ckpt_load *load)
{
	unsigned long nr;
	struct pid *pid;

	xa_for_each(&load->pids, nr, pid)
		free_pid(pid);
}

static struct ckpt_task *leader_of(struct ckpt_proc *proc)
{
	return list_first_entry(&proc->threads, struct ckpt_task, list);
}

static void join(struct ckpt_load *load, struct ckpt_proc *proc)
{
	const struct ckpt_process *in = ckpt_data(proc->rec, ckpt_process);
	u32 sid = le32_to_cpu(in->sid), pgid = le32_to_cpu(in->pgid);
	struct task_struct *task = leader_of(proc)->task;
	struct tty_struct *tty;

	if (pgid)
		change_pid(task, PIDTYPE_PGID, pid_of(load, pgid));
	if (!sid)
		return;
	change_pid(task, PIDTYPE_SID, pid_of(load, sid));
	spin_lock(&task->sighand->siglock);
	task->signal->leader = sid == le32_to_cpu(in->tgid);
	tty = task->signal->tty;
	task->signal->tty = NULL;
	spin_unlock(&task->sighand->siglock);
	tty_kref_put(tty);
}

/* A new task that was killed may have been reaped by now, and has no pid. */
static int join_all(struct ckpt_load *load)
{
	struct ckpt_proc *proc;

	guard(write_lock_irq)(&tasklist_lock);
	list_for_each_entry(proc, &load->procs, list)
		if (!pid_alive(leader_of(proc)->task))
			return -EINTR;
	list_for_each_entry(proc, &load->procs, list)
		join(load, proc);
	return 0;
}

/**
 * restart_sessions - put the new processes into their sessions and groups
 * @load: the call, every task created and waiting
 *
 * Return: 0; -EEXIST if a number is taken; -EINTR if a task was killed. A
 * number is freed when the last member of its session or group is gone.
 */
int restart_sessions(struct ckpt_load *load)
{
	struct ckpt_proc *first = list_first_entry(&load->procs, struct ckpt_proc, list);
	struct ckpt_proc *proc;
	int err = 0;

	load->pid_ns = ns_of_pid(leader_of(first)->pid);
	list_for_each_entry(proc, &load->procs, list) {
		const struct ckpt_process *in = ckpt_data(proc->rec, ckpt_process);

		err = make_pid(load, proc, le32_to_cpu(in->sid)) ?:
		      make_pid(load, proc, le32_to_cpu(in->pgid));
		if (err)
			break;
	}
	if (!err && join_all(load))
		err = ckpt_fail(load, NULL, -EINTR, "a new task was killed");
	if (err)
		free_pids(load);
	return err;
}
