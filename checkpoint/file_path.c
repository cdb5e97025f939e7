// SPDX-License-Identifier: GPL-2.0
/*
 * Regular files, directories and the memory devices: reopened by path.
 *
 * The file found at restart must be the file that was saved: the same type,
 * and for regular files the same length and time of modification if it was
 * open for reading only, at least the same length if it was open for writing.
 *
 * Refused: unlinked files, files of pseudo file systems, other devices.
 * A regular file that a task outside has open too (the log of the shell that
 * started the program) is reopened at its position, with a warning; refused
 * under CHECKPOINT_STRICT.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <linux/shmem_fs.h>

#include "internal.h"

/* /dev/null, zero, full, random, urandom */
static bool is_memory_device(struct inode *inode)
{
	return S_ISCHR(inode->i_mode) && imajor(inode) == MEM_MAJOR &&
	       (iminor(inode) == 3 || iminor(inode) == 5 ||
		(iminor(inode) >= 7 && iminor(inode) <= 9));
}

/* Does this file system keep files by name, whoever reads them and when? */
static bool is_storage(struct super_block *sb)
{
	if (sb->s_type->fs_flags & FS_REQUIRES_DEV)
		return true;
	switch (sb->s_magic) {
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
	case OVERLAYFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case NFS_SUPER_MAGIC:
	case V9FS_MAGIC:
	case FUSE_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

/* A mapping of an overlay has the file of its layer, which keeps the path of the other. */
static struct inode *user_inode(const struct file *file)
{
	return d_inode(file_user_path(file)->dentry);
}

static bool match_path(struct ckpt_save *save, struct file *file)
{
	struct inode *inode = user_inode(file);

	if (file->f_mode & FMODE_PATH || inode->i_sb->s_flags & SB_NOUSER)
		return false;
	return is_memory_device(inode) ||
	       ((S_ISREG(inode->i_mode) || S_ISDIR(inode->i_mode)) &&
		is_storage(inode->i_sb));
}

static int warn_shared(struct ckpt_save *save, struct ckpt_obj *obj,
		       const char *name)
{
	pid_t holder = 0;
	bool found;

	/* the file of a layer has the overlay's as another holder, and no position */
	if (((struct file *)obj->ptr)->f_mode & FMODE_BACKING)
		return 0;
	if (!S_ISREG(file_inode(obj->ptr)->i_mode) ||
	    ckpt_object_surplus(save, obj) <= 0)
		return 0;
	found = ckpt_find_holder(save, obj, &holder);
	if (save->call.flags & CHECKPOINT_STRICT)
		return ckpt_refuse_outside(save, obj->ops->name, "%s is shared with pid %d outside the group",
					   name, holder);
	if (!found)
		return 0;
	ckpt_warn(save, "%s is shared with pid %d outside the group; it will be reopened, with a position of its own",
		  name, holder);
	return 0;
}

static int checkpoint_path(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct file *file = obj->ptr;
	struct inode *inode = user_inode(file);
	struct ckpt_file_path *out;
	struct timespec64 mtime;
	char *name;
	size_t len;
	int err;

	name = ckpt_path(save, file_user_path(file));
	if (!name)
		return 0;
	err = warn_shared(save, obj, name);
	if (err)
		return err;

	len = strlen(name);
	out = ckpt_emit_object(save, obj, len);
	if (!out)
		return -ENOMEM;
	checkpoint_file_common(save, file, &out->file);
	out->mode = cpu_to_le32(inode->i_mode);
	out->path_len = cpu_to_le32(len);
	out->dev = cpu_to_le64(new_encode_dev(inode->i_sb->s_dev));
	out->ino = cpu_to_le64(inode->i_ino);
	if (S_ISREG(inode->i_mode)) {
		mtime = inode_get_mtime(inode);
		out->size = cpu_to_le64(i_size_read(inode));
		out->mtime_sec = cpu_to_le64(mtime.tv_sec);
		out->mtime_nsec = cpu_to_le32(mtime.tv_nsec);
	} else if (S_ISCHR(inode->i_mode)) {
		out->rdev = cpu_to_le32(new_encode_dev(inode->i_rdev));
	}
	memcpy(ckpt_tail(out, sizeof(*out)), name, len);
	return 0;
}

static int validate_path(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_file_path *in = ckpt_data(rec, ckpt_file_path);
	u32 mode = le32_to_cpu(in->mode), len = le32_to_cpu(in->path_len);
	const char *name = ckpt_rec_tail(rec);

	if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISCHR(mode))
		return ckpt_fail(load, rec, -EBADMSG, "a file of mode 0%o is not reopened by path",
				 mode);
	if (!len || len >= PATH_MAX || !ckpt_tail_is(rec, len) ||
	    name[0] != '/' || memchr(name, 0, len))
		return ckpt_fail(load, rec, -EBADMSG, "bad path");
	if (le32_to_cpu(in->mtime_nsec) >= NSEC_PER_SEC)
		return ckpt_fail(load, rec, -EBADMSG, "bad time of modification");
	return ckpt_file_validate(load, rec, &in->file);
}

/* Is this the file that was saved? Says what differs. */
static const char *what_differs(struct ckpt_load *load,
				const struct ckpt_file_path *in,
				struct file *file)
{
	struct inode *inode = file_inode(file);
	struct timespec64 mtime = inode_get_mtime(inode);
	u64 size = le64_to_cpu(in->size);

	if ((inode->i_mode ^ le32_to_cpu(in->mode)) & S_IFMT)
		return "type";
	if (load->call.flags & RESTART_STRICT_FILES &&
	    (le64_to_cpu(in->dev) != new_encode_dev(inode->i_sb->s_dev) ||
	     le64_to_cpu(in->ino) != inode->i_ino))
		return "device or inode number";
	if (S_ISCHR(inode->i_mode)) {
		if (!is_memory_device(inode) ||
		    le32_to_cpu(in->rdev) != new_encode_dev(inode->i_rdev))
			return "device";
		return NULL;
	}
	if (S_ISDIR(inode->i_mode))
		return NULL;
	if (le32_to_cpu(in->file.flags) & O_ACCMODE)
		return i_size_read(inode) < size ? "length" : NULL;
	if (i_size_read(inode) != size)
		return "length";
	if (le64_to_cpu(in->mtime_sec) != mtime.tv_sec ||
	    le32_to_cpu(in->mtime_nsec) != mtime.tv_nsec)
		return "time of modification";
	return NULL;
}

/*
 * Opening a FIFO waits for its other end, and opening a device does what the
 * device likes: so the type is looked at first, and what was looked at is what
 * is opened. O_NONBLOCK is for leases.
 */
static struct file *open_same_type(struct ckpt_load *load, const char *name,
				   const struct ckpt_file_path *in)
{
	u32 flags = le32_to_cpu(in->file.flags);
	struct file *place, *file;
	bool same;

	place = ckpt_open(load, name, O_PATH, false);
	if (IS_ERR(place))
		return place;
	same = !((file_inode(place)->i_mode ^ le32_to_cpu(in->mode)) & S_IFMT) &&
	       (!S_ISCHR(file_inode(place)->i_mode) || is_memory_device(file_inode(place)));
	file = same ? ckpt_reopen(place, flags | O_NOCTTY | O_NONBLOCK,
				  le32_to_cpu(in->file.how) & CKPT_FILE_EXEC) :
		      ERR_PTR(-ESTALE);
	fput(place);
	if (!IS_ERR(file) && !(flags & O_NONBLOCK)) {
		spin_lock(&file->f_lock);
		file->f_flags &= ~O_NONBLOCK;
		spin_unlock(&file->f_lock);
	}
	return file;
}

static int restart_path(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_file_path *in = ckpt_data(rec, ckpt_file_path);
	loff_t pos = le64_to_cpu(in->file.pos);
	const struct cred *old;
	const char *differs;

	struct file *file __free(fput) = NULL;
	char *name __free(kfree) = kmemdup_nul(ckpt_rec_tail(rec),
					       le32_to_cpu(in->path_len),
					       GFP_KERNEL_ACCOUNT);
	if (!name)
		return -ENOMEM;

	old = override_creds(ckpt_cred(load, le32_to_cpu(in->file.cred)));
	file = open_same_type(load, name, in);
	revert_creds(old);
	if (file == ERR_PTR(-ESTALE))
		return ckpt_fail(load, rec, -ESTALE, "%*pE is another file than the one saved: its type differs",
				 (int)strlen(name), name);
	if (IS_ERR(file))
		return ckpt_fail(load, rec, PTR_ERR(file), "cannot open %*pE: errno %d",
				 (int)strlen(name), name, -(int)PTR_ERR(file));

	differs = what_differs(load, in, file);
	if (differs)
		return ckpt_fail(load, rec, -ESTALE, "%*pE is another file than the one saved: its %s differs",
				 (int)strlen(name), name, differs);
	if (!S_ISCHR(file_inode(file)->i_mode) &&
	    vfs_llseek(file, pos, SEEK_SET) != pos)
		return ckpt_fail(load, rec, -EINVAL, "cannot seek %*pE to %lld",
				 (int)strlen(name), name, pos);
	rec->live = no_free_ptr(file);
	return 0;
}

const struct ckpt_ops ckpt_file_path_ops = {
	.name		= "file",
	.type		= CKPT_REC_FILE_PATH,
	.fixed		= sizeof(struct ckpt_file_path),
	.max_tail	= PATH_MAX,
	.object		= true,
	.match		= match_path,
	.get		= ckpt_file_get,
	.put		= ckpt_file_put,
	.count		= ckpt_file_count,
	.checkpoint	= checkpoint_path,
	.validate	= validate_path,
	.restart	= restart_path,
	.drop		= ckpt_file_drop,
};
