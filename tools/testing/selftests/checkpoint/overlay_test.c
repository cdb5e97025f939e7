// SPDX-License-Identifier: GPL-2.0
/* Programs on an overlay, as in containers: what is mapped there is of a layer. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

#define TOP	"/tmp/overlay"
#define LOWER	TOP "/lower"
#define MERGED	TOP "/merged"
#define PAGE	4096

FIXTURE(overlay) { struct cr cr; };

static int copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = creat(to, 0755);
	char buf[65536];
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			return -1;
	close(in);
	close(out);
	return n;
}

static int make_pages(const char *name, char fill)
{
	char page[PAGE];
	int fd = creat(name, 0644), i;

	for (i = 0; i < 3; i++) {
		memset(page, fill + i, sizeof(page));
		if (write(fd, page, sizeof(page)) != sizeof(page))
			return -1;
	}
	return close(fd);
}

static const char *const dirs[] = { TOP, LOWER, TOP "/upper", TOP "/work", MERGED };

FIXTURE_SETUP(overlay)
{
	int err = cr_setup(&self->cr);
	size_t i;

	if (err == -ENOSYS)
		SKIP(return, "no checkpoint(2) in this kernel");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, mkdir(TOP, 0755));
	ASSERT_EQ(0, mount("layers", TOP, "tmpfs", 0, "mode=755"));
	for (i = 1; i < sizeof(dirs) / sizeof(*dirs); i++)
		ASSERT_EQ(0, mkdir(dirs[i], 0755));
	ASSERT_EQ(0, copy_file("/proc/self/exe", LOWER "/program"));
	ASSERT_EQ(0, make_pages(LOWER "/data", 'a'));
	if (mount("overlay", MERGED, "overlay", 0,
		  "lowerdir=" LOWER ",upperdir=" TOP "/upper,workdir=" TOP "/work"))
		SKIP(return, "no overlayfs");
	ASSERT_EQ(0, make_pages(MERGED "/written", 'm'));
	ASSERT_EQ(0, chmod(MERGED "/written", 0666));
}

FIXTURE_TEARDOWN(overlay)
{
	cr_teardown(&self->cr);
	umount(MERGED);
	umount(TOP);
	rmdir(TOP);
}

static char *map(const char *name, int prot, int flags)
{
	int fd = open(name, flags == MAP_SHARED ? O_RDWR : O_RDONLY);
	char *mem = mmap(NULL, 3 * PAGE, prot, flags, fd, 0);

	CR_CHECK(fd >= 0 && mem != MAP_FAILED);
	close(fd);
	return mem;
}

static void be_nobody(void)
{
	CR_EQ(0, setresgid(65534, 65534, 65534));
	CR_EQ(0, setresuid(65534, 65534, 65534));
}

CR_PROGRAM(over_there)
{
	char *const args[] = { "over_there", "there", NULL };
	char *read_only, *written, *shared, byte;
	int fd;

	if (strcmp(arg, "there")) {
		CR_EQ(0, chmod(".", 0777));
		if (!strcmp(arg, "nobody"))
			be_nobody();
		execve(MERGED "/program", args, environ);
		cr_fail("cannot execute " MERGED "/program: %m");
	}
	read_only = map(MERGED "/data", PROT_READ, MAP_PRIVATE);
	written = map(MERGED "/data", PROT_READ | PROT_WRITE, MAP_PRIVATE);
	shared = map(MERGED "/written", PROT_READ | PROT_WRITE, MAP_SHARED);
	fd = open(MERGED "/data", O_RDONLY);
	CR_EQ(PAGE, lseek(fd, PAGE, SEEK_SET));
	written[PAGE] = 'x';
	cr_ready();
	CR_EQ('a', read_only[0]);
	CR_EQ('b', read_only[PAGE]);
	CR_EQ('x', written[PAGE]);
	CR_EQ('b', written[PAGE + 1]);
	CR_EQ('c', written[2 * PAGE]);
	CR_EQ(1, read(fd, &byte, 1));
	CR_EQ('b', byte);
	shared[5] = 'y';
	fd = open(MERGED "/written", O_RDONLY);
	CR_EQ(1, pread(fd, &byte, 1, 5));
	CR_EQ('y', byte);
}

TEST_F(overlay, has_the_program_and_its_files)
{
	EXPECT_EQ(0, cr_round_trip(&self->cr, "over_there", "root"));
}

/* A layer's file is opened with O_NOATIME, which is the owner's right alone. */
TEST_F(overlay, has_them_for_who_does_not_own_them)
{
	EXPECT_EQ(0, cr_round_trip(&self->cr, "over_there", "nobody"));
}

TEST_F(overlay, maps_nothing_that_others_share)
{
	self->cr.checkpoint_flags = CHECKPOINT_STRICT;
	EXPECT_EQ(0, cr_round_trip(&self->cr, "over_there", "root"));
}

TEST_HARNESS_MAIN
