// SPDX-License-Identifier: GPL-2.0
/*
 * What records say together: which belong to which, and that the forest they
 * describe is one: parents before children, each thread once, sessions and
 * groups as setsid(2) and setpgid(2) leave them.
 */
#include <linux/list_sort.h>
#include <linux/signal.h>

#include "internal.h"

static int is_next(struct ckpt_load *load, struct ckpt_rec **rec, u32 type)
{
	struct ckpt_rec *next = list_next_entry(*rec, list);

	if (list_is_last(&(*rec)->list, &load->recs) || next->ops->type != type)
		return ckpt_fail(load, *rec, -EBADMSG, "is not followed by its %s",
				 ckpt_ops_of(type)->name);
	*rec = next;
	return 0;
}

static int take(struct ckpt_load *load, struct ckpt_rec **rec, u32 type, u32 nr)
{
	int err = 0;

	for (; !err && nr; nr--)
		err = is_next(load, rec, type);
	return err;
}

static int take_vmas(struct ckpt_load *load, struct ckpt_rec **rec)
{
	u32 nr = le32_to_cpu(ckpt_data(*rec, ckpt_mm)->nr_vmas);
	u64 end = 0;
	int err;

	for (; nr; nr--) {
		err = is_next(load, rec, CKPT_REC_VMA);
		if (err)
			return err;
		if (le64_to_cpu(ckpt_data(*rec, ckpt_vma)->start) < end)
			return ckpt_fail(load, *rec, -EBADMSG, "mappings out of order");
		end = le64_to_cpu(ckpt_data(*rec, ckpt_vma)->end);
	}
	return 0;
}

static int take_thread(struct ckpt_load *load, struct ckpt_rec **rec,
		       struct ckpt_proc *proc)
{
	const struct ckpt_thread *in;
	struct ckpt_task *task;
	u32 flags;
	int err;

	err = is_next(load, rec, CKPT_REC_THREAD);
	if (err)
		return err;
	in = ckpt_data(*rec, ckpt_thread);
	task = kzalloc(sizeof(*task), GFP_KERNEL_ACCOUNT);
	if (!task)
		return -ENOMEM;
	task->rec = *rec;
	task->proc = proc;
	task->load = load;
	INIT_LIST_HEAD(&task->children);
	list_add_tail(&task->list, &proc->threads);
	err = xa_insert(&load->tids, le32_to_cpu(in->tid), task, GFP_KERNEL_ACCOUNT);
	if (err == -EBUSY)
		return ckpt_fail(load, *rec, -EBADMSG, "thread %u is there twice",
				 le32_to_cpu(in->tid));
	if (err)
		return err;
	load->nr_threads++;

	flags = le32_to_cpu(in->flags);
	err = take(load, rec, CKPT_REC_SIGINFO, le32_to_cpu(in->nr_siginfos));
	if (err || flags & CKPT_THREAD_DEAD)
		return err;
	err = is_next(load, rec, CKPT_REC_X86_THREAD);
	return err ?: take(load, rec, CKPT_REC_X86_XFEATURE,
			   le32_to_cpu(ckpt_data(*rec, ckpt_x86_thread)->nr_xfeatures));
}

/* Only a leader may be dead, a zombie's must be, and somebody else must live. */
static int check_threads(struct ckpt_load *load, struct ckpt_proc *proc)
{
	const struct ckpt_process *in = ckpt_data(proc->rec, ckpt_process);
	bool zombie = le32_to_cpu(in->state) == CKPT_PROCESS_ZOMBIE;
	struct ckpt_task *task;
	unsigned int live = 0;

	list_for_each_entry(task, &proc->threads, list) {
		bool dead = le32_to_cpu(ckpt_data(task->rec, ckpt_thread)->flags) &
			    CKPT_THREAD_DEAD;
		bool leader = list_is_first(&task->list, &proc->threads);

		if (dead && !leader)
			return ckpt_fail(load, task->rec, -EBADMSG, "a dead thread that is no leader");
		if (leader && ckpt_data(task->rec, ckpt_thread)->tid != in->tgid)
			return ckpt_fail(load, task->rec, -EBADMSG, "the leader has another number than its process");
		live += !dead;
	}
	if (!live != zombie)
		return ckpt_fail(load, proc->rec, -EBADMSG, "live threads and state disagree");
	return 0;
}

