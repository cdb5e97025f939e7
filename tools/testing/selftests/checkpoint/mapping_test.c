// SPDX-License-Identifier: GPL-2.0
/* What a mapping has beside its pages and protections. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE	0x08
#endif

#define PAGE	4096UL
#define MB	(1UL << 20)

CR_FIXTURE(mapping);

/* A mapping that no other touches, so that none is merged with it. */
static char *map(size_t len, int prot, int flags)
{
	char *area = mmap(NULL, len + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *mem;

	CR_CHECK(area != MAP_FAILED);
	if (!(flags & (MAP_SHARED | MAP_DROPPABLE)))
		flags |= MAP_PRIVATE;
	mem = mmap(area + PAGE, len, prot, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CR_CHECK(mem != MAP_FAILED);
	return mem;
}

/* A line of the mapping at @at in smaps, with its name; the head for NULL. */
static char *smaps(void *at, const char *name)
{
	static char text[1 << 18], line[256];
	char head[32], *found;

	CR_CHECK(cr_read_file("/proc/self/smaps", text, sizeof(text)) > 0);
	snprintf(head, sizeof(head), "%lx-", (unsigned long)at);
	found = strstr(text, head);
	CR_CHECK(found);
	if (name)
		found = strstr(found, name);
	CR_CHECK(found);
	snprintf(line, sizeof(line), "%.*s ", (int)strcspn(found, "\n"), found);
	return line;
}

static bool has_flag(void *at, const char *flag)
{
	char word[8];

	snprintf(word, sizeof(word), " %s ", flag);
	return strstr(smaps(at, "VmFlags:"), word);
}

/* ---- Merging of equal pages (KSM) ---- */

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE	67
#define PR_GET_MEMORY_MERGE	68
#endif

#define KSM_PAGES	64

static void write_ksm(const char *file, const char *value)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/mm/ksm/%s", file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fprintf(stderr, "# %s: %s\n", path, strerror(errno));
	close(fd);
}

static void run_ksm(bool run)
{
	write_ksm("pages_to_scan", run ? "10000" : "100");
	write_ksm("sleep_millisecs", run ? "10" : "20");
	write_ksm("run", run ? "1" : "0");
}

static long merged(void)
{
	char text[32];

	CR_CHECK(cr_read_file("/proc/self/ksm_merging_pages", text, sizeof(text)) > 0);
	return atol(text);
}

/* Pages that are equal in twos. */
static char *twins(void)
{
	char *mem = map(2 * KSM_PAGES * PAGE, PROT_READ | PROT_WRITE, 0);

	CR_EQ(0, madvise(mem, 2 * KSM_PAGES * PAGE, MADV_NOHUGEPAGE));
	cr_fill(mem, KSM_PAGES * PAGE, 1);
	cr_fill(mem + KSM_PAGES * PAGE, KSM_PAGES * PAGE, 1);
	return mem;
}

static void check_twins(char *mem)
{
	size_t half = KSM_PAGES * PAGE;

	CR_CHECK(cr_filled(mem, half, 1));
	CR_CHECK(cr_filled(mem + half, half, 1));
	/* they may be one page again: a write is of one of them alone */
	cr_until(merged() >= KSM_PAGES);
	mem[5 * PAGE] ^= 1;
	CR_CHECK(cr_filled(mem + half, half, 1));
	mem[5 * PAGE] ^= 1;
	CR_CHECK(cr_filled(mem, half, 1));
}

CR_PROGRAM(merged)
{
	char *mem = twins();
	char *apart = map(4 * PAGE, PROT_READ | PROT_WRITE, 0);

	CR_EQ(0, madvise(mem, 2 * KSM_PAGES * PAGE, MADV_MERGEABLE));
	cr_until(merged() >= KSM_PAGES);
	cr_ready();
	CR_CHECK(has_flag(mem, "mg"));
	CR_CHECK(!has_flag(apart, "mg"));
	check_twins(mem);
}

CR_PROGRAM(merging_all)
{
	char *mem, *apart = map(4 * PAGE, PROT_READ | PROT_WRITE, 0);

	CR_EQ(0, prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0));
	CR_EQ(0, madvise(apart, 4 * PAGE, MADV_UNMERGEABLE));
	mem = twins();
	cr_until(merged() >= KSM_PAGES);
	cr_ready();
	CR_EQ(1, prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0));
	CR_CHECK(has_flag(mem, "mg"));
	CR_CHECK(!has_flag(apart, "mg"));
	CR_CHECK(has_flag(map(PAGE, PROT_READ, 0), "mg"));
	check_twins(mem);
}

