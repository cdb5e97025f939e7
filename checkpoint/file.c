// SPDX-License-Identifier: GPL-2.0
/*
 * What every open file has, and the choice of the row that saves it.
 *
 * Refused for any file: locks and leases, a signal owner (F_SETOWN), O_ASYNC
 * and O_PATH.
 */
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/filelock.h>
#include <linux/net.h>
#include <linux/pagemap.h>

#include "files.h"

/* What F_GETFL may show of a file that can be saved. */
#define FLAGS_KNOWN	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_LARGEFILE |	\
			 O_DIRECTORY | O_NOFOLLOW | O_DSYNC | __O_SYNC |	\
			 O_NOATIME | O_DIRECT)

void ckpt_file_get(void *file)
{
	get_file(file);
}

void ckpt_file_put(void *file)
{
	fput(file);
}

long ckpt_file_count(void *file)
{
	return file_count((struct file *)file);
}

const struct ckpt_ops ckpt_any_file_ops = {
	.name	= "file",
	.get	= ckpt_file_get,
	.put	= ckpt_file_put,
	.count	= ckpt_file_count,
};

static const char *kind_of(struct file *file)
{
	umode_t mode = file_inode(file)->i_mode;

	if (file->f_mode & FMODE_PATH)
		return "O_PATH descriptor";
	if (S_ISSOCK(mode))
		return "socket";
	if (S_ISFIFO(mode))
		return "fifo";
	if (S_ISCHR(mode) || S_ISBLK(mode))
		return "device";
	if (file->f_op->poll && !(mode & S_IFMT))
		return "anonymous inode";
	return "file";
}

static int refuse_file(struct ckpt_save *save, struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;

	if (S_ISCHR(file_inode(file)->i_mode) || S_ISBLK(file_inode(file)->i_mode))
		return ckpt_refuse(save, kind_of(file), "%s %u:%u cannot be saved; close it first",
				   S_ISCHR(file_inode(file)->i_mode) ? "character device" : "block device",
				   imajor(file_inode(file)), iminor(file_inode(file)));
	return ckpt_refuse(save, kind_of(file), "%pd of %s cannot be saved yet; close it first",
			   dentry, file_inode(file)->i_sb->s_type->name);
}

static bool list_has_file(struct list_head *locks, struct file *file)
{
	struct file_lock_core *flc;

	list_for_each_entry(flc, locks, flc_list)
		if (flc->flc_file == file)
			return true;
	return false;
}

static bool has_lock(struct file *file)
{
	struct file_lock_context *ctx = locks_inode_context(file_inode(file));

	if (!ctx)
		return false;
	guard(spinlock)(&ctx->flc_lock);
	return list_has_file(&ctx->flc_posix, file) ||
	       list_has_file(&ctx->flc_flock, file) ||
	       list_has_file(&ctx->flc_lease, file);
}

static bool has_owner(struct file *file)
{
	struct fown_struct *owner = file_f_owner(file);

	return owner && (owner->pid || owner->signum);
}

static bool has_no_direction(struct file *file)
{
	return (file->f_flags & O_ACCMODE) == O_ACCMODE;
}

/* Of a write that failed, and of which fsync(2) has not told whoever has it open. */
static bool has_error(struct file *file)
{
	return file->f_mode & FMODE_WRITE &&
	       filemap_check_wb_err(file->f_mapping, READ_ONCE(file->f_wb_err));
}

static const struct {
	bool (*asks)(struct file *file);
	const char *object;
	const char *reason;
} questions[] = {
	{ has_lock, "file lock", "a lock or lease is held, not saved yet; release it" },
	{ has_owner, "F_SETOWN", "a signal owner or signal is set, not saved yet" },
	{ has_no_direction, "file flags", "is open neither to read nor to write, not saved yet" },
	{ has_error, "write error", "fsync(2) has yet to report one, which is not saved" },
};

