// SPDX-License-Identifier: GPL-2.0
/*
 * Contents: blocks that are full, runs that end with them, and the index.
 * Pages are written by the checkpoint side and read into real memory.
 */
#include <linux/gfp.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/vmalloc.h>

#include "fixture.h"

/* Enough for two blocks, and for more entries than a record of INDEX has. */
#define PAGES		(2 * CKPT_BLOCK_MAX_PAGES + 2)

/* An address space of the image, whose contents a case gives. */
struct space {
	int (*give)(struct ckpt_save *save, struct space *space, u32 id);
	struct scene *scene;
	unsigned int nr;
};

struct scene {
	struct space space[2];
	struct ckpt_save *save;
	u8 *source;		/* page n begins with n + 1 */
	u64 base;		/* page number of the memory that is read into */
	struct file *file;
};

static void hold_nothing(void *ptr)
{
}

static int save_space(struct ckpt_save *save, struct ckpt_obj *obj)
{
	return ckpt_emit_object(save, obj, 0) ? 0 : -ENOMEM;
}

static int space_contents(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct space *space = obj->ptr;

	return space->give ? space->give(save, space, obj->id) : 0;
}

static const struct ckpt_ops space_ops = {
	.name		= "space",
	.type		= CKPT_REC_MM,
	.fixed		= sizeof(struct ckpt_mm),
	.object		= true,
	.get		= hold_nothing,
	.put		= hold_nothing,
	.checkpoint	= save_space,
	.contents	= space_contents,
};

static void free_source(void *source)
{
	vfree(source);
}

static int contents_init(struct kunit *test)
{
	struct scene *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	u64 i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->source = vzalloc(PAGES * PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, s->source);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_source, s->source));
	for (i = 0; i < PAGES; i++)
		*(u64 *)(s->source + i * PAGE_SIZE) = i + 1;
	s->space[0].scene = s;
	s->space[1].scene = s;
	s->save = ckpt_kunit_save(test);
	test->priv = s;
	return 0;
}

static int give(struct ckpt_save *save, u32 id, u64 index, struct page *page,
		unsigned int nr)
{
	get_page(page);
	return ckpt_contents_pages(save, id, 0, index, page, nr);
}

/* Page @n of the source as the contents of the page at the same place. */
static int give_page(struct ckpt_save *save, struct scene *s, u32 id, unsigned int n)
{
	return give(save, id, s->base + n, vmalloc_to_page(s->source + n * PAGE_SIZE), 1);
}

static void write_scene(struct kunit *test, struct scene *s)
{
	u32 id;

	/* from where on a page table has room for many */
	s->base = ALIGN(ckpt_kunit_map(test, PAGES + PTRS_PER_PTE) >> PAGE_SHIFT, PTRS_PER_PTE);
	KUNIT_ASSERT_EQ(test, 0, ckpt_object(s->save, &s->space[0], &space_ops, &id));
	KUNIT_ASSERT_EQ(test, 0, ckpt_object(s->save, &s->space[1], &space_ops, &id));
	s->file = ckpt_kunit_write(test, s->save);
}

/* Both address spaces of the image are the case's own. */
static void read_scene(struct kunit *test, struct scene *s)
{
	struct ckpt_load *load = ckpt_kunit_reader(test, s->file);
	struct ckpt_rec *rec;

	KUNIT_ASSERT_EQ_MSG(test, 0, ckpt_read_metadata(load), "%s", ckpt_kunit_log(&load->call));
	list_for_each_entry(rec, &load->recs, list) {
		if (rec->ops != &ckpt_mm_ops)
			continue;
		mmget(current->mm);
		rec->live = current->mm;
	}
	KUNIT_ASSERT_EQ_MSG(test, 0, ckpt_read_contents(load), "%s", ckpt_kunit_log(&load->call));
	KUNIT_EXPECT_EQ(test, s->save->call.result.pages, load->call.result.pages);
	KUNIT_EXPECT_EQ(test, s->save->call.result.bytes, load->call.result.bytes);
}

