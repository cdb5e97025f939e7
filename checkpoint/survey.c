// SPDX-License-Identifier: GPL-2.0
/*
 * Before anything is captured: who may be checkpointed, and how many
 * references to each shared object the group has. Only with all of them
 * counted can an object be told to be shared with the outside.
 */
#include <linux/fdtable.h>
#include <linux/oom.h>
#include <linux/pipe_fs_i.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>

#include "files.h"
#include "internal.h"

static int survey_file(struct ckpt_save *save, struct file *file)
{
	struct pipe_inode_info *pipe;
	struct ckpt_obj *obj;

	obj = ckpt_object_see(save, file, &ckpt_any_file_ops);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	if (obj->seen > 1)
		return 0;
	if (ckpt_is_shmem(file))
		return PTR_ERR_OR_ZERO(ckpt_object_see(save, file_inode(file), &ckpt_shmem_ops));
	pipe = get_pipe_info(file, false);
	if (!pipe)
		return 0;

	obj = ckpt_object_see(save, file_inode(file), &ckpt_pipe_ops);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	if (file->f_mode & FMODE_READ)
		obj->ends[0]++;
	if (file->f_mode & FMODE_WRITE)
		obj->ends[1]++;
	return 0;
}

static int survey_files(struct ckpt_save *save, struct files_struct *files)
{
	struct ckpt_obj *obj = ckpt_object_see(save, files, &ckpt_files_ops);
	struct file *file;
	unsigned int fd;
	bool cloexec;
	int err = 0;

	if (IS_ERR(obj))
		return PTR_ERR(obj);
	if (obj->seen > 1)
		return 0;
	for (fd = 0; !err && (file = ckpt_next_fd(files, &fd, &cloexec)); fd++) {
		err = survey_file(save, file);
		fput(file);
	}
	return err;
}

static int survey_vmas(struct ckpt_save *save, struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);
	int err = 0;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	for_each_vma(vmi, vma) {
		if (vma->vm_file)
			err = survey_file(save, vma->vm_file);
		if (err)
			break;
	}
	mmap_read_unlock(mm);
	return err;
}

static int survey_mm(struct ckpt_save *save, struct mm_struct *mm)
{
	struct ckpt_obj *obj = ckpt_object_see(save, mm, &ckpt_mm_ops);
	struct file *exe;
	int err = 0;

	if (IS_ERR(obj))
		return PTR_ERR(obj);
	if (obj->seen > 1)
		return ckpt_refuse(save, "mm", "memory is shared with pid %d (CLONE_VM); not saved yet",
				   obj->pid);
	exe = get_mm_exe_file(mm);
	if (exe) {
		err = survey_file(save, exe);
		fput(exe);
	}
	return err ?: survey_vmas(save, mm);
}

static int survey_task(struct ckpt_save *save, struct ckpt_member *member)
{
	struct task_struct *task = member->task;
	struct files_struct *files __free(put_files) = NULL;
	struct ckpt_obj *obj;
	struct fs_struct *fs;
	int err;

	task_lock(task);
	files = task->files;
	if (files)
		atomic_inc(&files->count);
	fs = task->fs;
	if (fs)
		ckpt_fs_ops.get(fs);
	task_unlock(task);
	if (!files || !fs) {
		if (fs)
			ckpt_fs_ops.put(fs);
		return ckpt_err(save, -ESRCH, "the task exited while the group was held");
	}

	obj = ckpt_object_see(save, fs, &ckpt_fs_ops);
	ckpt_fs_ops.put(fs);
	err = PTR_ERR_OR_ZERO(obj);
	return err ?: survey_files(save, files);
}

/* What the threads of a process have in common. */
static int survey_process(struct ckpt_save *save, struct ckpt_member *member)
{
	struct sighand_struct *sighand = NULL;
	struct mm_struct *mm __free(mmput) = NULL;
	unsigned long flags;
	struct ckpt_obj *obj;

	mm = get_task_mm(member->task);
	if (lock_task_sighand(member->task, &flags)) {
		sighand = rcu_dereference_protected(member->task->sighand, true);
		refcount_inc(&sighand->count);
		unlock_task_sighand(member->task, &flags);
	}
	if (!mm || !sighand) {
		if (sighand)
			__cleanup_sighand(sighand);
		return ckpt_err(save, -ESRCH, "the task exited while the group was held");
	}
	obj = ckpt_object_see(save, sighand, &ckpt_sighand_ops);
	__cleanup_sighand(sighand);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	return survey_mm(save, mm);
}

static int may_checkpoint(struct ckpt_save *save, struct task_struct *task)
{
	if (ptrace_may_access(task, PTRACE_MODE_ATTACH_REALCREDS))
		return 0;
	return ckpt_err(save, -EPERM, "no permission to trace this task, as a checkpoint must");
}

/* Which pipes have an end outside the group? */
static void survey_pipes(struct ckpt_save *save)
{
	struct ckpt_obj *obj, *end;
	struct inode *inode;

	list_for_each_entry(end, &save->object_list, list) {
		if (end->survey != &ckpt_any_file_ops ||
		    !get_pipe_info(end->ptr, false))
			continue;
		inode = file_inode(end->ptr);
		obj = ckpt_object_find(save, inode);
		if (inode->i_pipe->readers > obj->ends[0] ||
		    inode->i_pipe->writers > obj->ends[1] ||
		    ckpt_object_surplus(save, end) > 0)
			obj->outside = true;
	}
}