static int find_parent(struct ckpt_load *load, struct ckpt_proc *proc)
{
	const struct ckpt_process *in = ckpt_data(proc->rec, ckpt_process);
	struct ckpt_task *parent;

	if (!in->parent) {
		/* the caller agreed to be told of its children, by no other signal */
		if (in->exit_signal && le32_to_cpu(in->exit_signal) != SIGCHLD)
			return ckpt_fail(load, proc->rec, -EBADMSG, "a root with exit signal %u",
					 le32_to_cpu(in->exit_signal));
		list_add_tail(&proc->sibling, &load->roots);
		load->nr_roots++;
		return 0;
	}
	parent = xa_load(&load->tids, le32_to_cpu(in->parent));
	if (!parent || parent->proc == proc ||
	    le32_to_cpu(ckpt_data(parent->rec, ckpt_thread)->flags) & CKPT_THREAD_DEAD)
		return ckpt_fail(load, proc->rec, -EBADMSG, "its parent %u is no live thread before it",
				 le32_to_cpu(in->parent));
	if (in->uts_ns)
		return ckpt_fail(load, proc->rec, -EBADMSG, "a uts namespace below the root's");
	list_add_tail(&proc->sibling, &parent->children);
	return 0;
}

static int use_once(struct ckpt_load *load, struct ckpt_rec *from, u32 id)
{
	struct ckpt_rec *rec = ckpt_rec(load, id);

	if (rec && rec->users++)
		return ckpt_fail(load, from, -EBADMSG, "%s %u belongs to another process already",
				 rec->ops->name, id);
	return 0;
}

static int take_process(struct ckpt_load *load, struct ckpt_rec **rec)
{
	const struct ckpt_process *in = ckpt_data(*rec, ckpt_process);
	struct ckpt_proc *proc;
	u32 i;
	int err;

	proc = kzalloc(sizeof(*proc), GFP_KERNEL_ACCOUNT);
	if (!proc)
		return -ENOMEM;
	proc->rec = *rec;
	INIT_LIST_HEAD(&proc->threads);
	INIT_LIST_HEAD(&proc->sibling);
	list_add_tail(&proc->list, &load->procs);
	load->nr_procs++;

	err = find_parent(load, proc) ?:
	      use_once(load, *rec, le32_to_cpu(in->mm)) ?:
	      use_once(load, *rec, le32_to_cpu(in->sighand)) ?:
	      take(load, rec, CKPT_REC_SIGINFO, le32_to_cpu(in->nr_siginfos));
	for (i = 0; !err && i < le32_to_cpu(in->nr_threads); i++)
		err = take_thread(load, rec, proc);
	return err ?: check_threads(load, proc);
}

/* Sessions and groups: see setsid(2) and setpgid(2). */
static int check_ids(struct ckpt_load *load, struct ckpt_proc *proc)
{
	const struct ckpt_process *in = ckpt_data(proc->rec, ckpt_process);
	u32 sid = le32_to_cpu(in->sid), pgid = le32_to_cpu(in->pgid);
	struct ckpt_task *leader = xa_load(&load->tids, sid);

	if (sid > PID_MAX_LIMIT || pgid > PID_MAX_LIMIT)
		return ckpt_fail(load, proc->rec, -EBADMSG, "bad session or group");
	if (!pgid)
		return !sid ? 0 : ckpt_fail(load, proc->rec, -EBADMSG,
					    "the caller's group in another session");
	if (sid == le32_to_cpu(in->tgid) && pgid != sid)
		return ckpt_fail(load, proc->rec, -EBADMSG, "a session leader that does not lead its group");
	if (sid && leader &&
	    ckpt_data(leader->proc->rec, ckpt_process)->sid != in->sid)
		return ckpt_fail(load, proc->rec, -EBADMSG, "session %u is led by somebody else",
				 sid);
	return 0;
}

