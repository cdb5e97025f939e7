// SPDX-License-Identifier: GPL-2.0
/* vm_flags, the image's flags, and mmap(2) and madvise(2): one and the same. */
#include "fixture.h"

static void the_tables_say_nothing_twice(struct kunit *test)
{
	vm_flags_t vm = 0;
	u32 image = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		KUNIT_EXPECT_EQ(test, 1, hweight64(known[i].vm));
		KUNIT_EXPECT_EQ(test, 1, hweight32(known[i].image));
		KUNIT_EXPECT_EQ(test, 0, vm & known[i].vm);
		KUNIT_EXPECT_EQ(test, 0, image & known[i].image);
		KUNIT_EXPECT_TRUE_MSG(test, !known[i].map || known[i].advice < 0,
				      "0x%x is asked for in two ways", known[i].image);
		vm |= known[i].vm;
		image |= known[i].image;
	}
	/* of these no bit of vm_flags tells */
	KUNIT_EXPECT_EQ(test, FLAGS_KNOWN, image | CKPT_VMA_NAMED | CKPT_VMA_WRITE_SEALED);
	KUNIT_EXPECT_EQ(test, 0, vm & VM_DERIVED);
}

static void every_bit_is_derived_or_saved_or_refused(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	vm_flags_t saved = 0;
	int bit, i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		saved |= known[i].vm;
	for (bit = 0; bit < BITS_PER_LONG; bit++) {
		vm_flags_t vm = BIT(bit);
		u32 flags, refused;

		save->call.result.blockers = 0;
		flags = flags_of(save, vm);
		refused = save->call.result.blockers;
		KUNIT_EXPECT_EQ_MSG(test, !!(vm & saved), hweight32(flags), "bit %d", bit);
		KUNIT_EXPECT_EQ_MSG(test, !(vm & (saved | VM_DERIVED)), refused, "bit %d", bit);
	}
}

/* The unknown bit is named even if others beside it are known. */
static void what_is_refused_is_named(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);

	KUNIT_EXPECT_EQ(test, CKPT_VMA_DONTFORK,
			flags_of(save, VM_READ | VM_DONTCOPY | VM_MIXEDMAP));
	KUNIT_EXPECT_EQ(test, 1, save->call.result.blockers);
	CKPT_EXPECT_LOGGED(test, &save->call, "(mixedmap)");
}

/* Makes a mapping from a record and saves it again. */
static void round_trip(struct kunit *test, struct ckpt_save *save,
		       struct ckpt_load *load, const struct ckpt_vma *in)
{
	struct ckpt_rec *rec = ckpt_kunit_rec(test, load, &ckpt_vma_ops, in, NULL, 0);
	unsigned long start = le64_to_cpu(in->start);
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	struct ckpt_vma out = {};

	KUNIT_ASSERT_EQ(test, 0, validate_vma(load, rec));
	KUNIT_ASSERT_EQ_MSG(test, 0, restart_vma(load, rec), "%s", ckpt_kunit_log(&load->call));
	mmap_read_lock(mm);
	vma = vma_lookup(mm, start);
	if (vma)
		checkpoint_vma(save, vma, 1, &out);
	mmap_read_unlock(mm);
	KUNIT_EXPECT_MEMEQ_MSG(test, &out, in, sizeof(out), "flags 0x%x prot %u became 0x%x, %u",
			       le32_to_cpu(in->flags), le32_to_cpu(in->prot),
			       le32_to_cpu(out.flags), le32_to_cpu(out.prot));
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(start, le64_to_cpu(in->end) - start));
}

/* A place for mappings: nothing is there. */
static struct ckpt_vma place(struct kunit *test, u32 kind)
{
	unsigned long addr = ckpt_kunit_map(test, 16);

	KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr, 16 * PAGE_SIZE));
	return (struct ckpt_vma){
		.start	= cpu_to_le64(addr),
		.end	= cpu_to_le64(addr + 16 * PAGE_SIZE),
		.kind	= cpu_to_le32(kind),
	};
}

/* All that mmap() and madvise() give. */
#define FLAGS_OF_MMAP	((CKPT_VMA_DROPPABLE << 1) - 1)
#define WITH_DROPPABLE	(CKPT_VMA_NORESERVE | CKPT_VMA_DONTDUMP | CKPT_VMA_WIPEONFORK)

/* Of these pairs mmap() and madvise() give only one at a time. */
static bool exclude_each_other(u32 flags)
{
	return !(~flags & (CKPT_VMA_RANDOM | CKPT_VMA_SEQUENTIAL)) ||
	       !(~flags & (CKPT_VMA_HUGEPAGE | CKPT_VMA_NOHUGEPAGE)) ||
	       !(~flags & (CKPT_VMA_DROPPABLE | CKPT_VMA_MERGEABLE)) ||
	       !(~flags & (CKPT_VMA_DROPPABLE | CKPT_VMA_GROWSDOWN)) ||
	       (flags & CKPT_VMA_DROPPABLE && ~flags & WITH_DROPPABLE);
}

static void private_mappings_come_back_with_all_their_flags(struct kunit *test)
{
	struct ckpt_vma in = place(test, CKPT_VMA_ANON);
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct ckpt_load *load = ckpt_kunit_load(test);
	u32 flags;

	in.prot = cpu_to_le32(PROT_READ | PROT_WRITE);
	for (flags = 0; flags <= FLAGS_OF_MMAP; flags++) {
		if (flags & CKPT_VMA_SHARED || exclude_each_other(flags))
			continue;
		in.flags = cpu_to_le32(flags);
		round_trip(test, save, load, &in);
	}
	KUNIT_EXPECT_EQ(test, 0, save->call.result.blockers);
}

