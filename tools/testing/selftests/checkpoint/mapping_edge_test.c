// SPDX-License-Identifier: GPL-2.0
/* Mappings at their limits: holes, ends of files, many, far up. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

#define PAGE	4096UL
#define MB	(1UL << 20)

CR_FIXTURE(mapping_edge);

static void *map(size_t len, int flags, int fd)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, fd, 0);

	CR_CHECK(mem != MAP_FAILED);
	return mem;
}

/* ---- Holes of shared memory ---- */

#define HOLED_PAGES	64

/* One letter for each page: is there one? */
static void pages_of(int fd, char *pages)
{
	off_t start = 0, end;

	memset(pages, '-', HOLED_PAGES);
	pages[HOLED_PAGES] = 0;
	while ((start = lseek(fd, start, SEEK_DATA)) >= 0) {
		end = lseek(fd, start, SEEK_HOLE);
		memset(pages + start / PAGE, 'x', (end - start) / PAGE);
		start = end;
	}
}

/* The same of a mapping, whose file has no descriptor. */
static void pages_at(char *mem, char *pages)
{
	unsigned char there[HOLED_PAGES];
	int i;

	CR_EQ(0, mincore(mem, HOLED_PAGES * PAGE, there));
	for (i = 0; i < HOLED_PAGES; i++)
		pages[i] = there[i] & 1 ? 'x' : '-';
	pages[i] = 0;
}

static void fill_some(char *mem)
{
	CR_EQ(0, madvise(mem, HOLED_PAGES * PAGE, MADV_NOHUGEPAGE));
	cr_fill(mem + 3 * PAGE, 2 * PAGE, 1);
	cr_fill(mem + 32 * PAGE, 4 * PAGE, 2);
	CR_EQ(0, madvise(mem + 33 * PAGE, 2 * PAGE, MADV_REMOVE));
	mem[63 * PAGE] = 1;
}

static void check_some(char *mem)
{
	CR_CHECK(cr_filled(mem + 3 * PAGE, 2 * PAGE, 1));
	CR_CHECK(cr_filled(mem + 32 * PAGE, PAGE, 2));
	CR_EQ(0, mem[33 * PAGE] | mem[34 * PAGE + 5]);
	CR_EQ(1, mem[63 * PAGE]);
}

CR_TEST(mapping_edge, holes_of_shared_memory_stay_holes)
{
	static const char expected[] =
		"---xx---------------------------x--x---------------------------x";
	int fd = memfd_create("holes", 0);
	char *mem, *anon = map(HOLED_PAGES * PAGE, MAP_SHARED | MAP_ANONYMOUS, -1);
	char pages[HOLED_PAGES + 1];
	struct stat before, after;

	CR_EQ(0, ftruncate(fd, HOLED_PAGES * PAGE));
	mem = map(HOLED_PAGES * PAGE, MAP_SHARED, fd);
	fill_some(mem);
	fill_some(anon);
	pages_of(fd, pages);
	CR_CHECK(!strcmp(pages, expected));
	pages_at(anon, pages);
	CR_CHECK(!strcmp(pages, expected));
	CR_EQ(0, fstat(fd, &before));
	cr_ready();
	pages_of(fd, pages);
	if (strcmp(pages, expected))
		cr_fail("the memfd has %s", pages);
	pages_at(anon, pages);
	if (strcmp(pages, expected))
		cr_fail("the shared memory has %s", pages);
	CR_EQ(0, fstat(fd, &after));
	CR_EQ(before.st_blocks, after.st_blocks);
	check_some(mem);
	check_some(anon);
}

/* ---- Beyond the end of a file ---- */

static sigjmp_buf fault;
static volatile int fault_signal;

static void on_fault(int sig)
{
	fault_signal = sig;
	siglongjmp(fault, 1);
}

/* The signal that reading makes, or writing, 0 for none. */
static int fault_of(volatile char *at, bool writes)
{
	signal(SIGBUS, on_fault);
	signal(SIGSEGV, on_fault);
	fault_signal = 0;
	if (!sigsetjmp(fault, 1)) {
		char c = *at;

		if (writes)
			*at = c;
	}
	return fault_signal;
}

/* A page and a half, mapped as four; @written: a private page of both. */
static void check_end(int fd, char *mem, bool written)
{
	CR_EQ(0, fault_of(mem, false));
	CR_EQ(0, fault_of(mem + PAGE + PAGE / 2, false));
	CR_EQ(SIGBUS, fault_of(mem + 2 * PAGE, false));
	CR_EQ(SIGBUS, fault_of(mem + 4 * PAGE - 1, false));
	CR_CHECK(cr_filled(mem, PAGE, written ? 9 : 8));
	CR_EQ(0, mem[PAGE + PAGE / 2]);
}

CR_TEST(mapping_edge, beyond_the_end_of_a_file_is_SIGBUS)
{
	int fd[2] = { open("file", O_RDWR | O_CREAT, 0600), memfd_create("end", 0) };
	char *shared[2], *private[2], *locked[2], page[PAGE];
	int i;

	cr_fill(page, PAGE, 8);
	for (i = 0; i < 2; i++) {
		CR_EQ(PAGE, write(fd[i], page, PAGE));
		CR_EQ(0, ftruncate(fd[i], PAGE + PAGE / 2));
		shared[i] = map(4 * PAGE, MAP_SHARED, fd[i]);
		private[i] = map(4 * PAGE, MAP_PRIVATE, fd[i]);
		locked[i] = map(4 * PAGE, MAP_SHARED, fd[i]);
		cr_fill(private[i], PAGE, 9);
		/* all of it is locked, though no page is behind some */
		CR_EQ(-1, mlock(locked[i], 4 * PAGE));
		check_end(fd[i], shared[i], false);
		check_end(fd[i], private[i], true);
	}
	cr_ready();
	for (i = 0; i < 2; i++) {
		check_end(fd[i], shared[i], false);
		check_end(fd[i], private[i], true);
		check_end(fd[i], locked[i], false);
		/* where the file grows, there is memory */
		CR_EQ(0, ftruncate(fd[i], 4 * PAGE));
		shared[i][3 * PAGE] = 5;
		CR_EQ(5, private[i][3 * PAGE]);
		CR_EQ(5, locked[i][3 * PAGE]);
	}
	CR_EQ(2 * 16, cr_field("/proc/self/status", "VmLck", 10));
}

