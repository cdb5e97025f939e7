// SPDX-License-Identifier: GPL-2.0
/* Memory that is of a file, or of several processes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

#define PAGE	4096UL
#define MB	(1UL << 20)

CR_FIXTURE(shared_memory);

static int data_file(const char *name, size_t len, unsigned int seed)
{
	int fd = open(name, O_RDWR | O_CREAT, 0644);
	char *buf = malloc(len);

	cr_fill(buf, len, seed);
	CR_EQ(len, write(fd, buf, len));
	free(buf);
	return fd;
}

static void *map(size_t len, int prot, int flags, int fd, off_t off)
{
	void *mem = mmap(NULL, len, prot, flags, fd, off);

	CR_CHECK(mem != MAP_FAILED);
	return mem;
}

CR_TEST(shared_memory, private_file_mapping_keeps_written_pages)
{
	int fd = data_file("data", 16 * PAGE, 1);
	char *mem = map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char *part = map(4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 8 * PAGE);
	char *expected = malloc(16 * PAGE);

	close(fd);
	cr_fill(expected, 16 * PAGE, 1);
	memcpy(expected + 3 * PAGE, "written", 8);
	memcpy(mem + 3 * PAGE, "written", 8);
	cr_ready();
	CR_CHECK(!memcmp(mem, expected, 16 * PAGE));
	CR_CHECK(!memcmp(part, expected + 8 * PAGE, 4 * PAGE));
	/* the file has none of it */
	fd = open("data", O_RDONLY);
	CR_EQ(16 * PAGE, read(fd, expected, 16 * PAGE));
	CR_CHECK(cr_filled(expected, 16 * PAGE, 1));
}

