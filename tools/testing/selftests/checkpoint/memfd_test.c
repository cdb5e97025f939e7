// SPDX-License-Identifier: GPL-2.0
/* Descriptors of memfds, and who else has them; shared_memory_test has what is in them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

CR_FIXTURE(memfd);

CR_TEST(memfd, keeps_the_flags_of_each_descriptor)
{
	int fd = memfd_create("flags", 0), other, flags, others;
	char name[64];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	other = open(name, O_RDWR | O_DSYNC);
	CR_CHECK(other >= 0);
	CR_EQ(0, fcntl(fd, F_SETFL, O_NOATIME | O_APPEND));
	flags = fcntl(fd, F_GETFL);
	others = fcntl(other, F_GETFL);
	CR_CHECK(flags & O_NOATIME && others & O_DSYNC);
	cr_ready();
	CR_EQ(flags, fcntl(fd, F_GETFL));
	CR_EQ(others, fcntl(other, F_GETFL));
	CR_EQ(3, write(fd, "abc", 3));
	CR_EQ(3, lseek(other, 0, SEEK_END));
}

CR_TEST(memfd, that_is_open_to_append_appends)
{
	int fd = memfd_create("append", 0);

	CR_EQ(0, fcntl(fd, F_SETFL, O_APPEND));
	CR_EQ(3, write(fd, "abc", 3));
	cr_ready();
	CR_EQ(0, lseek(fd, 0, SEEK_SET));
	CR_EQ(1, write(fd, "d", 1));
	CR_EQ(4, lseek(fd, 0, SEEK_END));
}

CR_PROGRAM(runs_from_memory)
{
	char *const args[] = { "runs_from_memory", "there", NULL };
	int in, fd;

	if (!strcmp(arg, "there")) {
		cr_ready();
		return;
	}
	in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	fd = memfd_create("program", MFD_CLOEXEC);
	while (sendfile(fd, in, NULL, 1 << 20) > 0)
		;
	fexecve(fd, args, environ);
	cr_fail("fexecve: %m");
}

TEST_F(memfd, that_a_program_runs_from_is_refused)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_ready(cr, "runs_from_memory", "here"));
	EXPECT_EQ(-EAGAIN, cr_checkpoint(cr));
	EXPECT_TRUE(cr_logged(cr, "is a memfd, not saved yet"));
}

#define HANDED	10

CR_PROGRAM(hands_over)
{
	int fd = memfd_create("handed", MFD_CLOEXEC);

	CR_EQ(HANDED, dup2(fd, HANDED));
	close(fd);
	if (arg && *arg)
		CR_EQ(0, fchown(HANDED, 1000, 1000));
	cr_ready();
}

/* A description of its own, so that nothing of the group has another holder. */
TEST_F(memfd, that_a_process_outside_opened_is_refused)
{
	struct cr *cr = &self->cr;
	char name[64];
	int fd;

	ASSERT_EQ(0, cr_start_ready(cr, "hands_over", NULL));
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", cr->pid, HANDED);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EXDEV, cr_checkpoint(cr));
	EXPECT_TRUE(cr_logged(cr, "memfd:handed is open in a process outside the group"));
	close(fd);
	ASSERT_EQ(0, cr_move(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

TEST_F(memfd, that_changes_its_owner_says_so)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_ready(cr, "hands_over", "1000"));
	EXPECT_EQ(0, cr_checkpoint(cr));
	EXPECT_TRUE(cr_logged(cr, "belongs to another user or group"));
}

TEST_HARNESS_MAIN