static u64 word_at(struct scene *s, unsigned int n)
{
	u64 word;

	return copy_from_user(&word, u64_to_user_ptr((s->base + n) << PAGE_SHIFT),
			      sizeof(word)) ? U64_MAX : word;
}

/* What the blocks of an image have, counted without its reader. */
struct blocks {
	unsigned int blocks, runs, pages, index, indices;
};

static struct blocks count_blocks(struct kunit *test, struct scene *s)
{
	struct blocks b = {};
	struct ckpt_record rec;
	__le32 counts[2];
	loff_t pos = 0;

	while (ckpt_kunit_next_record(test, s->file, &pos, &rec)) {
		if (rec.type == cpu_to_le32(CKPT_REC_CONTENT)) {
			KUNIT_EXPECT_EQ(test, 0, pos % CKPT_PAGE_SIZE);
			ckpt_kunit_peek(test, s->file, pos + sizeof(rec), counts, sizeof(counts));
			b.blocks++;
			b.runs += le32_to_cpu(counts[0]);
			b.pages += le32_to_cpu(counts[1]);
			KUNIT_EXPECT_LE(test, le32_to_cpu(counts[0]), CKPT_RUNS_PER_BLOCK);
			KUNIT_EXPECT_LE(test, le32_to_cpu(counts[1]), CKPT_BLOCK_MAX_PAGES);
		} else if (rec.type == cpu_to_le32(CKPT_REC_INDEX)) {
			b.indices++;
			b.index += le64_to_cpu(rec.len) / sizeof(struct ckpt_index);
		}
	}
	return b;
}

/* Every entry of the index leads to the page that it names. */
static void follow_index(struct kunit *test, struct scene *s)
{
	struct ckpt_record rec;
	struct ckpt_index entry;
	loff_t pos = 0;
	u64 word;
	size_t at;

	while (ckpt_kunit_next_record(test, s->file, &pos, &rec)) {
		if (rec.type != cpu_to_le32(CKPT_REC_INDEX))
			continue;
		for (at = 0; at < le64_to_cpu(rec.len); at += sizeof(entry)) {
			ckpt_kunit_peek(test, s->file, pos + sizeof(rec) + at, &entry,
					sizeof(entry));
			ckpt_kunit_peek(test, s->file, le64_to_cpu(entry.offset), &word,
					sizeof(word));
			KUNIT_ASSERT_EQ(test, le64_to_cpu(entry.index) - s->base + 1, word);
		}
	}
}

static int give_every_other(struct ckpt_save *save, struct space *space, u32 id)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < space->nr; i++)
		err = give_page(save, space->scene, id, 2 * i);
	return err;
}

static void runs_fill_blocks_to_the_last(struct kunit *test)
{
	static const unsigned int counts[] = {
		1, CKPT_RUNS_PER_BLOCK - 1, CKPT_RUNS_PER_BLOCK, CKPT_RUNS_PER_BLOCK + 1,
		2 * CKPT_RUNS_PER_BLOCK, 2 * CKPT_RUNS_PER_BLOCK + 1,
	};
	struct scene *s = test->priv;
	unsigned int c, i;

	for (c = 0; c < ARRAY_SIZE(counts); c++) {
		unsigned int nr = counts[c];
		struct blocks b;

		s->save = ckpt_kunit_save(test);
		s->space[0].give = give_every_other;
		s->space[0].nr = nr;
		write_scene(test, s);
		b = count_blocks(test, s);
		KUNIT_EXPECT_EQ(test, DIV_ROUND_UP(nr, CKPT_RUNS_PER_BLOCK), b.blocks);
		KUNIT_EXPECT_EQ(test, nr, b.runs);
		KUNIT_EXPECT_EQ(test, nr, b.pages);
		KUNIT_EXPECT_EQ(test, nr, b.index);
		read_scene(test, s);
		for (i = 0; i < 2 * nr; i++)
			KUNIT_ASSERT_EQ(test, i % 2 ? 0 : i + 1, word_at(s, i));
	}
}