static void every_protection_comes_back(struct kunit *test)
{
	struct ckpt_vma in = place(test, CKPT_VMA_ANON);
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct ckpt_load *load = ckpt_kunit_load(test);
	u32 prot;

	for (prot = 0; prot <= PROT_KNOWN; prot++) {
		in.prot = cpu_to_le32(prot);
		round_trip(test, save, load, &in);
	}
}

static void mappings_of_files_come_back(struct kunit *test)
{
	struct ckpt_vma in = place(test, CKPT_VMA_FILE);
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct ckpt_load *load = ckpt_kunit_load(test);
	struct ckpt_rec *rec = ckpt_kunit_object(test, load, &ckpt_file_shmem_ops);
	struct file *file = ckpt_kunit_file(test);
	struct ckpt_obj *obj = ckpt_object_see(save, file, &ckpt_file_shmem_ops);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	obj->captured = true;
	obj->id = rec->id;
	rec->live = get_file(file);
	in.file = cpu_to_le32(rec->id);
	in.prot = cpu_to_le32(PROT_READ);
	round_trip(test, save, load, &in);
	in.flags = cpu_to_le32(CKPT_VMA_SHARED);
	round_trip(test, save, load, &in);
	in.flags = cpu_to_le32(CKPT_VMA_SHARED | CKPT_VMA_SEQUENTIAL);
	in.offset = cpu_to_le64(3ULL << 40);
	round_trip(test, save, load, &in);
	KUNIT_EXPECT_EQ(test, 0, save->call.result.blockers);
}

static void nothing_is_mapped_over_what_is_there(struct kunit *test)
{
	struct ckpt_load *load = ckpt_kunit_load(test);
	unsigned long addr = ckpt_kunit_map(test, 1);
	struct ckpt_vma in = {
		.start	= cpu_to_le64(addr),
		.end	= cpu_to_le64(addr + PAGE_SIZE),
		.kind	= cpu_to_le32(CKPT_VMA_ANON),
	};
	struct ckpt_rec *rec = ckpt_kunit_rec(test, load, &ckpt_vma_ops, &in, NULL, 0);

	KUNIT_EXPECT_EQ(test, -EEXIST, restart_vma(load, rec));
	CKPT_EXPECT_LOGGED(test, &load->call, "cannot map");
}

/* A read-only shared mapping has VM_MAYSHARE without VM_SHARED. */
static void a_flag_that_others_imply_is_not_saved_twice(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);

	KUNIT_EXPECT_EQ(test, CKPT_VMA_SHARED, flags_of(save, VM_MAYSHARE));
	KUNIT_EXPECT_EQ(test, CKPT_VMA_SHARED, flags_of(save, VM_MAYSHARE | VM_SHARED));
	KUNIT_EXPECT_EQ(test, 0, save->call.result.blockers);
}

static void addresses_are_looked_at_up_to_the_last(struct kunit *test)
{
	const struct {
		u64 start, end, offset;
		int err;
	} cases[] = {
		{ PAGE_SIZE, 2 * PAGE_SIZE, 0, 0 },
		{ TASK_SIZE_MAX - PAGE_SIZE, TASK_SIZE_MAX, 0, 0 },
		{ TASK_SIZE_MAX, TASK_SIZE_MAX + PAGE_SIZE, 0, -EBADMSG },
		{ PAGE_SIZE, TASK_SIZE_MAX + PAGE_SIZE, 0, -EBADMSG },
		{ PAGE_SIZE, PAGE_SIZE, 0, -EBADMSG },
		{ 2 * PAGE_SIZE, PAGE_SIZE, 0, -EBADMSG },
		{ -PAGE_SIZE, 0, 0, -EBADMSG },
		{ -2 * PAGE_SIZE, -PAGE_SIZE, 0, -EBADMSG },
		{ PAGE_SIZE + 8, 2 * PAGE_SIZE, 0, -EBADMSG },
		{ PAGE_SIZE, 2 * PAGE_SIZE - 1, 0, -EBADMSG },
		{ PAGE_SIZE, 2 * PAGE_SIZE, 1, -EBADMSG },
		/* anonymous memory is of no file */
		{ PAGE_SIZE, 2 * PAGE_SIZE, PAGE_SIZE, -EBADMSG },
	};
	struct ckpt_load *load = ckpt_kunit_load(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ckpt_vma in = {
			.start	= cpu_to_le64(cases[i].start),
			.end	= cpu_to_le64(cases[i].end),
			.offset	= cpu_to_le64(cases[i].offset),
			.kind	= cpu_to_le32(CKPT_VMA_ANON),
		};
		struct ckpt_rec *rec = ckpt_kunit_rec(test, load, &ckpt_vma_ops, &in, NULL, 0);

		KUNIT_EXPECT_EQ_MSG(test, cases[i].err, validate_vma(load, rec),
				    "0x%llx to 0x%llx", cases[i].start, cases[i].end);
	}
}

static struct kunit_case vma_cases[] = {
	KUNIT_CASE(the_tables_say_nothing_twice),
	KUNIT_CASE(every_bit_is_derived_or_saved_or_refused),
	KUNIT_CASE(what_is_refused_is_named),
	KUNIT_CASE(private_mappings_come_back_with_all_their_flags),
	KUNIT_CASE(every_protection_comes_back),
	KUNIT_CASE(mappings_of_files_come_back),
	KUNIT_CASE(nothing_is_mapped_over_what_is_there),
	KUNIT_CASE(a_flag_that_others_imply_is_not_saved_twice),
	KUNIT_CASE(addresses_are_looked_at_up_to_the_last),
	{}
};

static struct kunit_suite vma_suite = {
	.name = "checkpoint_vma",
	.test_cases = vma_cases,
};
kunit_test_suite(vma_suite);
