// SPDX-License-Identifier: GPL-2.0
/*
 * Images with sound checksums that say what cannot be of a mapping: its name
 * and what else it has beside its addresses.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"

static void *map(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int marked(const char *arg)
{
	void *mem = map();

	int fd = memfd_create("memfd", MFD_ALLOW_SEALING);

	if (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, mem, 4096, "the name") ||
	    fd < 0 || ftruncate(fd, 4096) ||
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED)
		return errno;
	return 0;
}

const struct fail_target fail_targets[] = {
	{ "marked", marked },
	{ }
};

FIXTURE(field) {
	struct fail_group group;
	struct fail_report report;
	struct fail_image image;
};

FIXTURE_SETUP(field)
{
	int fd;

	fail_become_reaper();
	ASSERT_EQ(0, fail_group_make(&self->group));
	fd = fail_image_of(&self->group, "marked", &self->image);
	ASSERT_LT(0, fd);
	close(fd);
}

FIXTURE_TEARDOWN(field)
{
	fail_image_free(&self->image);
	fail_group_end(&self->group);
}

/* The first mapping that has @flag. */
static struct ckpt_vma *find(struct fail_image *image, uint32_t flag)
{
	struct ckpt_vma *vma;
	int i, rec;

	for (i = 0; (rec = fail_image_find(image, CKPT_REC_VMA, i)) >= 0; i++) {
		vma = fail_image_data(image, rec);
		if (vma->flags & flag)
			return vma;
	}
	return NULL;
}

static void expect(struct __test_metadata *_metadata, FIXTURE_DATA(field) *self,
		   struct fail_image *bad, int err, const char *what)
{
	int got;

	fail_image_seal(bad);
	got = fail_image_restart(bad, &self->group, 0, &self->report);
	if (!got)
		fail_group_clear(&self->group);
	EXPECT_EQ(err, got) {
		TH_LOG("%s: %s", what, self->report.log);
	}
	EXPECT_TRUE(!got || self->report.log[0]) {
		TH_LOG("%s: nothing in the log", what);
	}
	ASSERT_TRUE(fail_no_children() && fail_group_empty(&self->group)) {
		TH_LOG("%s: a task was left", what);
	}
	fail_image_free(bad);
}

