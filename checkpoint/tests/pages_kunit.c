// SPDX-License-Identifier: GPL-2.0
/* Runs of pages at the ends of what there is: of memory, of a block, of numbers. */
#include <linux/crc32c.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/xxhash.h>

#include "fixture.h"

#define LAST_PAGE	(TASK_SIZE_MAX >> PAGE_SHIFT)

struct fill_test {
	struct ckpt_load *load;
	struct ckpt_rec *mm, *pipe;
	struct file *file;
};

/* The case's own address space is the one that is restarted. */
static struct fill_test *begin(struct kunit *test)
{
	struct fill_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	ckpt_kunit_map(test, 1);
	t->load = ckpt_kunit_load(test);
	t->file = ckpt_kunit_file(test);
	t->load->call.stream.file = get_file(t->file);
	t->mm = ckpt_kunit_object(test, t->load, &ckpt_mm_ops);
	mmget(current->mm);
	t->mm->live = current->mm;
	t->pipe = ckpt_kunit_object(test, t->load, &ckpt_pipe_ops);
	return t;
}

static int fill(struct fill_test *t, u16 kind, u64 index, u32 count, u32 src, u64 src_index)
{
	struct ckpt_run run = {
		.object		= cpu_to_le32(t->mm->id),
		.kind		= cpu_to_le16(kind),
		.index		= cpu_to_le64(index),
		.count		= cpu_to_le32(count),
		.src_object	= cpu_to_le32(src),
		.src_index	= cpu_to_le64(src_index),
	};

	ckpt_kunit_forget(&t->load->call);
	return ckpt_mm_ops.fill(t->load, t->mm, &run);
}

/* What the stream has: every page begins with its number. */
static void provide(struct kunit *test, struct fill_test *t, unsigned int pages)
{
	u64 *page = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct file *file = t->load->call.stream.file;
	loff_t pos = 0;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	for (i = 0; i < pages; i++) {
		page[0] = i + 1;
		page[511] = ~(i + 1ULL);
		KUNIT_ASSERT_EQ(test, PAGE_SIZE, kernel_write(file, page, PAGE_SIZE, &pos));
	}
	file->f_pos = 0;
	ckpt_pages_put(&t->load->block->pages);
	t->load->block_left = pages;
}

static u64 first_word(u64 addr)
{
	u64 word;

	return copy_from_user(&word, u64_to_user_ptr(addr), sizeof(word)) ? U64_MAX : word;
}

static void a_run_beyond_user_memory_is_refused(struct kunit *test)
{
	const struct {
		u64 index;
		u32 count;
	} cases[] = {
		{ LAST_PAGE + 1, 1 },
		{ LAST_PAGE, 1 },
		{ LAST_PAGE - 1, 2 },
		{ LAST_PAGE - U32_MAX + 1, U32_MAX },
		{ BIT_ULL(52), 1 },
		{ BIT_ULL(63), 1 },
		{ U64_MAX, 1 },
		{ U64_MAX, U32_MAX },
		/* as an address, this is 0 */
		{ U64_MAX >> PAGE_SHIFT, 1 },
		{ (U64_MAX >> PAGE_SHIFT) + 1, 1 },
	};
	struct fill_test *t = begin(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 index = cases[i].index;
		u32 count = cases[i].count;

		KUNIT_EXPECT_EQ_MSG(test, -EBADMSG, fill(t, CKPT_RUN_DATA, index, count, 0, 0),
				    "%u from 0x%llx", count, index);
		CKPT_EXPECT_LOGGED(test, &t->load->call, "beyond user memory");
		KUNIT_EXPECT_EQ_MSG(test, -EBADMSG,
				    fill(t, CKPT_RUN_SAME, 0, count, t->mm->id, index),
				    "%u as from 0x%llx", count, index);
		CKPT_EXPECT_LOGGED(test, &t->load->call, "beyond user memory");
	}
}

