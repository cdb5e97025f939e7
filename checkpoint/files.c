// SPDX-License-Identifier: GPL-2.0
/*
 * A table of descriptors, possibly shared by several tasks.
 *
 * Refused: a table that is shared with a task outside the group.
 */
#include <linux/fdtable.h>
#include <linux/init_task.h>
#include <linux/syscalls.h>

#include "files.h"

/* Descriptors up to sysctl_nr_open's greatest default fit. */
#define FDS_MAX		BIT(20)

static void get_files(void *files)
{
	atomic_inc(&((struct files_struct *)files)->count);
}

static void put_files(void *files)
{
	put_files_struct(files);
}

static long count_files(void *files)
{
	return atomic_read(&((struct files_struct *)files)->count);
}

/**
 * ckpt_next_fd - the first open descriptor from *@fd on
 * @files: the table
 * @fd: where to begin; the descriptor found
 * @cloexec: is it closed on exec
 *
 * Return: its file, referenced, or NULL after the last one.
 */
struct file *ckpt_next_fd(struct files_struct *files, unsigned int *fd,
			  bool *cloexec)
{
	struct fdtable *fdt;
	struct file *file;

	guard(spinlock)(&files->file_lock);
	fdt = files_fdtable(files);
	for (;; ++*fd) {
		*fd = find_next_bit(fdt->open_fds, fdt->max_fds, *fd);
		if (*fd >= fdt->max_fds)
			return NULL;
		file = files_lookup_fd_locked(files, *fd);
		if (file)
			break;
	}
	*cloexec = close_on_exec(*fd, files);
	return get_file(file);
}

static int checkpoint_files(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct files_struct *files = obj->ptr;
	struct ckpt_files *out;
	struct ckpt_fd *entry;
	unsigned int fd, nr = 0;
	struct file *file;
	bool cloexec;
	int err;
	u32 id;

	if (ckpt_object_surplus(save, obj) > 0)
		return ckpt_refuse_outside(save, "descriptor table", "is shared with a task outside the group (CLONE_FILES)");

	for (fd = 0; (file = ckpt_next_fd(files, &fd, &cloexec)); fd++, nr++) {
		/* each may have to be looked for outside */
		if (fatal_signal_pending(current)) {
			fput(file);
			return -EINTR;
		}
		cond_resched();
		save->where.fd = fd;
		if (fd >= FDS_MAX)
			ckpt_refuse(save, "descriptor", "is above %lu", FDS_MAX - 1);
		err = checkpoint_file(save, file, &id);
		save->where.fd = -1;
		if (err)
			return err;
	}

	out = ckpt_emit_object(save, obj, array_size(nr, sizeof(*entry)));
	if (!out)
		return -ENOMEM;
	out->nr_fds = cpu_to_le32(nr);

	entry = ckpt_tail(out, sizeof(*out));
	for (fd = 0; (file = ckpt_next_fd(files, &fd, &cloexec)); fd++, entry++) {
		struct ckpt_obj *known = ckpt_object_find(save, file);

		fput(file);
		/* somebody outside may have it, whom a member that was killed since hid */
		if (!nr-- || !known)
			return ckpt_err(save, -EBUSY, "the descriptor table changed while the group was held");
		entry->fd = cpu_to_le32(fd);
		entry->file = cpu_to_le32(known->id);
		entry->flags = cpu_to_le32(cloexec ? CKPT_FD_CLOEXEC : 0);
	}
	if (nr)
		return ckpt_err(save, -EBUSY, "the descriptor table changed while the group was held");
	return 0;
}

static int validate_files(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_files *in = ckpt_data(rec, ckpt_files);
	const struct ckpt_fd *entry = ckpt_rec_tail(rec);
	u32 nr = le32_to_cpu(in->nr_fds);
	s64 last = -1;
	u32 i;

	if (!ckpt_tail_is(rec, array_size(nr, sizeof(*entry))))
		return ckpt_fail(load, rec, -EBADMSG, "length does not fit %u descriptors", nr);
	for (i = 0; i < nr; i++, entry++) {
		u32 fd = le32_to_cpu(entry->fd);

		if (fd <= last || fd >= FDS_MAX || entry->__reserved ||
		    le32_to_cpu(entry->flags) & ~CKPT_FD_CLOEXEC)
			return ckpt_fail(load, rec, -EBADMSG, "bad descriptor %u", fd);
		if (!ckpt_ref_file(load, rec, le32_to_cpu(entry->file)))
			return -EBADMSG;
		last = fd;
	}
	return 0;
}

/* Give the current task this table in place of the one it has. */
static void adopt(struct files_struct *files)
{
	struct files_struct *old = current->files;

	task_lock(current);
	current->files = files;
	task_unlock(current);
	put_files_struct(old);
}

/* A table without a descriptor: to close the caller's could take long, as flush does. */
static int adopt_empty(void)
{
	struct files_struct *files = dup_fd(&init_files, NULL);

	if (IS_ERR(files))
		return PTR_ERR(files);
	adopt(files);
	return 0;
}

static int fill_table(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_files *in = ckpt_data(rec, ckpt_files);
	const struct ckpt_fd *entry = ckpt_rec_tail(rec);
	u32 i;
	int err;

	for (i = 0; i < le32_to_cpu(in->nr_fds); i++, entry++) {
		struct ckpt_rec *file = ckpt_rec(load, le32_to_cpu(entry->file));
		u32 fd = le32_to_cpu(entry->fd);

		err = ckpt_may_hold(load, file);
		if (err)
			return err;
		err = replace_fd(fd, file->live,
				 le32_to_cpu(entry->flags) & CKPT_FD_CLOEXEC ?
				 O_CLOEXEC : 0);
		if (err < 0)
			return ckpt_fail(load, rec, err, "cannot install descriptor %u: errno %d; look at RLIMIT_NOFILE",
					 fd, -err);
	}
	return 0;
}

/* In the new task. The first that refers to a table makes it; others share it. */
static int install_files(struct ckpt_load *load, struct ckpt_rec *rec)
{
	int err;

	/* threads have their leader's */
	if (READ_ONCE(rec->live) == current->files)
		return 0;
	guard(mutex)(&rec->once);
	if (rec->live) {
		get_files(rec->live);
		adopt(rec->live);
		return 0;
	}
	err = adopt_empty();
	if (!err)
		err = fill_table(load, rec);
	if (err)
		return err;
	get_files(current->files);
	WRITE_ONCE(rec->live, current->files);
	return 0;
}

static void drop_files(struct ckpt_load *load, struct ckpt_rec *rec)
{
	put_files_struct(rec->live);
}

const struct ckpt_ops ckpt_files_ops = {
	.name		= "files",
	.type		= CKPT_REC_FILES,
	.fixed		= sizeof(struct ckpt_files),
	.max_tail	= FDS_MAX * sizeof(struct ckpt_fd),
	.object		= true,
	.get		= get_files,
	.put		= put_files,
	.count		= count_files,
	.checkpoint	= checkpoint_files,
	.validate	= validate_files,
	.install	= install_files,
	.drop		= drop_files,
};
