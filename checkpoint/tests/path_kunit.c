// SPDX-License-Identifier: GPL-2.0
/*
 * Paths below the root of a restart, in a file system that nobody else sees,
 * and of files as a caller of checkpoint(2) reaches them.
 */
#include <linux/fs_context.h>
#include <linux/fs_struct.h>
#include <linux/mount.h>
#include <linux/namei.h>

#include "fixture.h"

static void unmount(void *mnt)
{
	kern_unmount(mnt);
}

static void put_fs_type(void *type)
{
	put_filesystem(type);
}

static struct vfsmount *mount_tmpfs(struct kunit *test)
{
	struct file_system_type *type = get_fs_type("tmpfs");
	struct vfsmount *mnt;

	KUNIT_ASSERT_NOT_NULL(test, type);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_fs_type, type));
	mnt = kern_mount(type);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mnt);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, unmount, mnt));
	return mnt;
}

/* Makes a directory, or a symbolic link to @to, in a directory. */
static struct dentry *make(struct kunit *test, struct dentry *dir, const char *name,
			   const char *to)
{
	struct dentry *dentry;
	int err;

	inode_lock_nested(d_inode(dir), I_MUTEX_PARENT);
	dentry = lookup_one_len(name, dir, strlen(name));
	err = PTR_ERR_OR_ZERO(dentry);
	if (!err)
		err = to ? vfs_symlink(&nop_mnt_idmap, d_inode(dir), dentry, to) :
			   vfs_mkdir(&nop_mnt_idmap, d_inode(dir), dentry, 0755);
	inode_unlock(d_inode(dir));
	KUNIT_ASSERT_EQ(test, 0, err);
	return dentry;
}

struct tree {
	struct ckpt_load *load;
	struct vfsmount *mnt;
};

/* /dir/file, and links: /dir/abs to /dir/file, /dir/up to a file out of all. */
static int path_init(struct kunit *test)
{
	struct tree *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct dentry *dir;
	struct file *file;

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->mnt = mount_tmpfs(test);
	t->load = ckpt_kunit_load(test);
	t->load->root = (struct path){ .mnt = t->mnt, .dentry = t->mnt->mnt_root };
	path_get(&t->load->root);
	dir = make(test, t->mnt->mnt_root, "dir", NULL);
	dput(make(test, dir, "abs", "/dir/file"));
	dput(make(test, dir, "up", "../../../../dir/file"));
	dput(make(test, dir, "loop", "loop"));
	dput(dir);
	file = file_open_root_mnt(t->mnt, "dir/file", O_CREAT | O_RDWR, 0700);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	__fput_sync(file);
	test->priv = t;
	return 0;
}

static int try_open(struct tree *t, const char *name, int flags, bool exec)
{
	struct file *file = ckpt_open(t->load, name, flags, exec);
	int err = PTR_ERR_OR_ZERO(file);

	if (err)
		return err;
	/* whatever the name, it is the tree's file */
	if (file->f_path.mnt != t->mnt)
		err = -EXDEV;
	__fput_sync(file);
	return err;
}

static void a_name_never_leads_out_of_the_root(struct kunit *test)
{
	static const char * const names[] = {
		"/dir/file", "dir/file", "//dir//file", "/dir/./file", "/../dir/file",
		"/dir/../../../dir/file", "/dir/abs", "/dir/up", "/../../dir/up",
	};
	struct tree *t = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		KUNIT_EXPECT_EQ_MSG(test, 0, try_open(t, names[i], O_RDONLY, false),
				    "%s", names[i]);
}

static void what_is_not_there_is_not_made(struct kunit *test)
{
	struct tree *t = test->priv;

	KUNIT_EXPECT_EQ(test, -ENOENT, try_open(t, "/dir/none", O_RDWR, false));
	KUNIT_EXPECT_EQ(test, -ENOTDIR, try_open(t, "/dir/file/", O_RDONLY, false));
	KUNIT_EXPECT_EQ(test, -ELOOP, try_open(t, "/dir/loop", O_RDONLY, false));
	KUNIT_EXPECT_EQ(test, -ELOOP, try_open(t, "/dir/abs", O_RDONLY | O_NOFOLLOW, false));
	KUNIT_EXPECT_EQ(test, -EISDIR, try_open(t, "/dir", O_RDWR, false));
}

/* An executable is opened as execve() does, which asks for the right to. */
static void to_execute_is_a_right_of_its_own(struct kunit *test)
{
	struct tree *t = test->priv;
	struct file *file;

	file = ckpt_open(t->load, "/dir/file", O_RDONLY, true);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	KUNIT_EXPECT_NE(test, 0, file->f_flags & __FMODE_EXEC);
	file_inode(file)->i_mode = S_IFREG | 0600;
	__fput_sync(file);
	KUNIT_EXPECT_EQ(test, -EACCES, try_open(t, "/dir/file", O_RDONLY, true));
	KUNIT_EXPECT_EQ(test, 0, try_open(t, "/dir/file", O_RDONLY, false));
}