/* The last page may be asked for; only that nothing is there. */
static void the_last_page_is_of_user_memory(struct kunit *test)
{
	struct fill_test *t = begin(test);

	KUNIT_EXPECT_EQ(test, -EBADMSG, fill(t, CKPT_RUN_DATA, LAST_PAGE - 1, 1, 0, 0));
	CKPT_EXPECT_LOGGED(test, &t->load->call, "no private memory is");
}

static void a_run_of_another_kind_is_refused(struct kunit *test)
{
	struct fill_test *t = begin(test);
	u64 index = ckpt_kunit_map(test, 1) >> PAGE_SHIFT;

	KUNIT_EXPECT_EQ(test, -EBADMSG, fill(t, CKPT_RUN_BYTES, index, 1, 0, 0));
	CKPT_EXPECT_LOGGED(test, &t->load->call, "contents of kind 3");
	KUNIT_EXPECT_EQ(test, -EBADMSG, fill(t, 0, index, 1, 0, 0));
	CKPT_EXPECT_LOGGED(test, &t->load->call, "contents of kind 0");
	KUNIT_EXPECT_EQ(test, -EBADMSG, fill(t, U16_MAX, index, 1, 0, 0));
	CKPT_EXPECT_LOGGED(test, &t->load->call, "contents of kind 65535");
	KUNIT_EXPECT_EQ(test, -EBADMSG, fill(t, CKPT_RUN_SAME, index, 1, 0, index));
	KUNIT_EXPECT_EQ(test, -EBADMSG, fill(t, CKPT_RUN_SAME, index, 1, 99, index));
	KUNIT_EXPECT_EQ(test, -EBADMSG, fill(t, CKPT_RUN_SAME, index, 1, t->pipe->id, index));
	CKPT_EXPECT_LOGGED(test, &t->load->call, "as those of no memory");
}

/* More than one batch of pages, so that the next goes on where one ended. */
static void every_page_of_a_long_run_is_in_its_place(struct kunit *test)
{
	const unsigned int pages = CKPT_BLOCK_MAX_PAGES;
	struct fill_test *t = begin(test);
	u64 addr = ckpt_kunit_map(test, pages + 2), at;
	unsigned int i;

	provide(test, t, pages);
	KUNIT_ASSERT_EQ(test, 0, fill(t, CKPT_RUN_DATA, (addr >> PAGE_SHIFT) + 1, pages, 0, 0));
	KUNIT_EXPECT_EQ(test, 0, first_word(addr));
	for (i = 0; i < pages; i++) {
		at = addr + (i + 1) * PAGE_SIZE;
		KUNIT_ASSERT_EQ(test, i + 1, first_word(at));
		KUNIT_ASSERT_EQ(test, ~(i + 1ULL), first_word(at + PAGE_SIZE - 8));
	}
	KUNIT_EXPECT_EQ(test, 0, first_word(addr + (pages + 1) * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, t->load->block_left);
	KUNIT_EXPECT_EQ(test, pages, t->load->call.result.pages);
}

static void a_block_gives_no_more_pages_than_it_has(struct kunit *test)
{
	struct fill_test *t = begin(test);
	u64 addr = ckpt_kunit_map(test, 4);

	provide(test, t, 3);
	KUNIT_EXPECT_EQ(test, -EBADMSG, fill(t, CKPT_RUN_DATA, addr >> PAGE_SHIFT, 4, 0, 0));
	CKPT_EXPECT_LOGGED(test, &t->load->call, "more pages than its block");
	/* the block says four, the stream ends after three */
	t->load->block_left = 4;
	KUNIT_EXPECT_EQ(test, -EBADMSG, fill(t, CKPT_RUN_DATA, addr >> PAGE_SHIFT, 4, 0, 0));
	CKPT_EXPECT_LOGGED(test, &t->load->call, ": contents\n");
}

/* Of a run that is refused, what is in front of the place may be filled, no more. */
static void only_private_memory_is_written(struct kunit *test)
{
	struct fill_test *t = begin(test);
	u64 addr = ckpt_kunit_map(test, 6);
	u64 shared = addr + 2 * PAGE_SIZE, hole = addr + 5 * PAGE_SIZE;
	struct file *file = ckpt_kunit_file(test);

	KUNIT_ASSERT_EQ(test, shared, vm_mmap(file, shared, PAGE_SIZE, PROT_READ | PROT_WRITE,
					      MAP_SHARED | MAP_FIXED, 0));
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(hole, PAGE_SIZE));
	provide(test, t, 6);

	KUNIT_EXPECT_EQ(test, -EBADMSG, fill(t, CKPT_RUN_DATA, shared >> PAGE_SHIFT, 1, 0, 0));
	KUNIT_EXPECT_EQ(test, -EBADMSG, fill(t, CKPT_RUN_DATA, addr >> PAGE_SHIFT, 3, 0, 0));
	CKPT_EXPECT_LOGGED(test, &t->load->call, "no private memory is");
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			fill(t, CKPT_RUN_DATA, (hole >> PAGE_SHIFT) - 2, 3, 0, 0));
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			fill(t, CKPT_RUN_SAME, addr >> PAGE_SHIFT, 3, t->mm->id,
			     addr >> PAGE_SHIFT));
	KUNIT_EXPECT_EQ(test, -EBADMSG, fill(t, CKPT_RUN_SAME, addr >> PAGE_SHIFT, 1, t->mm->id,
					     shared >> PAGE_SHIFT));
	/* the file is still empty */
	KUNIT_EXPECT_EQ(test, 0, i_size_read(file_inode(file)));
	KUNIT_EXPECT_EQ(test, U64_MAX, first_word(shared));
	KUNIT_EXPECT_EQ(test, 2, t->load->block_left);
}