static int by_group(void *priv, const struct list_head *a, const struct list_head *b)
{
	const struct ckpt_proc *x = list_entry(a, struct ckpt_proc, by_group);
	const struct ckpt_proc *y = list_entry(b, struct ckpt_proc, by_group);

	return le32_to_cpu(ckpt_data(x->rec, ckpt_process)->pgid) >
	       le32_to_cpu(ckpt_data(y->rec, ckpt_process)->pgid);
}

/* Sorted, not indexed: the numbers are the image's, and may be far apart. */
static int check_groups(struct ckpt_load *load)
{
	const struct ckpt_process *in, *last = NULL;
	struct ckpt_proc *proc;
	LIST_HEAD(groups);

	list_for_each_entry(proc, &load->procs, list)
		list_add_tail(&proc->by_group, &groups);
	list_sort(NULL, &groups, by_group);
	list_for_each_entry(proc, &groups, by_group) {
		in = ckpt_data(proc->rec, ckpt_process);
		if (in->pgid && last && last->pgid == in->pgid && last->sid != in->sid)
			return ckpt_fail(load, proc->rec, -EBADMSG, "group %u is in two sessions",
					 le32_to_cpu(in->pgid));
		last = in;
	}
	return 0;
}

/* A number that only a session or group has must be no thread's. */
static int check_number(struct ckpt_load *load, struct ckpt_proc *proc, u32 nr)
{
	struct ckpt_task *task = nr ? xa_load(&load->tids, nr) : NULL;

	if (task && !list_is_first(&task->list, &task->proc->threads))
		return ckpt_fail(load, proc->rec, -EBADMSG, "session or group %u is a thread's number",
				 nr);
	return 0;
}

/* Pid 1 of a namespace would wait for ever for the number of another to be free. */
static int check_init(struct ckpt_load *load, struct ckpt_proc *proc)
{
	const struct ckpt_process *in = ckpt_data(proc->rec, ckpt_process);

	if (le32_to_cpu(in->tgid) != 1 ||
	    ((!in->sid || in->sid == in->tgid) && (!in->pgid || in->pgid == in->tgid)))
		return 0;
	return ckpt_fail(load, proc->rec, -EBADMSG, "pid 1 in a session or group that it does not lead");
}

static int check_forest(struct ckpt_load *load)
{
	struct ckpt_proc *proc;
	int err = 0;

	list_for_each_entry(proc, &load->procs, list) {
		const struct ckpt_process *in = ckpt_data(proc->rec, ckpt_process);

		if (le32_to_cpu(in->flags) & CKPT_PROCESS_NEW_PIDNS) {
			if (!list_is_first(&proc->list, &load->procs) ||
			    load->nr_roots != 1 || le32_to_cpu(in->tgid) != 1)
				err = ckpt_fail(load, proc->rec, -EBADMSG, "a pid namespace below the root's");
		}
		if (!err)
			err = check_ids(load, proc) ?:
			      check_init(load, proc) ?:
			      check_number(load, proc, le32_to_cpu(in->sid)) ?:
			      check_number(load, proc, le32_to_cpu(in->pgid));
		if (err)
			break;
	}
	return err ?: check_groups(load);
}

/**
 * ckpt_structure - see what the records are together
 * @load: the call, its metadata read
 *
 * Return: 0 or -EBADMSG; -ENOMEM.
 */
int ckpt_structure(struct ckpt_load *load)
{
	const struct ckpt_header *h = load->header;
	struct ckpt_rec *rec;
	int err = 0;

	list_for_each_entry(rec, &load->recs, list) {
		if (rec->ops->type == CKPT_REC_MM)
			err = take_vmas(load, &rec);
		else if (rec->ops->type == CKPT_REC_PROCESS)
			err = take_process(load, &rec);
		else if (!rec->ops->object)
			err = ckpt_fail(load, rec, -EBADMSG, "belongs to no record");
		if (err)
			return err;
		cond_resched();
	}
	if (!load->nr_roots)
		return ckpt_fail(load, NULL, -EBADMSG, "no process in the image");
	if (le32_to_cpu(h->nr_processes) != load->nr_procs ||
	    le32_to_cpu(h->nr_threads) != load->nr_threads)
		return ckpt_fail(load, NULL, -EBADMSG, "HEADER counts other tasks than there are");
	return check_forest(load);
}
