// SPDX-License-Identifier: GPL-2.0
/* The arguments of checkpoint(2): what is wrong with them, and what is found first. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"

const struct fail_target fail_targets[] = {
	{ "plain", NULL },
	{ }
};

static int do_checkpoint(const void *args, size_t size)
{
	return syscall(__NR_checkpoint, args, size) < 0 ? -errno : 0;
}

#define BAD_POINTER	((void *)0x10)

FIXTURE(checkpoint) {
	struct fail_group group;
	struct checkpoint_args args;
	struct ckpt_result result;
	char log[4096];
	int image;
};

FIXTURE_SETUP(checkpoint)
{
	ASSERT_EQ(0, fail_group_make(&self->group));
	self->image = memfd_create("image", MFD_CLOEXEC);
	self->args = (struct checkpoint_args){
		.cgroup_fd	= self->group.fd,
		.image_fd	= self->image,
	};
	memset(&self->result, 0xff, sizeof(self->result));
}

FIXTURE_TEARDOWN(checkpoint)
{
	close(self->image);
	fail_group_end(&self->group);
}

static int call(FIXTURE_DATA(checkpoint) *self)
{
	return do_checkpoint(&self->args, sizeof(self->args));
}

TEST_F(checkpoint, needs_its_arguments_whole)
{
	size_t size;

	for (size = 0; size < CHECKPOINT_ARGS_SIZE_VER0; size += 8)
		EXPECT_EQ(-EINVAL, do_checkpoint(&self->args, size));
	EXPECT_EQ(-EINVAL, do_checkpoint(BAD_POINTER, CHECKPOINT_ARGS_SIZE_VER0 - 1));
}

TEST_F(checkpoint, takes_a_longer_struct_if_its_tail_is_zero)
{
	uint8_t page[2 * 4096] = {};

	memcpy(page, &self->args, sizeof(self->args));
	/* the group is empty: as far as a call with these arguments can come */
	EXPECT_EQ(-ESRCH, do_checkpoint(page, sizeof(self->args) + 1));
	EXPECT_EQ(-ESRCH, do_checkpoint(page, 4096));
	EXPECT_EQ(-E2BIG, do_checkpoint(page, 4097));
	page[sizeof(self->args)] = 1;
	EXPECT_EQ(-E2BIG, do_checkpoint(page, sizeof(self->args) + 1));
	EXPECT_EQ(-E2BIG, do_checkpoint(page, 4096));
	page[sizeof(self->args)] = 0;
	page[4095] = 1;
	EXPECT_EQ(-E2BIG, do_checkpoint(page, 4096));
	EXPECT_EQ(-ESRCH, do_checkpoint(page, 4095));
}

TEST_F(checkpoint, finds_a_bad_pointer)
{
	EXPECT_EQ(-EFAULT, do_checkpoint(BAD_POINTER, sizeof(self->args)));
	EXPECT_EQ(-EFAULT, do_checkpoint(NULL, sizeof(self->args)));
	EXPECT_EQ(-EFAULT, do_checkpoint((void *)-4096UL, sizeof(self->args)));
}

TEST_F(checkpoint, refuses_flags_that_it_does_not_know)
{
	int bit;

	for (bit = 0; bit < 64; bit++) {
		self->args.flags = 1ULL << bit;
		if (self->args.flags & (CHECKPOINT_CHECK | CHECKPOINT_STRICT | CHECKPOINT_COW))
			continue;
		EXPECT_EQ(-EINVAL, call(self));
	}
}

TEST_F(checkpoint, refuses_half_a_buffer)
{
	self->args.log_buf = (uintptr_t)self->log;
	EXPECT_EQ(-EINVAL, call(self));
	self->args.log_buf = 0;
	self->args.log_size = 100;
	EXPECT_EQ(-EINVAL, call(self));
	self->args.log_size = 0;
	self->args.result = (uintptr_t)&self->result;
	EXPECT_EQ(-EINVAL, call(self));
	self->args.result = 0;
	self->args.result_size = sizeof(self->result);
	EXPECT_EQ(-EINVAL, call(self));
}

