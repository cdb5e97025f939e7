// SPDX-License-Identifier: GPL-2.0
/* Records: as they are written they are read, and nothing else is. */
#include <linux/crc32c.h>

#include "../stream.h"
#include "fixture.h"

static struct ckpt_uts_ns *emit_name(struct kunit *test, struct ckpt_save *save,
				     unsigned int nr)
{
	struct ckpt_obj obj = { .ops = &ckpt_uts_ns_ops };
	struct ckpt_uts_ns *out = ckpt_emit_object(save, &obj, 0);

	KUNIT_ASSERT_NOT_NULL(test, out);
	snprintf((char *)out->nodename, sizeof(out->nodename), "name %u", nr);
	return out;
}

/* A record that may be longer than a chunk. */
static void emit_groups(struct kunit *test, struct ckpt_save *save, u32 nr)
{
	struct ckpt_obj obj = { .ops = &ckpt_cred_ops };
	struct ckpt_cred *out;
	__le32 *group;
	u32 i;

	out = ckpt_emit_object(save, &obj, array_size(nr, sizeof(*group)));
	KUNIT_ASSERT_NOT_NULL(test, out);
	out->nr_groups = cpu_to_le32(nr);
	group = ckpt_tail(out, sizeof(*out));
	for (i = 0; i < nr; i++)
		group[i] = cpu_to_le32(i * 3);
}

static int read_back(struct kunit *test, struct file *file)
{
	struct ckpt_load *load = ckpt_kunit_reader(test, file);

	return ckpt_read_metadata(load) ?: ckpt_read_contents(load);
}

/* Many chunks, and records on both sides of one that has its own. */
static void metadata_of_any_length_comes_back(struct kunit *test)
{
	const unsigned int before = 1000, after = 500, groups = 30001;
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct ckpt_load *load;
	struct ckpt_rec *rec;
	struct file *file;
	unsigned int i;
	char name[65];

	for (i = 0; i < before; i++)
		emit_name(test, save, i);
	emit_groups(test, save, groups);
	for (; i < before + after; i++)
		emit_name(test, save, i);
	file = ckpt_kunit_write(test, save);

	load = ckpt_kunit_reader(test, file);
	KUNIT_ASSERT_EQ_MSG(test, 0, ckpt_read_metadata(load), "%s", ckpt_kunit_log(&load->call));
	KUNIT_EXPECT_EQ(test, 0, ckpt_read_contents(load));
	KUNIT_EXPECT_EQ(test, before + after + 1, load->nr_objects);
	i = 0;
	list_for_each_entry(rec, &load->recs, list) {
		if (rec->ops == &ckpt_cred_ops) {
			const __le32 *group = ckpt_rec_tail(rec);

			KUNIT_EXPECT_EQ(test, before + 1, rec->id);
			KUNIT_EXPECT_EQ(test, (groups - 1) * 3, le32_to_cpu(group[groups - 1]));
			continue;
		}
		snprintf(name, sizeof(name), "name %u", i++);
		KUNIT_ASSERT_STREQ(test, name, (char *)ckpt_data(rec, ckpt_uts_ns)->nodename);
		KUNIT_ASSERT_PTR_EQ(test, rec, ckpt_rec(load, rec->id));
	}
	KUNIT_EXPECT_EQ(test, before + after, i);
}

/* Among a record's worth of lengths is one that fills a chunk to the last byte. */
static void a_chunk_may_be_full(struct kunit *test)
{
	size_t name = sizeof(struct ckpt_record) + sizeof(struct ckpt_uts_ns);
	u32 groups;

	for (groups = 0; groups * sizeof(__le32) <= name; groups += 2) {
		struct ckpt_save *save = ckpt_kunit_save(test);
		unsigned int i;

		emit_groups(test, save, groups);
		for (i = 0; i < SZ_128K / name; i++)
			emit_name(test, save, i);
		KUNIT_ASSERT_EQ_MSG(test, 0, read_back(test, ckpt_kunit_write(test, save)),
				    "%u groups", groups);
	}
}

static void a_tail_is_no_longer_than_its_row_says(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct ckpt_record *rec;
	void *data;

	data = ckpt_emit(save, &ckpt_thread_ops, ckpt_thread_ops.max_tail);
	KUNIT_ASSERT_NOT_NULL(test, data);
	rec = data - sizeof(*rec);
	KUNIT_EXPECT_EQ(test, ALIGN(sizeof(struct ckpt_thread), 8) +
			ALIGN(ckpt_thread_ops.max_tail, 8), le64_to_cpu(rec->len));
	KUNIT_EXPECT_NULL(test, ckpt_emit(save, &ckpt_thread_ops, ckpt_thread_ops.max_tail + 1));
	KUNIT_EXPECT_NULL(test, ckpt_emit(save, &ckpt_thread_ops, SIZE_MAX));
	KUNIT_EXPECT_NULL(test, ckpt_emit(save, &ckpt_uts_ns_ops, 1));
}