/* In a copy of the image, with @vma its first mapping that has @flag. */
#define EXPECT_WITH(flag, error, change)					\
	do {									\
		struct fail_image bad;						\
		struct ckpt_vma *vma;						\
										\
		fail_image_copy(&bad, &self->image);				\
		vma = find(&bad, flag);						\
		ASSERT_NE(NULL, vma);						\
		change;								\
		expect(_metadata, self, &bad, error, #change);			\
	} while (0)

TEST_F(field, that_is_not_changed_restarts)
{
	EXPECT_WITH(CKPT_VMA_NAMED, 0, vma->flags |= 0);
}

TEST_F(field, of_a_name_is_looked_at)
{
	char *name;

#define NAME(err, change)	EXPECT_WITH(CKPT_VMA_NAMED, err, name = (char *)(vma + 1); change)
	NAME(0, memcpy(name, "eight ok", 8));
	NAME(-EBADMSG, name[0] = 0);
	NAME(-EBADMSG, name[7] = '[');
	NAME(-EBADMSG, name[3] = '\n');
	NAME(-EBADMSG, name[3] = '$');
	NAME(-EBADMSG, name[3] = '\x7f');
	NAME(-EBADMSG, name[3] = '\xff');
	NAME(-EBADMSG, vma->name_len = 9);
	NAME(-EBADMSG, vma->name_len = 0);
	NAME(-EBADMSG, vma->name_len = 80);
	NAME(-EBADMSG, vma->name_len = ~0U);
	NAME(-EBADMSG, vma->flags &= ~CKPT_VMA_NAMED);
#undef NAME
}

static struct ckpt_vma *find_vdso(struct fail_image *image)
{
	struct ckpt_vma *vma;
	int i;

	for (i = 0; ; i++) {
		vma = fail_image_data(image, fail_image_find(image, CKPT_REC_VMA, i));
		if (vma->kind == CKPT_VMA_VDSO)
			return vma;
	}
}

TEST_F(field, of_a_seal_is_looked_at)
{
#define SEAL(err, change)	EXPECT_WITH(CKPT_VMA_NAMED, err, change)
	/* sealed memory is filled all the same */
	SEAL(0, vma->flags |= CKPT_VMA_SEALED);
	SEAL(0, find_vdso(&bad)->flags = CKPT_VMA_SEALED);
	SEAL(-EBADMSG, find_vdso(&bad)->flags = CKPT_VMA_LOCKED);
	SEAL(-EBADMSG, find_vdso(&bad)->flags = CKPT_VMA_DONTFORK);
	SEAL(-EBADMSG, find_vdso(&bad)->flags = CKPT_VMA_NAMED);
	SEAL(-EBADMSG, find_vdso(&bad)->prot = PROT_READ);
#undef SEAL
}

static struct ckpt_mm *find_mm(struct fail_image *image)
{
	return fail_image_data(image, fail_image_find(image, CKPT_REC_MM, 0));
}

TEST_F(field, of_protection_keys_is_looked_at)
{
	bool has_keys = find_mm(&self->image)->pkeys != 1;
	int key = pkey_alloc(0, 0);

	if (key > 0)
		has_keys = true;
#define KEY(err, change)	EXPECT_WITH(CKPT_VMA_NAMED, err, change)
	KEY(-EBADMSG, vma->pkey = 16);
	KEY(-EBADMSG, vma->pkey = ~0U);
	KEY(-EBADMSG, find_vdso(&bad)->pkey = 1);
	KEY(-EBADMSG, find_mm(&bad)->pkeys = 1 << 16);
	KEY(-EBADMSG, find_mm(&bad)->exec_only_pkey = 16);
	KEY(-EBADMSG, find_mm(&bad)->exec_only_pkey = ~0U);
	/* one that is not allocated */
	KEY(-EBADMSG, find_mm(&bad)->exec_only_pkey = 3);
	KEY(has_keys ? 0 : -EBADMSG, vma->pkey = 15);
	KEY(has_keys ? 0 : -EBADMSG, find_mm(&bad)->pkeys = 0xffff);
#undef KEY
}

TEST_F(field, of_registrations_is_looked_at)
{
#define MM(err, change)	EXPECT_WITH(CKPT_VMA_NAMED, err, change)
	MM(0, find_mm(&bad)->membarrier = MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
	MM(-EBADMSG, find_mm(&bad)->membarrier = MEMBARRIER_CMD_GLOBAL);
	MM(-EBADMSG, find_mm(&bad)->membarrier = MEMBARRIER_CMD_PRIVATE_EXPEDITED);
	MM(-EBADMSG, find_mm(&bad)->membarrier = ~0U);
	MM(-EBADMSG, find_mm(&bad)->__reserved = 1);
#undef MM
}

static struct ckpt_shmem *find_shmem(struct fail_image *image)
{
	return fail_image_data(image, fail_image_find(image, CKPT_REC_SHMEM, 0));
}

TEST_F(field, of_a_sealed_file_is_looked_at)
{
#define MEMFD(err, change)	EXPECT_WITH(CKPT_VMA_SHARED, err, change)
	/* it is mapped to write */
	MEMFD(-EPERM, find_shmem(&bad)->seals = F_SEAL_WRITE);
	MEMFD(0, find_shmem(&bad)->seals = F_SEAL_FUTURE_WRITE);
	MEMFD(0, find_shmem(&bad)->seals = F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
	MEMFD(-EBADMSG, vma->flags |= CKPT_VMA_WRITE_SEALED);
	MEMFD(-EPERM, vma->flags |= CKPT_VMA_WRITE_SEALED;
	      find_shmem(&bad)->seals = F_SEAL_FUTURE_WRITE);
	MEMFD(0, vma->flags |= CKPT_VMA_WRITE_SEALED; vma->prot = PROT_READ;
	      find_shmem(&bad)->seals = F_SEAL_FUTURE_WRITE);
	MEMFD(-EBADMSG, vma->flags = CKPT_VMA_WRITE_SEALED; vma->prot = PROT_READ;
	      find_shmem(&bad)->seals = F_SEAL_WRITE);
#undef MEMFD
#define NAMED(err, change)	EXPECT_WITH(CKPT_VMA_NAMED, err, change)
	NAMED(-EBADMSG, vma->flags |= CKPT_VMA_WRITE_SEALED);
#undef NAMED
}

TEST_HARNESS_MAIN
