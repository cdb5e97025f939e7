// SPDX-License-Identifier: GPL-2.0
/*
 * restart(2): read and check all metadata, make objects, create tasks, fill
 * memory, commit. Until the commit any failure leaves nothing behind.
 */
#include <linux/cgroup.h>
#include <linux/fs_struct.h>
#include <linux/memcontrol.h>
#include <linux/pidfs.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/syscalls.h>

#include "internal.h"
#include "stream.h"

#define FLAGS_KNOWN	(RESTART_CHECK | RESTART_INTO_CGROUP | RESTART_ROOT |	\
			 RESTART_FROZEN | RESTART_CLAMP | RESTART_OPEN_AS_CALLER | \
			 RESTART_STRICT_FILES)
#define INHERIT_MAX	1024
#define ROOTS_MAX	BIT(16)

/* Descriptors for the roots, allotted before the commit, installed after. */
struct roots {
	u32 nr;
	struct file **pidfds;
	int *fds;
};

/*
 * Files are opened before there is a table to have them. No more than tables,
 * mappings and executables of as many tasks as the caller may have could hold.
 */
static int check_files(struct ckpt_load *load)
{
	size_t may = size_mul(min_t(size_t, load->nr_threads, rlimit(RLIMIT_NPROC)),
			      rlimit_max(RLIMIT_NOFILE));
	size_t files = 0, others = load->nr_procs;
	struct ckpt_rec *rec;

	list_for_each_entry(rec, &load->recs, list) {
		files += !!rec->ops->match;
		others += rec->ops->type == CKPT_REC_VMA;
	}
	if (files <= size_add(may, others))
		return 0;
	return ckpt_fail(load, NULL, -EMFILE, "axis=rlimit: %zu open files are more than RLIMIT_NOFILE of %u threads",
			 files, load->nr_threads);
}

static int make_objects(struct ckpt_load *load)
{
	struct ckpt_rec *rec;
	u32 i;
	int err;

	err = check_files(load);
	if (err)
		return err;
	list_for_each_entry(rec, &load->recs, list) {
		if (!rec->ops->restart)
			continue;
		if (fatal_signal_pending(current))
			return -EINTR;
		err = rec->ops->restart(load, rec);
		if (err)
			return err;
	}
	for (i = 0; i < load->nr_inherit; i++)
		if (!load->inherit[i].used)
			return ckpt_fail(load, NULL, -EINVAL, "key 0x%llx: the image has no such external object",
					 load->inherit[i].key);
	return 0;
}

static int settle_objects(struct ckpt_load *load)
{
	struct ckpt_rec *rec;
	int err = 0;

	list_for_each_entry(rec, &load->recs, list)
		if (!err && rec->ops->settle)
			err = rec->ops->settle(load, rec);
	return err;
}

static int report_root(struct ckpt_load *load, struct ckpt_proc *proc, u32 i,
		       const struct restart_args *args, struct roots *roots)
{
	struct pid *pid = list_first_entry(&proc->threads, struct ckpt_task, list)->pid;
	s32 __user *pids = u64_to_user_ptr(args->pids);
	s32 __user *pidfds = u64_to_user_ptr(args->pidfds);
	int fd;

	if (args->pids && put_user(pid_vnr(pid), pids + i))
		return -EFAULT;
	if (!args->pidfds)
		return 0;
	fd = pidfd_prepare(pid, 0, &roots->pidfds[i]);
	if (fd < 0)
		return fd;
	roots->fds[i] = fd;
	roots->nr++;
	return put_user(fd, pidfds + i) ? -EFAULT : 0;
}

static int report_roots(struct ckpt_load *load, const struct restart_args *args,
			struct roots *roots)
{
	u32 nr = min(args->nr_roots, load->nr_roots), i = 0;
	struct ckpt_proc *proc;
	int err;