/* Whatever the length of a tail, it begins and ends at a multiple of 8. */
static void tails_begin_and_end_aligned(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct ckpt_record *rec;
	size_t len;
	void *data;

	for (len = 0; len < 20; len++) {
		data = ckpt_emit(save, &ckpt_file_path_ops, len);
		KUNIT_ASSERT_NOT_NULL(test, data);
		rec = data - sizeof(*rec);
		KUNIT_EXPECT_EQ(test, sizeof(struct ckpt_file_path), le16_to_cpu(rec->fixed));
		KUNIT_EXPECT_EQ(test, sizeof(struct ckpt_file_path) + ALIGN(len, 8),
				le64_to_cpu(rec->len));
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)data, 8));
		KUNIT_EXPECT_NULL(test, memchr_inv(data, 0, le64_to_cpu(rec->len)));
	}
}

static void metadata_is_bounded_when_it_is_captured(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);

	save->meta_bytes = SZ_1G - SZ_32K;
	KUNIT_EXPECT_NULL(test, ckpt_emit(save, &ckpt_uts_ns_ops, 0));
	save->meta_bytes = SZ_1G - SZ_64K;
	KUNIT_EXPECT_NOT_NULL(test, ckpt_emit(save, &ckpt_uts_ns_ops, 0));
}

static void metadata_is_bounded_when_it_is_read(struct kunit *test)
{
	size_t cost = sizeof(struct ckpt_rec) + sizeof(struct ckpt_uts_ns);
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct ckpt_load *load;
	struct file *file;

	emit_name(test, save, 0);
	file = ckpt_kunit_write(test, save);
	load = ckpt_kunit_reader(test, file);
	load->meta_bytes = SZ_1G - cost;
	KUNIT_EXPECT_EQ(test, 0, ckpt_read_metadata(load));
	load = ckpt_kunit_reader(test, file);
	load->meta_bytes = SZ_1G - cost + 1;
	KUNIT_EXPECT_EQ(test, -E2BIG, ckpt_read_metadata(load));
}

/* By what image.rst says, without the code that it is made with. */
static void checksums_are_as_documented(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	u32 seed, crcs = ~0, nr = 0, crc = 0;
	struct ckpt_record rec, clear;
	struct ckpt_trailer trailer;
	struct file *file;
	loff_t pos = 0;
	u8 *data;

	/* CRC-32C's check value, but for the inversion */
	KUNIT_EXPECT_EQ(test, ~0xe3069283U, crc32c(~0, "123456789", 9));
	emit_name(test, save, 1);
	emit_groups(test, save, 3);
	file = ckpt_kunit_write(test, save);
	data = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, data);
	seed = crc32c(~0, save->call.result.uuid, 16);
	while (ckpt_kunit_next_record(test, file, &pos, &rec)) {
		size_t len = le64_to_cpu(rec.len);

		KUNIT_ASSERT_LE(test, len, PAGE_SIZE);
		ckpt_kunit_peek(test, file, pos + sizeof(rec), data, len);
		clear = rec;
		clear.crc = 0;
		KUNIT_EXPECT_EQ(test, le32_to_cpu(rec.crc),
				crc32c(crc32c(seed, &clear, sizeof(clear)), data, len));
		KUNIT_EXPECT_EQ(test, nr++, le32_to_cpu(rec.seq));
		crc = crcs;
		crcs = crc32c(crcs, &rec.crc, 4);
	}
	memcpy(&trailer, data, sizeof(trailer));
	KUNIT_EXPECT_EQ(test, nr - 1, le64_to_cpu(trailer.nr_records));
	KUNIT_EXPECT_EQ(test, crc, le32_to_cpu(trailer.crc));
	KUNIT_EXPECT_EQ(test, pos + sizeof(rec) + sizeof(trailer), le64_to_cpu(trailer.bytes));
	KUNIT_EXPECT_EQ(test, i_size_read(file_inode(file)), le64_to_cpu(trailer.bytes));
	KUNIT_EXPECT_MEMEQ(test, trailer.uuid, save->call.result.uuid, 16);
}