/* Name a process outside the group that uses memory of the group. */
static void survey_outside(struct ckpt_save *save)
{
	struct task_struct *task, *thread;
	struct ckpt_obj *obj;

	rcu_read_lock();
	for_each_process(task) {
		struct mm_struct *mm = NULL;

		if (task->flags & PF_KTHREAD || ckpt_member_of(save, task))
			continue;
		thread = find_lock_task_mm(task);
		if (thread) {
			mm = thread->mm;
			task_unlock(thread);
		}
		obj = mm ? ckpt_object_find(save, mm) : NULL;
		/* no sleeping here: it is said below */
		if (obj)
			obj->outside = true;
	}
	rcu_read_unlock();

	list_for_each_entry(obj, &save->object_list, list) {
		if (obj->survey != &ckpt_mm_ops || !obj->outside)
			continue;
		save->where = (struct ckpt_where){ .pid = obj->pid, .fd = -1 };
		ckpt_refuse_outside(save, "mm", "memory is shared with a process outside the group (CLONE_VM)");
	}
}

/**
 * ckpt_survey - check permissions, and count the group's references
 * @save: the call, with its tasks collected and stopped
 *
 * Return: 0, -EPERM for a task the caller may not trace, -ESRCH, -ENOMEM,
 * -EINTR.
 */
int ckpt_survey(struct ckpt_save *save)
{
	struct ckpt_member *member, *live;
	int err;

	list_for_each_entry(member, &save->members, list) {
		ckpt_at_task(save, member->task);
		err = may_checkpoint(save, member->task);
		if (err)
			return err;
	}
	list_for_each_entry(member, &save->members, list) {
		if (fatal_signal_pending(current))
			return -EINTR;
		ckpt_at_task(save, member->task);
		live = member->leader ? ckpt_live_thread(save, member) : NULL;
		err = live ? survey_process(save, live) : 0;
		if (!err && !member->dead)
			err = survey_task(save, member);
		if (err)
			return err;
		cond_resched();
	}
	survey_pipes(save);
	survey_outside(save);
	return 0;
}

/* Descriptors that are looked at while a table of somebody else is locked. */
#define FDS_AT_ONCE	1024

/* Its threads mostly have the table of their leader, which is looked at for itself. */
static bool has_leaders_files(struct task_struct *task)
{
	guard(rcu)();
	return !thread_group_leader(task) && pid_alive(task) &&
	       READ_ONCE(task->files) == READ_ONCE(task->group_leader->files);
}

/* Mark what some descriptors from @fd on have of the group's files; are there more? */
static bool mark_files(struct ckpt_save *save, struct task_struct *task, unsigned int fd)
{
	struct fdtable *fdt;
	struct ckpt_obj *obj;
	unsigned int end;

	guard(task_lock)(task);
	if (!task->files)
		return false;
	guard(spinlock)(&task->files->file_lock);
	fdt = files_fdtable(task->files);
	end = min(fd + FDS_AT_ONCE, fdt->max_fds);
	for_each_set_bit_from(fd, fdt->open_fds, end) {
		obj = ckpt_object_find(save, rcu_access_pointer(fdt->fd[fd]));
		if (!obj || obj->outside)
			continue;
		obj->outside = true;
		obj->holder = task_tgid_vnr(task);
	}
	return end < fdt->max_fds;
}

/* The task with the least number from *@nr on. */
static struct task_struct *next_of_all(pid_t *nr)
{
	struct task_struct *task;
	struct pid *pid;

	guard(rcu)();
	while ((pid = find_ge_pid(*nr, &init_pid_ns))) {
		*nr = pid_nr(pid) + 1;
		task = pid_task(pid, PIDTYPE_PID);
		if (task)
			return get_task_struct(task);
	}
	return NULL;
}

/* Mark the group's files that tasks outside have open: once, for all that are asked for. */
static void mark_all_files(struct ckpt_save *save)
{
	struct task_struct *task;
	unsigned int fd;
	pid_t nr = 1;

	while ((task = next_of_all(&nr)) && !fatal_signal_pending(current)) {
		if (!ckpt_member_of(save, task) && !has_leaders_files(task))
			for (fd = 0; mark_files(save, task, fd); fd += FDS_AT_ONCE)
				cond_resched();
		put_task_struct(task);
		cond_resched();
	}
	if (task)
		put_task_struct(task);
	save->files_marked = true;
}

/**
 * ckpt_find_holder - which task outside the group has a file open?
 * @save: the call
 * @obj: the file
 * @pid: its process id as the caller sees it, 0 if it does not
 *
 * All tasks are looked at when this is first asked.
 *
 * Return: whether one was found.
 */
bool ckpt_find_holder(struct ckpt_save *save, struct ckpt_obj *obj, pid_t *pid)
{
	if (!save->files_marked)
		mark_all_files(save);
	*pid = obj->holder;
	return obj->outside;
}

#if IS_ENABLED(CONFIG_CHECKPOINT_KUNIT_TEST)
#include "tests/survey_kunit.c"
#endif
