// SPDX-License-Identifier: GPL-2.0
/* The arguments of restart(2): what is wrong with them, and what is found first. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"

const struct fail_target fail_targets[] = {
	{ }
};

static int do_restart(const void *args, size_t size)
{
	return syscall(__NR_restart, args, size) < 0 ? -errno : 0;
}

#define BAD_POINTER	((void *)0x10)

FIXTURE(restart) {
	struct restart_args args;
	struct ckpt_result result;
	char log[4096];
	int image;
};

FIXTURE_SETUP(restart)
{
	self->image = memfd_create("image", MFD_CLOEXEC);
	self->args = (struct restart_args){ .image_fd = self->image };
	memset(&self->result, 0xff, sizeof(self->result));
}

FIXTURE_TEARDOWN(restart)
{
	close(self->image);
}

static int call_restart(FIXTURE_DATA(restart) *self)
{
	return do_restart(&self->args, sizeof(self->args));
}

TEST_F(restart, needs_its_arguments_whole)
{
	size_t size;

	for (size = 0; size < RESTART_ARGS_SIZE_VER0; size += 8)
		EXPECT_EQ(-EINVAL, do_restart(&self->args, size));
}

TEST_F(restart, takes_a_longer_struct_if_its_tail_is_zero)
{
	uint8_t page[2 * 4096] = {};

	memcpy(page, &self->args, sizeof(self->args));
	/* an empty file is no image: as far as these arguments can come */
	EXPECT_EQ(-ENOEXEC, do_restart(page, sizeof(self->args) + 1));
	EXPECT_EQ(-ENOEXEC, do_restart(page, 4096));
	EXPECT_EQ(-E2BIG, do_restart(page, 4097));
	page[sizeof(self->args)] = 1;
	EXPECT_EQ(-E2BIG, do_restart(page, sizeof(self->args) + 1));
}

TEST_F(restart, finds_a_bad_pointer)
{
	EXPECT_EQ(-EFAULT, do_restart(BAD_POINTER, sizeof(self->args)));
	EXPECT_EQ(-EFAULT, do_restart(NULL, sizeof(self->args)));
}

TEST_F(restart, refuses_flags_that_it_does_not_know)
{
	int bit;

	for (bit = 7; bit < 64; bit++) {
		self->args.flags = 1ULL << bit;
		EXPECT_EQ(-EINVAL, call_restart(self));
	}
}

TEST_F(restart, refuses_what_counts_only_with_its_flag)
{
	struct restart_args good = self->args;
	int32_t pid;

	self->args.cgroup_fd = 1;
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args = good;
	self->args.cgroup_fd = -1;
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args = good;
	self->args.root_fd = 1;
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args = good;
	self->args.flags = RESTART_FROZEN;
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args = good;
	self->args.__reserved = 1;
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args = good;
	self->args.nr_inherit = 1;
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args = good;
	self->args.inherit = (uintptr_t)&good;
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args.nr_inherit = 1025;
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args = good;
	self->args.nr_roots = 1;
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args = good;
	self->args.pids = (uintptr_t)&pid;
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args = good;
	self->args.pidfds = (uintptr_t)&pid;
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args.nr_roots = (1 << 16) + 1;
	EXPECT_EQ(-EINVAL, call_restart(self));
}

TEST_F(restart, refuses_half_a_buffer)
{
	self->args.log_buf = (uintptr_t)self->log;
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args.log_buf = 0;
	self->args.result_size = sizeof(self->result);
	EXPECT_EQ(-EINVAL, call_restart(self));
}

TEST_F(restart, needs_an_image_that_can_be_read)
{
	char name[64];

	self->args.image_fd = 1000;
	EXPECT_EQ(-EBADF, call_restart(self));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", self->image);
	self->args.image_fd = open(name, O_WRONLY);
	EXPECT_EQ(-EBADF, call_restart(self));
	self->args.image_fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args.image_fd = open("/dev/zero", O_RDONLY);
	EXPECT_EQ(-EINVAL, call_restart(self));
}

