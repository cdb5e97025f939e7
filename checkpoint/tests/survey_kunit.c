// SPDX-License-Identifier: GPL-2.0
/*
 * Who is killed while its group is held has less than a task has: the call ends. So it
 * does without room for what it counts, and when there is more than was counted.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/pipe_fs_i.h>
#include <linux/socket.h>
#include <net/net_namespace.h>

#include "fixture.h"

struct survey_test {
	struct ckpt_save *save;
	struct ckpt_member member;
};

static int survey_init(struct kunit *test)
{
	struct survey_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->save = ckpt_kunit_save(test);
	t->member.task = ckpt_kunit_task(test);
	t->member.nr_threads = 1;
	t->member.leader = true;
	test->priv = t;
	return 0;
}

static void a_task_without_files_has_exited(struct kunit *test)
{
	struct survey_test *t = test->priv;
	struct task_struct *task = t->member.task;
	struct files_struct *files = task->files;
	struct fs_struct *fs = task->fs;

	task->files = NULL;
	KUNIT_EXPECT_EQ(test, -ESRCH, survey_task(t->save, &t->member));
	task->fs = NULL;
	KUNIT_EXPECT_EQ(test, -ESRCH, survey_task(t->save, &t->member));
	task->files = files;
	KUNIT_EXPECT_EQ(test, -ESRCH, survey_task(t->save, &t->member));
	task->fs = fs;
	CKPT_EXPECT_LOGGED(test, &t->save->call, "the task exited while the group was held");
	ckpt_kunit_forget(&t->save->call);
	KUNIT_EXPECT_EQ(test, 0, survey_task(t->save, &t->member));
}

/* A kernel thread has no memory, like a task that exits. */
static void a_process_without_memory_has_exited(struct kunit *test)
{
	struct survey_test *t = test->priv;
	struct sighand_struct *sighand =
		rcu_dereference_protected(t->member.task->sighand, true);
	int count = refcount_read(&sighand->count);

	KUNIT_EXPECT_EQ(test, -ESRCH, survey_process(t->save, &t->member));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "the task exited while the group was held");
	/* what was found of it is let go */
	KUNIT_EXPECT_EQ(test, count, refcount_read(&sighand->count));
	RCU_INIT_POINTER(t->member.task->sighand, NULL);
	KUNIT_EXPECT_EQ(test, -ESRCH, survey_process(t->save, &t->member));
	RCU_INIT_POINTER(t->member.task->sighand, sighand);
}

/*
 * ---- No room for one more object: as without memory, but at the place that is
 * wanted ----
 */

static void leave_room(struct survey_test *t, unsigned int nr)
{
	t->save->objects.max_elems = atomic_read(&t->save->objects.nelems) + nr;
}

/* It is one of shared memory, which is an object, too. */
static void a_file_needs_room(struct kunit *test)
{
	struct survey_test *t = test->priv;
	struct file *file = ckpt_kunit_file(test);
	u32 id;

	leave_room(t, 0);
	KUNIT_EXPECT_GT(test, 0, survey_file(t->save, file));
	KUNIT_EXPECT_GT(test, 0, ckpt_object(t->save, file, &ckpt_any_file_ops, &id));
	leave_room(t, 2);
	KUNIT_EXPECT_EQ(test, 0, survey_file(t->save, file));
}

/* Of an end of a pipe the pipe is an object, too. */
static void a_pipe_needs_room_for_two(struct kunit *test)
{
	struct survey_test *t = test->priv;
	struct file *ends[2];

	KUNIT_ASSERT_EQ(test, 0, create_pipe_files(ends, 0));
	leave_room(t, 1);
	KUNIT_EXPECT_GT(test, 0, survey_file(t->save, ends[0]));
	leave_room(t, 2);
	KUNIT_EXPECT_EQ(test, 0, survey_file(t->save, ends[1]));
	ckpt_objects_free(t->save);
	KUNIT_ASSERT_EQ(test, 0, ckpt_objects_init(t->save));
	fput(ends[0]);
	fput(ends[1]);
}

static void a_task_needs_room_for_its_table_and_its_directory(struct kunit *test)
{
	struct survey_test *t = test->priv;

	leave_room(t, 0);
	KUNIT_EXPECT_GT(test, 0, survey_task(t->save, &t->member));
	leave_room(t, 1);
	KUNIT_EXPECT_GT(test, 0, survey_task(t->save, &t->member));
	leave_room(t, 1000);
	KUNIT_EXPECT_EQ(test, 0, survey_task(t->save, &t->member));
}

