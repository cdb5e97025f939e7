// SPDX-License-Identifier: GPL-2.0
/* The image's bytes are read together, but none that was not said to be read. */
#include "../stream.h"
#include "fixture.h"

#define BYTES	(4 * SZ_64K + 1000)

static u8 byte_at(size_t at)
{
	return at * 7 + (at >> 8);
}

static struct ckpt_stream *open_numbers(struct kunit *test)
{
	struct file *file = ckpt_kunit_file(test);
	u8 *bytes = kunit_kmalloc(test, BYTES, GFP_KERNEL);
	struct ckpt_load *load;
	size_t i;

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	for (i = 0; i < BYTES; i++)
		bytes[i] = byte_at(i);
	ckpt_kunit_poke(test, file, 0, bytes, BYTES);
	load = ckpt_kunit_reader(test, file);
	return &load->call.stream;
}

static bool read_right(struct ckpt_stream *stream, u8 *to, size_t len)
{
	u64 from = stream->offset;
	size_t i;

	if (ckpt_stream_read(stream, to, len) || stream->offset != from + len)
		return false;
	for (i = 0; i < len; i++)
		if (to[i] != byte_at(from + i))
			return false;
	return true;
}

/* Pieces that end in, at and beyond what one transfer brings. */
static void pieces_of_any_length_are_those_of_the_file(struct kunit *test)
{
	static const size_t lengths[] = {
		8, 24, SZ_64K - 33, 1, 1, 1, SZ_64K, 5, 3000, SZ_64K + 1
	};
	struct ckpt_stream *stream = open_numbers(test);
	u8 *to = kunit_kmalloc(test, 2 * SZ_64K, GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, to);
	KUNIT_ASSERT_TRUE(test, read_right(stream, to, 16));
	KUNIT_EXPECT_EQ(test, 16, stream->file->f_pos);
	ckpt_stream_ahead(stream, BYTES - 16);
	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		KUNIT_ASSERT_TRUE_MSG(test, read_right(stream, to, lengths[i]), "piece %d", i);
}

static void nothing_is_taken_beyond_what_was_said(struct kunit *test)
{
	struct ckpt_stream *stream = open_numbers(test);
	u8 to[64];
	int i;

	ckpt_stream_ahead(stream, 100);
	for (i = 0; i < 10; i++)
		KUNIT_ASSERT_TRUE(test, read_right(stream, to, 10));
	KUNIT_EXPECT_EQ(test, 100, stream->file->f_pos);
	KUNIT_ASSERT_TRUE(test, read_right(stream, to, 10));
	KUNIT_EXPECT_EQ(test, 110, stream->file->f_pos);
	/* what was said may be wrong: all is read, only some of it later */
	ckpt_stream_ahead(stream, 20);
	KUNIT_ASSERT_TRUE(test, read_right(stream, to, 19));
	KUNIT_ASSERT_TRUE(test, read_right(stream, to, 40));
	KUNIT_EXPECT_EQ(test, 169, stream->file->f_pos);
}

/* The error comes at the byte at which it would have come without. */
static void a_file_that_ends_has_been_read_before(struct kunit *test)
{
	struct ckpt_stream *stream = open_numbers(test);
	u8 to[64];

	stream->file->f_pos = BYTES - 50;
	ckpt_stream_ahead(stream, 1000);
	KUNIT_EXPECT_EQ(test, 0, ckpt_stream_read(stream, to, 40));
	KUNIT_EXPECT_EQ(test, -EBADMSG, ckpt_stream_read(stream, to, 11));
	KUNIT_EXPECT_EQ(test, 50, stream->offset);
	KUNIT_EXPECT_EQ(test, -EBADMSG, ckpt_stream_read(stream, to, 1));
}

static struct kunit_case stream_cases[] = {
	KUNIT_CASE(pieces_of_any_length_are_those_of_the_file),
	KUNIT_CASE(nothing_is_taken_beyond_what_was_said),
	KUNIT_CASE(a_file_that_ends_has_been_read_before),
	{}
};

static struct kunit_suite stream_suite = {
	.name = "checkpoint_stream",
	.test_cases = stream_cases,
};
kunit_test_suite(stream_suite);