static void every_bit_of_a_record_counts(struct kunit *test)
{
	struct ckpt_stream stream = {};
	struct {
		struct ckpt_record rec;
		u8 data[24];
	} sealed = { .rec.type = cpu_to_le32(7), .rec.len = cpu_to_le64(24) };
	u8 *bytes = (u8 *)&sealed;
	unsigned int bit;

	ckpt_stream_seed(&stream, "an image's uuid.");
	ckpt_seal(&stream, &sealed.rec, sealed.data, sizeof(sealed.data));
	for (bit = 0; bit < sizeof(sealed) * 8; bit++) {
		u32 crc;

		bytes[bit / 8] ^= BIT(bit % 8);
		crc = crc32c(ckpt_record_crc(&stream, &sealed.rec), sealed.data,
			     sizeof(sealed.data));
		KUNIT_EXPECT_NE_MSG(test, le32_to_cpu(sealed.rec.crc), crc, "bit %u", bit);
		bytes[bit / 8] ^= BIT(bit % 8);
	}
}

/* The same record, at the same place, with the same number. */
static void a_record_of_another_image_is_refused(struct kunit *test)
{
	struct ckpt_save *one = ckpt_kunit_save(test), *other = ckpt_kunit_save(test);
	loff_t pos = sizeof(struct ckpt_preamble) + sizeof(struct ckpt_record) +
		     sizeof(struct ckpt_header);
	size_t len = sizeof(struct ckpt_record) + sizeof(struct ckpt_uts_ns);
	struct file *from, *to;
	u8 data[256];

	KUNIT_ASSERT_LE(test, len, sizeof(data));
	emit_name(test, one, 1);
	emit_name(test, other, 1);
	from = ckpt_kunit_write(test, one);
	to = ckpt_kunit_write(test, other);
	KUNIT_EXPECT_EQ(test, 0, read_back(test, to));
	ckpt_kunit_peek(test, from, pos, data, len);
	ckpt_kunit_poke(test, to, pos, data, len);
	KUNIT_EXPECT_EQ(test, -EBADMSG, read_back(test, to));
}

/* Lengths are looked at before anything is allocated or read by them. */
static void lengths_are_looked_at_up_to_the_last(struct kunit *test)
{
	static const struct {
		u32 type;
		u16 fixed;
		u64 len;
		const char *why;
	} cases[] = {
		{ CKPT_REC_UTS_NS, 144, 0, "bad record header" },
		{ CKPT_REC_UTS_NS, 144, 143, "bad record header" },
		{ CKPT_REC_UTS_NS, 144, 148, "bad record header" },
		{ CKPT_REC_UTS_NS, 0, 0, "bad length" },
		{ CKPT_REC_UTS_NS, 0, 144, "bad length" },
		{ CKPT_REC_UTS_NS, 136, 144, "bad length" },
		{ CKPT_REC_UTS_NS, 152, 152, "bad length" },
		{ CKPT_REC_UTS_NS, 144, 152, "bad length" },
		{ CKPT_REC_UTS_NS, 144, BIT_ULL(32) + 144, "bad length" },
		{ CKPT_REC_UTS_NS, 144, BIT_ULL(63) + 144, "bad length" },
		{ CKPT_REC_UTS_NS, 144, U64_MAX - 7, "bad length" },
		{ CKPT_REC_UTS_NS, U16_MAX, U64_MAX - 7, "bad length" },
		{ CKPT_REC_CRED, sizeof(struct ckpt_cred),
		  sizeof(struct ckpt_cred) + NGROUPS_MAX * 4ULL + 8, "bad length" },
		/* this one is right, only that the image has no such bytes */
		{ CKPT_REC_CRED, sizeof(struct ckpt_cred),
		  sizeof(struct ckpt_cred) + NGROUPS_MAX * 4ULL, ": cred\n" },
		{ 255, 0, SZ_64K + 8, "record too long" },
		{ 255, 0, U64_MAX - 7, "record too long" },
		{ 255, 0, SZ_64K, ": record\n" },
		{ U32_MAX, 0, SZ_64K, ": record\n" },
	};
	struct ckpt_save *save = ckpt_kunit_save(test);
	loff_t pos = sizeof(struct ckpt_preamble) + sizeof(struct ckpt_record) +
		     sizeof(struct ckpt_header);
	struct ckpt_load *load;
	struct ckpt_record rec;
	struct file *file;
	int i;

	BUILD_BUG_ON(sizeof(struct ckpt_uts_ns) != 144);
	emit_name(test, save, 1);
	file = ckpt_kunit_write(test, save);
	ckpt_kunit_peek(test, file, pos, &rec, sizeof(rec));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		rec.type = cpu_to_le32(cases[i].type);
		rec.fixed = cpu_to_le16(cases[i].fixed);
		rec.len = cpu_to_le64(cases[i].len);
		ckpt_kunit_poke(test, file, pos, &rec, sizeof(rec));
		load = ckpt_kunit_reader(test, file);
		KUNIT_EXPECT_EQ_MSG(test, -EBADMSG, ckpt_read_metadata(load), "case %d", i);
		CKPT_EXPECT_LOGGED(test, &load->call, cases[i].why);
	}
}

