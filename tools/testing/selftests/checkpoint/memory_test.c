// SPDX-License-Identifier: GPL-2.0
/* Private memory: pages, protections, advice, swap. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

#define PAGE	4096UL
#define MB	(1UL << 20)

CR_FIXTURE(memory);

static void *map(size_t len, int prot, int flags)
{
	void *mem = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	CR_CHECK(mem != MAP_FAILED);
	return mem;
}

CR_TEST(memory, keeps_private_pages)
{
	char *mem = map(3 * MB, PROT_READ | PROT_WRITE, 0);

	cr_fill(mem, 2 * MB, 1);
	cr_ready();
	CR_CHECK(cr_filled(mem, 2 * MB, 1));
	/* what was never touched is zero and can be written */
	CR_EQ(0, mem[2 * MB]);
	CR_EQ(0, mem[3 * MB - 1]);
	cr_fill(mem, 3 * MB, 2);
	CR_CHECK(cr_filled(mem, 3 * MB, 2));
}

CR_TEST(memory, keeps_the_heap_and_its_end)
{
	char *old = sbrk(MB), *block = malloc(64 * 1024), *end = sbrk(0);

	cr_fill(old, MB, 3);
	cr_fill(block, 64 * 1024, 4);
	cr_ready();
	CR_CHECK(sbrk(0) == end);
	CR_CHECK(cr_filled(old, MB, 3));
	CR_CHECK(cr_filled(block, 64 * 1024, 4));
	CR_CHECK(sbrk(PAGE) == end);
	CR_EQ(0, *end);
	*end = 1;
	free(block);
	CR_CHECK(malloc(400000));
}

static int deep(int level)
{
	volatile int frame[1024];

	frame[0] = level;
	return level ? deep(level - 1) + frame[0] - level + 1 : 0;
}

CR_TEST(memory, keeps_the_stack_and_it_still_grows)
{
	volatile uint64_t frame[8 * 512];

	cr_fill((void *)frame, sizeof(frame), 5);
	cr_ready();
	CR_CHECK(cr_filled((void *)frame, sizeof(frame), 5));
	CR_EQ(100, deep(100));
	CR_EQ(1000, deep(1000));
}

static sigjmp_buf fault;

static void on_fault(int sig)
{
	siglongjmp(fault, 1);
}

/* Which accesses to @at does the memory allow? */
static int allowed(volatile char *at)
{
	volatile int prot = 0;

	signal(SIGSEGV, on_fault);
	if (!sigsetjmp(fault, 1)) {
		(void)*at;
		prot |= PROT_READ;
	}
	if (!sigsetjmp(fault, 1)) {
		*at = *at;
		prot |= PROT_WRITE;
	}
	if (prot & PROT_READ && !sigsetjmp(fault, 1)) {
		((void (*)(void))at)();
		prot |= PROT_EXEC;
	}
	return prot;
}

CR_TEST(memory, keeps_protections_and_what_is_behind_them)
{
	static const int prots[] = {
		PROT_NONE, PROT_READ, PROT_READ | PROT_EXEC,
		PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE | PROT_EXEC,
	};
	char *mem[5];
	int i;

	for (i = 0; i < 5; i++) {
		mem[i] = map(2 * PAGE, PROT_READ | PROT_WRITE, 0);
		cr_fill(mem[i], 2 * PAGE, i);
		*mem[i] = (char)0xc3;	/* ret */
		CR_EQ(0, mprotect(mem[i], 2 * PAGE, prots[i]));
		CR_EQ(prots[i], allowed(mem[i]));
	}
	cr_ready();
	for (i = 0; i < 5; i++) {
		CR_EQ(prots[i], allowed(mem[i]));
		CR_EQ(0, mprotect(mem[i], 2 * PAGE, PROT_READ));
		CR_EQ((char)0xc3, *mem[i]);
	}
	CR_EQ(0, mprotect(mem[3], 2 * PAGE, PROT_READ | PROT_WRITE));
	for (i = 0; i < 5; i++) {
		char expected[2 * PAGE];

		cr_fill(expected, sizeof(expected), i);
		CR_CHECK(!memcmp(mem[i] + 1, expected + 1, sizeof(expected) - 1));
	}
}

CR_TEST(memory, unmapped_holes_stay_holes)
{
	char *mem = map(5 * PAGE, PROT_READ | PROT_WRITE, 0);

	cr_fill(mem, 5 * PAGE, 6);
	munmap(mem + PAGE, PAGE);
	munmap(mem + 3 * PAGE, PAGE);
	cr_ready();
	CR_EQ(3, allowed(mem));
	CR_EQ(0, allowed(mem + PAGE));
	CR_EQ(3, allowed(mem + 2 * PAGE));
	CR_EQ(0, allowed(mem + 3 * PAGE));
	CR_EQ(3, allowed(mem + 4 * PAGE));
}

