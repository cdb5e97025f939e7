// SPDX-License-Identifier: GPL-2.0
/*
 * Images with sound checksums that say what cannot be: each field of each
 * record that a reader must not believe. One change at a time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_rich.h"

const struct fail_target fail_targets[] = {
	{ "rich", fail_rich },
	{ }
};

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC	0x20
#endif

#define ANY	1	/* any failure */

/* Write @value into a field of the @nth record of a type. */
struct change {
	uint32_t type;
	int nth;
	size_t at, size;
	uint64_t value;
	int err;
	const char *what;
};

#define C_(TYPE, NTH, S, FIELD, VALUE, ERR) { \
	CKPT_REC_##TYPE, NTH, offsetof(struct S, FIELD), \
	sizeof(((struct S *)0)->FIELD), VALUE, ERR, #TYPE "." #FIELD " = " #VALUE }

FIXTURE(field) {
	struct fail_group group;
	struct fail_report report;
	struct fail_image image;
};

FIXTURE_SETUP(field)
{
	pid_t pid;
	int fd;

	fail_become_reaper();
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, fail_group_make(&self->group));
	pid = fail_start(&self->group, "rich", NULL);
	ASSERT_LT(0, pid);
	fd = fail_save(&self->group);
	fail_group_clear(&self->group);
	ASSERT_LT(0, fd);
	ASSERT_EQ(0, fail_image_read(&self->image, fd));
	close(fd);
}

FIXTURE_TEARDOWN(field)
{
	fail_image_free(&self->image);
	fail_group_end(&self->group);
}

static int try(FIXTURE_DATA(field) *self, struct fail_image *image)
{
	int err;

	fail_image_seal(image);
	err = fail_image_restart(image, &self->group, 0, &self->report);
	if (!err)
		fail_group_clear(&self->group);
	return err;
}

static void each(struct __test_metadata *_metadata, FIXTURE_DATA(field) *self,
		 const struct change *change, int nr)
{
	struct fail_image bad;
	int rec, err;

	for (; nr--; change++) {
		fail_image_copy(&bad, &self->image);
		rec = fail_image_find(&bad, change->type, change->nth);
		ASSERT_LE(0, rec) {
			TH_LOG("no record for %s", change->what);
		}
		memcpy(fail_image_data(&bad, rec) + change->at, &change->value, change->size);
		err = try(self, &bad);
		EXPECT_TRUE(change->err == ANY ? err < 0 : err == change->err) {
			TH_LOG("%s: %d: %s", change->what, err, self->report.log);
		}
		ASSERT_TRUE(fail_no_children() && fail_group_empty(&self->group)) {
			TH_LOG("%s: a task was left", change->what);
		}
		ASSERT_TRUE(!err || self->report.log[0]) {
			TH_LOG("%s: nothing in the log", change->what);
		}
		fail_image_free(&bad);
	}
}

#define EACH(changes) \
	each(_metadata, self, changes, sizeof(changes) / sizeof(changes[0]))

TEST_F(field, nothing_changed_restarts)
{
	EXPECT_EQ(0, try(self, &self->image)) {
		TH_LOG("%s", self->report.log);
	}
}

TEST_F(field, of_the_header_is_looked_at)
{
#define C(FIELD, VALUE, ERR) C_(HEADER, 0, ckpt_header, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(arch, 3, -EOPNOTSUPP),
		C(page_size, 8192, -EOPNOTSUPP),
		C(features, 1, -EOPNOTSUPP),
		C(parent_uuid[0], 1, -EOPNOTSUPP),
		C(nr_objects, 1, -EBADMSG),
		C(nr_objects, ~0, -EBADMSG),
		C(nr_processes, 0, -EBADMSG),
		C(nr_threads, ~0, -EBADMSG),
		C(meta_bytes, 0, -EBADMSG),
		C(meta_bytes, ~0, -EBADMSG),
		C(nr_cpucaps, 17, -EOPNOTSUPP),
		C(nr_cpucaps, 0, -EOPNOTSUPP),
		C(xfeatures, 1ULL << 62, -EOPNOTSUPP),
		C(cpucaps[0], ~0, -EOPNOTSUPP),
		C(vdso_build_id[0], 0, ANY),
	};
#undef C
	EACH(changes);
}

