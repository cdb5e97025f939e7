// SPDX-License-Identifier: GPL-2.0
/* Flags of open files: what is saved is taken back, what is not is refused. */
#include "fixture.h"

static u32 refused(struct ckpt_save *save, struct file *file, unsigned int flags)
{
	unsigned int own = file->f_flags;

	save->call.result.blockers = 0;
	file->f_flags = flags;
	refuse_common(save, file);
	file->f_flags = own;
	return save->call.result.blockers;
}

/* The common part of a file's record, of a holder that is there. */
static struct ckpt_file *new_file(struct kunit *test, struct ckpt_load *load,
				  struct ckpt_rec **rec)
{
	struct ckpt_rec *cred = ckpt_kunit_object(test, load, &ckpt_cred_ops);

	*rec = ckpt_kunit_object(test, load, &ckpt_file_path_ops);
	ckpt_data(*rec, ckpt_file)->cred = cpu_to_le32(cred->id);
	return ckpt_data(*rec, ckpt_file);
}

static void every_flag_is_saved_or_refused(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct ckpt_load *load = ckpt_kunit_load(test);
	struct file *file = ckpt_kunit_file(test);
	unsigned int own = file->f_flags;
	struct ckpt_file *in;
	struct ckpt_rec *rec;
	int bit;

	in = new_file(test, load, &rec);
	for (bit = 0; bit < 32; bit++) {
		u32 flag = BIT(bit);

		file->f_flags = flag;
		checkpoint_file_common(save, file, in);
		file->f_flags = own;
		in->cred = cpu_to_le32(1);
		in->pos = 0;
		/* what a writer writes a reader takes */
		KUNIT_EXPECT_EQ_MSG(test, 0, ckpt_file_validate(load, rec, in), "bit %d", bit);
		if (flag == __FMODE_EXEC) {
			KUNIT_EXPECT_EQ(test, CKPT_FILE_EXEC, le32_to_cpu(in->how));
			continue;
		}
		KUNIT_EXPECT_EQ(test, 0, le32_to_cpu(in->how));
		KUNIT_EXPECT_EQ_MSG(test, le32_to_cpu(in->flags) != flag,
				    refused(save, file, flag), "bit %d", bit);
		/* a reader takes nothing else */
		in->flags = cpu_to_le32(flag);
		KUNIT_EXPECT_EQ_MSG(test, refused(save, file, flag) ? -EBADMSG : 0,
				    ckpt_file_validate(load, rec, in), "bit %d", bit);
	}
}

static void creating_and_truncating_are_never_asked_for(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, FLAGS_KNOWN & (O_CREAT | O_EXCL | O_TRUNC | __O_TMPFILE |
						O_PATH | FASYNC | O_CLOEXEC));
}

static void the_common_part_is_looked_at(struct kunit *test)
{
	struct ckpt_load *load = ckpt_kunit_load(test);
	struct ckpt_file *in, good;
	struct ckpt_rec *rec;

	in = new_file(test, load, &rec);
	good = *in;
#define TAKEN(err, change)						\
	do {								\
		*in = good;						\
		change;							\
		KUNIT_EXPECT_EQ(test, err, ckpt_file_validate(load, rec, in)); \
	} while (0)

	TAKEN(0, in->flags = cpu_to_le32(O_RDWR));
	TAKEN(-EBADMSG, in->flags = cpu_to_le32(O_ACCMODE));
	TAKEN(0, in->how = cpu_to_le32(CKPT_FILE_EXEC));
	TAKEN(-EBADMSG, in->how = cpu_to_le32(2));
	TAKEN(0, in->pos = cpu_to_le64(S64_MAX));
	TAKEN(-EBADMSG, in->pos = cpu_to_le64((u64)S64_MAX + 1));
	TAKEN(-EBADMSG, in->pos = cpu_to_le64(U64_MAX));
	TAKEN(-EBADMSG, in->cred = 0);
	TAKEN(-EBADMSG, in->cred = cpu_to_le32(rec->id));
	TAKEN(-EBADMSG, in->cred = cpu_to_le32(rec->id + 1));
#undef TAKEN
}

/* A flag that is refused is shown with its file, in the octal of fcntl.h. */
static void a_refusal_names_the_file(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct file *file = ckpt_kunit_file(test);

	KUNIT_EXPECT_EQ(test, 1, refused(save, file, O_RDWR | FASYNC));
	CKPT_EXPECT_LOGGED(test, &save->call, "object=\"file flags\": ckpt-kunit: flags 020000");
}

static struct kunit_case file_cases[] = {
	KUNIT_CASE(every_flag_is_saved_or_refused),
	KUNIT_CASE(creating_and_truncating_are_never_asked_for),
	KUNIT_CASE(the_common_part_is_looked_at),
	KUNIT_CASE(a_refusal_names_the_file),
	{}
};

static struct kunit_suite file_suite = {
	.name = "checkpoint_file",
	.test_cases = file_cases,
};
kunit_test_suite(file_suite);