static int trip_with_ksm(struct cr *cr, const char *program)
{
	int err;

	run_ksm(true);
	err = cr_round_trip(cr, program, NULL);
	cr_kill(cr);
	run_ksm(false);
	return err;
}

TEST_F(mapping, is_merged_with_others_and_may_be_again)
{
	EXPECT_EQ(0, trip_with_ksm(&self->cr, "merged"));
}

TEST_F(mapping, all_but_one_are_merged)
{
	EXPECT_EQ(0, trip_with_ksm(&self->cr, "merging_all"));
}

CR_PROGRAM(not_merging)
{
	cr_ready();
	CR_EQ(0, prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0));
	CR_EQ(0, prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
}

TEST_F(mapping, of_the_callers_settings_it_takes_none)
{
	ASSERT_EQ(0, cr_start_ready(&self->cr, "not_merging", NULL));
	ASSERT_EQ(0, cr_stop(&self->cr));
	ASSERT_EQ(0, prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0));
	ASSERT_EQ(0, prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	ASSERT_EQ(0, cr_restart(&self->cr));
	cr_go(&self->cr);
	EXPECT_EQ(0, cr_wait_exit(&self->cr));
}

/* ---- Memory that may be taken away (MAP_DROPPABLE) ---- */

/* No page goes to swap: it is gone. One in a batch of its CPU is not reclaimed. */
static bool is_dropped(char *mem, size_t len)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	CR_EQ(1, write(fd, "1", 1));
	close(fd);
	CR_EQ(0, madvise(mem, len, MADV_PAGEOUT));
	return !mem[PAGE] && !mem[7 * PAGE];
}

CR_TEST(mapping, is_dropped_when_memory_is_short)
{
	char *mem = map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_DROPPABLE);
	pid_t pid;

	cr_fill(mem, 8 * PAGE, 3);
	CR_CHECK(has_flag(mem, "dp"));
	cr_ready();
	CR_CHECK(has_flag(mem, "dp"));
	CR_CHECK(has_flag(mem, "wf"));
	CR_CHECK(has_flag(mem, "dd"));
	CR_CHECK(cr_filled(mem, 8 * PAGE, 3));
	CR_EQ(0, mem[9 * PAGE]);
	/* it is wiped in a child, and this cannot be changed */
	CR_EQ(-1, madvise(mem, 16 * PAGE, MADV_KEEPONFORK));
	pid = fork();
	if (!pid)
		_exit(mem[0] || mem[7 * PAGE]);
	cr_reap(pid, 0);
	cr_until(is_dropped(mem, 16 * PAGE));
}

/* ---- Locked memory ---- */

static long locked_kb(void)
{
	return cr_field("/proc/self/status", "VmLck", 10);
}

static long of_smaps(void *at, const char *name)
{
	return atol(strpbrk(smaps(at, name), "0123456789"));
}

