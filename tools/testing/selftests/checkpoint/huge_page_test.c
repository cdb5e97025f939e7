// SPDX-License-Identifier: GPL-2.0
/*
 * Transparent huge pages, and large folios of other sizes: a restart makes one
 * wherever a page fault would and all of its pages have contents.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

#define PAGE	4096UL
#define MB	(1UL << 20)
#define HUGE	(2 * MB)

CR_FIXTURE(huge_page);

/* An aligned mapping that has no neighbour of its kind, and no page yet. */
static char *map(size_t len)
{
	char *area = mmap(NULL, len + 2 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *mem = (char *)(((uintptr_t)area + PAGE + HUGE - 1) & -HUGE);

	CR_CHECK(area != MAP_FAILED);
	CR_EQ(0, mprotect(mem, len, PROT_READ | PROT_WRITE));
	return mem;
}

/* The same with small pages, full. */
static char *map_small(size_t len, int seed)
{
	char *mem = map(len);

	CR_EQ(0, madvise(mem, len, MADV_NOHUGEPAGE));
	cr_fill(mem, len, seed);
	return mem;
}

/* Bytes of huge pages in the mapping that begins at @mem. */
static unsigned long huge(char *mem)
{
	static char smaps[1 << 18];
	char head[32], *at;

	CR_CHECK(cr_read_file("/proc/self/smaps", smaps, sizeof(smaps)) > 0);
	snprintf(head, sizeof(head), "\n%lx-", (unsigned long)mem);
	at = strstr(smaps, head);
	CR_CHECK(at);
	at = strstr(at, "AnonHugePages:");
	CR_CHECK(at);
	return strtoul(at + strlen("AnonHugePages:"), NULL, 10) << 10;
}

/* What whoever has memory may do with it. */
static void use(char *mem, size_t len, int seed)
{
	int status;
	pid_t pid = fork();

	CR_CHECK(pid >= 0);
	if (!pid) {
		*(volatile char *)(mem + len / 2) ^= 1;
		*(volatile char *)(mem + len / 2) ^= 1;
		_exit(!cr_filled(mem, len, seed));
	}
	CR_EQ(pid, waitpid(pid, &status, 0));
	CR_EQ(0, status);
	CR_CHECK(cr_filled(mem, len, seed));
	CR_EQ(0, madvise(mem + PAGE, PAGE, MADV_DONTNEED));
	CR_EQ(0, mem[PAGE]);
	cr_fill(mem, len, seed + 1);
	CR_CHECK(cr_filled(mem, len, seed + 1));
	CR_EQ(0, mprotect(mem + len / 2, PAGE, PROT_READ));
	CR_EQ(0, munmap(mem + 3 * PAGE, PAGE));
	CR_CHECK(cr_filled(mem, 3 * PAGE, seed + 1));
}

CR_TEST(huge_page, stays_one)
{
	char *mem = map(2 * HUGE);

	CR_EQ(0, madvise(mem, 2 * HUGE, MADV_HUGEPAGE));
	cr_fill(mem, 2 * HUGE, 1);
	CR_EQ(2 * HUGE, huge(mem));
	cr_ready();
	CR_EQ(2 * HUGE, huge(mem));
	use(mem, 2 * HUGE, 1);
}

CR_TEST(huge_page, of_zeros_in_part_stays_one)
{
	char *mem = map(HUGE);

	CR_EQ(0, madvise(mem, HUGE, MADV_HUGEPAGE));
	mem[5 * PAGE] = 5;
	mem[HUGE - 1] = 6;
	CR_EQ(HUGE, huge(mem));
	cr_ready();
	CR_EQ(HUGE, huge(mem));
	CR_EQ(5, mem[5 * PAGE]);
	CR_EQ(6, mem[HUGE - 1]);
	CR_EQ(0, mem[6 * PAGE]);
}

/* As in a heap, whose pages were touched before there was room for a huge one. */
CR_TEST(huge_page, is_made_of_small_ones_where_one_may_be)
{
	char *mem = map_small(3 * HUGE, 2);

	CR_EQ(0, madvise(mem, 3 * HUGE, MADV_HUGEPAGE));
	cr_ready();
	CR_EQ(3 * HUGE, huge(mem));
	use(mem, 3 * HUGE, 2);
}

/* A setting of huge pages, and what it was; the word in brackets, where there are some. */
static int set(const char *file, const char *value, char *before, size_t size)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC), err;
	char *word, text[128];

	if (fd < 0)
		return -errno;
	if (before && cr_read_file(file, text, sizeof(text)) > 0) {
		word = strchr(text, '[');
		snprintf(before, size, "%.*s", (int)strcspn(word ? word + 1 : text, "]\n"),
			 word ? word + 1 : text);
	}
	err = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return err;
}