static void refuse_common(struct ckpt_save *save, struct file *file)
{
	unsigned int unknown = file->f_flags & ~(FLAGS_KNOWN | __FMODE_EXEC);
	int i;

	for (i = 0; i < ARRAY_SIZE(questions); i++)
		if (questions[i].asks(file))
			ckpt_refuse(save, questions[i].object, "%pd: %s",
				    file->f_path.dentry, questions[i].reason);
	if (unknown)
		ckpt_refuse(save, "file flags", "%pd: flags 0%o are not known",
			    file->f_path.dentry, unknown);
}

/**
 * checkpoint_file - the id of an open file, captured if need be
 * @save: the call
 * @file: the file; the caller's reference is dropped, for it would count as
 *	somebody else's
 * @id: its id, 0 if it was refused
 *
 * Return: 0 or an errno.
 */
int checkpoint_file(struct ckpt_save *save, struct file *file, u32 *id)
{
	struct ckpt_obj *obj = ckpt_object_find(save, file);
	const struct ckpt_ops *ops;

	if (!obj)
		ckpt_err(save, -EBUSY, "%pd was opened while the group was held",
			 file->f_path.dentry);
	fput(file);
	if (!obj)
		return -EBUSY;
	*id = obj->id;
	if (obj->captured)
		return 0;
	ops = ckpt_ops_of_file(save, file);
	if (!ops) {
		obj->captured = true;
		return refuse_file(save, file);
	}
	refuse_common(save, file);
	return ckpt_object(save, file, ops, id);
}

/**
 * checkpoint_file_common - fill in what every open file has
 * @save: the call
 * @file: the file
 * @out: its record; the id is there already
 */
void checkpoint_file_common(struct ckpt_save *save, struct file *file,
			    struct ckpt_file *out)
{
	u32 flags = file->f_flags & FLAGS_KNOWN;

	/* overlayfs asks that of its layers, whoever opened the file */
	if (file->f_mode & FMODE_BACKING)
		flags &= ~O_NOATIME;
	out->cred = cpu_to_le32(save->cred_id);
	out->flags = cpu_to_le32(flags);
	out->how = cpu_to_le32(file->f_flags & __FMODE_EXEC ? CKPT_FILE_EXEC : 0);
	out->pos = cpu_to_le64(file->f_pos);
}

/**
 * ckpt_refuse_shared - refuse a file that a task outside the group has open
 * @save: the call
 * @obj: the file
 *
 * For files whose state is in their open description.
 *
 * Return: 0, or -EBUSY if the holder is not found.
 */
int ckpt_refuse_shared(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct file *file = obj->ptr;
	pid_t holder;

	if (ckpt_object_surplus(save, obj) <= 0)
		return 0;
	if (ckpt_find_holder(save, obj, &holder))
		return ckpt_refuse_outside(save, obj->ops->name, "%pd is shared with pid %d outside the group",
					   file->f_path.dentry, holder);
	return ckpt_err(save, -EBUSY, "%pd is held by something that is no descriptor or mapping of the group; try again",
			file->f_path.dentry);
}

/**
 * ckpt_file_validate - check what every open file has
 * @load: the call
 * @rec: its record
 * @in: the common part
 *
 * Return: 0 or -EBADMSG.
 */
int ckpt_file_validate(struct ckpt_load *load, struct ckpt_rec *rec,
		       const struct ckpt_file *in)
{
	u32 flags = le32_to_cpu(in->flags);

	if (flags & ~FLAGS_KNOWN || (flags & O_ACCMODE) == O_ACCMODE)
		return ckpt_fail(load, rec, -EBADMSG, "unknown file flags 0%o", flags);
	if (le32_to_cpu(in->how) & ~CKPT_FILE_EXEC)
		return ckpt_fail(load, rec, -EBADMSG, "unknown way of opening 0x%x",
				 le32_to_cpu(in->how));
	if ((s64)le64_to_cpu(in->pos) < 0)
		return ckpt_fail(load, rec, -EBADMSG, "negative file position");
	if (!ckpt_ref(load, rec, le32_to_cpu(in->cred), CKPT_REC_CRED))
		return -EBADMSG;
	return 0;
}

void ckpt_file_drop(struct ckpt_load *load, struct ckpt_rec *rec)
{
	fput(rec->live);
}

#if IS_ENABLED(CONFIG_CHECKPOINT_KUNIT_TEST)
#include "tests/file_kunit.c"
#endif
