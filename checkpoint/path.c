// SPDX-License-Identifier: GPL-2.0
/*
 * Paths: written as the caller of checkpoint(2) sees them, resolved below the
 * root that the caller of restart(2) names, never out of it and never through
 * a magic link.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/namei.h>
#include <linux/openat2.h>

#include "../fs/internal.h"
#include "internal.h"

static bool leads_back(const struct path *path, const char *name)
{
	struct path root, found;
	bool same;

	get_fs_root(current->fs, &root);
	if (vfs_path_lookup(root.dentry, root.mnt, name, LOOKUP_FOLLOW, &found)) {
		path_put(&root);
		return false;
	}
	path_put(&root);
	same = d_inode(found.dentry) == d_inode(path->dentry);
	path_put(&found);
	return same;
}

/**
 * ckpt_path - the path by which the caller reaches something
 * @save: the call; the path is built in its buffer
 * @path: what to reach
 *
 * Refuses what is unlinked, out of the caller's reach, or hidden by a mount.
 *
 * Return: the path, NULL if it was refused.
 */
char *ckpt_path(struct ckpt_save *save, const struct path *path)
{
	struct path root;
	char *name;

	if (d_unlinked(path->dentry)) {
		ckpt_refuse(save, "unlinked file", "%pd was unlinked, and such files are not saved yet",
			    path->dentry);
		return NULL;
	}
	get_fs_root(current->fs, &root);
	name = __d_path(path, &root, save->path, PATH_MAX);
	path_put(&root);
	if (IS_ERR_OR_NULL(name)) {
		ckpt_refuse(save, "path", "%pd cannot be reached from the caller's root",
			    path->dentry);
		return NULL;
	}
	if (!leads_back(path, name)) {
		ckpt_refuse(save, "path", "%s leads to another file now", name);
		return NULL;
	}
	return name;
}

static struct file *open_at(const struct path *root, const char *name, int flags,
			    u64 resolve, bool exec)
{
	struct open_how how = { .flags = flags, .resolve = resolve };
	struct open_flags op;
	int err = build_open_flags(&how, &op);

	if (err)
		return ERR_PTR(err);
	if (exec) {
		op.open_flag |= __FMODE_EXEC;
		op.acc_mode |= MAY_EXEC;
	}
	return do_file_open_root(root, name, &op);
}

/**
 * ckpt_open - open a file below the root of the restart
 * @load: the call
 * @name: path, taken as absolute
 * @flags: O_*, no creation
 * @exec: also ask for what execve() asks
 *
 * Uses the credentials of the current task.
 *
 * Return: the file or an ERR_PTR.
 */
struct file *ckpt_open(struct ckpt_load *load, const char *name, int flags,
		       bool exec)
{
	return open_at(&load->root, name, flags,
		       RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, exec);
}

/**
 * ckpt_reopen - open what an O_PATH file stands for, by the rules of open()
 * @place: the file
 * @flags: O_*, no creation
 * @exec: also ask for what execve() asks
 *
 * Uses the credentials of the current task. What was looked at is what is
 * opened, whatever is at its path by now.
 *
 * Return: the file or an ERR_PTR.
 */
struct file *ckpt_reopen(struct file *place, int flags, bool exec)
{
	return open_at(&place->f_path, "", flags, 0, exec);
}

/**
 * ckpt_lookup - find a directory below the root of the restart
 * @load: the call
 * @name: path, taken as absolute
 * @path: what was found, referenced; empty if it is not to be entered
 *
 * Return: 0 or an errno; the caller may search the directory.
 */
int ckpt_lookup(struct ckpt_load *load, const char *name, struct path *path)
{
	int err;

	err = vfs_path_lookup(load->root.dentry, load->root.mnt, name,
			      LOOKUP_FOLLOW | LOOKUP_DIRECTORY |
			      LOOKUP_IN_ROOT | LOOKUP_NO_MAGICLINKS, path);
	if (err)
		return err;
	err = path_permission(path, MAY_EXEC | MAY_CHDIR);
	if (err) {
		path_put(path);
		*path = (struct path){};
	}
	return err;
}