/* A task that has memory, which is the case's own. */
static int survey_with_memory(struct survey_test *t)
{
	struct task_struct *task = t->member.task;
	unsigned int flags = task->flags;
	int err;

	task->flags &= ~PF_KTHREAD;
	task->mm = current->mm;
	err = survey_process(t->save, &t->member);
	task->mm = NULL;
	task->flags = flags;
	return err;
}

static void a_process_needs_room_for_its_handlers_and_its_memory(struct kunit *test)
{
	struct survey_test *t = test->priv;

	ckpt_kunit_map(test, 1);
	leave_room(t, 0);
	KUNIT_EXPECT_GT(test, 0, survey_with_memory(t));
	leave_room(t, 1);
	KUNIT_EXPECT_GT(test, 0, survey_with_memory(t));
	leave_room(t, 1000);
	KUNIT_EXPECT_EQ(test, 0, survey_with_memory(t));
}

/* ---- What was not there when references were counted ---- */

static void a_descriptor_that_is_new_ends_the_call(struct kunit *test)
{
	struct survey_test *t = test->priv;
	struct ckpt_obj *obj;
	int fd;

	KUNIT_ASSERT_EQ(test, 0, unshare_files());
	fd = get_unused_fd_flags(0);
	KUNIT_ASSERT_LE(test, 0, fd);
	fd_install(fd, get_file(ckpt_kunit_file(test)));
	obj = ckpt_object_see(t->save, current->files, &ckpt_files_ops);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, -EBUSY, ckpt_files_ops.checkpoint(t->save, obj));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "was opened while the group was held");
	close_fd(fd);
}

static void an_executable_that_is_new_ends_the_call(struct kunit *test)
{
	struct survey_test *t = test->priv;
	struct ckpt_obj *obj;

	ckpt_kunit_map(test, 1);
	KUNIT_ASSERT_EQ(test, 0, set_mm_exe_file(current->mm, ckpt_kunit_file(test)));
	obj = ckpt_object_see(t->save, current->mm, &ckpt_mm_ops);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, -EBUSY, ckpt_mm_ops.checkpoint(t->save, obj));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "was opened while the group was held");
	/* and it was not opened to be executed */
	CKPT_EXPECT_LOGGED(test, &t->save->call, "object=\"executable\"");
	set_mm_exe_file(current->mm, NULL);
}

/*
 * ---- What changes while it is captured: who looks who else has a file does it, as
 * somebody outside would who has the table ----
 */

static struct {
	void (*change)(unsigned int fd, struct file *file);
	unsigned int fd;
	struct file *file;
} meddler;

/* Of a file that the table has, and one descriptor. */
static long meddle(void *unused)
{
	if (meddler.change)
		meddler.change(meddler.fd, meddler.file);
	meddler.change = NULL;
	return 2;
}

static const struct ckpt_ops meddled_ops = {
	.name	= "file",
	.get	= ckpt_file_get,
	.put	= ckpt_file_put,
	.count	= meddle,
};

static void open_one(unsigned int fd, struct file *file)
{
	fd_install(fd, get_file(file));
}

static void close_one(unsigned int fd, struct file *file)
{
	close_fd(fd);
}

static void replace_one(unsigned int fd, struct file *file)
{
	replace_fd(fd, file, 0);
}

/* An eventfd, with a descriptor and known. */
static void have_eventfd(struct kunit *test, struct ckpt_save *save, unsigned int fd,
			 const struct ckpt_ops *ops)
{
	struct file *file = eventfd_file_create(0, 0);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	fd_install(fd, file);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ckpt_object_see(save, file, ops));
}

/*
 * Before the table's record is made, but after the descriptor @fd was met, something
 * happens to that one.
 */
static int capture_changing(struct kunit *test, unsigned int fd)
{
	struct survey_test *t = test->priv;
	int changing = get_unused_fd_flags(0), err;
	u32 id;

	KUNIT_ASSERT_LT(test, fd, changing);
	have_eventfd(test, t->save, changing, &meddled_ops);
	meddler.fd = fd;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ckpt_object_see(t->save, current->files,
							   &ckpt_files_ops));
	err = ckpt_object(t->save, current->files, &ckpt_files_ops, &id);
	KUNIT_EXPECT_NULL(test, meddler.change);
	meddler.change = NULL;
	close_fd(changing);
	return err;
}