static int give_all(struct ckpt_save *save, struct space *space, u32 id)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < space->nr; i++)
		err = give_page(save, space->scene, id, i);
	return err;
}

static void a_run_goes_on_in_the_next_block(struct kunit *test)
{
	static const unsigned int counts[] = {
		CKPT_BLOCK_MAX_PAGES - 1, CKPT_BLOCK_MAX_PAGES, CKPT_BLOCK_MAX_PAGES + 1,
	};
	struct scene *s = test->priv;
	unsigned int c, i;

	for (c = 0; c < ARRAY_SIZE(counts); c++) {
		unsigned int nr = counts[c];
		struct blocks b;

		s->save = ckpt_kunit_save(test);
		s->space[0].give = give_all;
		s->space[0].nr = nr;
		write_scene(test, s);
		b = count_blocks(test, s);
		KUNIT_EXPECT_EQ(test, DIV_ROUND_UP(nr, CKPT_BLOCK_MAX_PAGES), b.blocks);
		KUNIT_EXPECT_EQ(test, b.blocks, b.runs);
		KUNIT_EXPECT_EQ(test, nr, b.pages);
		follow_index(test, s);
		read_scene(test, s);
		for (i = 0; i < nr; i++)
			KUNIT_ASSERT_EQ(test, i + 1, word_at(s, i));
		KUNIT_EXPECT_EQ(test, 0, word_at(s, nr));
	}
}

static int give_first(struct ckpt_save *save, struct space *space, u32 id)
{
	return give_page(save, space->scene, id, 0) ?: give_page(save, space->scene, id, 1);
}

static int give_next(struct ckpt_save *save, struct space *space, u32 id)
{
	return give_page(save, space->scene, id, 2) ?: give_page(save, space->scene, id, 3);
}

/* Pages that follow each other in number but not in their object. */
static void a_run_is_of_one_object(struct kunit *test)
{
	struct scene *s = test->priv;
	unsigned int i;

	s->space[0].give = give_first;
	s->space[1].give = give_next;
	write_scene(test, s);
	KUNIT_EXPECT_EQ(test, 2, count_blocks(test, s).runs);
	read_scene(test, s);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, i + 1, word_at(s, i));
}

/* Pages 0 to 4, then others as these: 0 1 go on, 3 and 2 do not. */
static int give_same(struct ckpt_save *save, struct space *space, u32 id)
{
	u64 base = space->scene->base;
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < 5; i++)
		err = give_page(save, space->scene, id, i);
	return err ?: ckpt_contents_same(save, id, base + 10, id, base) ?:
	       ckpt_contents_same(save, id, base + 11, id, base + 1) ?:
	       ckpt_contents_same(save, id, base + 12, id, base + 3) ?:
	       ckpt_contents_same(save, id, base + 13, id, base + 2) ?:
	       ckpt_contents_same(save, id, base + 20, id, base + 3) ?:
	       ckpt_contents_same(save, id, base + 21, id + 1, base + 4);
}

static void pages_as_elsewhere_make_runs_if_both_go_on(struct kunit *test)
{
	static const u64 words[] = { 1, 2, 4, 3 };
	struct scene *s = test->priv;
	int i;

	s->space[0].give = give_same;
	write_scene(test, s);
	/* 0-4; 10-11, 12, 13, 20, and 21 as another object's */
	KUNIT_EXPECT_EQ(test, 6, count_blocks(test, s).runs);
	KUNIT_EXPECT_EQ(test, 5, count_blocks(test, s).pages);
	read_scene(test, s);
	for (i = 0; i < ARRAY_SIZE(words); i++)
		KUNIT_EXPECT_EQ(test, words[i], word_at(s, 10 + i));
	KUNIT_EXPECT_EQ(test, 4, word_at(s, 20));
	KUNIT_EXPECT_EQ(test, 5, word_at(s, 21));
}

