// SPDX-License-Identifier: GPL-2.0
/*
 * An eventfd: its counter and whether it is a semaphore.
 *
 * Refused: one that a task outside the group has too.
 */
#include <linux/cred.h>
#include <linux/eventfd.h>
#include <linux/file.h>

#include "internal.h"

static bool match_eventfd(struct ckpt_save *save, struct file *file)
{
	unsigned int flags;
	u64 count;

	return eventfd_get_state(file, &count, &flags);
}

static int checkpoint_eventfd(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct ckpt_file_eventfd *out;
	struct file *file = obj->ptr;
	unsigned int flags;
	u64 count;
	int err;

	err = ckpt_refuse_shared(save, obj);
	if (err)
		return err;
	if (file->f_flags & ~(O_RDWR | O_NONBLOCK))
		return ckpt_refuse(save, "eventfd", "has flags 0%o, not saved yet", file->f_flags);
	out = ckpt_emit_object(save, obj, 0);
	if (!out)
		return -ENOMEM;
	checkpoint_file_common(save, file, &out->file);
	eventfd_get_state(file, &count, &flags);
	out->count = cpu_to_le64(count);
	out->semaphore = cpu_to_le32(!!(flags & EFD_SEMAPHORE));
	return 0;
}

static int validate_eventfd(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_file_eventfd *in = ckpt_data(rec, ckpt_file_eventfd);

	if (le32_to_cpu(in->semaphore) > 1 || in->__reserved ||
	    in->file.how || in->file.pos ||
	    (le32_to_cpu(in->file.flags) & ~O_NONBLOCK) != O_RDWR ||
	    le64_to_cpu(in->count) == ULLONG_MAX)
		return ckpt_fail(load, rec, -EBADMSG, "a state that no eventfd has");
	return ckpt_file_validate(load, rec, &in->file);
}

static int restart_eventfd(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_file_eventfd *in = ckpt_data(rec, ckpt_file_eventfd);
	u32 flags = le32_to_cpu(in->file.flags) & O_NONBLOCK;
	const struct cred *old;
	struct file *file;

	if (in->semaphore)
		flags |= EFD_SEMAPHORE;
	old = override_creds(ckpt_cred(load, le32_to_cpu(in->file.cred)));
	file = eventfd_file_create(le64_to_cpu(in->count), flags);
	revert_creds(old);
	if (IS_ERR(file))
		return ckpt_fail(load, rec, PTR_ERR(file), "cannot make an eventfd: errno %d",
				 -(int)PTR_ERR(file));
	rec->live = file;
	return 0;
}

const struct ckpt_ops ckpt_file_eventfd_ops = {
	.name		= "eventfd",
	.type		= CKPT_REC_FILE_EVENTFD,
	.fixed		= sizeof(struct ckpt_file_eventfd),
	.object		= true,
	.match		= match_eventfd,
	.get		= ckpt_file_get,
	.put		= ckpt_file_put,
	.count		= ckpt_file_count,
	.checkpoint	= checkpoint_eventfd,
	.validate	= validate_eventfd,
	.restart	= restart_eventfd,
	.drop		= ckpt_file_drop,
};
