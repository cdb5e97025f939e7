// SPDX-License-Identifier: GPL-2.0
/* The address space as a whole: layout, arguments, the vDSO. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

#define PAGE	4096UL

CR_FIXTURE(address_space);

static void *map(size_t len, int prot, int flags)
{
	void *mem = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	CR_CHECK(mem != MAP_FAILED);
	return mem;
}

/*
 * /proc/self/maps without the joints between mappings that differ in nothing:
 * the kernel joins these when it likes.
 */
static void read_maps(char *maps, size_t size)
{
	unsigned long start, end, offset, last_end = 0, last_next = 0;
	char prot[5], rest[256], last[300] = "", this[300];
	FILE *file = fopen("/proc/self/maps", "r");
	char line[512];
	size_t len = 0;

	CR_CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		*rest = 0;
		CR_CHECK(sscanf(line, "%lx-%lx %4s %lx %255[^\n]", &start, &end, prot,
				&offset, rest) >= 4);
		snprintf(this, sizeof(this), "%s %s", prot, rest);
		if (start != last_end || strcmp(last, this) ||
		    (strncmp(rest, "00:00", 5) && offset != last_next))
			len += snprintf(maps + len, size - len, "- %lx\n%lx %lx %s",
					last_end, start, offset, this);
		CR_CHECK(len < size);
		last_end = end;
		last_next = offset + end - start;
		strcpy(last, this);
	}
	snprintf(maps + len, size - len, "- %lx\n", last_end);
	fclose(file);
}

CR_TEST(address_space, keeps_a_thousand_mappings)
{
	char *mem = map(2000 * PAGE, PROT_READ | PROT_WRITE, 0);
	static char before[1 << 18], after[1 << 18];
	int i;

	for (i = 0; i < 2000; i++)
		cr_fill(mem + i * PAGE, 8, i);
	for (i = 0; i < 2000; i += 2)
		CR_EQ(0, mprotect(mem + i * PAGE, PAGE, PROT_READ));
	read_maps(before, sizeof(before));
	cr_ready();
	read_maps(after, sizeof(after));
	CR_CHECK(!strcmp(before, after));
	for (i = 0; i < 2000; i++)
		CR_CHECK(cr_filled(mem + i * PAGE, 8, i));
}

static const char *const proc_files[] = {
	"/proc/self/cmdline", "/proc/self/environ", "/proc/self/auxv", "/proc/self/comm",
};

CR_TEST(address_space, proc_files_read_as_before)
{
	static char before[4][1 << 14], after[1 << 14], maps[2][1 << 14];
	char exe[2][256] = {};
	ssize_t len[4];
	int i;

	read_maps(maps[0], sizeof(maps[0]));
	/* once more: the first time grew the heap */
	read_maps(maps[0], sizeof(maps[0]));
	for (i = 0; i < 4; i++)
		len[i] = cr_read_file(proc_files[i], before[i], sizeof(before[i]));
	CR_CHECK(readlink("/proc/self/exe", exe[0], 255) > 0);
	cr_ready();
	read_maps(maps[1], sizeof(maps[1]));
	if (strcmp(maps[0], maps[1]))
		cr_fail("maps were\n%s\nare\n%s", maps[0], maps[1]);
	for (i = 0; i < 4; i++) {
		if (cr_read_file(proc_files[i], after, sizeof(after)) != len[i] || len[i] <= 0 ||
		    memcmp(before[i], after, len[i]))
			cr_fail("%s differs:\n%s\nwas\n%s", proc_files[i], after, before[i]);
	}
	CR_CHECK(readlink("/proc/self/exe", exe[1], 255) > 0);
	CR_CHECK(!strcmp(exe[0], exe[1]));
}

