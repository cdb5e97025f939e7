// SPDX-License-Identifier: GPL-2.0
/* Pages that processes have in common since fork(2): once in the image, and in memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

#define PAGE	4096UL
#define MB	(1UL << 20)
#define CHILDREN	7

CR_FIXTURE(forked_memory);

static char *advised(size_t len, int advice)
{
	char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CR_CHECK(mem != MAP_FAILED);
	CR_EQ(0, madvise(mem, len, advice));
	return mem;
}

static char *anonymous(size_t len)
{
	return advised(len, MADV_NOHUGEPAGE);
}

/* A child that is there when this returns: its pid to the parent, 0 to itself. */
static pid_t child(void)
{
	int ends[2];
	pid_t pid;
	char c;

	CR_EQ(0, pipe(ends));
	pid = fork();
	CR_CHECK(pid >= 0);
	close(ends[!pid ? 0 : 1]);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		CR_EQ(1, write(ends[1], "x", 1));
		close(ends[1]);
	} else {
		CR_EQ(1, read(ends[0], &c, 1));
		close(ends[0]);
	}
	return pid;
}

/* A word of the group's memory.stat, in bytes. */
static unsigned long charged(struct cr *cr, const char *word)
{
	char path[160], text[8192], line[40], *at;

	snprintf(path, sizeof(path), "%s/memory.stat", cr->cgroup);
	snprintf(line, sizeof(line), "\n%s ", word);
	if (cr_read_file(path, text + 1, sizeof(text) - 1) <= 0)
		return -1UL;
	*text = '\n';
	at = strstr(text, line);
	return at ? strtoul(at + strlen(line), NULL, 10) : -1UL;
}

/* ---- Much memory, and a few pages that each changed ---- */

#define MUCH	(16 * MB)

