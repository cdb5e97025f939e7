// SPDX-License-Identifier: GPL-2.0
/*
 * The hold on a group: taken by the call, ended when the call ends, however
 * it ends. An administrator's cgroup.freeze is another reason to be frozen
 * and takes effect when the hold is gone.
 */
#include <linux/cgroup.h>
#include <linux/delay.h>
#include <linux/kernfs.h>
#include <linux/mutex.h>
#include <linux/openat2.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>

#include "../fs/internal.h"
#include "internal.h"

/* Open cgroup.freeze to write, as its writer does; nothing mounted there counts. */
static int open_freeze(const struct path *dir)
{
	struct open_how how = {
		.flags		= O_WRONLY,
		.resolve	= RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};
	struct open_flags op;
	struct file *file;
	int err = build_open_flags(&how, &op);

	if (err)
		return err;
	file = do_file_open_root(dir, "cgroup.freeze", &op);
	err = PTR_ERR_OR_ZERO(file);
	if (!err)
		fput(file);
	/* of the last two the one is a mount in its place, the other on the whole */
	return err == -EACCES || err == -EXDEV || err == -EROFS ? -EPERM : err;
}

/* cgroup_file_write() keeps the inside of a namespace from its root's files. */
static bool is_delegated_root(struct cgroup *cgrp, struct cgroup_namespace *ns)
{
	return cgrp->root->flags & CGRP_ROOT_NS_DELEGATE &&
	       ns != &init_cgroup_ns && ns->root_cset->dfl_cgrp == cgrp;
}

/**
 * ckpt_may_freeze - may the caller freeze a group?
 * @cgrp: the group
 * @fd: its directory
 *
 * Writing cgroup.freeze is what the hold amounts to.
 *
 * Return: 0, -EPERM, -EINVAL for the root group, -EBADF.
 */
int ckpt_may_freeze(struct cgroup *cgrp, int fd)
{
	struct cgroup_namespace *ns = current->nsproxy->cgroup_ns;
	CLASS(fd, dir)(fd);

	/* another thread may have put another descriptor there */
	if (!fd_file(dir) ||
	    kernfs_node_from_dentry(fd_file(dir)->f_path.dentry) != cgrp->kn)
		return -EBADF;
	if (!cgroup_parent(cgrp))
		return -EINVAL;
	if (!cgroup_is_descendant(cgrp, ns->root_cset->dfl_cgrp) ||
	    is_delegated_root(cgrp, ns))
		return -EPERM;
	return open_freeze(&fd_file(dir)->f_path);
}

static bool caller_inside(struct cgroup *cgrp)
{
	guard(rcu)();

	return cgroup_is_descendant(task_dfl_cgroup(current), cgrp);
}

/* A task that has not reached the trap, with a reference, or NULL. */
static struct task_struct *unfrozen_task(struct cgroup *cgrp)
{
	struct task_struct *task = NULL;
	struct cgroup_subsys_state *css;
	struct css_task_iter it;

	rcu_read_lock();
	css_for_each_descendant_pre(css, &cgrp->self) {
		if (!css_tryget(css))
			continue;
		rcu_read_unlock();
		css_task_iter_start(css, 0, &it);
		while ((task = css_task_iter_next(&it)) && task->frozen)
			;
		if (task)
			get_task_struct(task);
		css_task_iter_end(&it);
		rcu_read_lock();
		css_put(css);
		if (task)
			break;
	}
	rcu_read_unlock();
	return task;
}

/*
 * A group with groups below counts as frozen as soon as these are, whatever
 * its own tasks do, so that they are asked one by one.
 */
static bool all_frozen(struct cgroup *cgrp)
{
	struct task_struct *task;

	if (!test_bit(CGRP_FROZEN, &cgrp->flags))
		return false;
	task = unfrozen_task(cgrp);
	if (task)
		put_task_struct(task);
	return !task;
}

static void blame(struct ckpt_save *save)
{
	struct task_struct *task = unfrozen_task(save->cgrp);

	if (!task)
		return;
	ckpt_at_task(save, task);
	if (task->flags & PF_KTHREAD)
		ckpt_err(save, 0, "a kernel thread cannot be frozen; move it out of the group");
	else
		ckpt_err(save, 0, "does not reach the freezer; it is in an uninterruptible system call");
	save->where = (struct ckpt_where){ .fd = -1 };
	put_task_struct(task);
}

static int wait_frozen(struct ckpt_save *save)
{
	unsigned long usec = 20;

	while (!all_frozen(save->cgrp)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (time_after(jiffies, save->deadline)) {
			blame(save);
			return ckpt_err(save, -ETIMEDOUT, "the group did not freeze in time");
		}
		fsleep(usec);
		usec = min(usec * 2, 1000UL);
	}
	return 0;
}

/* Calls whose group runs again while they write from snapshots of it. */
static LIST_HEAD(writers);
static DEFINE_MUTEX(writers_lock);

/* A snapshot has the files of its mappings: they would count as shared. */
static bool is_written(struct cgroup *cgrp)
{
	struct ckpt_save *save;

	guard(mutex)(&writers_lock);
	list_for_each_entry(save, &writers, writing)
		if (cgroup_is_descendant(cgrp, save->cgrp) ||
		    cgroup_is_descendant(save->cgrp, cgrp))
			return true;
	return false;
}

/**
 * ckpt_hold - freeze the group for the length of the call
 * @save: the call, with its group and deadline
 *
 * Return: 0, -EDEADLK if the caller is inside, -EBUSY if it is held already,
 * -ENODEV if it was removed, -ETIMEDOUT, -EINTR.
 */
int ckpt_hold(struct ckpt_save *save)
{
	int err;

	if (caller_inside(save->cgrp))
		return ckpt_err(save, -EDEADLK, "the caller is in the group; call from outside it");
	save->held_since = ktime_get_ns();
	err = cgroup_freeze_hold(save->cgrp);
	if (err == -EBUSY)
		return ckpt_err(save, err, "the group, or one above or below it, is being checkpointed already");
	if (err)
		return ckpt_err(save, err, "the group was removed");
	save->held = true;
	if (is_written(save->cgrp))
		return ckpt_err(save, -EBUSY, "another checkpoint of the group, or of one above or below it, is being written yet");
	return wait_frozen(save);
}

/**
 * ckpt_hold_release - let the group be as it was, and note how long it was held
 * @save: the call; nothing happens if it holds no group
 */
void ckpt_hold_release(struct ckpt_save *save)
{
	if (!save->held)
		return;
	if (save->call.flags & CHECKPOINT_COW) {
		guard(mutex)(&writers_lock);
		list_add(&save->writing, &writers);
	}
	cgroup_freeze_release(save->cgrp);
	save->held = false;
	save->call.result.frozen_ns = ktime_get_ns() - save->held_since;
}

/**
 * ckpt_hold_forget - nothing of the group is written any more
 * @save: the call
 */
void ckpt_hold_forget(struct ckpt_save *save)
{
	guard(mutex)(&writers_lock);
	list_del_init(&save->writing);
}