static void ids_of_an_image_are_dense_from_one(struct kunit *test)
{
	static const struct {
		u32 ids[3];
		bool good;
	} cases[] = {
		{ { 1, 2, 3 }, true },
		{ { 0, 1, 2 } },
		{ { 2, 3, 4 } },
		{ { 1, 1, 2 } },
		{ { 1, 3, 2 } },
		{ { 1, 2, 2 } },
		{ { 1, 2, U32_MAX } },
	};
	int err, i, j;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ckpt_save *save = ckpt_kunit_save(test);

		for (j = 0; j < ARRAY_SIZE(cases[i].ids); j++)
			emit_name(test, save, j)->id = cpu_to_le32(cases[i].ids[j]);
		err = 0;
		if (!cases[i].good)
			err = -EBADMSG;
		KUNIT_EXPECT_EQ_MSG(test, err, read_back(test, ckpt_kunit_write(test, save)),
				    "case %d", i);
	}
}

static void the_header_counts_the_objects(struct kunit *test)
{
	int more;

	for (more = -1; more <= 1; more++) {
		struct ckpt_save *save = ckpt_kunit_save(test);

		emit_name(test, save, 0);
		emit_name(test, save, 1);
		save->nr_objects += more;
		KUNIT_EXPECT_EQ(test, more ? -EBADMSG : 0,
				read_back(test, ckpt_kunit_write(test, save)));
	}
}

static void a_reference_is_to_an_object_of_its_type(struct kunit *test)
{
	struct ckpt_load *load = ckpt_kunit_load(test);
	struct ckpt_rec *cred = ckpt_kunit_object(test, load, &ckpt_cred_ops);
	struct ckpt_rec *file = ckpt_kunit_object(test, load, &ckpt_file_pipe_ops);
	u32 i;

	KUNIT_EXPECT_PTR_EQ(test, cred, ckpt_ref(load, NULL, cred->id, CKPT_REC_CRED));
	KUNIT_EXPECT_PTR_EQ(test, file, ckpt_ref(load, NULL, file->id, CKPT_REC_FILE_PIPE));
	KUNIT_EXPECT_PTR_EQ(test, file, ckpt_ref_file(load, NULL, file->id));
	KUNIT_EXPECT_NULL(test, ckpt_ref_file(load, NULL, cred->id));
	CKPT_EXPECT_LOGGED(test, &load->call, "object 1 is no file");
	KUNIT_EXPECT_NULL(test, ckpt_ref(load, NULL, file->id, CKPT_REC_CRED));
	CKPT_EXPECT_LOGGED(test, &load->call, "object 2 is no cred");
	for (i = 0; i < 8; i++) {
		static const u32 none[] = {
			0, 3, 4, BIT(16), BIT(31), S32_MAX, U32_MAX - 1, U32_MAX
		};

		KUNIT_EXPECT_NULL(test, ckpt_rec(load, none[i]));
		KUNIT_EXPECT_NULL(test, ckpt_ref(load, NULL, none[i], CKPT_REC_CRED));
		KUNIT_EXPECT_NULL(test, ckpt_ref_file(load, NULL, none[i]));
	}
}

static struct kunit_case image_cases[] = {
	KUNIT_CASE(metadata_of_any_length_comes_back),
	KUNIT_CASE(a_chunk_may_be_full),
	KUNIT_CASE(a_tail_is_no_longer_than_its_row_says),
	KUNIT_CASE(tails_begin_and_end_aligned),
	KUNIT_CASE(metadata_is_bounded_when_it_is_captured),
	KUNIT_CASE(metadata_is_bounded_when_it_is_read),
	KUNIT_CASE(checksums_are_as_documented),
	KUNIT_CASE(every_bit_of_a_record_counts),
	KUNIT_CASE(a_record_of_another_image_is_refused),
	KUNIT_CASE(lengths_are_looked_at_up_to_the_last),
	KUNIT_CASE(ids_of_an_image_are_dense_from_one),
	KUNIT_CASE(the_header_counts_the_objects),
	KUNIT_CASE(a_reference_is_to_an_object_of_its_type),
	{}
};

static struct kunit_suite image_suite = {
	.name = "checkpoint_image",
	.test_cases = image_cases,
};
kunit_test_suite(image_suite);