CR_TEST(address_space, vdso_works_where_it_was)
{
	unsigned char *vdso = (void *)getauxval(AT_SYSINFO_EHDR);
	struct timespec before, between, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	CR_CHECK(!memcmp(vdso, "\177ELF", 4));
	cr_ready();
	CR_CHECK(!memcmp(vdso, "\177ELF", 4));
	CR_CHECK((void *)getauxval(AT_SYSINFO_EHDR) == vdso);
	clock_gettime(CLOCK_MONOTONIC, &between);
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &after);
	CR_CHECK(before.tv_sec < between.tv_sec ||
		 (before.tv_sec == between.tv_sec && before.tv_nsec < between.tv_nsec));
	CR_CHECK(between.tv_sec < after.tv_sec ||
		 (between.tv_sec == after.tv_sec && between.tv_nsec <= after.tv_nsec));
}

/* Where a special mapping is, and how long; 0 if there is none. */
static size_t find_special(const char *name, void **start)
{
	FILE *file = fopen("/proc/self/maps", "r");
	unsigned long from, end;
	size_t len = 0;
	char line[512];

	CR_CHECK(file);
	while (!len && fgets(line, sizeof(line), file)) {
		if (!strstr(line, name))
			continue;
		CR_CHECK(sscanf(line, "%lx-%lx", &from, &end) == 2);
		*start = (void *)from;
		len = end - from;
	}
	fclose(file);
	return len;
}

/* Though the kernel does not forget where it was. Nothing here asks it for the time. */
CR_TEST(address_space, a_vdso_that_was_unmapped_stays_so)
{
	size_t len;
	void *at;

	while ((len = find_special("[vdso]", &at)) || (len = find_special("[vvar", &at)))
		CR_EQ(0, munmap(at, len));
	cr_ready();
	CR_EQ(0, find_special("[vdso]", &at));
	CR_EQ(0, find_special("[vvar", &at));
}

CR_TEST(address_space, prctl_settings_are_kept)
{
	CR_EQ(0, prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	cr_ready();
	CR_EQ(1, prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
}

/* Executed again with the limit, and without chance, since the gap is an exec's. */
CR_TEST(address_space, new_mappings_leave_the_stack_the_room_of_its_limit)
{
	struct rlimit room = { .rlim_cur = 4UL << 30, .rlim_max = RLIM_INFINITY };
	unsigned long here = (unsigned long)&room;
	void *mem;
	int i;

	if (personality(0xffffffff) != ADDR_NO_RANDOMIZE) {
		CR_EQ(0, setrlimit(RLIMIT_STACK, &room));
		CR_CHECK(personality(ADDR_NO_RANDOMIZE) >= 0);
		execve("/proc/self/exe", (char *[]){ (char *)
		       "address_space.new_mappings_leave_the_stack_the_room_of_its_limit",
		       NULL }, environ);
		cr_fail("execve: %m");
	}
	CR_CHECK((unsigned long)map(PAGE, PROT_NONE, 0) < here - room.rlim_cur);
	cr_ready();
	for (i = 0; i < 16; i++) {
		mem = map(256 << 20, PROT_NONE, MAP_NORESERVE);
		CR_CHECK((unsigned long)mem < here - room.rlim_cur);
	}
	CR_EQ(0, getrlimit(RLIMIT_STACK, &room));
	CR_EQ(4UL << 30, room.rlim_cur);
}

CR_PROGRAM(own_code)
{
	char *code = map(PAGE, PROT_READ | PROT_WRITE, 0);

	*code = 0xc3;	/* ret */
	CR_EQ(0, mprotect(code, PAGE, PROT_READ | PROT_EXEC));
	cr_ready();
	((void (*)(void))code)();
	_exit(0);
}

TEST_F(address_space, code_of_its_own_is_kept)
{
	EXPECT_EQ(0, cr_round_trip(&self->cr, "own_code", NULL));
}

/* The children of such a caller could not write what they execute either. */
TEST_F(address_space, code_of_its_own_is_refused_to_a_caller_under_mdwe)
{
	ASSERT_EQ(0, cr_start_ready(&self->cr, "own_code", NULL));
	ASSERT_EQ(0, cr_stop(&self->cr));
	ASSERT_EQ(0, prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0));
	EXPECT_EQ(-EACCES, cr_restart(&self->cr));
	EXPECT_TRUE(cr_logged(&self->cr, "axis=mdwe"));
}

TEST_HARNESS_MAIN
