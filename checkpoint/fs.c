// SPDX-License-Identifier: GPL-2.0
/*
 * Root, working directory and umask, possibly shared by several tasks.
 *
 * Refused: a struct shared with a task outside the group, directories that
 * were removed.
 */
#include <linux/capability.h>
#include <linux/fs_struct.h>
#include <linux/path.h>
#include <linux/security.h>

#include "internal.h"

static void get_fs(void *ptr)
{
	struct fs_struct *fs = ptr;

	guard(spinlock)(&fs->lock);
	fs->users++;
}

static void put_fs(void *ptr)
{
	struct fs_struct *fs = ptr;
	bool last;

	spin_lock(&fs->lock);
	last = !--fs->users;
	spin_unlock(&fs->lock);
	if (last)
		free_fs_struct(fs);
}

static long count_fs(void *ptr)
{
	return READ_ONCE(((struct fs_struct *)ptr)->users);
}

/* Both paths of one struct, in memory of the caller's. */
static char *paths_of(struct ckpt_save *save, struct fs_struct *fs,
		      size_t *root_len, size_t *pwd_len)
{
	struct path root, pwd;
	char *name, *both;

	get_fs_root(fs, &root);
	get_fs_pwd(fs, &pwd);
	both = kzalloc(2 * PATH_MAX, GFP_KERNEL_ACCOUNT);
	if (!both) {
		both = ERR_PTR(-ENOMEM);
		goto out;
	}
	name = ckpt_path(save, &root);
	*root_len = name ? strlen(name) : 0;
	memcpy(both, name ?: "", *root_len);
	name = ckpt_path(save, &pwd);
	*pwd_len = name ? strlen(name) : 0;
	memcpy(both + *root_len, name ?: "", *pwd_len);
out:
	path_put(&root);
	path_put(&pwd);
	return both;
}

static int checkpoint_fs(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct fs_struct *fs = obj->ptr;
	size_t root_len, pwd_len;
	struct ckpt_fs *out;

	if (ckpt_object_surplus(save, obj) > 0)
		return ckpt_refuse_outside(save, "working directory", "is shared with a task outside the group (CLONE_FS)");
	char *paths __free(kfree) = paths_of(save, fs, &root_len, &pwd_len);
	if (IS_ERR(paths))
		return PTR_ERR(no_free_ptr(paths));

	out = ckpt_emit_object(save, obj, root_len + pwd_len);
	if (!out)
		return -ENOMEM;
	out->cred = cpu_to_le32(save->cred_id);
	out->umask = cpu_to_le32(fs->umask);
	out->root_len = cpu_to_le32(root_len);
	out->pwd_len = cpu_to_le32(pwd_len);
	memcpy(ckpt_tail(out, sizeof(*out)), paths, root_len + pwd_len);
	return 0;
}

static bool good_path(const char *name, u32 len)
{
	return len && len < PATH_MAX && name[0] == '/' && !memchr(name, 0, len);
}

static int validate_fs(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_fs *in = ckpt_data(rec, ckpt_fs);
	u32 root_len = le32_to_cpu(in->root_len), pwd_len = le32_to_cpu(in->pwd_len);
	const char *paths = ckpt_rec_tail(rec);

	if (in->__reserved || le32_to_cpu(in->umask) & ~0777)
		return ckpt_fail(load, rec, -EBADMSG, "bad umask");
	if (!ckpt_tail_is(rec, (u64)root_len + pwd_len) ||
	    !good_path(paths, root_len) || !good_path(paths + root_len, pwd_len))
		return ckpt_fail(load, rec, -EBADMSG, "bad path");
	if (!ckpt_ref(load, rec, le32_to_cpu(in->cred), CKPT_REC_CRED))
		return -EBADMSG;
	return 0;
}

struct places {
	struct path root, pwd;
};