TEST_F(field, of_a_record_header_is_looked_at)
{
	static const struct {
		size_t at;
		int size;
		uint64_t value;
	} changes[] = {
		{ offsetof(struct ckpt_record, flags), 2, 2 },
		{ offsetof(struct ckpt_record, fixed), 2, 8 },
		{ offsetof(struct ckpt_record, fixed), 2, 0xffff },
		{ offsetof(struct ckpt_record, len), 8, 4 },
		{ offsetof(struct ckpt_record, len), 8, 0 },
		{ offsetof(struct ckpt_record, len), 8, ~0ULL - 7 },
		{ offsetof(struct ckpt_record, len), 8, 1ULL << 40 },
		{ offsetof(struct ckpt_record, seq), 4, 0 },
		{ offsetof(struct ckpt_record, seq), 4, ~0U },
		{ offsetof(struct ckpt_record, __reserved), 8, 1 },
		{ offsetof(struct ckpt_record, type), 4, CKPT_REC_HEADER },
		{ offsetof(struct ckpt_record, type), 4, CKPT_REC_TRAILER },
		{ offsetof(struct ckpt_record, type), 4, CKPT_REC_CONTENT },
		{ offsetof(struct ckpt_record, type), 4, CKPT_REC_VMA },
	};
	struct fail_image bad;
	int i, err;

	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		fail_image_copy(&bad, &self->image);
		memcpy(bad.data + bad.rec[3].at + changes[i].at, &changes[i].value,
		       changes[i].size);
		err = try(self, &bad);
		/* the header's type is not known in the midst of an image */
		EXPECT_TRUE(err == -EBADMSG || err == -EOPNOTSUPP) {
			TH_LOG("change %d: %d: %s", i, err, self->report.log);
		}
		fail_image_free(&bad);
	}
}

TEST_F(field, of_credentials_is_looked_at)
{
#define C(FIELD, VALUE, ERR) C_(CRED, 0, ckpt_cred, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(id, 0, -EBADMSG), C(id, 7, -EBADMSG), C(id, ~0, -EBADMSG),
		C(nr_groups, 1, -EBADMSG), C(nr_groups, ~0, -EBADMSG),
		C(nr_groups, 65537, -EBADMSG),
		C(__reserved, 1, -EBADMSG),
		C(cap_permitted, 1ULL << 63, -EBADMSG),
		C(cap_permitted, 0, -EBADMSG),
		C(cap_bset, 1ULL << 62, -EBADMSG),
		C(cap_ambient, 1, -EBADMSG),
		C(cap_inheritable, 1ULL << 50, -EBADMSG),
		C(securebits, 1 << 30, -EBADMSG),
		C(uid, ~0, -EPERM), C(fsgid, ~0, -EPERM),
	};
#undef C
	EACH(changes);
}

TEST_F(field, of_a_pipe_is_looked_at)
{
#define C(FIELD, VALUE, ERR) C_(PIPE, 0, ckpt_pipe, FIELD, VALUE, ERR)
#define E(FIELD, VALUE, ERR) C_(FILE_PIPE, 0, ckpt_file_pipe, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(size, 0, -EBADMSG), C(size, ~0, -EBADMSG), C(size, 1U << 31, -EBADMSG),
		C(bytes, 1 << 20, -EBADMSG), C(bytes, ~0, -EBADMSG),
		C(bytes, 9, -EBADMSG), C(cred, 0, -EBADMSG), C(cred, ~0, -EBADMSG),
		E(pipe, 0, -EBADMSG), E(pipe, 1, -EBADMSG), E(pipe, ~0, -EBADMSG),
		E(__reserved, 1, -EBADMSG), E(file.pos, 1, -EBADMSG),
		E(file.how, 1, -EBADMSG), E(file.flags, 3, -EBADMSG),
		E(file.flags, O_DIRECT, -EBADMSG), E(file.cred, ~0, -EBADMSG),
	};
#undef C
#undef E
	EACH(changes);
}