	roots->fds = kvcalloc(nr, sizeof(*roots->fds), GFP_KERNEL_ACCOUNT);
	roots->pidfds = kvcalloc(nr, sizeof(*roots->pidfds), GFP_KERNEL_ACCOUNT);
	if (nr && (!roots->fds || !roots->pidfds))
		return -ENOMEM;
	list_for_each_entry(proc, &load->roots, sibling) {
		if (i == nr)
			break;
		err = report_root(load, proc, i++, args, roots);
		if (err)
			return err;
	}
	return 0;
}

static void finish_roots(struct roots *roots, bool committed)
{
	u32 i;

	for (i = 0; i < roots->nr; i++) {
		if (committed) {
			fd_install(roots->fds[i], roots->pidfds[i]);
		} else {
			put_unused_fd(roots->fds[i]);
			fput(roots->pidfds[i]);
		}
	}
	kvfree(roots->fds);
	kvfree(roots->pidfds);
}

static void freeze_new(struct ckpt_load *load)
{
	cgroup_lock();
	cgroup_freeze(load->cgrp, true);
	cgroup_unlock();
}

/* The memory group of the new tasks, with a reference; NULL for the caller's. */
static struct mem_cgroup *new_memcg(struct ckpt_load *load)
{
	struct mem_cgroup *memcg;
	struct ckpt_proc *proc;
	struct ckpt_task *task;
	struct mm_struct *mm;

	list_for_each_entry(proc, &load->procs, list)
		list_for_each_entry(task, &proc->threads, list) {
			mm = get_task_mm(task->task);
			if (!mm)
				continue;
			memcg = get_mem_cgroup_from_mm(mm);
			mmput(mm);
			return memcg;
		}
	return NULL;
}

static int fill_memory(struct ckpt_load *load)
{
	struct mem_cgroup *old;
	int err;

	load->memcg = new_memcg(load);
	old = set_active_memcg(load->memcg);
	err = ckpt_relate_mms(load);
	set_active_memcg(old);
	err = err ?: ckpt_read_contents(load);
	mem_cgroup_put(load->memcg);
	load->memcg = NULL;
	return err;
}

/* With all signals blocked, so that tasks are born with them blocked. */
static int rebuild(struct ckpt_load *load, const struct restart_args *args)
{
	struct ckpt_result *result = &load->call.result;
	struct roots roots = {};
	int err;

	result->stage = CKPT_STAGE_FOREST;
	err = ckpt_forest_create(load);
	if (!err) {
		result->stage = CKPT_STAGE_CONTENTS;
		err = fill_memory(load);
	}
	if (!err) {
		result->stage = CKPT_STAGE_COMMIT;
		err = ckpt_forest_wait(load) ?:
		      restart_sessions(load) ?:
		      settle_objects(load) ?:
		      ckpt_forest_settle(load) ?:
		      report_roots(load, args, &roots);
	}
	if (!err && load->call.flags & RESTART_FROZEN)
		freeze_new(load);
	if (!err)
		ckpt_forest_commit(load);
	else
		ckpt_forest_abort(load);
	finish_roots(&roots, !err);
	return err;
}

static int run(struct ckpt_load *load, const struct restart_args *args)
{
	struct ckpt_result *result = &load->call.result;
	sigset_t all, old;
	int err;

	result->stage = CKPT_STAGE_READ;
	err = ckpt_read_metadata(load) ?: ckpt_structure(load);
	result->processes = load->nr_procs;
	result->threads = load->nr_threads;
	result->roots = load->nr_roots;
	if (err)
		return err;
	if (load->call.flags & RESTART_CHECK)
		return ckpt_read_contents(load);

	result->stage = CKPT_STAGE_OBJECTS;
	err = make_objects(load);
	if (err)
		return err;
	old = current->blocked;
	sigfillset(&all);
	set_current_blocked(&all);
	err = rebuild(load, args);
	set_current_blocked(&old);
	if (!err)
		result->stage = CKPT_STAGE_DONE;
	return err;
}