/* What is zero, or was never touched, keeps its memory free. */
CR_PROGRAM(gap)
{
	char *mem = map_small(3 * HUGE, 3);

	CR_EQ(0, madvise(mem + HUGE + 7 * PAGE, PAGE, MADV_DONTNEED));
	CR_EQ(0, madvise(mem, 3 * HUGE, MADV_HUGEPAGE));
	cr_ready();
	CR_EQ(2 * HUGE, huge(mem));
	CR_CHECK(cr_filled(mem, HUGE + 7 * PAGE, 3));
	CR_EQ(0, mem[HUGE + 7 * PAGE]);
}

#define MAX_NONE	"/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none"

/* Not by khugepaged either, which does so after a while. */
TEST_F(huge_page, is_not_made_where_a_page_has_no_contents)
{
	char before[64];

	ASSERT_EQ(0, set(MAX_NONE, "0", before, sizeof(before)));
	EXPECT_EQ(0, cr_round_trip(&self->cr, "gap", NULL));
	EXPECT_EQ(0, set(MAX_NONE, before, NULL, 0));
}

CR_TEST(huge_page, is_not_made_where_none_may_be)
{
	char *mem = map_small(2 * HUGE, 4);

	cr_ready();
	CR_EQ(0, huge(mem));
	use(mem, 2 * HUGE, 4);
}

CR_TEST(huge_page, is_not_made_for_a_process_that_wants_none)
{
	char *mem = map_small(2 * HUGE, 5);

	CR_EQ(0, prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	CR_EQ(0, madvise(mem, 2 * HUGE, MADV_HUGEPAGE));
	cr_ready();
	CR_EQ(0, huge(mem));
	use(mem, 2 * HUGE, 5);
}

CR_TEST(huge_page, is_not_made_of_pages_that_processes_share)
{
	char *mem = map(2 * HUGE);
	int status;
	pid_t pid;

	CR_EQ(0, madvise(mem, 2 * HUGE, MADV_HUGEPAGE));
	cr_fill(mem, 2 * HUGE, 6);
	pid = fork();
	CR_CHECK(pid >= 0);
	if (!pid) {
		cr_fill(mem, HUGE / 2, 7);
		cr_touch("child");
		cr_until(!access("go-on", F_OK));
		_exit(!(cr_filled(mem, HUGE / 2, 7)));
	}
	cr_until(!access("child", F_OK));
	cr_ready();
	CR_CHECK(cr_filled(mem, 2 * HUGE, 6));
	cr_touch("go-on");
	CR_EQ(pid, waitpid(pid, &status, 0));
	CR_EQ(0, status);
	use(mem, 2 * HUGE, 6);
}

/* ---- Sizes between a page and a huge page ---- */

#define ENABLED	"/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled"
#define MIDDLE	(64UL << 10)

/* Pages of @mem that are part of a larger one, by /proc/kpageflags. */
static unsigned long large(char *mem, size_t len)
{
	int map = open("/proc/self/pagemap", O_RDONLY), flags = open("/proc/kpageflags", O_RDONLY);
	unsigned long at, found = 0;
	uint64_t entry, bits;

	CR_CHECK(map >= 0 && flags >= 0);
	for (at = 0; at < len; at += PAGE) {
		CR_EQ(8, pread(map, &entry, 8, (uintptr_t)(mem + at) / PAGE * 8));
		CR_EQ(8, pread(flags, &bits, 8, (entry & ((1UL << 55) - 1)) * 8));
		found += bits >> 15 & 1 || bits >> 16 & 1;
	}
	close(map);
	close(flags);
	return found;
}

/* It begins and ends in the midst of larger ones. */
CR_PROGRAM(middle)
{
	size_t len = HUGE - 8 * PAGE;
	char *mem = map(HUGE);

	CR_EQ(0, munmap(mem, 3 * PAGE));
	mem += 3 * PAGE;
	CR_EQ(0, munmap(mem + len, 5 * PAGE));
	CR_EQ(0, madvise(mem, len, MADV_NOHUGEPAGE));
	cr_fill(mem, len, 8);
	CR_EQ(0, madvise(mem, len, MADV_HUGEPAGE));
	CR_EQ(0, large(mem, len));
	cr_ready();
	CR_EQ((HUGE - 2 * MIDDLE) / PAGE, large(mem, len));
	CR_EQ((HUGE - 2 * MIDDLE) / PAGE, large(mem + MIDDLE - 3 * PAGE, HUGE - 2 * MIDDLE));
	use(mem, len, 8);
}

TEST_F(huge_page, of_another_size_is_made_where_one_may_be)
{
	char before[64];
	int err = set(ENABLED, "madvise", before, sizeof(before));

	if (err == -ENOENT)
		SKIP(return, "no such sizes");
	ASSERT_EQ(0, err);
	EXPECT_EQ(0, cr_round_trip(&self->cr, "middle", NULL));
	EXPECT_EQ(0, set(ENABLED, before, NULL, 0));
}

TEST_HARNESS_MAIN