CR_TEST(mapping, that_is_locked_is_all_there_and_counted)
{
	char *mem = map(16 * PAGE, PROT_READ | PROT_WRITE, 0);
	char *shared = map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *none = map(4 * PAGE, PROT_NONE, 0);
	char *part = map(4 * PAGE, PROT_READ | PROT_WRITE, 0);

	cr_fill(mem, 4 * PAGE, 1);
	cr_fill(shared, 4 * PAGE, 2);
	CR_EQ(0, mlock(mem, 16 * PAGE));
	CR_EQ(0, mlock(shared, 16 * PAGE));
	/* the lock is set, and the call fails as there are no pages to be had */
	CR_EQ(-1, mlock(none, 4 * PAGE));
	CR_EQ(0, mlock(part + PAGE, PAGE));
	CR_EQ(4 * (16 + 16 + 4 + 1), locked_kb());
	cr_ready();
	CR_EQ(4 * (16 + 16 + 4 + 1), locked_kb());
	CR_CHECK(has_flag(none, "lo"));
	CR_CHECK(has_flag(part + PAGE, "lo"));
	CR_CHECK(!has_flag(part, "lo"));
	CR_EQ(64, of_smaps(mem, "Rss:"));
	CR_EQ(64, of_smaps(mem, "Locked:"));
	CR_EQ(64, of_smaps(shared, "Locked:"));
	CR_CHECK(cr_filled(mem, 4 * PAGE, 1));
	CR_CHECK(cr_filled(shared, 4 * PAGE, 2));
	CR_EQ(-1, madvise(mem, PAGE, MADV_DONTNEED));
	CR_EQ(0, munlock(mem, 16 * PAGE));
	CR_EQ(4 * (16 + 4 + 1), locked_kb());
	CR_EQ(0, madvise(mem, PAGE, MADV_DONTNEED));
}

CR_TEST(mapping, that_is_locked_on_fault_gets_pages_as_they_are_used)
{
	char *mem = map(16 * PAGE, PROT_READ | PROT_WRITE, 0);

	CR_EQ(0, mlock2(mem, 16 * PAGE, MLOCK_ONFAULT));
	cr_fill(mem, 4 * PAGE, 1);
	cr_ready();
	CR_CHECK(has_flag(mem, "lo"));
	CR_CHECK(has_flag(mem, "lf"));
	CR_EQ(16, of_smaps(mem, "Rss:"));
	CR_EQ(16, of_smaps(mem, "Locked:"));
	CR_CHECK(cr_filled(mem, 4 * PAGE, 1));
	mem[8 * PAGE] = 1;
	CR_EQ(20, of_smaps(mem, "Locked:"));
	CR_EQ(64, locked_kb());
}

CR_TEST(mapping, all_of_it_is_locked_and_what_comes)
{
	char *mem;
	long kb;

	CR_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	kb = locked_kb();
	CR_CHECK(kb > 0);
	cr_ready();
	CR_EQ(kb, locked_kb());
	mem = map(4 * PAGE, PROT_READ | PROT_WRITE, 0);
	CR_CHECK(has_flag(mem, "lo"));
	CR_CHECK(!has_flag(mem, "lf"));
	CR_EQ(16, of_smaps(mem, "Rss:"));
	CR_EQ(0, munlockall());
	CR_EQ(0, locked_kb());
}

CR_TEST(mapping, what_comes_is_locked_on_fault)
{
	char *mem, *before = map(4 * PAGE, PROT_READ | PROT_WRITE, 0);

	CR_EQ(0, mlockall(MCL_FUTURE | MCL_ONFAULT));
	cr_ready();
	CR_EQ(0, locked_kb());
	CR_CHECK(!has_flag(before, "lo"));
	mem = map(4 * PAGE, PROT_READ | PROT_WRITE, 0);
	CR_CHECK(has_flag(mem, "lf"));
	CR_EQ(0, of_smaps(mem, "Rss:"));
}

/* A daemon that locked its memory and then gave up its rights. */
CR_TEST(mapping, stays_locked_without_the_right_to_lock_it)
{
	char *mem = map(16 * PAGE, PROT_READ | PROT_WRITE, 0);
	struct rlimit none = { };

	cr_fill(mem, 16 * PAGE, 1);
	CR_EQ(0, mlock(mem, 16 * PAGE));
	CR_EQ(0, setrlimit(RLIMIT_MEMLOCK, &none));
	CR_EQ(0, setresuid(1000, 1000, 1000));
	cr_ready();
	CR_EQ(64, of_smaps(mem, "Locked:"));
	CR_CHECK(cr_filled(mem, 16 * PAGE, 1));
	CR_EQ(-1, mlock(map(PAGE, PROT_READ, 0), PAGE));
	CR_EQ(EPERM, errno);
}

/* ---- Names (PR_SET_VMA_ANON_NAME) ---- */

static int name(void *at, size_t len, const char *text)
{
	return prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, len, text);
}