static int open_inherit(struct ckpt_load *load, const struct restart_args *args)
{
	const struct restart_inherit __user *from = u64_to_user_ptr(args->inherit);
	struct restart_inherit one;
	u32 i, j;

	if (!args->nr_inherit)
		return 0;
	load->inherit = kcalloc(args->nr_inherit, sizeof(*load->inherit), GFP_KERNEL_ACCOUNT);
	if (!load->inherit)
		return -ENOMEM;
	for (i = 0; i < args->nr_inherit; i++) {
		if (copy_from_user(&one, from + i, sizeof(one)))
			return -EFAULT;
		if (one.__reserved)
			return -EINVAL;
		for (j = 0; j < i; j++)
			if (load->inherit[j].key == one.key)
				return ckpt_fail(load, NULL, -EINVAL, "key 0x%llx is given twice",
						 one.key);
		load->inherit[i].key = one.key;
		load->inherit[i].file = fget(one.fd);
		if (!load->inherit[i].file)
			return ckpt_fail(load, NULL, -EBADF, "key 0x%llx: %d is no descriptor",
					 one.key, one.fd);
		load->nr_inherit++;
	}
	return 0;
}

static int open_root(struct ckpt_load *load, const struct restart_args *args)
{
	CLASS(fd_raw, dir)(args->flags & RESTART_ROOT ? args->root_fd : -1);

	if (!(args->flags & RESTART_ROOT)) {
		get_fs_root(current->fs, &load->root);
		return 0;
	}
	if (!fd_file(dir))
		return ckpt_fail(load, NULL, -EBADF, "root_fd is no descriptor");
	if (!d_can_lookup(fd_file(dir)->f_path.dentry))
		return ckpt_fail(load, NULL, -ENOTDIR, "root_fd is no directory");
	load->root = fd_file(dir)->f_path;
	path_get(&load->root);
	return 0;
}

static int open_cgroup(struct ckpt_load *load, const struct restart_args *args)
{
	struct cgroup *cgrp;
	int err;

	if (!(args->flags & RESTART_INTO_CGROUP))
		return 0;
	cgrp = cgroup_get_from_fd(args->cgroup_fd);
	if (cgrp == ERR_PTR(-ENOENT))
		return ckpt_fail(load, NULL, -ENODEV, "the group was removed");
	if (IS_ERR(cgrp))
		return ckpt_fail(load, NULL, -EBADF, "cgroup_fd is no directory of a cgroup v2 group");
	load->cgrp = cgrp;
	load->cgroup_fd = args->cgroup_fd;
	if (test_bit(CGRP_FREEZE, &cgrp->flags))
		return ckpt_fail(load, NULL, -EBUSY, "the group is frozen; thaw it, or use another");
	if (!(args->flags & RESTART_FROZEN))
		return 0;
	err = ckpt_may_freeze(cgrp, args->cgroup_fd);
	if (err)
		return ckpt_fail(load, NULL, err, "no permission to write cgroup.freeze of the group");
	return 0;
}

static int open_args(struct ckpt_load *load, const struct restart_args *args)
{
	int err = ckpt_stream_open(&load->call.stream, args->image_fd, FMODE_READ);

	if (err)
		return ckpt_fail(load, NULL, err, "image_fd is no file, pipe or socket open for reading");
	return open_cgroup(load, args) ?: open_root(load, args) ?: open_inherit(load, args);
}

static struct ckpt_block_read *new_block(void)
{
	struct ckpt_block_read *block = kvzalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);

	if (block)
		ckpt_pages_init(&block->pages);
	return block;
}

static void free_block(struct ckpt_block_read *block)
{
	ckpt_pages_put(&block->pages);
	kvfree(block);
}