/* One page, and more runs as that one than a block has room for. */
static int give_one_to_many(struct ckpt_save *save, struct space *space, u32 id)
{
	u64 base = space->scene->base;
	unsigned int i;
	int err;

	err = give_page(save, space->scene, id, 0);
	for (i = 1; !err && i <= space->nr; i++)
		err = ckpt_contents_same(save, id, base + i, id, base);
	return err;
}

static void a_block_may_be_without_pages(struct kunit *test)
{
	struct scene *s = test->priv;
	unsigned int i;

	s->space[0].give = give_one_to_many;
	s->space[0].nr = 2 * CKPT_RUNS_PER_BLOCK;
	write_scene(test, s);
	KUNIT_EXPECT_EQ(test, 3, count_blocks(test, s).blocks);
	KUNIT_EXPECT_EQ(test, 1, count_blocks(test, s).pages);
	read_scene(test, s);
	for (i = 0; i <= s->space[0].nr; i++)
		KUNIT_ASSERT_EQ(test, 1, word_at(s, i));
}

static void the_index_may_take_several_records(struct kunit *test)
{
	struct scene *s = test->priv;
	struct blocks b;

	s->space[0].give = give_every_other;
	s->space[0].nr = PAGES / 2;
	write_scene(test, s);
	b = count_blocks(test, s);
	KUNIT_EXPECT_EQ(test, PAGES / 2, b.index);
	KUNIT_EXPECT_EQ(test, 2, b.indices);
	follow_index(test, s);
	read_scene(test, s);
}

static int give_bytes(struct ckpt_save *save, struct space *space, u32 id)
{
	struct page *page = vmalloc_to_page(space->scene->source);
	struct page *next = vmalloc_to_page(space->scene->source + PAGE_SIZE);

	return ckpt_contents_bytes(save, id, 0, page, PAGE_SIZE) ?:
	       ckpt_contents_bytes(save, id, PAGE_SIZE, page, 1) ?:
	       give(save, id, space->scene->base + 1, next, 1);
}

/* Bytes take whole pages; they are in no index, but what follows them is. */
static void bytes_take_pages(struct kunit *test)
{
	struct scene *s = test->priv;
	struct ckpt_load *load;
	struct blocks b;

	s->space[0].give = give_bytes;
	write_scene(test, s);
	b = count_blocks(test, s);
	KUNIT_EXPECT_EQ(test, 3, b.runs);
	KUNIT_EXPECT_EQ(test, 3, b.pages);
	KUNIT_EXPECT_EQ(test, 1, b.index);
	follow_index(test, s);
	load = ckpt_kunit_reader(test, s->file);
	load->call.flags = RESTART_CHECK;
	KUNIT_EXPECT_EQ(test, 0, ckpt_read_metadata(load) ?: ckpt_read_contents(load));
	KUNIT_EXPECT_EQ(test, 3, load->call.result.pages);
}