static bool has_name(void *at, const char *text)
{
	return strstr(smaps(at, NULL), text);
}

CR_TEST(mapping, keeps_its_name)
{
	char *mem = map(8 * PAGE, PROT_READ | PROT_WRITE, 0);
	char *shared = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *empty = map(2 * PAGE, PROT_READ | PROT_WRITE, 0);
	char longest[80] = "";

	memset(longest, 'x', 79);
	CR_EQ(0, name(mem, 2 * PAGE, "a name"));
	CR_EQ(0, name(mem + 2 * PAGE, 2 * PAGE, longest));
	CR_EQ(0, name(shared, 2 * PAGE, "shared"));
	CR_EQ(0, name(empty, 2 * PAGE, ""));
	cr_fill(mem, 8 * PAGE, 1);
	cr_ready();
	CR_CHECK(cr_filled(mem, 8 * PAGE, 1));
	CR_CHECK(has_name(mem, "[anon:a name]"));
	CR_CHECK(has_name(mem + 2 * PAGE, longest));
	CR_CHECK(!has_name(mem + 4 * PAGE, "anon"));
	CR_CHECK(has_name(shared, "[anon_shmem:shared]"));
	CR_CHECK(has_name(empty, "[anon:]"));
	CR_EQ(0, name(mem, 8 * PAGE, NULL));
	CR_CHECK(!has_name(mem, "anon"));
}

/* ---- Seals of mappings (mseal(2)) ---- */

static void seal(void *at, size_t len)
{
	CR_EQ(0, syscall(462, at, len, 0));
}

static void is_sealed(char *mem, size_t len)
{
	CR_CHECK(has_flag(mem, "sl"));
	CR_EQ(-1, mprotect(mem, len, PROT_NONE));
	CR_EQ(EPERM, errno);
	CR_EQ(-1, munmap(mem, len));
	CR_EQ(EPERM, errno);
}

/* The bytes of the mapping at @at. */
static size_t length(void *at)
{
	return strtoul(strchr(smaps(at, NULL), '-') + 1, NULL, 16) - (unsigned long)at;
}

CR_TEST(mapping, that_is_sealed_has_its_contents_and_stays_as_it_is)
{
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	char *mem = map(8 * PAGE, PROT_READ | PROT_WRITE, 0);
	char *readonly = map(4 * PAGE, PROT_READ | PROT_WRITE, 0);
	char *none = map(4 * PAGE, PROT_NONE, 0);
	char *file, *vdso = (char *)getauxval(AT_SYSINFO_EHDR);

	CR_EQ(0, ftruncate(fd, 4 * PAGE));
	file = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CR_CHECK(file != MAP_FAILED);
	cr_fill(mem, 8 * PAGE, 1);
	cr_fill(readonly, 4 * PAGE, 2);
	cr_fill(file, 2 * PAGE, 3);
	CR_EQ(0, mprotect(readonly, 4 * PAGE, PROT_READ));
	CR_EQ(0, mlock(mem, 4 * PAGE));
	CR_EQ(0, name(mem + 4 * PAGE, 4 * PAGE, "sealed"));
	seal(mem, 8 * PAGE);
	seal(readonly, 4 * PAGE);
	seal(none, 4 * PAGE);
	seal(file, 4 * PAGE);
	seal(vdso, length(vdso));
	cr_ready();
	is_sealed(mem, 4 * PAGE);
	is_sealed(mem + 4 * PAGE, 4 * PAGE);
	is_sealed(readonly, 4 * PAGE);
	is_sealed(none, 4 * PAGE);
	is_sealed(file, 4 * PAGE);
	is_sealed(vdso, PAGE);
	CR_CHECK(has_flag(mem, "lo"));
	CR_CHECK(has_name(mem + 4 * PAGE, "[anon:sealed]"));
	CR_CHECK(cr_filled(mem, 8 * PAGE, 1));
	CR_CHECK(cr_filled(readonly, 4 * PAGE, 2));
	CR_CHECK(cr_filled(file, 2 * PAGE, 3));
	CR_EQ(-1, madvise(readonly, PAGE, MADV_DONTNEED));
	cr_fill(mem, 8 * PAGE, 4);
	CR_CHECK(cr_filled(mem, 8 * PAGE, 4));
	CR_CHECK(time(NULL) > 0);
}