TEST_F(restart, says_that_the_group_was_removed)
{
	struct fail_group gone;

	ASSERT_EQ(0, fail_group_make(&gone));
	self->args.flags = RESTART_INTO_CGROUP;
	self->args.cgroup_fd = fcntl(gone.fd, F_DUPFD_CLOEXEC, 0);
	fail_group_end(&gone);
	EXPECT_EQ(-ENODEV, call_restart(self));
	close(self->args.cgroup_fd);
}

TEST_F(restart, needs_the_right_kind_of_descriptors)
{
	self->args.flags = RESTART_INTO_CGROUP;
	self->args.cgroup_fd = self->image;
	EXPECT_EQ(-EBADF, call_restart(self));
	self->args.cgroup_fd = -1;
	EXPECT_EQ(-EBADF, call_restart(self));
	self->args.flags = RESTART_ROOT;
	self->args.cgroup_fd = 0;
	self->args.root_fd = -1;
	EXPECT_EQ(-EBADF, call_restart(self));
	self->args.root_fd = self->image;
	EXPECT_EQ(-ENOTDIR, call_restart(self));
	self->args.root_fd = open("/", O_PATH);
	EXPECT_EQ(-ENOEXEC, call_restart(self));
}

TEST_F(restart, looks_at_inherited_descriptors_one_by_one)
{
	struct restart_inherit inherit[2] = { { .key = 1 }, { .key = 2 } };

	self->args.inherit = (uintptr_t)inherit;
	self->args.nr_inherit = 2;
	EXPECT_EQ(-ENOEXEC, call_restart(self));
	inherit[1].__reserved = 1;
	EXPECT_EQ(-EINVAL, call_restart(self));
	inherit[1] = inherit[0];
	EXPECT_EQ(-EINVAL, call_restart(self));
	inherit[1] = (struct restart_inherit){ .key = 2, .fd = 1000 };
	EXPECT_EQ(-EBADF, call_restart(self));
	self->args.inherit = (uintptr_t)BAD_POINTER;
	EXPECT_EQ(-EFAULT, call_restart(self));
}

TEST_F(restart, reports_the_first_fault_in_the_documented_order)
{
	struct restart_inherit inherit = { .key = 1, .fd = 1000 };

	EXPECT_EQ(-EINVAL, do_restart(BAD_POINTER, 8));
	EXPECT_EQ(-E2BIG, do_restart(BAD_POINTER, 8192));
	self->args.flags = RESTART_INTO_CGROUP | RESTART_ROOT;
	self->args.inherit = (uintptr_t)&inherit;
	self->args.nr_inherit = 1;
	self->args.root_fd = self->image;
	self->args.cgroup_fd = self->image;
	self->args.__reserved = 1;
	self->args.image_fd = open("/dev/zero", O_RDONLY);
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args.__reserved = 0;
	EXPECT_EQ(-EINVAL, call_restart(self));
	self->args.image_fd = self->image;
	EXPECT_EQ(-EBADF, call_restart(self));
	self->args.flags = RESTART_ROOT;
	self->args.cgroup_fd = 0;
	EXPECT_EQ(-ENOTDIR, call_restart(self));
	self->args.flags = 0;
	self->args.root_fd = 0;
	EXPECT_EQ(-EBADF, call_restart(self));
	inherit.fd = self->image;
	EXPECT_EQ(-ENOEXEC, call_restart(self));
}

TEST_F(restart, fills_its_result_on_failure)
{
	self->args.result = (uintptr_t)&self->result;
	self->args.result_size = sizeof(self->result);
	self->args.log_buf = (uintptr_t)self->log;
	self->args.log_size = sizeof(self->log);
	EXPECT_EQ(-ENOEXEC, call_restart(self));
	EXPECT_EQ(CKPT_STAGE_READ, self->result.stage);
	EXPECT_EQ(sizeof(self->result), self->result.size);
	EXPECT_EQ(0, self->result.threads);
	EXPECT_EQ(strlen(self->log) + 1, self->result.log_true_size);
	self->args.image_fd = -1;
	EXPECT_EQ(-EBADF, call_restart(self));
	EXPECT_EQ(CKPT_STAGE_ARGS, self->result.stage);
}

TEST_HARNESS_MAIN