static void only_a_directory_is_entered(struct kunit *test)
{
	struct tree *t = test->priv;
	struct path path;

	KUNIT_EXPECT_EQ(test, -ENOTDIR, ckpt_lookup(t->load, "/dir/file", &path));
	KUNIT_EXPECT_EQ(test, -ENOTDIR, ckpt_lookup(t->load, "/dir/abs", &path));
	KUNIT_EXPECT_EQ(test, -ENOENT, ckpt_lookup(t->load, "/none", &path));
	KUNIT_ASSERT_EQ(test, 0, ckpt_lookup(t->load, "/dir/../../dir", &path));
	KUNIT_EXPECT_PTR_EQ(test, t->mnt, path.mnt);
	path_put(&path);
	KUNIT_ASSERT_EQ(test, 0, ckpt_lookup(t->load, "/", &path));
	KUNIT_EXPECT_PTR_EQ(test, t->mnt->mnt_root, path.dentry);
	path_put(&path);
}

static void what_the_caller_cannot_reach_is_refused(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct tree *t = test->priv;
	struct path path;

	KUNIT_ASSERT_EQ(test, 0, ckpt_lookup(t->load, "/dir", &path));
	KUNIT_EXPECT_NULL(test, ckpt_path(save, &path));
	KUNIT_EXPECT_EQ(test, 1, save->call.result.blockers);
	CKPT_EXPECT_LOGGED(test, &save->call, "dir cannot be reached from the caller's root");
	path_put(&path);
}

/* A caller whose root is the tree's. */
static void a_path_starts_at_the_root_of_the_caller(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct fs_struct *own = current->fs, *fs;
	struct tree *t = test->priv;
	struct path path;
	char *name;

	fs = copy_fs_struct(own);
	KUNIT_ASSERT_NOT_NULL(test, fs);
	KUNIT_ASSERT_EQ(test, 0, ckpt_lookup(t->load, "/dir", &path));
	set_fs_root(fs, &t->load->root);
	current->fs = fs;
	name = ckpt_path(save, &path);
	KUNIT_EXPECT_STREQ(test, name ?: "", "/dir");
	name = ckpt_path(save, &t->load->root);
	KUNIT_EXPECT_STREQ(test, name ?: "", "/");
	/* below it, the root itself is out of reach */
	set_fs_root(fs, &path);
	name = ckpt_path(save, &path);
	KUNIT_EXPECT_STREQ(test, name ?: "", "/");
	KUNIT_EXPECT_EQ(test, 0, save->call.result.blockers);
	KUNIT_EXPECT_NULL(test, ckpt_path(save, &t->load->root));
	KUNIT_EXPECT_EQ(test, 1, save->call.result.blockers);
	current->fs = own;
	free_fs_struct(fs);
	path_put(&path);
}

static void what_was_unlinked_is_refused(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct tree *t = test->priv;
	struct dentry *dir = t->mnt->mnt_root, *gone;
	struct path path = { .mnt = t->mnt };
	int err;

	gone = make(test, dir, "gone\nlevel=error: x", NULL);
	/* somebody is still in it */
	dget(gone);
	inode_lock_nested(d_inode(dir), I_MUTEX_PARENT);
	err = vfs_rmdir(&nop_mnt_idmap, d_inode(dir), gone);
	inode_unlock(d_inode(dir));
	KUNIT_ASSERT_EQ(test, 0, err);
	path.dentry = gone;
	KUNIT_EXPECT_NULL(test, ckpt_path(save, &path));
	CKPT_EXPECT_LOGGED(test, &save->call, "gone\\nlevel=error: x was unlinked");
	dput(gone);
	dput(gone);
}

static struct kunit_case path_cases[] = {
	KUNIT_CASE(a_name_never_leads_out_of_the_root),
	KUNIT_CASE(what_is_not_there_is_not_made),
	KUNIT_CASE(to_execute_is_a_right_of_its_own),
	KUNIT_CASE(only_a_directory_is_entered),
	KUNIT_CASE(what_the_caller_cannot_reach_is_refused),
	KUNIT_CASE(a_path_starts_at_the_root_of_the_caller),
	KUNIT_CASE(what_was_unlinked_is_refused),
	{}
};

static struct kunit_suite path_suite = {
	.name = "checkpoint_path",
	.init = path_init,
	.test_cases = path_cases,
};
kunit_test_suite(path_suite);