CR_TEST(mapping_edge, a_file_that_was_truncated_while_mapped)
{
	int fd[2] = { open("file", O_RDWR | O_CREAT, 0600), memfd_create("cut", 0) };
	char *shared[2], *private[2];
	int i;

	for (i = 0; i < 2; i++) {
		CR_EQ(0, ftruncate(fd[i], 8 * PAGE));
		shared[i] = map(8 * PAGE, MAP_SHARED, fd[i]);
		private[i] = map(8 * PAGE, MAP_PRIVATE, fd[i]);
		cr_fill(shared[i], 8 * PAGE, 1);
		cr_fill(private[i], 8 * PAGE, 2);
		CR_EQ(0, ftruncate(fd[i], 2 * PAGE));
	}
	cr_ready();
	for (i = 0; i < 2; i++) {
		CR_CHECK(cr_filled(shared[i], 2 * PAGE, 1));
		CR_CHECK(cr_filled(private[i], 2 * PAGE, 2));
		CR_EQ(SIGBUS, fault_of(shared[i] + 2 * PAGE, false));
		CR_EQ(SIGBUS, fault_of(private[i] + 2 * PAGE, false));
		/* what was private went with the file's */
		CR_EQ(0, ftruncate(fd[i], 8 * PAGE));
		CR_EQ(0, private[i][2 * PAGE] | private[i][7 * PAGE]);
	}
}

/* ---- As many as there may be ---- */

#define MANY		65000
#define MANY_MAX	70000

/* Mappings between two addresses. Elsewhere, equal neighbours may become one. */
static long count_maps(char *from, char *to)
{
	static char line[256];
	FILE *f = fopen("/proc/self/maps", "r");
	long count = 0;

	CR_CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		char *start = (char *)strtoul(line, NULL, 16);

		count += start >= from && start < to;
	}
	fclose(f);
	return count;
}

static bool make_odd(char *area, long i)
{
	return !mprotect(area + i * PAGE, PAGE, PROT_READ | PROT_WRITE);
}

/* With every other page of @pages to write. The kernel's limit ends it. */
static char *many(long pages, long *made)
{
	char *area = mmap(NULL, pages * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long i;

	CR_CHECK(area != MAP_FAILED);
	for (i = 1; i < pages && make_odd(area, i); i += 2)
		if (i % 1024 == 1)
			area[i * PAGE] = 7;
	*made = i;
	return area;
}

static void check_many(char *area, long made, long maps)
{
	long i;

	CR_EQ(maps, count_maps(area, area + made * PAGE));
	for (i = 1; i < made; i += 2) {
		CR_EQ(i % 1024 == 1 ? 7 : 0, area[i * PAGE]);
		area[i * PAGE] = 8;
	}
	CR_EQ(0, fault_of(area + 2 * PAGE, false));
	CR_EQ(SIGSEGV, fault_of(area + 2 * PAGE, true));
}

CR_TEST(mapping_edge, sixty_five_thousand_mappings)
{
	long made, maps;
	char *area = many(MANY, &made);

	CR_CHECK(made >= MANY);
	maps = count_maps(area, area + made * PAGE);
	CR_CHECK(maps >= MANY);
	cr_ready();
	check_many(area, made, maps);
}

CR_TEST(mapping_edge, as_many_as_vm_max_map_count)
{
	long made, maps;
	char *area = many(MANY_MAX, &made);

	CR_CHECK(made < MANY_MAX);
	CR_EQ(ENOMEM, errno);
	maps = count_maps(area, area + made * PAGE);
	CR_CHECK(maps > MANY);
	cr_ready();
	check_many(area, made, maps);
}

/* ---- Above 47 bits ---- */

#define FAR	((char *)(1UL << 50))

CR_PROGRAM(far)
{
	char *mem = mmap(FAR, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	char *shared = mmap(FAR + MB, 4 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	CR_CHECK(mem == FAR);
	CR_CHECK(shared == FAR + MB);
	cr_fill(mem, 4 * PAGE, 1);
	cr_fill(shared, 4 * PAGE, 2);
	pid = fork();
	if (!pid) {
		cr_until(*(volatile char *)shared == 99);
		_exit(cr_filled(mem, 4 * PAGE, 1) ? 5 : 6);
	}
	cr_ready();
	CR_CHECK(cr_filled(mem, 4 * PAGE, 1));
	CR_CHECK(cr_filled(shared, 4 * PAGE, 2));
	*(volatile char *)shared = 99;
	cr_reap(pid, 5 << 8);
}

TEST_F(mapping_edge, far_above_47_bits)
{
	void *mem = mmap(FAR, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem != FAR)
		SKIP(return, "the CPU or the kernel has no five-level page tables (la57)");
	munmap(mem, PAGE);
	EXPECT_EQ(0, cr_round_trip(&self->cr, "far", NULL));
}

TEST_HARNESS_MAIN