TEST_F(field, of_shared_memory_is_looked_at)
{
#define C(FIELD, VALUE, ERR) C_(SHMEM, 0, ckpt_shmem, FIELD, VALUE, ERR)
#define E(FIELD, VALUE, ERR) C_(FILE_SHMEM, 0, ckpt_file_shmem, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(size, ~0ULL, -EBADMSG), C(size, 1ULL << 63, -EBADMSG),
		C(size, 0, -EBADMSG),
		C(flags, 1U << 31, -EBADMSG), C(flags, 0, -EBADMSG), C(mode, 010000, -EBADMSG),
		C(name_len, 0, -EBADMSG), C(name_len, 256, -EBADMSG),
		C(name_len, ~0, -EBADMSG), C(seals, 0x40, -EBADMSG),
		C(seals, ~0, -EBADMSG), C(seals, F_SEAL_EXEC, -EBADMSG),
		C(__reserved, 1, -EBADMSG), C(huge_shift, 12, -EOPNOTSUPP),
		C(huge_shift, 64, -EOPNOTSUPP), C(huge_shift, ~0, -EOPNOTSUPP),
		C(huge_shift, 21, -EBADMSG),
		C(cred, 0, -EBADMSG),
		E(shmem, 0, -EBADMSG), E(shmem, 1, -EBADMSG), E(shmem, ~0, -EBADMSG),
		E(__reserved, 1, -EBADMSG), E(file.pos, 1ULL << 63, -EBADMSG),
		E(file.how, 1, -EBADMSG), E(file.flags, 3, -EBADMSG),
	};
#undef C
#undef E
	EACH(changes);
}

TEST_F(field, of_a_file_is_looked_at)
{
#define C(FIELD, VALUE, ERR) C_(FILE_PATH, 0, ckpt_file_path, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(mode, 010644, -EBADMSG), C(mode, 060644, -EBADMSG),
		C(mode, 0140644, -EBADMSG), C(mode, 0, -EBADMSG),
		C(mode, 040755, -ESTALE),
		C(path_len, 0, -EBADMSG), C(path_len, 4096, -EBADMSG),
		C(path_len, ~0, -EBADMSG),
		C(mtime_nsec, 1000000000, -EBADMSG),
		C(file.flags, O_CREAT, -EBADMSG), C(file.flags, O_TRUNC, -EBADMSG),
		C(file.flags, 3, -EBADMSG), C(file.flags, O_PATH, -EBADMSG),
		C(file.flags, O_TMPFILE, -EBADMSG),
		C(file.how, 1U << 31, -EBADMSG), C(file.pos, 1ULL << 63, -EBADMSG),
		C(file.cred, 0, -EBADMSG), C(file.cred, 2, -EBADMSG),
		C(file.cred, ~0, -EBADMSG),
	};
#undef C
	EACH(changes);
}

TEST_F(field, of_a_directory_is_looked_at)
{
#define C(FIELD, VALUE, ERR) C_(FS, 0, ckpt_fs, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(umask, 01000, -EBADMSG), C(root_len, 0, -EBADMSG),
		C(root_len, ~0, -EBADMSG), C(pwd_len, 0, -EBADMSG),
		C(pwd_len, 4097, -EBADMSG), C(pwd_len, ~0, -EBADMSG),
		C(__reserved, 1, -EBADMSG), C(cred, 0, -EBADMSG), C(cred, ~0, -EBADMSG),
	};
#undef C
	EACH(changes);
}

TEST_F(field, of_descriptors_is_looked_at)
{
#define T(N, FIELD) sizeof(struct ckpt_files) + (N) * sizeof(struct ckpt_fd) + \
		    offsetof(struct ckpt_fd, FIELD)
#define C(N, FIELD, VALUE, ERR) \
	{ CKPT_REC_FILES, 0, T(N, FIELD), 4, VALUE, ERR, "fd " #N "." #FIELD " = " #VALUE }
	static const struct change changes[] = {
		C_(FILES, 0, ckpt_files, nr_fds, 0, -EBADMSG),
		C_(FILES, 0, ckpt_files, nr_fds, 1 << 20, -EBADMSG),
		C_(FILES, 0, ckpt_files, nr_fds, ~0, -EBADMSG),
		C(1, fd, 0, -EBADMSG), C(0, fd, ~0, -EBADMSG), C(0, fd, 1 << 20, -EBADMSG),
		C(0, flags, 2, -EBADMSG), C(0, __reserved, 1, -EBADMSG),
		C(0, file, 0, -EBADMSG), C(0, file, 1, -EBADMSG), C(0, file, ~0, -EBADMSG),
	};
#undef C
#undef T
	EACH(changes);
}

TEST_F(field, of_handlers_is_looked_at)
{
#define C(FIELD, VALUE, ERR) C_(SIGHAND, 0, ckpt_sighand, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(__reserved, 1, -EBADMSG), C(action[8].handler, 1, -EBADMSG),
		C(action[18].handler, 0x400000, -EBADMSG),
	};
#undef C
	EACH(changes);
}

TEST_HARNESS_MAIN