CR_TEST(shared_memory, shared_file_mapping_still_writes_the_file)
{
	int fd = data_file("data", 4 * PAGE, 2), again;
	char *mem = map(4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char text[6] = "";

	memcpy(mem, "early", 5);
	cr_ready();
	CR_CHECK(!memcmp(mem, "early", 5));
	memcpy(mem + PAGE, "later", 5);
	again = open("data", O_RDONLY);
	CR_EQ(5, pread(again, text, 5, PAGE));
	CR_CHECK(!strcmp(text, "later"));
	CR_EQ(4, pwrite(fd, "pwri", 4, 2 * PAGE));
	CR_CHECK(!memcmp(mem + 2 * PAGE, "pwri", 4));
}

CR_TEST(shared_memory, readonly_shared_file_mapping_stays_so)
{
	int fd = data_file("data", 4 * PAGE, 3);
	char *mem;

	close(fd);
	fd = open("data", O_RDONLY);
	mem = map(4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	cr_ready();
	CR_CHECK(cr_filled(mem, 4 * PAGE, 3));
	CR_EQ(-1, mprotect(mem, PAGE, PROT_READ | PROT_WRITE));
	CR_EQ(EACCES, errno);
}

CR_TEST(shared_memory, parent_and_child_still_share)
{
	volatile char *mem = map(8 * PAGE, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	cr_fill((void *)(mem + PAGE), 3 * PAGE, 4);
	pid = fork();
	if (!pid) {
		mem[0] = 1;
		cr_until(mem[0] == 2);
		CR_CHECK(cr_filled((void *)(mem + PAGE), 3 * PAGE, 4));
		mem[7 * PAGE] = 3;
		_exit(5);
	}
	cr_until(mem[0] == 1);
	cr_ready();
	CR_CHECK(cr_filled((void *)(mem + PAGE), 3 * PAGE, 4));
	CR_EQ(0, mem[7 * PAGE]);
	mem[0] = 2;
	cr_until(mem[7 * PAGE] == 3);
	cr_reap(pid, 5 << 8);
}

CR_TEST(shared_memory, one_object_mapped_twice_stays_one)
{
	char *mem = map(4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *twin = mremap(mem, 0, 2 * PAGE, MREMAP_MAYMOVE);

	CR_CHECK(twin != MAP_FAILED);
	cr_fill(mem, 4 * PAGE, 5);
	cr_ready();
	CR_CHECK(cr_filled(twin, 2 * PAGE, 5));
	CR_CHECK(cr_filled(mem, 4 * PAGE, 5));
	twin[PAGE] = 99;
	CR_EQ(99, mem[PAGE]);
}

CR_TEST(shared_memory, memfd_keeps_contents_and_name)
{
	int fd = memfd_create("a name", MFD_CLOEXEC), again;
	char link[64] = "", text[6] = "";
	struct stat st;
	char *mem;

	CR_EQ(0, ftruncate(fd, 5 * PAGE + 77));
	mem = map(6 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_fill(mem, 2 * PAGE, 6);
	again = dup(fd);
	CR_EQ(100, lseek(fd, 100, SEEK_SET));
	cr_ready();
	CR_CHECK(cr_filled(mem, 2 * PAGE, 6));
	CR_EQ(0, fstat(fd, &st));
	CR_EQ(5 * PAGE + 77, st.st_size);
	CR_EQ(100, lseek(again, 0, SEEK_CUR));
	CR_EQ(5, pwrite(fd, "later", 5, 4 * PAGE));
	CR_CHECK(!memcmp(mem + 4 * PAGE, "later", 5));
	CR_CHECK(readlink("/proc/self/fd/3", link, sizeof(link) - 1) > 0);
	CR_CHECK(!strcmp(link, "/memfd:a name (deleted)"));
	CR_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	CR_EQ(0, fcntl(again, F_GETFD));
	CR_EQ(5, pread(again, text, 5, 4 * PAGE));
	/* made without MFD_ALLOW_SEALING */
	CR_EQ(F_SEAL_SEAL, fcntl(fd, F_GET_SEALS));
}

CR_TEST(shared_memory, memfd_that_may_be_sealed_may_be_sealed)
{
	int fd = memfd_create("seal me", MFD_ALLOW_SEALING);

	CR_EQ(3, write(fd, "abc", 3));
	cr_ready();
	CR_EQ(0, fcntl(fd, F_GET_SEALS));
	CR_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	CR_EQ(-1, pwrite(fd, "x", 1, PAGE));
}

/* ---- Seals of memfds ---- */

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC	0x20
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	0x8
#endif

/* A memfd with four pages of contents. */
static int filled_memfd(unsigned int flags, unsigned int seed)
{
	int fd = memfd_create("sealed", flags);
	char *buf = malloc(4 * PAGE);

	CR_CHECK(fd >= 0);
	cr_fill(buf, 4 * PAGE, seed);
	CR_EQ(4 * PAGE, write(fd, buf, 4 * PAGE));
	free(buf);
	return fd;
}

static void has_contents(int fd, unsigned int seed)
{
	char *buf = malloc(4 * PAGE);

	CR_EQ(4 * PAGE, pread(fd, buf, 4 * PAGE, 0));
	CR_CHECK(cr_filled(buf, 4 * PAGE, seed));
	free(buf);
}

CR_TEST(shared_memory, each_seal_of_a_memfd_is_kept)
{
	static const int seals[] = {
		0, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE,
		F_SEAL_SEAL | F_SEAL_FUTURE_WRITE, F_SEAL_WRITE | F_SEAL_FUTURE_WRITE,
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
	};
	enum { NR = sizeof(seals) / sizeof(*seals) };
	int fd[NR], i;

	for (i = 0; i < NR; i++) {
		fd[i] = filled_memfd(MFD_ALLOW_SEALING, i);
		CR_EQ(0, fcntl(fd[i], F_ADD_SEALS, seals[i]));
	}
	cr_ready();
	for (i = 0; i < NR; i++) {
		bool writes = !(seals[i] & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));

		CR_EQ(seals[i], fcntl(fd[i], F_GET_SEALS));
		has_contents(fd[i], i);
		CR_EQ(writes ? 1 : -1, pwrite(fd[i], "x", 1, 0));
		CR_EQ(seals[i] & F_SEAL_GROW ? -1 : 0, ftruncate(fd[i], 5 * PAGE));
		CR_EQ(seals[i] & F_SEAL_SHRINK ? -1 : 0, ftruncate(fd[i], PAGE));
		CR_EQ(seals[i] & F_SEAL_SEAL ? -1 : 0, fcntl(fd[i], F_ADD_SEALS, F_SEAL_GROW));
		CR_CHECK(writes == (mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd[i], 0) !=
				    MAP_FAILED));
	}
}

CR_TEST(shared_memory, a_memfd_sealed_against_writing_stays_mapped_to_read)
{
	int fd = filled_memfd(MFD_ALLOW_SEALING, 1);
	char *mem, *private;

	CR_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	mem = map(4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	private = map(4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	cr_fill(private, PAGE, 2);
	cr_ready();
	CR_CHECK(cr_filled(mem, 4 * PAGE, 1));
	CR_CHECK(cr_filled(private, PAGE, 2));
	CR_EQ(-1, mprotect(mem, PAGE, PROT_READ | PROT_WRITE));
	CR_EQ(EACCES, errno);
	has_contents(fd, 1);
}

/* The one process mapped it to write and sealed it, the other maps it to read. */
CR_TEST(shared_memory, who_mapped_before_the_seal_writes_still)
{
	int fd = filled_memfd(MFD_ALLOW_SEALING, 1);
	volatile char *mem = map(4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *later;
	char *before = map(4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	pid_t pid;

	CR_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL));
	pid = fork();
	if (!pid) {
		munmap((void *)mem, 4 * PAGE);
		munmap(before, 4 * PAGE);
		later = map(4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
		cr_touch("mapped");
		cr_until(later[5] == 99);
		_exit(mprotect((void *)later, PAGE, PROT_READ | PROT_WRITE) ? 3 : 4);
	}
	later = map(4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	cr_await("mapped");
	cr_ready();
	CR_CHECK(cr_filled((char *)mem, 4 * PAGE, 1));
	CR_EQ(F_SEAL_FUTURE_WRITE | F_SEAL_SEAL, fcntl(fd, F_GET_SEALS));
	CR_EQ(-1, pwrite(fd, "x", 1, 0));
	CR_CHECK(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	/* both may only be read: one may be written, if it wants to */
	CR_EQ(-1, mprotect((void *)later, PAGE, PROT_READ | PROT_WRITE));
	CR_EQ(0, mprotect(before, PAGE, PROT_READ | PROT_WRITE));
	mem[5] = 99;
	CR_EQ(99, later[5]);
	cr_reap(pid, 3 << 8);
}

CR_PROGRAM(not_to_execute)
{
	int fd = memfd_create("noexec", MFD_NOEXEC_SEAL);
	struct stat st;

	CR_CHECK(fd >= 0);
	CR_EQ(2, write(fd, "#!", 2));
	cr_ready();
	CR_EQ(F_SEAL_EXEC, fcntl(fd, F_GET_SEALS));
	CR_EQ(0, fstat(fd, &st));
	CR_EQ(0666, st.st_mode & 07777);
	CR_EQ(-1, fchmod(fd, 0755));
	CR_EQ(0, fchmod(fd, 0640));
}

CR_PROGRAM(to_execute)
{
	int fd = filled_memfd(MFD_ALLOW_SEALING, 1);
	struct stat st;

	CR_EQ(0, fchmod(fd, 0755));
	CR_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC));
	cr_ready();
	CR_EQ(F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE,
	      fcntl(fd, F_GET_SEALS));
	CR_EQ(0, fstat(fd, &st));
	CR_EQ(0755, st.st_mode & 07777);
	CR_EQ(-1, fchmod(fd, 0644));
	has_contents(fd, 1);
}

TEST_F(shared_memory, a_memfd_that_may_never_be_executed)
{
	EXPECT_EQ(0, cr_round_trip(&self->cr, "not_to_execute", NULL));
}

TEST_F(shared_memory, a_memfd_that_may_always_be_executed)
{
	EXPECT_EQ(0, cr_round_trip(&self->cr, "to_execute", NULL));
}

static void set_memfd_noexec(char how)
{
	int fd = open("/proc/sys/vm/memfd_noexec", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, &how, 1) != 1)
		fprintf(stderr, "# memfd_noexec: %s\n", strerror(errno));
	close(fd);
}

/* Restart where memfds must be sealed against execution; the program's end. */
static int restart_without_exec(struct cr *cr, const char *program)
{
	int err = cr_start_ready(cr, program, NULL) ?: cr_stop(cr);

	if (err)
		return err;
	set_memfd_noexec('2');
	err = cr_restart(cr);
	set_memfd_noexec('0');
	if (err)
		return err;
	cr_go(cr);
	return cr_wait_exit(cr);
}

TEST_F(shared_memory, vm_memfd_noexec_allows_what_may_never_be_executed)
{
	EXPECT_EQ(0, restart_without_exec(&self->cr, "not_to_execute"));
}

TEST_F(shared_memory, vm_memfd_noexec_forbids_what_may_be_executed)
{
	EXPECT_EQ(-EACCES, restart_without_exec(&self->cr, "to_execute"));
	EXPECT_TRUE(cr_logged(&self->cr, "axis=memfd_noexec"));
}

CR_TEST(shared_memory, memfd_mapped_in_two_processes)
{
	int fd = memfd_create("two", 0);
	volatile char *mem;
	pid_t pid;

	CR_EQ(0, ftruncate(fd, 2 * PAGE));
	pid = fork();
	mem = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!pid) {
		close(fd);
		mem[0] = 1;
		cr_until(mem[1] == 1);
		mem[2] = 1;
		_exit(0);
	}
	cr_until(mem[0] == 1);
	cr_ready();
	mem[1] = 1;
	cr_until(mem[2] == 1);
	cr_reap(pid, 0);
}

CR_PROGRAM(forked)
{
	size_t len = 8 * MB;
	char *mem = map(len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	cr_fill(mem, len, 7);
	pid = fork();
	if (!pid) {
		cr_fill(mem + MB, PAGE, 70);
		cr_touch("child");
		cr_await("checked");
		CR_CHECK(cr_filled(mem, MB, 7));
		CR_CHECK(cr_filled(mem + MB, PAGE, 70));
		cr_fill(mem, len, 71);
		cr_touch("written");
		cr_await("parent-written");
		CR_CHECK(cr_filled(mem, len, 71));
		_exit(0);
	}
	cr_fill(mem + 2 * MB, PAGE, 72);
	cr_await("child");
	cr_ready();
	cr_touch("checked");
	cr_await("written");
	CR_CHECK(cr_filled(mem, 2 * MB, 7));
	CR_CHECK(cr_filled(mem + 2 * MB, PAGE, 72));
	cr_fill(mem, len, 73);
	cr_touch("parent-written");
	cr_reap(pid, 0);
	CR_CHECK(cr_filled(mem, len, 73));
}

TEST_F(shared_memory, pages_of_a_fork_are_private_to_each)
{
	EXPECT_EQ(0, cr_round_trip(&self->cr, "forked", NULL));
}

TEST_F(shared_memory, pages_of_a_fork_are_written_once)
{
	ASSERT_EQ(0, cr_start_ready(&self->cr, "forked", NULL));
	ASSERT_EQ(0, cr_checkpoint(&self->cr));
	EXPECT_LT(8 * MB, self->cr.result.bytes);
	EXPECT_GT(12 * MB, self->cr.result.bytes);
}

CR_PROGRAM(sixteen_mb)
{
	char *mem = map(16 * MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_fill(mem, 16 * MB, 5);
	cr_ready();
	CR_CHECK(cr_filled(mem, 16 * MB, 5));
}

static unsigned long charged(struct cr *cr)
{
	char path[160], text[8192], *at;

	snprintf(path, sizeof(path), "%s/memory.stat", cr->cgroup);
	if (cr_read_file(path, text, sizeof(text)) <= 0)
		return -1UL;
	at = strstr(text, "\nshmem ");
	return at ? strtoul(at + strlen("\nshmem "), NULL, 10) : -1UL;
}

static bool memory_controller(void)
{
	int fd = open("/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
	bool on = fd >= 0 && write(fd, "+memory", 7) == 7;

	close(fd);
	return on;
}

static int limit(struct cr *cr, const char *bytes)
{
	char path[160];
	int fd, n;

	snprintf(path, sizeof(path), "%s/memory.max", cr->cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	n = write(fd, bytes, strlen(bytes));
	close(fd);
	return n == (int)strlen(bytes) ? 0 : -1;
}

TEST_F(shared_memory, is_charged_to_the_group_of_its_users)
{
	if (!memory_controller())
		SKIP(return, "no memory controller on cgroup v2");
	ASSERT_EQ(0, cr_start_ready(&self->cr, "sixteen_mb", NULL));
	EXPECT_EQ(16 * MB, charged(&self->cr));
	ASSERT_EQ(0, cr_stop(&self->cr));
	ASSERT_GT(1 * MB, charged(&self->cr));
	ASSERT_EQ(0, cr_restart(&self->cr));
	EXPECT_EQ(16 * MB, charged(&self->cr));
	cr_go(&self->cr);
	EXPECT_EQ(0, cr_wait_exit(&self->cr));
}

/* The OOM killer takes a new task, or there is no memory: no other way. */
static void exceed(struct __test_metadata *_metadata, struct cr *cr, const char *program)
{
	int err;

	if (!memory_controller())
		SKIP(return, "no memory controller on cgroup v2");
	ASSERT_EQ(0, cr_start_ready(cr, program, NULL));
	ASSERT_EQ(0, cr_stop(cr));
	ASSERT_EQ(0, limit(cr, "6M"));
	err = cr_restart(cr);
	EXPECT_TRUE(err == -ENOMEM || err == -EINTR);
	EXPECT_TRUE(cr_logged(cr, "no memory for the contents") ||
		    cr_logged(cr, "a new task was killed"));
	EXPECT_EQ(CKPT_STAGE_CONTENTS, cr->result.stage);
	ASSERT_EQ(0, limit(cr, "max"));
	ASSERT_EQ(0, cr_restart(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

TEST_F(shared_memory, of_more_than_the_limit_of_the_group_is_refused)
{
	exceed(_metadata, &self->cr, "sixteen_mb");
}

CR_PROGRAM(sixteen_private_mb)
{
	char *mem = map(16 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_fill(mem, 16 * MB, 5);
	cr_ready();
	CR_CHECK(cr_filled(mem, 16 * MB, 5));
}

TEST_F(shared_memory, or_private_of_more_than_the_limit_is_refused)
{
	exceed(_metadata, &self->cr, "sixteen_private_mb");
}

CR_TEST(shared_memory, children_of_advised_memory_see_what_they_must)
{
	char *wipe = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *none = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char vec;
	pid_t pid;

	CR_EQ(0, madvise(wipe, PAGE, MADV_WIPEONFORK));
	CR_EQ(0, madvise(none, PAGE, MADV_DONTFORK));
	*wipe = *none = 1;
	cr_ready();
	CR_EQ(1, *wipe);
	CR_EQ(1, *none);
	pid = fork();
	if (!pid) {
		CR_EQ(0, *wipe);
		CR_EQ(-1, mincore(none, PAGE, &vec));
		_exit(0);
	}
	cr_reap(pid, 0);
}

TEST_HARNESS_MAIN