TEST_F(checkpoint, refuses_a_timeout_that_would_wrap)
{
	self->args.timeout_ms = 3600 * 1000;
	EXPECT_EQ(-ESRCH, call(self));
	self->args.timeout_ms++;
	EXPECT_EQ(-EINVAL, call(self));
	self->args.timeout_ms = ~0ULL;
	EXPECT_EQ(-EINVAL, call(self));
}

TEST_F(checkpoint, needs_an_image_that_can_be_written)
{
	int read_only = open("/proc/self/exe", O_RDONLY);
	int path = open("/", O_PATH);
	int null = open("/dev/null", O_RDWR);

	self->args.image_fd = 1000;
	EXPECT_EQ(-EBADF, call(self));
	self->args.image_fd = -1;
	EXPECT_EQ(-EBADF, call(self));
	self->args.image_fd = read_only;
	EXPECT_EQ(-EBADF, call(self));
	self->args.image_fd = path;
	EXPECT_EQ(-EBADF, call(self));
	self->args.image_fd = null;
	EXPECT_EQ(-EINVAL, call(self));
	self->args.image_fd = self->group.fd;
	EXPECT_EQ(-EBADF, call(self));
}

TEST_F(checkpoint, takes_no_image_for_a_check)
{
	self->args.flags = CHECKPOINT_CHECK;
	EXPECT_EQ(-EINVAL, call(self));
	self->args.image_fd = -1;
	EXPECT_EQ(-EINVAL, call(self));
	self->args.image_fd = 0;
	EXPECT_EQ(-ESRCH, call(self));
}

TEST_F(checkpoint, needs_a_directory_of_a_cgroup_v2_group)
{
	int procs = openat(self->group.fd, "cgroup.procs", O_RDONLY);
	int path = open(self->group.path, O_PATH);

	self->args.cgroup_fd = -1;
	EXPECT_EQ(-EBADF, call(self));
	self->args.cgroup_fd = self->image;
	EXPECT_EQ(-EBADF, call(self));
	self->args.cgroup_fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	EXPECT_EQ(-EBADF, call(self));
	self->args.cgroup_fd = procs;
	EXPECT_EQ(-EBADF, call(self));
	self->args.cgroup_fd = path;
	EXPECT_EQ(-EBADF, call(self));
}

TEST_F(checkpoint, says_that_the_group_was_removed)
{
	struct fail_group gone;

	ASSERT_EQ(0, fail_group_make(&gone));
	self->args.cgroup_fd = fcntl(gone.fd, F_DUPFD_CLOEXEC, 0);
	fail_group_end(&gone);
	EXPECT_EQ(-ENODEV, call(self));
	close(self->args.cgroup_fd);
}

TEST_F(checkpoint, refuses_a_group_of_cgroup_v1)
{
	mkdir("/tmp/v1", 0755);
	if (mount("v1", "/tmp/v1", "cgroup", 0, "none,name=failtest"))
		SKIP(rmdir("/tmp/v1"); return, "no cgroup v1 here");
	self->args.cgroup_fd = open("/tmp/v1", O_RDONLY | O_DIRECTORY);
	EXPECT_EQ(-EBADF, call(self));
	close(self->args.cgroup_fd);
	umount("/tmp/v1");
	rmdir("/tmp/v1");
}