static int find_place(struct ckpt_load *load, struct ckpt_rec *rec,
		      const char *at, u32 len, struct path *path)
{
	char *name __free(kfree) = kmemdup_nul(at, len, GFP_KERNEL_ACCOUNT);
	int err;

	if (!name)
		return -ENOMEM;
	err = ckpt_lookup(load, name, path);
	if (err)
		return ckpt_fail(load, rec, err, "cannot enter directory %*pE: errno %d",
				 (int)len, name, -err);
	return 0;
}

/* Another root than the caller's is chroot(2), and asks the same right. */
static int may_chroot(struct ckpt_load *load, struct ckpt_rec *rec,
		      const struct path *root)
{
	struct path own;
	bool same;
	int err;

	get_fs_root(current->fs, &own);
	same = path_equal(&own, root);
	path_put(&own);
	if (same)
		return 0;
	if (!ns_capable(current_user_ns(), CAP_SYS_CHROOT))
		return ckpt_fail(load, rec, -EPERM, "axis=root: another root directory than the caller's needs CAP_SYS_CHROOT");
	err = security_path_chroot(root);
	if (err)
		ckpt_fail(load, rec, err, "axis=root: refused by the security module");
	return err;
}

/* The directories are found with the credentials of the holder. */
static int restart_fs(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_fs *in = ckpt_data(rec, ckpt_fs);
	u32 root_len = le32_to_cpu(in->root_len);
	const char *paths = ckpt_rec_tail(rec);
	const struct cred *old;
	int err;

	struct places *places __free(kfree) = kzalloc(sizeof(*places), GFP_KERNEL_ACCOUNT);
	if (!places)
		return -ENOMEM;

	old = override_creds(ckpt_cred(load, le32_to_cpu(in->cred)));
	err = find_place(load, rec, paths, root_len, &places->root);
	if (!err)
		err = find_place(load, rec, paths + root_len,
				 le32_to_cpu(in->pwd_len), &places->pwd);
	revert_creds(old);
	if (!err)
		err = may_chroot(load, rec, &places->root);
	if (err) {
		if (places->root.mnt)
			path_put(&places->root);
		if (places->pwd.mnt)
			path_put(&places->pwd);
		return err;
	}
	rec->extra = no_free_ptr(places);
	return 0;
}

/* In the new task. The first that refers to it makes it; others share it. */
static int install_fs(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_fs *in = ckpt_data(rec, ckpt_fs);
	struct places *places = rec->extra;
	struct fs_struct *old;
	int err;

	/* threads have their leader's */
	if (READ_ONCE(rec->live) == current->fs)
		return 0;
	guard(mutex)(&rec->once);
	if (rec->live) {
		get_fs(rec->live);
		old = current->fs;
		task_lock(current);
		current->fs = rec->live;
		task_unlock(current);
		put_fs(old);
		return 0;
	}
	err = unshare_fs_struct();
	if (err)
		return err;
	set_fs_root(current->fs, &places->root);
	set_fs_pwd(current->fs, &places->pwd);
	current->fs->umask = le32_to_cpu(in->umask);
	get_fs(current->fs);
	WRITE_ONCE(rec->live, current->fs);
	return 0;
}

static void drop_fs(struct ckpt_load *load, struct ckpt_rec *rec)
{
	struct places *places = rec->extra;

	if (rec->live)
		put_fs(rec->live);
	if (places) {
		path_put(&places->root);
		path_put(&places->pwd);
		kfree(places);
	}
}

const struct ckpt_ops ckpt_fs_ops = {
	.name		= "fs",
	.type		= CKPT_REC_FS,
	.fixed		= sizeof(struct ckpt_fs),
	.max_tail	= 2 * PATH_MAX,
	.object		= true,
	.get		= get_fs,
	.put		= put_fs,
	.count		= count_fs,
	.checkpoint	= checkpoint_fs,
	.validate	= validate_fs,
	.restart	= restart_fs,
	.install	= install_fs,
	.drop		= drop_fs,
};
