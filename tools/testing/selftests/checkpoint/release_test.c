// SPDX-License-Identifier: GPL-2.0
/*
 * What a call has of a group is given back before the group runs on, not when the
 * call ends: that may be much later. Here a call waits to write its log, into a
 * page that nobody fills, while the program sees whether all is its own again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"
#include "gap.h"

CR_FIXTURE(release);

/* ---- The program ---- */

/* A process that has another end of a pipe and writable memory of a file. */
static pid_t start_holder(int ends[2])
{
	int fd = open("shared", O_RDWR | O_CREAT, 0600);
	void *mem;
	pid_t pid;

	CR_EQ(0, ftruncate(fd, 4096));
	CR_EQ(0, pipe2(ends, O_NONBLOCK));
	mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CR_CHECK(mem != MAP_FAILED);
	CR_EQ(0, close(fd));
	pid = fork();
	while (!pid)
		pause();
	CR_EQ(0, munmap(mem, 4096));
	CR_EQ(0, close(ends[1]));
	return pid;
}

static bool all_free;

static void expect_free(bool is_free, const char *what)
{
	if (!is_free)
		cr_note("somebody else has %s: %m", what);
	all_free &= is_free;
}

/* The kernel lets none do this who share their root and working directory. */
static bool has_own_fs(void)
{
	int ns = open("/proc/self/ns/mnt", O_RDONLY), here = open(".", O_RDONLY | O_DIRECTORY);
	bool own = !setns(ns, CLONE_NEWNS);

	/* it went to the root of the namespace */
	CR_EQ(0, fchdir(here));
	CR_EQ(0, close(here));
	CR_EQ(0, close(ns));
	return own;
}

/* Whoever has the address space has its mappings of the file, which can be written to. */
static bool nobody_may_write(const char *name)
{
	int fd = open(name, O_RDONLY);
	bool nobody = !fcntl(fd, F_SETLEASE, F_RDLCK);

	CR_EQ(0, close(fd));
	return nobody;
}

CR_PROGRAM(owner)
{
	int own[2], theirs[2];
	pid_t holder = start_holder(theirs);
	char byte;

	CR_EQ(0, pipe2(own, O_NONBLOCK));
	if (*arg)
		alarm(100000);
	cr_ready();
	all_free = true;
	CR_EQ(0, close(own[1]));
	expect_free(!read(own[0], &byte, 1), "a file that was closed");
	expect_free(has_own_fs(), "the working directory");
	expect_free(!unshare(CLONE_SIGHAND), "the handlers");
	CR_EQ(0, kill(holder, SIGKILL));
	cr_reap(holder, SIGKILL);
	expect_free(!read(theirs[0], &byte, 1), "the table of one who exited");
	expect_free(nobody_may_write("shared"), "the memory of one who exited");
	_exit(!all_free);
}

/* ---- The call ---- */

FIXTURE_VARIANT(release) {
	__u64 flags;
	const char *arg;	/* of the program, to be refused */
	bool full;		/* nothing can be written to the image */
	int err;
};

FIXTURE_VARIANT_ADD(release, after_success) { .err = 0 };
FIXTURE_VARIANT_ADD(release, after_a_check) { .flags = CHECKPOINT_CHECK };
FIXTURE_VARIANT_ADD(release, after_a_copy) { .flags = CHECKPOINT_COW };
FIXTURE_VARIANT_ADD(release, after_a_refusal) { .arg = "alarm", .err = -EAGAIN };
FIXTURE_VARIANT_ADD(release, after_a_failure) { .full = true, .err = -EPERM };

struct call {
	struct checkpoint_args args;
	struct gap gap;
	volatile int err;
	volatile bool done;
};

static void *do_call(void *arg)
{
	struct call *call = arg;

	call->err = cr_sys_checkpoint(&call->args, sizeof(call->args)) ? -errno : 0;
	call->done = true;
	return NULL;
}

static int image(const FIXTURE_VARIANT(release) *variant)
{
	int fd;

	if (variant->flags & CHECKPOINT_CHECK)
		return 0;
	fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (variant->full)
		fcntl(fd, F_ADD_SEALS, F_SEAL_GROW);
	return fd;
}

static void prepare(struct call *call, const FIXTURE_VARIANT(release) *variant, struct cr *cr)
{
	call->args = (struct checkpoint_args){
		.flags		= variant->flags,
		.cgroup_fd	= cr->cgroup_fd,
		.image_fd	= image(variant),
		.log_buf	= (uintptr_t)call->gap.page,
		.log_size	= GAP_SIZE,
		.result		= (uintptr_t)&cr->result,
		.result_size	= sizeof(cr->result),
	};
}

TEST_F(release, of_the_group_does_not_wait_for_the_caller)
{
	struct cr *cr = &self->cr;
	struct call call = { };
	pthread_t thread;

	ASSERT_EQ(0, cr_start_ready(cr, "owner", variant->arg));
	ASSERT_EQ(0, gap_make(&call.gap));
	prepare(&call, variant, cr);
	ASSERT_EQ(0, pthread_create(&thread, NULL, do_call, &call));
	cr_until(gap_is_met(&call.gap) || call.done);
	EXPECT_FALSE(call.done);
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
	EXPECT_FALSE(call.done);
	gap_fill(&call.gap);
	pthread_join(thread, NULL);
	EXPECT_EQ(variant->err, call.err) {
		TH_LOG("%s", (char *)call.gap.page);
	}
	gap_end(&call.gap);
	if (call.args.image_fd)
		close(call.args.image_fd);
}

TEST_HARNESS_MAIN
