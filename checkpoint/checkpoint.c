// SPDX-License-Identifier: GPL-2.0
/*
 * checkpoint(2): hold, collect, survey, capture, write, release.
 */
#include <linux/cgroup.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/syscalls.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include <linux/uuid.h>

#include "internal.h"
#include "stream.h"

#define FLAGS_KNOWN		(CHECKPOINT_CHECK | CHECKPOINT_STRICT | CHECKPOINT_COW)
#define DEFAULT_TIMEOUT_MS	10000
/* jiffies must not wrap */
#define TIMEOUT_MS_MAX		(3600 * 1000)

typedef int (*step_fn)(struct ckpt_save *save, struct ckpt_member *member);

static int each_member(struct ckpt_save *save, step_fn process, step_fn thread)
{
	struct ckpt_member *member;
	int err = 0;

	list_for_each_entry(member, &save->members, list) {
		if (fatal_signal_pending(current))
			return -EINTR;
		ckpt_at_task(save, member->task);
		if (member->leader)
			err = process(save, member);
		if (!err)
			err = thread(save, member);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/* Objects come before the forest: then a reader can make them first. */
static int capture(struct ckpt_save *save)
{
	int err;

	err = each_member(save, ckpt_process_objects, ckpt_thread_objects) ?:
	      each_member(save, checkpoint_process, checkpoint_thread);
	if (err)
		return err;
	save->where = (struct ckpt_where){ .fd = -1 };
	save->clocks.realtime = ktime_get_real_ns();
	save->clocks.monotonic = ktime_get_ns();
	save->clocks.boottime = ktime_get_boottime_ns();
	if (!save->call.result.blockers)
		return 0;
	return save->call.result.blockers == save->nr_outside ? -EXDEV : -EAGAIN;
}

/* What is done while the group is held, and behind it with CHECKPOINT_COW. */
static int held(struct ckpt_save *save)
{
	struct ckpt_result *result = &save->call.result;
	int err;

	result->stage = CKPT_STAGE_COLLECT;
	err = ckpt_collect(save);
	/* what may run is not looked at: the rest relies on it that nothing changes */
	if (!err && save->moving)
		err = -EAGAIN;
	if (err)
		return err;
	result->stage = CKPT_STAGE_CAPTURE;
	err = ckpt_survey(save) ?: capture(save);
	if (err || save->call.flags & CHECKPOINT_CHECK)
		return err;
	if (save->call.flags & CHECKPOINT_COW)
		err = ckpt_take_snapshots(save);
	if (err)
		return err;
	result->stage = CKPT_STAGE_WRITE;
	return ckpt_write_image(save);
}

static int run(struct ckpt_save *save, const struct checkpoint_args *args)
{
	int err;

	err = ckpt_may_freeze(save->cgrp, args->cgroup_fd);
	if (err)
		return ckpt_err(save, err, "the caller may not freeze the group, or it is the root group");
	save->deadline = jiffies +
		msecs_to_jiffies(args->timeout_ms ?: DEFAULT_TIMEOUT_MS);
	save->call.result.stage = CKPT_STAGE_FREEZE;
	err = ckpt_hold(save);
	if (!err)
		err = held(save);
	/* as long as the group is held, nobody sees that somebody else has them, too */
	ckpt_objects_put(save);
	ckpt_hold_release(save);
	if (!err)
		save->call.result.stage = CKPT_STAGE_DONE;
	return err;
}

static int open_args(struct ckpt_save *save, const struct checkpoint_args *args)
{
	struct cgroup *cgrp;

	if (!(args->flags & CHECKPOINT_CHECK)) {
		int err = ckpt_stream_open(&save->call.stream, args->image_fd, FMODE_WRITE);

		if (err)
			return ckpt_err(save, err, "image_fd is no file, pipe or socket open for writing");
	} else if (args->image_fd) {
		return -EINVAL;
	}
	cgrp = cgroup_get_from_fd(args->cgroup_fd);
	if (cgrp == ERR_PTR(-ENOENT))
		return ckpt_err(save, -ENODEV, "the group was removed");
	if (IS_ERR(cgrp))
		return ckpt_err(save, -EBADF, "cgroup_fd is no directory of a cgroup v2 group");
	save->cgrp = cgrp;
	save->path = kmalloc(PATH_MAX, GFP_KERNEL_ACCOUNT);
	if (!save->path)
		return -ENOMEM;
	return ckpt_kin_init(save) ?: ckpt_objects_init(save);
}

static void free_save(struct ckpt_save *save)
{
	ckpt_stream_close(&save->call.stream);
	ckpt_free_contents(save);
	ckpt_free_chunks(save);
	if (save->object_list.next)
		ckpt_objects_free(save);
	if (save->kin.tbl)
		ckpt_kin_free(save);
	ckpt_hold_forget(save);
	ckpt_collect_free(save);
	if (save->pid_ns)
		put_pid_ns(save->pid_ns);
	if (save->user_ns)
		put_user_ns(save->user_ns);
	if (save->cgrp)
		cgroup_put(save->cgrp);
	kfree(save->path);
	ckpt_log_free(&save->call);
	kvfree(save);
}

static struct ckpt_save *new_save(u64 flags)
{
	struct ckpt_save *save = kvzalloc(sizeof(*save), GFP_KERNEL_ACCOUNT);

	if (!save)
		return NULL;
	save->call.flags = flags;
	save->where.fd = -1;
	INIT_LIST_HEAD(&save->writing);
	INIT_LIST_HEAD(&save->members);
	INIT_LIST_HEAD(&save->chunks);
	INIT_LIST_HEAD(&save->index_list);
	xa_init_flags(&save->index, XA_FLAGS_ACCOUNT);
	xa_init_flags(&save->shared_pages, XA_FLAGS_ACCOUNT);
	generate_random_guid(save->call.result.uuid);
	return save;
}

/**
 * ckpt_copy_result - report what a call did; a fault is ignored
 * @call: the call
 * @user_result: address of a struct ckpt_result, or 0
 * @user_size: bytes there
 */
void ckpt_copy_result(struct ckpt_call *call, u64 user_result, u64 user_size)
{
	size_t size = min_t(u64, user_size, sizeof(call->result));

	call->result.size = size;
	call->result.log_true_size = call->log.true_size + 1;
	if (user_result && copy_to_user(u64_to_user_ptr(user_result), &call->result, size))
		return;
}

/* Buffers come in pairs of address and size. */
bool ckpt_bad_buffer(u64 addr, u64 size)
{
	return !addr != !size;
}

static int check_args(const struct checkpoint_args *args)
{
	if (args->flags & ~FLAGS_KNOWN || args->timeout_ms > TIMEOUT_MS_MAX ||
	    ckpt_bad_buffer(args->log_buf, args->log_size) ||
	    ckpt_bad_buffer(args->result, args->result_size))
		return -EINVAL;
	return 0;
}

/**
 * sys_checkpoint - write the processes of a cgroup to an image
 * @uargs: arguments
 * @size: sizeof(struct checkpoint_args) as the caller knows it
 *
 * Checks come in this order: size (-EINVAL, -E2BIG), arguments (-EFAULT,
 * -EINVAL), image_fd (-EBADF, -EINVAL), cgroup_fd (-EBADF, -ENODEV), permission to
 * freeze (-EPERM), caller outside (-EDEADLK), not held (-EBUSY), frozen in
 * time (-ETIMEDOUT), tasks there (-ESRCH), permission to trace each (-EPERM),
 * then everything is looked at and refused together (-EAGAIN).
 *
 * Return: 0; on failure the group is as it was, running if it was running.
 */
SYSCALL_DEFINE2(checkpoint, const struct checkpoint_args __user *, uargs, size_t, size)
{
	struct checkpoint_args args;
	struct ckpt_save *save;
	int err;

	BUILD_BUG_ON(sizeof(args) != CHECKPOINT_ARGS_SIZE_VER0);
	if (size < CHECKPOINT_ARGS_SIZE_VER0)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(&args, sizeof(args), uargs, size) ?: check_args(&args);
	if (err)
		return err;

	save = new_save(args.flags);
	if (!save)
		return -ENOMEM;
	err = ckpt_log_init(&save->call, args.log_size) ?:
	      open_args(save, &args) ?:
	      run(save, &args);
	ckpt_log_memory(&save->call, err);
	ckpt_copy_result(&save->call, args.result, args.result_size);
	ckpt_log_copy(&save->call, args.log_buf, args.log_size);
	free_save(save);
	return err;
}

#if IS_ENABLED(CONFIG_CHECKPOINT_KUNIT_TEST)
#include "tests/checkpoint_kunit.c"
#endif