/* The two-letter flags of the mapping at @at. */
static void vm_flags(void *at, char *flags, size_t size)
{
	static char smaps[1 << 18];
	char head[32], *line;

	CR_CHECK(cr_read_file("/proc/self/smaps", smaps, sizeof(smaps)) > 0);
	snprintf(head, sizeof(head), "%lx-", (unsigned long)at);
	line = strstr(smaps, head);
	CR_CHECK(line);
	line = strstr(line, "VmFlags: ");
	CR_CHECK(line);
	snprintf(flags, size, "%.*s", (int)strcspn(line, "\n"), line);
}

CR_TEST(memory, keeps_advice_and_contents)
{
	static const struct { int advice; const char *flag; } advice[] = {
		{ MADV_DONTDUMP, " dd" }, { MADV_DONTFORK, " dc" },
		{ MADV_WIPEONFORK, " wf" }, { MADV_HUGEPAGE, " hg" },
		{ MADV_NOHUGEPAGE, " nh" }, { MADV_RANDOM, " rr" },
		{ MADV_SEQUENTIAL, " sr" }, { MADV_NORMAL, " wr" },
	};
	enum { NR = sizeof(advice) / sizeof(*advice) };
	char before[NR][128], after[128];
	char *mem[NR];
	int i;

	for (i = 0; i < NR; i++) {
		mem[i] = map(PAGE * 7, PROT_NONE, 0) + PAGE;
		CR_EQ(0, mprotect(mem[i], 5 * PAGE, PROT_READ | PROT_WRITE));
		CR_EQ(0, madvise(mem[i], 5 * PAGE, advice[i].advice));
		cr_fill(mem[i], 5 * PAGE, i);
		vm_flags(mem[i], before[i], sizeof(before[i]));
		CR_CHECK(strstr(before[i], advice[i].flag));
	}
	cr_ready();
	for (i = 0; i < NR; i++) {
		CR_CHECK(cr_filled(mem[i], 5 * PAGE, i));
		vm_flags(mem[i], after, sizeof(after));
		if (strcmp(before[i], after))
			cr_fail("flags were %s, are %s", before[i], after);
	}
}