/* Contents come before protections count: the program wrote them once. */
static void mappings_that_cannot_be_written_are_filled(struct kunit *test)
{
	struct fill_test *t = begin(test);
	u64 addr = ckpt_kunit_map(test, 3);
	u64 second = addr + PAGE_SIZE;

	KUNIT_ASSERT_EQ(test, second, vm_mmap(NULL, second, PAGE_SIZE, PROT_READ,
					      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0));
	provide(test, t, 3);
	KUNIT_EXPECT_EQ(test, 0, fill(t, CKPT_RUN_DATA, addr >> PAGE_SHIFT, 3, 0, 0));
	KUNIT_EXPECT_EQ(test, 1, first_word(addr));
	KUNIT_EXPECT_EQ(test, 2, first_word(second));
	KUNIT_EXPECT_EQ(test, 3, first_word(second + PAGE_SIZE));
}

/* Copied, not shared: what is written to one afterwards is not in the other. */
static void pages_as_elsewhere_are_copies(struct kunit *test)
{
	const unsigned int pages = 520;
	struct fill_test *t = begin(test);
	u64 from = ckpt_kunit_map(test, pages), to = ckpt_kunit_map(test, pages);
	unsigned int i;
	u64 word = 7;

	provide(test, t, pages);
	KUNIT_ASSERT_EQ(test, 0, fill(t, CKPT_RUN_DATA, from >> PAGE_SHIFT, pages, 0, 0));
	KUNIT_ASSERT_EQ(test, 0, fill(t, CKPT_RUN_SAME, to >> PAGE_SHIFT, pages, t->mm->id,
				      from >> PAGE_SHIFT));
	for (i = 0; i < pages; i++)
		KUNIT_ASSERT_EQ(test, i + 1, first_word(to + i * PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(u64_to_user_ptr(from), &word, sizeof(word)));
	KUNIT_EXPECT_EQ(test, 1, first_word(to));
}

/* As khugepaged may do to a part that was filled, in front of the next part. */
static void what_is_there_already_is_filled(struct kunit *test)
{
	struct fill_test *t = begin(test);
	u64 addr = ckpt_kunit_map(test, 3), word = 7;

	KUNIT_ASSERT_EQ(test, 0, copy_to_user(u64_to_user_ptr(addr + PAGE_SIZE), &word,
					      sizeof(word)));
	provide(test, t, 3);
	KUNIT_EXPECT_EQ(test, 0, fill(t, CKPT_RUN_DATA, addr >> PAGE_SHIFT, 3, 0, 0));
	KUNIT_EXPECT_EQ(test, 1, first_word(addr));
	KUNIT_EXPECT_EQ(test, 2, first_word(addr + PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 3, first_word(addr + 2 * PAGE_SIZE));
}

static void a_run_with_unknown_flags_is_refused(struct kunit *test)
{
	struct fill_test *t = begin(test);
	u64 addr = ckpt_kunit_map(test, 2);
	struct ckpt_run run = {
		.object		= cpu_to_le32(t->mm->id),
		.kind		= cpu_to_le16(CKPT_RUN_DATA),
		.flags		= cpu_to_le16(4),
		.index		= cpu_to_le64(addr >> PAGE_SHIFT),
		.count		= cpu_to_le32(1),
	};

	provide(test, t, 1);
	KUNIT_EXPECT_EQ(test, -EBADMSG, ckpt_mm_ops.fill(t->load, t->mm, &run));
	CKPT_EXPECT_LOGGED(test, &t->load->call, "flags 0x4");
	run.flags = cpu_to_le16(CKPT_RUN_F_HUGE);
	run.kind = cpu_to_le16(CKPT_RUN_SAME);
	run.src_object = cpu_to_le32(t->mm->id);
	KUNIT_EXPECT_EQ(test, -EBADMSG, ckpt_mm_ops.fill(t->load, t->mm, &run));
	CKPT_EXPECT_LOGGED(test, &t->load->call, "flags 0x1");
}

static void pages_go_into_the_checksum_in_order(struct kunit *test)
{
	struct fill_test *t = begin(test);
	u64 addr = ckpt_kunit_map(test, 2);
	u8 *pages = kunit_kzalloc(test, 2 * PAGE_SIZE, GFP_KERNEL);
	__le64 digests[2];

	KUNIT_ASSERT_NOT_NULL(test, pages);
	provide(test, t, 2);
	KUNIT_ASSERT_EQ(test, 0, fill(t, CKPT_RUN_DATA, addr >> PAGE_SHIFT, 2, 0, 0));
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(pages, u64_to_user_ptr(addr), 2 * PAGE_SIZE));
	digests[0] = cpu_to_le64(xxh64(pages, PAGE_SIZE, 0));
	digests[1] = cpu_to_le64(xxh64(pages + PAGE_SIZE, PAGE_SIZE, 0));
	ckpt_pages_start(&t->load->block->pages);
	KUNIT_EXPECT_EQ(test, crc32c(0x12345678, digests, sizeof(digests)),
			ckpt_pages_crc(&t->load->block->pages, 0x12345678));
}

static struct kunit_case pages_cases[] = {
	KUNIT_CASE(a_run_beyond_user_memory_is_refused),
	KUNIT_CASE(the_last_page_is_of_user_memory),
	KUNIT_CASE(a_run_of_another_kind_is_refused),
	KUNIT_CASE(every_page_of_a_long_run_is_in_its_place),
	KUNIT_CASE(a_block_gives_no_more_pages_than_it_has),
	KUNIT_CASE(only_private_memory_is_written),
	KUNIT_CASE(mappings_that_cannot_be_written_are_filled),
	KUNIT_CASE(pages_as_elsewhere_are_copies),
	KUNIT_CASE(what_is_there_already_is_filled),
	KUNIT_CASE(a_run_with_unknown_flags_is_refused),
	KUNIT_CASE(pages_go_into_the_checksum_in_order),
	{}
};

static struct kunit_suite pages_suite = {
	.name = "checkpoint_pages",
	.test_cases = pages_cases,
};
kunit_test_suite(pages_suite);