CR_PROGRAM(prefork)
{
	char *mem = advised(MUCH, arg ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	volatile char *at;
	pid_t pid[CHILDREN];
	int i;

	cr_fill(mem, MUCH, 1);
	for (i = 0; i < CHILDREN; i++) {
		pid[i] = child();
		if (pid[i])
			continue;
		mem[i * PAGE] ^= 0xff;
		mem[MUCH / 2] = i;
		/* of each huge page there is one that is not shared */
		for (at = mem; arg && at < mem + MUCH; at += 2 * MB)
			*at += 0;
		cr_await("on");
		CR_EQ(i, mem[MUCH / 2]);
		mem[i * PAGE] ^= 0xff;
		CR_CHECK(cr_filled(mem, MUCH / 2, 1));
		/* what it writes now is its own, too */
		memset(mem + MUCH - MB, i, MB);
		_exit(i);
	}
	cr_ready();
	cr_touch("on");
	for (i = 0; i < CHILDREN; i++)
		cr_reap(pid[i], i << 8);
	CR_CHECK(cr_filled(mem, MUCH, 1));
}

static void kept_once(struct __test_metadata *_metadata, FIXTURE_DATA(forked_memory) *self,
		      const char *arg)
{
	unsigned long before;

	ASSERT_EQ(0, cr_start_ready(&self->cr, "prefork", arg));
	before = charged(&self->cr, "anon");
	ASSERT_EQ(0, cr_stop(&self->cr));
	EXPECT_GT(MUCH * 105 / 100 + MB, self->cr.result.bytes);
	self->cr.restart_flags = RESTART_FROZEN;
	ASSERT_EQ(0, cr_restart(&self->cr));
	if (before == -1UL)
		TH_LOG("no memory controller: only the image was looked at");
	else
		EXPECT_GT(before * 105 / 100 + MB, charged(&self->cr, "anon"));
	ASSERT_EQ(0, cr_freeze(&self->cr, false));
	cr_go(&self->cr);
	EXPECT_EQ(0, cr_wait_exit(&self->cr));
}

TEST_F(forked_memory, of_eight_processes_is_written_and_kept_once)
{
	kept_once(_metadata, self, NULL);
}

TEST_F(forked_memory, of_huge_pages_is_written_and_kept_once)
{
	kept_once(_metadata, self, "huge");
}

TEST_F(forked_memory, is_the_same_after_three_generations)
{
	EXPECT_EQ(0, cr_round_trips(&self->cr, "prefork", NULL, 3));
}

/* ---- Chains and trees of forks ---- */

static void changed(char *mem, int page, int value)
{
	memset(mem + page * PAGE, value, PAGE);
}

static bool is(char *mem, int page, int value)
{
	char *at = mem + page * PAGE;

	return *at == value && !memcmp(at, at + 1, PAGE - 1);
}

CR_TEST(forked_memory, of_a_chain_of_forks)
{
	char *mem = anonymous(8 * PAGE);
	pid_t pid, first;

	/* page n is changed by the nth of the chain, after the next was born */
	for (int i = 0; i < 8; i++)
		changed(mem, i, 'o');
	first = child();
	if (!first) {
		pid = child();
		if (!pid) {
			changed(mem, 3, '3');
			cr_await("on");
			CR_CHECK(is(mem, 1, 'o') && is(mem, 2, 'o') && is(mem, 3, '3'));
			changed(mem, 4, 'x');
			CR_CHECK(is(mem, 5, 'o') && is(mem, 7, 'o'));
			_exit(3);
		}
		changed(mem, 2, '2');
		cr_await("on");
		cr_reap(pid, 3 << 8);
		CR_CHECK(is(mem, 1, 'o') && is(mem, 2, '2') && is(mem, 3, 'o'));
		CR_CHECK(is(mem, 4, 'o') && is(mem, 5, 'o'));
		changed(mem, 5, 'y');
		_exit(2);
	}
	changed(mem, 1, '1');
	cr_ready();
	cr_touch("on");
	cr_reap(first, 2 << 8);
	CR_CHECK(is(mem, 1, '1') && is(mem, 2, 'o') && is(mem, 3, 'o'));
	CR_CHECK(is(mem, 4, 'o') && is(mem, 5, 'o') && is(mem, 6, 'o'));
}

CR_PROGRAM(siblings)
{
	char *mem = anonymous(MUCH);
	pid_t pid[CHILDREN];
	int i;

	cr_fill(mem, MUCH, 2);
	for (i = 0; i < CHILDREN; i++) {
		pid[i] = child();
		if (pid[i])
			continue;
		cr_await("on");
		CR_CHECK(cr_filled(mem, MUCH, 2));
		mem[i * PAGE] ^= 1;
		_exit(i);
	}
	/* what they have is nobody else's any more */
	CR_EQ(0, munmap(mem, MUCH));
	cr_ready();
	cr_touch("on");
	for (i = 0; i < CHILDREN; i++)
		cr_reap(pid[i], i << 8);
}

TEST_F(forked_memory, of_siblings_whose_parent_has_it_no_more)
{
	ASSERT_EQ(0, cr_start_ready(&self->cr, "siblings", NULL));
	ASSERT_EQ(0, cr_stop(&self->cr));
	EXPECT_GT(MUCH * 105 / 100 + MB, self->cr.result.bytes);
	self->cr.restart_flags = RESTART_FROZEN;
	ASSERT_EQ(0, cr_restart(&self->cr));
	if (charged(&self->cr, "anon") != -1UL)
		EXPECT_GT(MUCH * 105 / 100 + 2 * MB, charged(&self->cr, "anon"));
	ASSERT_EQ(0, cr_freeze(&self->cr, false));
	cr_go(&self->cr);
	EXPECT_EQ(0, cr_wait_exit(&self->cr));
}

/* ---- Mappings that became different ---- */

CR_TEST(forked_memory, in_mappings_that_differ)
{
	char *mem = anonymous(16 * PAGE), *moved, *added;
	pid_t pid;
	int i;

	for (i = 0; i < 16; i++)
		changed(mem, i, 'a' + i);
	pid = child();
	if (!pid) {
		/* other protections, a hole, elsewhere, and something else in its place */
		CR_EQ(0, mprotect(mem, 4 * PAGE, PROT_READ));
		CR_EQ(0, munmap(mem + 5 * PAGE, PAGE));
		moved = mremap(mem + 8 * PAGE, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
		CR_CHECK(moved != MAP_FAILED);
		added = mmap(mem + 12 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		CR_CHECK(added == mem + 12 * PAGE);
		changed(mem, 13, 'z');
		cr_await("on");
		for (i = 0; i < 8; i++)
			CR_CHECK(i == 5 || is(mem, i, 'a' + i));
		for (i = 0; i < 4; i++)
			CR_CHECK(is(moved, i, 'a' + 8 + i));
		CR_CHECK(is(mem, 12, 0) && is(mem, 13, 'z') && is(mem, 14, 0));
		CR_EQ(0, mprotect(mem, 4 * PAGE, PROT_READ | PROT_WRITE));
		changed(mem, 0, 'y');
		changed(moved, 1, 'y');
		_exit(0);
	}
	cr_ready();
	cr_touch("on");
	cr_reap(pid, 0);
	for (i = 0; i < 16; i++)
		CR_CHECK(is(mem, i, 'a' + i));
}

CR_TEST(forked_memory, in_private_mappings_of_files)
{
	int fd = open("data", O_RDWR | O_CREAT, 0644), i;
	char *mem;
	pid_t pid;

	CR_EQ(0, ftruncate(fd, 8 * PAGE));
	mem = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CR_CHECK(mem != MAP_FAILED);
	for (i = 0; i < 4; i++)
		changed(mem, i, '1' + i);
	/* written, and zero: not what the file may have later */
	changed(mem, 4, 0);
	pid = child();
	if (!pid) {
		changed(mem, 1, 'x');
		cr_await("on");
		CR_CHECK(is(mem, 0, '1') && is(mem, 1, 'x') && is(mem, 2, '3'));
		_exit(0);
	}
	cr_ready();
	cr_touch("on");
	CR_EQ(4, pwrite(fd, "file", 4, 4 * PAGE));
	cr_reap(pid, 0);
	CR_CHECK(is(mem, 0, '1') && is(mem, 1, '2') && is(mem, 4, 0));
}

/* Processes that end, and pages that are left to one: reuse, and reclaim. */
CR_TEST(forked_memory, is_freed_with_its_last_process)
{
	char *mem = anonymous(MB);
	pid_t pid;

	cr_fill(mem, MB, 3);
	pid = child();
	if (!pid) {
		cr_await("on");
		CR_CHECK(cr_filled(mem, MB, 3));
		_exit(0);
	}
	cr_ready();
	cr_touch("on");
	cr_reap(pid, 0);
	madvise(mem, MB, MADV_PAGEOUT);
	CR_CHECK(cr_filled(mem, MB, 3));
	cr_fill(mem, MB, 4);
	madvise(mem, MB, MADV_COLD);
	CR_CHECK(cr_filled(mem, MB, 4));
}

TEST_HARNESS_MAIN