/* Of two faults the earlier one in the documented order is reported. */
TEST_F(checkpoint, reports_the_first_fault_in_the_documented_order)
{
	struct { struct checkpoint_args args; uint64_t tail; } longer = { self->args, 1 };
	struct fail_group top = { .fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY) };

	/* size before all */
	EXPECT_EQ(-EINVAL, do_checkpoint(BAD_POINTER, 8));
	EXPECT_EQ(-E2BIG, do_checkpoint(BAD_POINTER, 8192));
	longer.args.flags = ~0ULL;
	EXPECT_EQ(-E2BIG, do_checkpoint(&longer, sizeof(longer)));
	/* arguments before the image */
	self->args.flags = ~0ULL;
	self->args.image_fd = -1;
	EXPECT_EQ(-EINVAL, call(self));
	/* the image before the group */
	self->args.flags = 0;
	self->args.cgroup_fd = self->image;
	self->args.image_fd = open("/dev/null", O_WRONLY);
	EXPECT_EQ(-EINVAL, call(self));
	/* the group before the permission to freeze it: the root has no freezer */
	self->args.image_fd = self->image;
	EXPECT_EQ(-EBADF, call(self));
	/* and that before the caller's place, which is inside the root group */
	self->args.cgroup_fd = top.fd;
	EXPECT_EQ(-EINVAL, call(self));
	close(top.fd);
}

TEST_F(checkpoint, fills_its_result_on_failure)
{
	self->args.result = (uintptr_t)&self->result;
	self->args.result_size = sizeof(self->result);
	self->args.image_fd = -1;
	EXPECT_EQ(-EBADF, call(self));
	EXPECT_EQ(sizeof(self->result), self->result.size);
	EXPECT_EQ(CKPT_STAGE_ARGS, self->result.stage);
	EXPECT_EQ(0, self->result.blockers);
	EXPECT_EQ(0, self->result.__reserved);

	self->args.image_fd = self->image;
	EXPECT_EQ(-ESRCH, call(self));
	EXPECT_EQ(CKPT_STAGE_COLLECT, self->result.stage);
	EXPECT_NE(0, self->result.frozen_ns);
	EXPECT_EQ(0, self->result.threads);
	EXPECT_EQ(0, self->result.bytes);
	EXPECT_EQ(0, lseek(self->image, 0, SEEK_CUR));
}

TEST_F(checkpoint, fills_as_much_of_its_result_as_there_is_room_for)
{
	self->args.result = (uintptr_t)&self->result;
	self->args.result_size = 12;
	EXPECT_EQ(-ESRCH, call(self));
	EXPECT_EQ(12, self->result.size);
	EXPECT_EQ(CKPT_STAGE_COLLECT, self->result.stage);
	EXPECT_EQ(~0U, self->result.blockers);
}

TEST_F(checkpoint, does_not_mind_buffers_that_cannot_be_written)
{
	self->args.result = (uintptr_t)BAD_POINTER;
	self->args.result_size = sizeof(self->result);
	self->args.log_buf = (uintptr_t)BAD_POINTER;
	self->args.log_size = 4096;
	EXPECT_EQ(-ESRCH, call(self));
	self->args.log_size = ~0ULL;
	EXPECT_EQ(-ESRCH, call(self));
}

TEST_F(checkpoint, truncates_its_log_and_says_how_long_it_is)
{
	char whole[sizeof(self->log)];
	size_t len, size;

	self->args.result = (uintptr_t)&self->result;
	self->args.result_size = sizeof(self->result);
	self->args.log_buf = (uintptr_t)whole;
	self->args.log_size = sizeof(whole);
	ASSERT_EQ(-ESRCH, call(self));
	len = strlen(whole);
	EXPECT_LT(10, len);
	EXPECT_EQ('\n', whole[len - 1]);
	EXPECT_EQ(0, strncmp(whole, "level=error", 11));
	EXPECT_EQ(len + 1, self->result.log_true_size);

	self->args.log_buf = (uintptr_t)self->log;
	for (size = 1; size <= len + 1; size++) {
		memset(self->log, 'x', sizeof(self->log));
		self->args.log_size = size;
		ASSERT_EQ(-ESRCH, call(self));
		ASSERT_EQ(len + 1, self->result.log_true_size);
		ASSERT_EQ(0, self->log[size - 1]);
		ASSERT_EQ(0, memcmp(self->log, whole, size - 1));
		ASSERT_EQ('x', self->log[size]);
	}
}

TEST_HARNESS_MAIN
