// SPDX-License-Identifier: GPL-2.0
/* Memory of huge pages from the system's pool. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

#define PAGE	4096UL
#define HUGE	(2UL << 20)
#define POOL	"32"

static void set_pool(const char *nr)
{
	int fd = open("/proc/sys/vm/nr_hugepages", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, nr, strlen(nr)) < 0)
		fprintf(stderr, "# nr_hugepages: %s\n", strerror(errno));
	close(fd);
}

static long pages(const char *which)
{
	return cr_field("/proc/meminfo", which, 10);
}

FIXTURE(hugetlb) { struct cr cr; };

FIXTURE_SETUP(hugetlb)
{
	int err = cr_setup(&self->cr);

	if (err == -ENOSYS)
		SKIP(return, "no checkpoint(2) in this kernel");
	ASSERT_EQ(0, err);
	set_pool(POOL);
	if (pages("HugePages_Free") < atol(POOL) || pages("Hugepagesize") * 1024 != HUGE)
		SKIP(return, "no pool of huge pages of 2 MiB");
}

FIXTURE_TEARDOWN(hugetlb)
{
	cr_teardown(&self->cr);
	/* neither a page nor the promise of one is left behind */
	EXPECT_EQ(pages("HugePages_Total"), pages("HugePages_Free"));
	EXPECT_EQ(0, pages("HugePages_Rsvd"));
	set_pool("0");
}

static char *map(size_t len, int flags, int fd)
{
	char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, fd, 0);

	CR_CHECK(mem != MAP_FAILED);
	return mem;
}

/* How many huge pages are in use, not only promised. */
static long used(void)
{
	return pages("HugePages_Total") - pages("HugePages_Free");
}

CR_TEST(hugetlb, private_pages_and_holes)
{
	char *mem = map(4 * HUGE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);

	cr_fill(mem, HUGE, 1);
	cr_fill(mem + 2 * HUGE, HUGE, 2);
	CR_EQ(0, munmap(mem + 3 * HUGE, HUGE));
	CR_EQ(0, madvise(mem, HUGE, MADV_DONTFORK));
	CR_EQ(2, used());
	cr_ready();
	CR_EQ(2, used());
	CR_CHECK(cr_filled(mem, HUGE, 1));
	CR_CHECK(cr_filled(mem + 2 * HUGE, HUGE, 2));
	/* promised still */
	CR_EQ(0, mem[HUGE + 5]);
	CR_EQ(3, used());
	cr_fill(mem, 3 * HUGE, 3);
	CR_CHECK(cr_filled(mem, 3 * HUGE, 3));
}

CR_TEST(hugetlb, pages_of_a_fork_are_private_to_each)
{
	char *mem = map(2 * HUGE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);
	pid_t pid;

	cr_fill(mem, HUGE, 1);
	pid = fork();
	if (!pid) {
		cr_fill(mem + HUGE, HUGE, 2);
		cr_touch("child");
		cr_await("write");
		CR_CHECK(cr_filled(mem, HUGE, 1));
		CR_CHECK(cr_filled(mem + HUGE, HUGE, 2));
		_exit(5);
	}
	cr_await("child");
	cr_ready();
	CR_CHECK(cr_filled(mem, HUGE, 1));
	CR_EQ(0, mem[HUGE]);
	cr_fill(mem, 2 * HUGE, 3);
	cr_touch("write");
	cr_reap(pid, 5 << 8);
	CR_CHECK(cr_filled(mem, 2 * HUGE, 3));
}

CR_TEST(hugetlb, shared_by_parent_and_child)
{
	volatile char *mem = map(3 * HUGE, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1);
	pid_t pid;

	cr_fill((char *)mem + HUGE, HUGE, 1);
	mem[0] = 0;
	pid = fork();
	if (!pid) {
		cr_until(mem[0] == 1);
		CR_CHECK(cr_filled((char *)mem + HUGE, HUGE, 1));
		mem[1] = 2;
		_exit(5);
	}
	cr_ready();
	CR_EQ(2, used());
	CR_CHECK(cr_filled((char *)mem + HUGE, HUGE, 1));
	mem[0] = 1;
	cr_until(mem[1] == 2);
	cr_reap(pid, 5 << 8);
	CR_EQ(0, mem[2 * HUGE]);
}