static void free_load(struct ckpt_load *load)
{
	u32 i;

	ckpt_forest_free(load);
	ckpt_free_recs(load);
	for (i = 0; i < load->nr_inherit; i++)
		fput(load->inherit[i].file);
	kfree(load->inherit);
	xa_destroy(&load->pids);
	if (load->root.mnt)
		path_put(&load->root);
	if (load->cgrp)
		cgroup_put(load->cgrp);
	ckpt_stream_close(&load->call.stream);
	ckpt_log_free(&load->call);
	put_cred(load->cred);
	free_block(load->block);
	free_block(load->last_block);
	kvfree(load);
}

static struct ckpt_load *new_load(u64 flags)
{
	struct ckpt_load *load = kvzalloc(sizeof(*load), GFP_KERNEL_ACCOUNT);

	if (!load)
		return NULL;
	load->block = new_block();
	load->last_block = new_block();
	if (!load->block || !load->last_block) {
		kvfree(load->block);
		kvfree(load->last_block);
		kvfree(load);
		return NULL;
	}
	load->call.flags = flags;
	load->cred = get_current_cred();
	INIT_LIST_HEAD(&load->recs);
	INIT_LIST_HEAD(&load->procs);
	INIT_LIST_HEAD(&load->roots);
	xa_init_flags(&load->objects, XA_FLAGS_ACCOUNT);
	xa_init_flags(&load->tids, XA_FLAGS_ACCOUNT);
	xa_init_flags(&load->pids, XA_FLAGS_ACCOUNT);
	return load;
}

/* What counts only with its flag is zero without it. */
static int check_args(const struct restart_args *args)
{
	u64 flags = args->flags;

	if (flags & ~FLAGS_KNOWN || args->__reserved ||
	    (!(flags & RESTART_INTO_CGROUP) && (args->cgroup_fd || flags & RESTART_FROZEN)) ||
	    (!(flags & RESTART_ROOT) && args->root_fd) ||
	    !args->nr_inherit != !args->inherit || args->nr_inherit > INHERIT_MAX ||
	    !args->nr_roots != !(args->pids || args->pidfds) ||
	    args->nr_roots > ROOTS_MAX ||
	    ckpt_bad_buffer(args->log_buf, args->log_size) ||
	    ckpt_bad_buffer(args->result, args->result_size))
		return -EINVAL;
	return 0;
}

/**
 * sys_restart - rebuild and run the processes of an image
 * @uargs: arguments
 * @size: sizeof(struct restart_args) as the caller knows it
 *
 * Checks come in this order: size (-EINVAL, -E2BIG), arguments (-EFAULT,
 * -EINVAL), image_fd (-EBADF, -EINVAL), cgroup_fd (-EBADF, -ENODEV, -EPERM), root_fd
 * (-EBADF, -ENOTDIR), inherited descriptors (-EBADF, -EINVAL), the image's
 * metadata (-ENOEXEC, -EBADMSG, -EOPNOTSUPP), objects, tasks, contents.
 *
 * Return: 0; the caller is the parent of every root. On failure nothing is
 * left of the tasks. A signal that does not kill the caller stays pending.
 */
SYSCALL_DEFINE2(restart, const struct restart_args __user *, uargs, size_t, size)
{
	struct restart_args args;
	struct ckpt_load *load;
	int err;

	BUILD_BUG_ON(sizeof(args) != RESTART_ARGS_SIZE_VER0);
	if (size < RESTART_ARGS_SIZE_VER0)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(&args, sizeof(args), uargs, size) ?: check_args(&args);
	if (err)
		return err;

	load = new_load(args.flags);
	if (!load)
		return -ENOMEM;
	err = ckpt_log_init(&load->call, args.log_size) ?:
	      open_args(load, &args) ?:
	      run(load, &args);
	ckpt_log_memory(&load->call, err);
	ckpt_copy_result(&load->call, args.result, args.result_size);
	ckpt_log_copy(&load->call, args.log_buf, args.log_size);
	free_load(load);
	return err;
}

#if IS_ENABLED(CONFIG_CHECKPOINT_KUNIT_TEST)
#include "tests/restart_kunit.c"
#endif