/* Wherever metadata ends, the block begins with a page. */
static void zeros_lead_to_the_block_from_anywhere(struct kunit *test)
{
	/* what is left of the page: nothing, less than a header, just one, more */
	static const unsigned int left[] = { 0, 8, 16, 24, 32, 40, 2048, 4056, 4064, 4072, 4088 };
	const unsigned int rest = sizeof(struct ckpt_preamble) + 3 * sizeof(struct ckpt_record) +
		sizeof(struct ckpt_header) + sizeof(struct ckpt_cred) + sizeof(struct ckpt_mm);
	struct scene *s = test->priv;
	unsigned int i;

	s->space[0].give = give_first;
	for (i = 0; i < ARRAY_SIZE(left); i++) {
		unsigned int tail = (2 * CKPT_PAGE_SIZE - rest - left[i]) % CKPT_PAGE_SIZE;
		struct ckpt_obj obj = { .ops = &ckpt_cred_ops };
		struct ckpt_cred *out;
		struct ckpt_load *load;
		u32 id;

		s->save = ckpt_kunit_save(test);
		out = ckpt_emit_object(s->save, &obj, tail);
		KUNIT_ASSERT_NOT_NULL(test, out);
		out->nr_groups = cpu_to_le32(tail / sizeof(__le32));
		KUNIT_ASSERT_EQ(test, 0, ckpt_object(s->save, &s->space[0], &space_ops, &id));
		s->file = ckpt_kunit_write(test, s->save);
		KUNIT_EXPECT_EQ(test, 1, count_blocks(test, s).blocks);
		load = ckpt_kunit_reader(test, s->file);
		load->call.flags = RESTART_CHECK;
		KUNIT_ASSERT_EQ(test, 0, ckpt_read_metadata(load));
		KUNIT_EXPECT_EQ(test, CKPT_REC_CONTENT, le32_to_cpu(load->next.type));
		KUNIT_EXPECT_EQ(test, ALIGN(rest + tail, CKPT_PAGE_SIZE) + sizeof(load->next),
				load->call.stream.offset);
		KUNIT_EXPECT_EQ(test, left[i], ALIGN(rest + tail, CKPT_PAGE_SIZE) - rest - tail);
		KUNIT_EXPECT_EQ_MSG(test, 0, ckpt_read_contents(load), "%s",
				    ckpt_kunit_log(&load->call));
	}
}

static struct page *compound;

static int give_folio(struct ckpt_save *save, struct space *space, u32 id)
{
	return give(save, id, space->scene->base, compound, 4) ?:
	       give(save, id, space->scene->base + 4, compound + 4, 4) ?:
	       give(save, id, space->scene->base + 8, compound + 2, 2);
}

/* Pages of one folio are written as one segment, others never are. */
static void neighbours_in_memory_stay_in_order(struct kunit *test)
{
	struct scene *s = test->priv;
	int split, i;
	u64 *word;

	for (split = 0; split < 2; split++) {
		compound = alloc_pages(GFP_KERNEL | __GFP_ZERO | (split ? 0 : __GFP_COMP), 3);
		KUNIT_ASSERT_NOT_NULL(test, compound);
		if (split)
			split_page(compound, 3);
		for (i = 0; i < 8; i++) {
			word = page_address(compound + i);
			*word = 100 + i;
		}
		s->save = ckpt_kunit_save(test);
		s->space[0].give = give_folio;
		write_scene(test, s);
		for (i = 0; split && i < 8; i++)
			__free_page(compound + i);
		if (!split)
			__free_pages(compound, 3);
		read_scene(test, s);
		for (i = 0; i < 8; i++)
			KUNIT_EXPECT_EQ(test, 100 + i, word_at(s, i));
		KUNIT_EXPECT_EQ(test, 102, word_at(s, 8));
		KUNIT_EXPECT_EQ(test, 103, word_at(s, 9));
	}
}

static struct kunit_case contents_cases[] = {
	KUNIT_CASE(runs_fill_blocks_to_the_last),
	KUNIT_CASE(a_run_goes_on_in_the_next_block),
	KUNIT_CASE(a_run_is_of_one_object),
	KUNIT_CASE(pages_as_elsewhere_make_runs_if_both_go_on),
	KUNIT_CASE(a_block_may_be_without_pages),
	KUNIT_CASE(the_index_may_take_several_records),
	KUNIT_CASE(bytes_take_pages),
	KUNIT_CASE(zeros_lead_to_the_block_from_anywhere),
	KUNIT_CASE(neighbours_in_memory_stay_in_order),
	{}
};

static struct kunit_suite contents_suite = {
	.name = "checkpoint_contents",
	.init = contents_init,
	.test_cases = contents_cases,
};
kunit_test_suite(contents_suite);