/* Of the table there is one descriptor by now, which is the first. */
static int first_descriptor(struct kunit *test)
{
	int fd;

	KUNIT_ASSERT_EQ(test, 0, unshare_files());
	fd = get_unused_fd_flags(0);
	KUNIT_ASSERT_LE(test, 0, fd);
	return fd;
}

static void a_table_that_grows_ends_the_call(struct kunit *test)
{
	struct survey_test *t = test->priv;
	struct file *file = ckpt_kunit_file(test);
	int fd = first_descriptor(test);

	/* somebody else in the group has it: it is the table that is not as it was */
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ckpt_object_see(t->save, file, &ckpt_any_file_ops));
	meddler.change = open_one;
	meddler.file = file;
	KUNIT_EXPECT_EQ(test, -EBUSY, capture_changing(test, fd));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "the descriptor table changed");
	close_fd(fd);
}

static void a_table_that_shrinks_ends_the_call(struct kunit *test)
{
	struct survey_test *t = test->priv;
	int fd = first_descriptor(test);

	have_eventfd(test, t->save, fd, &ckpt_any_file_ops);
	meddler.change = close_one;
	KUNIT_EXPECT_EQ(test, -EBUSY, capture_changing(test, fd));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "the descriptor table changed");
}

static void a_table_with_another_file_ends_the_call(struct kunit *test)
{
	struct survey_test *t = test->priv;
	int fd = first_descriptor(test);

	have_eventfd(test, t->save, fd, &ckpt_any_file_ops);
	meddler.change = replace_one;
	meddler.file = ckpt_kunit_file(test);
	KUNIT_EXPECT_EQ(test, -EBUSY, capture_changing(test, fd));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "the descriptor table changed");
	close_fd(fd);
}

/* Where its peer is outside, the other end goes away when it likes. */
static void an_external_file_without_a_peer_ends_the_call(struct kunit *test)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct survey_test *t = test->priv;
	struct socket *ends[2];
	struct file *file;
	u32 id;

	KUNIT_ASSERT_EQ(test, 0, sock_create_kern(&init_net, AF_UNIX, SOCK_DGRAM, 0, &ends[0]));
	KUNIT_ASSERT_EQ(test, 0, sock_create_kern(&init_net, AF_UNIX, SOCK_DGRAM, 0, &ends[1]));
	KUNIT_ASSERT_EQ(test, 0, ends[0]->ops->socketpair(ends[0], ends[1]));
	file = sock_alloc_file(ends[0], 0, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ckpt_object_see(t->save, file, &ckpt_any_file_ops));
	/* this is how it is found, and now nobody is at the other end */
	KUNIT_EXPECT_PTR_EQ(test, &ckpt_file_external_ops, ckpt_ops_of_file(t->save, file));
	KUNIT_EXPECT_EQ(test, 0, kernel_connect(ends[0], &none, sizeof(none), 0));
	KUNIT_EXPECT_EQ(test, -EBUSY, ckpt_object(t->save, file, &ckpt_file_external_ops, &id));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "lost its peer while the group was held");
	KUNIT_EXPECT_EQ(test, 0, t->save->nr_objects);
	fput(file);
	sock_release(ends[1]);
}

static struct kunit_case survey_cases[] = {
	KUNIT_CASE(a_task_without_files_has_exited),
	KUNIT_CASE(a_process_without_memory_has_exited),
	KUNIT_CASE(a_file_needs_room),
	KUNIT_CASE(a_pipe_needs_room_for_two),
	KUNIT_CASE(a_task_needs_room_for_its_table_and_its_directory),
	KUNIT_CASE(a_process_needs_room_for_its_handlers_and_its_memory),
	KUNIT_CASE(a_descriptor_that_is_new_ends_the_call),
	KUNIT_CASE(an_executable_that_is_new_ends_the_call),
	KUNIT_CASE(a_table_that_grows_ends_the_call),
	KUNIT_CASE(a_table_that_shrinks_ends_the_call),
	KUNIT_CASE(a_table_with_another_file_ends_the_call),
	KUNIT_CASE(an_external_file_without_a_peer_ends_the_call),
	{}
};

static struct kunit_suite survey_suite = {
	.name = "checkpoint_survey",
	.init = survey_init,
	.test_cases = survey_cases,
};
kunit_test_suite(survey_suite);