/* ---- Protection keys ---- */

static sigjmp_buf fault;
static volatile int fault_code;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	fault_code = info->si_code;
	siglongjmp(fault, 1);
}

/* The si_code of the fault that writing makes; of reading; 0 for none. */
static int fault_of(volatile char *at, bool writes)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &action, NULL);
	fault_code = 0;
	if (!sigsetjmp(fault, 1)) {
		char c = *at;

		if (writes)
			*at = c;
	}
	return fault_code;
}

static char *map_with_key(int key, unsigned int seed)
{
	char *mem = map(2 * PAGE, PROT_READ | PROT_WRITE, 0);

	cr_fill(mem, 2 * PAGE, seed);
	CR_EQ(0, pkey_mprotect(mem, 2 * PAGE, PROT_READ | PROT_WRITE, key));
	return mem;
}

CR_PROGRAM(keys)
{
	int open = pkey_alloc(0, 0), readonly = pkey_alloc(0, PKEY_DISABLE_WRITE);
	int closed = pkey_alloc(0, PKEY_DISABLE_ACCESS), freed = pkey_alloc(0, 0);
	char *mem[4], *code, *later;

	mem[0] = map_with_key(open, 0);
	mem[1] = map_with_key(readonly, 1);
	pkey_set(closed, 0);
	mem[2] = map_with_key(closed, 2);
	mem[3] = map_with_key(freed, 3);
	CR_EQ(0, mlock(mem[2], 2 * PAGE));
	pkey_set(closed, PKEY_DISABLE_ACCESS);
	CR_EQ(0, pkey_free(freed));
	/* this takes the key that is free, which a mapping still has */
	code = map(PAGE, PROT_READ | PROT_WRITE, 0);
	*code = (char)0xc3;	/* ret */
	CR_EQ(0, mprotect(code, PAGE, PROT_EXEC));
	CR_EQ(freed, of_smaps(code, "ProtectionKey:"));
	cr_ready();
	CR_EQ(open, of_smaps(mem[0], "ProtectionKey:"));
	CR_EQ(readonly, of_smaps(mem[1], "ProtectionKey:"));
	CR_EQ(closed, of_smaps(mem[2], "ProtectionKey:"));
	CR_EQ(freed, of_smaps(mem[3], "ProtectionKey:"));
	CR_EQ(freed, of_smaps(code, "ProtectionKey:"));
	CR_EQ(0, fault_of(mem[0], true));
	CR_EQ(0, fault_of(mem[1], false));
	CR_EQ(SEGV_PKUERR, fault_of(mem[1], true));
	CR_EQ(SEGV_PKUERR, fault_of(mem[2], false));
	CR_CHECK(has_flag(mem[2], "lo"));
	((void (*)(void))code)();
	CR_CHECK(fault_of(code, false));
	pkey_set(closed, 0);
	CR_CHECK(cr_filled(mem[0], 2 * PAGE, 0));
	CR_CHECK(cr_filled(mem[1], 2 * PAGE, 1));
	CR_CHECK(cr_filled(mem[2], 2 * PAGE, 2));
	pkey_set(freed, 0);
	CR_CHECK(cr_filled(mem[3], 2 * PAGE, 3));
	/* the key of what may only be executed is nobody else's */
	CR_EQ(-1, pkey_mprotect(mem[0], 2 * PAGE, PROT_READ, freed));
	later = map(PAGE, PROT_EXEC, 0);
	CR_EQ(freed, of_smaps(later, "ProtectionKey:"));
	CR_EQ(freed + 1, pkey_alloc(0, 0));
	CR_EQ(0, pkey_free(readonly));
	CR_EQ(readonly, pkey_alloc(0, 0));
}

CR_PROGRAM(without_the_first_key)
{
	CR_EQ(0, pkey_free(0));
	cr_ready();
	CR_EQ(0, pkey_alloc(0, 0));
	CR_EQ(1, pkey_alloc(0, 0));
}