CR_TEST(memory, keeps_a_stack_like_mapping_that_grows)
{
	char *area = map(600 * PAGE, PROT_NONE, MAP_NORESERVE);
	char *mem;

	/* a gap of 256 pages has to be below, or it may not grow */
	munmap(area, 600 * PAGE);
	mem = mmap(area + 500 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
	CR_CHECK(mem != MAP_FAILED);
	cr_fill(mem, 4 * PAGE, 7);
	mem[-8] = 42;
	cr_ready();
	CR_EQ(42, mem[-8]);
	CR_CHECK(cr_filled(mem, 4 * PAGE, 7));
	mem[-8 - (long)PAGE] = 43;
	mem[-8 - 3 * (long)PAGE] = 44;
	CR_EQ(42, mem[-8]);
}

CR_PROGRAM(sparse)
{
	char *mem = map(1024 * MB, PROT_READ | PROT_WRITE, MAP_NORESERVE);
	size_t at;

	madvise(mem, 1024 * MB, MADV_NOHUGEPAGE);
	for (at = 0; at < 1024 * MB; at += 16 * MB)
		cr_fill(mem + at, PAGE, at >> 20);
	cr_ready();
	for (at = 0; at < 1024 * MB; at += 16 * MB) {
		CR_CHECK(cr_filled(mem + at, PAGE, at >> 20));
		CR_EQ(0, mem[at + PAGE]);
		CR_EQ(0, mem[at + 8 * MB]);
	}
}

TEST_F(memory, a_sparse_gigabyte_makes_a_small_image)
{
	EXPECT_EQ(0, cr_round_trip(&self->cr, "sparse", NULL));
	EXPECT_GT(4 * MB, self->cr.result.bytes);
}

CR_TEST(memory, huge_pages_keep_their_contents)
{
	char *area = map(10 * MB, PROT_READ | PROT_WRITE, 0);
	char *mem = (char *)(((uintptr_t)area + 2 * MB - 1) & -(2 * MB));

	CR_EQ(0, madvise(mem, 6 * MB, MADV_HUGEPAGE));
	cr_fill(mem, 6 * MB, 8);
	/* one of them is written after a part was given back */
	CR_EQ(0, madvise(mem + 2 * MB + 5 * PAGE, PAGE, MADV_DONTNEED));
	cr_ready();
	CR_CHECK(cr_filled(mem, 2 * MB + 5 * PAGE, 8));
	CR_EQ(0, mem[2 * MB + 5 * PAGE]);
	cr_fill(mem + 2 * MB + 5 * PAGE, PAGE, 0);
	CR_EQ(0, madvise(mem + 2 * MB, 2 * MB, MADV_DONTNEED));
	cr_fill(mem, 6 * MB, 9);
	CR_CHECK(cr_filled(mem, 6 * MB, 9));
}

CR_PROGRAM(swapped)
{
	char *mem = map(4 * MB, PROT_READ | PROT_WRITE, 0);

	cr_fill(mem, 4 * MB, 10);
	CR_EQ(0, madvise(mem, 4 * MB, MADV_PAGEOUT));
	if (cr_field("/proc/self/status", "VmSwap", 10) < 1024)
		_exit(77);
	cr_ready();
	CR_CHECK(cr_filled(mem, 4 * MB, 10));
	_exit(0);
}

/*
 * What was written to swap stays in memory until somebody needs the memory. A few pages
 * may be on lists of a processor, where nobody looks.
 */
static void leave_the_swap_cache(struct cr *cr)
{
	int fd = openat(cr->cgroup_fd, "memory.reclaim", O_WRONLY | O_CLOEXEC);
	char path[128], text[8192], *cached;

	snprintf(path, sizeof(path), "%s/memory.stat", cr->cgroup);
	do {
		/* fails when it reclaims less */
		if (write(fd, "512K", 4) < 0)
			cr_nap();
		cached = cr_read_file(path, text, sizeof(text)) > 0 ?
			 strstr(text, "\nswapcached ") : NULL;
	} while (cached && atol(cached + strlen("\nswapcached ")) > MB / 4);
	close(fd);
}

/* A file on a disk holds swap; on tmpfs it cannot, and /debian is a disk. */
static const char swap_file[] = "/debian/cr-swap";

static int swap_on(size_t len)
{
	int fd = open(swap_file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), err;
	static char zero[MB];
	char command[128];
	size_t at;

	if (fd < 0)
		return -errno;
	for (at = 0; at < len; at += sizeof(zero))
		if (write(fd, zero, sizeof(zero)) != sizeof(zero))
			break;
	err = at < len || fsync(fd) ? -ENOSPC : 0;
	close(fd);
	snprintf(command, sizeof(command), "mkswap %s > /dev/null 2>&1", swap_file);
	if (!err && (system(command) || swapon(swap_file, 0)))
		err = -(errno ?: EINVAL);
	if (err)
		unlink(swap_file);
	return err;
}

static void swap_off(void)
{
	swapoff(swap_file);
	unlink(swap_file);
}

TEST_F(memory, swapped_pages_are_saved)
{
	int status = swap_on(16 * MB);

	if (status)
		SKIP(return, "no disk for swap: %s", strerror(-status));
	status = cr_start(&self->cr, "swapped", NULL) ?: cr_wait_for(&self->cr, "ready");
	if (!status) {
		leave_the_swap_cache(&self->cr);
		status = cr_move(&self->cr);
		cr_go(&self->cr);
	}
	if (!status)
		status = cr_wait_exit(&self->cr);
	cr_kill(&self->cr);
	swap_off();
	EXPECT_EQ(0, status);
}

/* ---- No room for what is swapped ---- */

#define CROWDED	(24 * MB)

CR_PROGRAM(crowded)
{
	char *mem = map(CROWDED, PROT_READ | PROT_WRITE, 0);

	cr_fill(mem, CROWDED, 11);
	CR_EQ(0, madvise(mem, CROWDED - MB, MADV_PAGEOUT));
	cr_ready();
	CR_CHECK(cr_filled(mem, CROWDED, 11));
}

static long number_of(struct cr *cr, const char *file)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), "%s/%s", cr->cgroup, file);
	return cr_read_file(path, text, sizeof(text)) > 0 ? atol(text) : -1;
}

static int limit(struct cr *cr, const char *file, const char *value)
{
	int fd = openat(cr->cgroup_fd, file, O_WRONLY | O_CLOEXEC);
	int err = fd < 0 || write(fd, value, strlen(value)) < 0 ? -errno : 0;

	close(fd);
	return err;
}

/* Its swap is full, and it may have a third of what is there in memory. */
static int crowd(struct cr *cr)
{
	char text[32];

	leave_the_swap_cache(cr);
	snprintf(text, sizeof(text), "%ld", number_of(cr, "memory.swap.current"));
	return limit(cr, "memory.swap.max", text) ?: limit(cr, "memory.max", "8M");
}

TEST_F(memory, of_a_group_without_room_is_saved_and_nobody_is_killed)
{
	int status = swap_on(48 * MB);

	if (status)
		SKIP(return, "no disk for swap: %s", strerror(-status));
	status = cr_start_ready(&self->cr, "crowded", NULL) ?: crowd(&self->cr) ?:
		 cr_checkpoint(&self->cr);
	EXPECT_EQ(0, status);
	EXPECT_LT(CROWDED, self->cr.result.bytes);
	EXPECT_EQ(0, limit(&self->cr, "memory.max", "max"));
	EXPECT_EQ(0, limit(&self->cr, "memory.swap.max", "max"));
	EXPECT_EQ(0, waitpid(self->cr.pid, NULL, WNOHANG));
	EXPECT_EQ(0, cr_kill(&self->cr) ?: cr_restart(&self->cr));
	cr_go(&self->cr);
	EXPECT_EQ(0, cr_wait_exit(&self->cr));
	cr_kill(&self->cr);
	swap_off();
}

TEST_HARNESS_MAIN