CR_TEST(hugetlb, a_memfd_with_its_name_and_seals)
{
	int fd = memfd_create("huge", MFD_HUGETLB | MFD_ALLOW_SEALING), again;
	char *before, *after, *private, link[64] = "";
	struct stat st;

	CR_CHECK(fd >= 0);
	CR_EQ(0, ftruncate(fd, 4 * HUGE));
	before = map(4 * HUGE, MAP_SHARED, fd);
	cr_fill(before, HUGE, 1);
	cr_fill(before + 2 * HUGE, HUGE, 2);
	private = map(2 * HUGE, MAP_PRIVATE, fd);
	cr_fill(private, PAGE, 3);
	CR_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_GROW | F_SEAL_SEAL));
	after = mmap(NULL, 4 * HUGE, PROT_READ, MAP_SHARED, fd, 0);
	CR_CHECK(after != MAP_FAILED);
	again = dup(fd);
	CR_EQ(HUGE, lseek(fd, HUGE, SEEK_SET));
	CR_EQ(0, fstat(fd, &st));
	CR_EQ(4 * HUGE, st.st_size);
	CR_EQ(3, used());
	cr_ready();
	CR_EQ(3, used());
	CR_EQ(0, fstat(fd, &st));
	CR_EQ(4 * HUGE, st.st_size);
	CR_EQ(HUGE, st.st_blksize);
	CR_EQ(HUGE, lseek(again, 0, SEEK_CUR));
	CR_CHECK(cr_filled(before, HUGE, 1));
	CR_CHECK(cr_filled(after + 2 * HUGE, HUGE, 2));
	CR_CHECK(cr_filled(private, PAGE, 3));
	CR_CHECK(!memcmp(private + PAGE, before + PAGE, HUGE - PAGE));
	CR_EQ(F_SEAL_FUTURE_WRITE | F_SEAL_GROW | F_SEAL_SEAL, fcntl(fd, F_GET_SEALS));
	CR_EQ(-1, ftruncate(fd, 5 * HUGE));
	CR_EQ(-1, mprotect(after, HUGE, PROT_READ | PROT_WRITE));
	before[HUGE] = 7;
	CR_EQ(7, after[HUGE]);
	CR_CHECK(readlink("/proc/self/fd/3", link, sizeof(link) - 1) > 0);
	CR_CHECK(!strcmp(link, "/memfd:huge (deleted)"));
}

CR_TEST(hugetlb, a_memfd_that_is_shorter_than_its_mapping)
{
	int fd = memfd_create("short", MFD_HUGETLB);
	struct stat st;
	char *mem;

	CR_EQ(0, ftruncate(fd, 2 * HUGE));
	mem = map(2 * HUGE, MAP_SHARED, fd);
	cr_fill(mem, HUGE, 1);
	CR_EQ(0, ftruncate(fd, HUGE));
	cr_ready();
	CR_EQ(0, fstat(fd, &st));
	CR_EQ(HUGE, st.st_size);
	CR_CHECK(cr_filled(mem, HUGE, 1));
	CR_EQ(0, ftruncate(fd, 2 * HUGE));
	CR_EQ(0, mem[HUGE]);
}

CR_PROGRAM(uneven)
{
	int fd = memfd_create("uneven", MFD_HUGETLB);

	CR_EQ(0, posix_fallocate(fd, 0, HUGE + HUGE / 2));
	cr_ready();
}

TEST_F(hugetlb, a_memfd_that_ends_in_the_midst_of_a_page_is_refused)
{
	ASSERT_EQ(0, cr_start_ready(&self->cr, "uneven", NULL));
	EXPECT_EQ(-EAGAIN, cr_checkpoint(&self->cr));
	EXPECT_TRUE(cr_logged(&self->cr, "uneven ends in the midst of a huge page"));
	cr_go(&self->cr);
	EXPECT_EQ(0, cr_wait_exit(&self->cr));
}

/* As long as a file may be, with one page in it: what is not there takes no time. */
CR_TEST(hugetlb, a_memfd_that_is_a_hole_but_for_a_page)
{
	off_t size = INT64_MAX & ~(2 * HUGE - 1), at = size - 4 * HUGE;
	int fd = memfd_create("hole", MFD_HUGETLB);
	char *mem;

	CR_EQ(0, ftruncate(fd, size));
	mem = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);
	CR_CHECK(mem != MAP_FAILED);
	cr_fill(mem, HUGE, 1);
	cr_ready();
	CR_EQ(1, used());
	CR_CHECK(cr_filled(mem, HUGE, 1));
	CR_EQ(size, lseek(fd, 0, SEEK_END));
}

CR_TEST(hugetlb, private_memory_that_is_a_hole_but_for_two_pages)
{
	size_t size = 1UL << 40;
	char *mem = map(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1);

	cr_fill(mem, HUGE, 1);
	cr_fill(mem + size - HUGE, HUGE, 2);
	cr_ready();
	CR_EQ(2, used());
	CR_CHECK(cr_filled(mem, HUGE, 1));
	CR_CHECK(cr_filled(mem + size - HUGE, HUGE, 2));
}

CR_PROGRAM(three_pages)
{
	char *mem = map(3 * HUGE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);

	mem[0] = 1;
	cr_ready();
	CR_EQ(1, mem[0]);
}

TEST_F(hugetlb, is_refused_when_the_pool_is_too_small)
{
	ASSERT_EQ(0, cr_start_ready(&self->cr, "three_pages", NULL));
	ASSERT_EQ(0, cr_stop(&self->cr));
	set_pool("2");
	EXPECT_EQ(-ENOMEM, cr_restart(&self->cr));
	EXPECT_TRUE(cr_logged(&self->cr, "cannot map"));
	set_pool("3");
	ASSERT_EQ(0, cr_restart(&self->cr));
	cr_go(&self->cr);
	EXPECT_EQ(0, cr_wait_exit(&self->cr));
}

TEST_HARNESS_MAIN