static bool has_keys(void)
{
	int key = pkey_alloc(0, 0);

	if (key < 0)
		return false;
	pkey_free(key);
	return true;
}

TEST_F(mapping, has_its_protection_key)
{
	if (!has_keys())
		SKIP(return, "the CPU has no protection keys");
	EXPECT_EQ(0, cr_round_trip(&self->cr, "keys", NULL));
}

TEST_F(mapping, has_the_first_key_though_it_was_freed)
{
	if (!has_keys())
		SKIP(return, "the CPU has no protection keys");
	EXPECT_EQ(0, cr_round_trip(&self->cr, "without_the_first_key", NULL));
}

/* ---- PR_SET_MDWE ---- */

#ifndef PR_MDWE_NO_INHERIT
#define PR_MDWE_NO_INHERIT	2
#endif

/* Code that was written, made executable and then protected from more of it. */
static char *written_code(void)
{
	char *code = map(2 * PAGE, PROT_READ | PROT_WRITE, 0);

	*code = (char)0xc3;	/* ret */
	CR_EQ(0, mprotect(code, 2 * PAGE, PROT_READ | PROT_EXEC));
	return code;
}

static void gains_no_code(char *code)
{
	char *data = map(PAGE, PROT_READ | PROT_WRITE, 0);

	((void (*)(void))code)();
	CR_EQ(-1, mprotect(data, PAGE, PROT_READ | PROT_EXEC));
	CR_EQ(EACCES, errno);
	CR_CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
}

CR_TEST(mapping, of_code_is_filled_and_no_more_is_gained)
{
	char *code = written_code();

	CR_EQ(0, prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0));
	cr_ready();
	CR_EQ(PR_MDWE_REFUSE_EXEC_GAIN, prctl(PR_GET_MDWE, 0, 0, 0, 0));
	gains_no_code(code);
}

CR_PROGRAM(not_inherited)
{
	char *code = written_code();
	pid_t pid;

	CR_EQ(0, prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT, 0, 0, 0));
	cr_ready();
	CR_EQ(PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT, prctl(PR_GET_MDWE, 0, 0, 0, 0));
	gains_no_code(code);
	pid = fork();
	if (!pid)
		_exit(prctl(PR_GET_MDWE, 0, 0, 0, 0));
	cr_reap(pid, 0);
}

TEST_F(mapping, of_code_is_not_gained_and_children_may)
{
	EXPECT_EQ(0, cr_round_trip(&self->cr, "not_inherited", NULL));
}

TEST_F(mapping, of_code_is_not_gained_as_the_caller_has_it)
{
	ASSERT_EQ(0, cr_start_ready(&self->cr, "not_inherited", NULL));
	ASSERT_EQ(0, cr_stop(&self->cr));
	ASSERT_EQ(0, prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0));
	ASSERT_EQ(-EPERM, cr_restart(&self->cr));
	EXPECT_TRUE(cr_logged(&self->cr, "object=\"mdwe\""));
}

/* ---- membarrier(2) ---- */

static int membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0);
}

CR_PROGRAM(registered)
{
	int command = atoi(arg), before;

	CR_EQ(0, membarrier(command));
	before = membarrier(MEMBARRIER_CMD_GET_REGISTRATIONS);
	CR_CHECK(before & command);
	cr_ready();
	CR_EQ(before, membarrier(MEMBARRIER_CMD_GET_REGISTRATIONS));
	/* the command that goes with it; others want a registration first */
	CR_EQ(0, membarrier(command >> 1));
	if (command != MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
		CR_EQ(-1, membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
}

TEST_F(mapping, barriers_are_registered_again)
{
	static const int commands[] = {
		MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED,
		MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
		MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
		MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
	};
	char arg[16];
	int i;

	for (i = 0; i < 4; i++) {
		snprintf(arg, sizeof(arg), "%d", commands[i]);
		EXPECT_EQ(0, cr_round_trip(&self->cr, "registered", arg)) {
			TH_LOG("command %d", commands[i]);
		}
		cr_teardown(&self->cr);
		ASSERT_EQ(0, cr_setup(&self->cr));
	}
}

TEST_HARNESS_MAIN
