// SPDX-License-Identifier: GPL-2.0
/*
 * The extended state by component: of CPUs with AVX-512, AMX and CET, which
 * need not be the one at hand, as far as records go; of the one at hand, into
 * a task and back.
 */
#include <asm/cpufeature.h>
#include <asm/fpu/xcr.h>

#include "../../kernel/fpu/legacy.h"
#include "../../../../checkpoint/tests/fixture.h"

/* Offset and size of a component as CPUID tells them; size 0 is no component. */
struct layout {
	u32 offset[64];
	u32 size[64];
};

/* A server of 2023: AVX-512, PKRU, AMX. Supervisor components have no offset. */
static const struct layout server = {
	.offset	= { [2] = 576, [5] = 1088, [6] = 1152, [7] = 1664, [9] = 2688,
		    [17] = 2752, [18] = 2816 },
	.size	= { [2] = 256, [5] = 64, [6] = 512, [7] = 1024, [9] = 8,
		    [17] = 64, [18] = 8192 },
};

/* Another with the same, kept elsewhere: MPX is in front of AVX-512. */
static const struct layout desktop = {
	.offset	= { [2] = 576, [3] = 960, [4] = 1024, [5] = 1600, [6] = 1664,
		    [7] = 2176, [9] = 832 },
	.size	= { [2] = 256, [3] = 64, [4] = 64, [5] = 64, [6] = 512,
		    [7] = 1024, [9] = 8 },
};

#define SERVER_BYTES	(2816 + 8192)
/* x87, SSE, AVX, opmask, ZMM_Hi256, Hi16_ZMM, PKRU */
#define AVX512_ALL	0x2e7ULL

static const struct layout *cpu;

/* Stands for component(), which asks the CPU. */
static bool component_of_layout(u32 nr, u32 *offset, u32 *size)
{
	if (nr < 2 || nr > 62)
		return false;
	*offset = cpu->offset[nr];
	*size = cpu->size[nr];
	return *size;
}

static void pretend(struct kunit *test, const struct layout *layout)
{
	cpu = layout;
	kunit_activate_static_stub(test, component, component_of_layout);
}

static struct ckpt_load *new_reader(struct kunit *test, u64 xfeatures)
{
	struct ckpt_load *load = ckpt_kunit_load(test);

	load->header = kzalloc(sizeof(*load->header), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, load->header);
	load->header->xfeatures = cpu_to_le64(xfeatures);
	return load;
}

/* An area of a CPU, every byte of each component with a value of its own. */
static u8 *new_area(struct kunit *test, const struct layout *layout, u64 in_use)
{
	u8 *area = kunit_kzalloc(test, SERVER_BYTES, GFP_KERNEL);
	u32 nr, i;

	KUNIT_ASSERT_NOT_NULL(test, area);
	for (i = 0; i < FX_SW_RESERVED; i++)
		area[i] = i * 7 + 1;
	for (nr = 2; nr < 63; nr++)
		for (i = 0; in_use & BIT_ULL(nr) && i < layout->size[nr]; i++)
			area[layout->offset[nr] + i] = nr * 31 + i * 3 + 1;
	*(u64 *)(area + XSAVE_HEADER) = in_use;
	return area;
}

/* All records that an area makes, each found right by its reader. */
static struct ckpt_rec *through_records(struct kunit *test, struct ckpt_load *load,
					const u8 *area)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct ckpt_rec *first, *rec;

	KUNIT_ASSERT_EQ_MSG(test, 0, emit_xstate(save, area, SERVER_BYTES), "%s",
			    ckpt_kunit_log(&save->call));
	KUNIT_EXPECT_EQ(test, *(u64 *)(area + XSAVE_HEADER), save->xfeatures);
	first = ckpt_kunit_hand_over(test, save, load);
	rec = first;
	list_for_each_entry_from(rec, &load->recs, list)
		KUNIT_EXPECT_EQ_MSG(test, 0, validate_xfeature(load, rec), "%s",
				    ckpt_kunit_log(&load->call));
	return first;
}

static void avx512_comes_back_on_a_cpu_of_the_same_layout(struct kunit *test)
{
	struct ckpt_load *load = new_reader(test, AVX512_ALL);
	u8 *area = new_area(test, &server, AVX512_ALL);
	u8 *back = kunit_kzalloc(test, SERVER_BYTES, GFP_KERNEL);
	struct ckpt_rec *first;

	KUNIT_ASSERT_NOT_NULL(test, back);
	pretend(test, &server);
	first = through_records(test, load, area);
	KUNIT_EXPECT_EQ(test, 6, count_components(area));
	KUNIT_EXPECT_EQ(test, 0, gather_xstate(load, list_prev_entry(first, list), 6, back,
					       SERVER_BYTES));
	KUNIT_EXPECT_MEMEQ(test, back, area, SERVER_BYTES);
}

static void components_go_where_another_cpu_has_them(struct kunit *test)
{
	struct ckpt_load *load = new_reader(test, AVX512_ALL);
	u8 *area = new_area(test, &server, AVX512_ALL);
	u8 *there = new_area(test, &desktop, AVX512_ALL);
	u8 *back = kunit_kzalloc(test, SERVER_BYTES, GFP_KERNEL);
	struct ckpt_rec *first;

	KUNIT_ASSERT_NOT_NULL(test, back);
	pretend(test, &server);
	first = through_records(test, load, area);
	pretend(test, &desktop);
	KUNIT_EXPECT_EQ(test, 0, gather_xstate(load, list_prev_entry(first, list), 6, back,
					       SERVER_BYTES));
	KUNIT_EXPECT_MEMEQ(test, back, there, SERVER_BYTES);
}

/* A component in its initial state has no record, and is in it afterwards. */
static void any_set_of_components_comes_back(struct kunit *test)
{
	u8 *back = kunit_kzalloc(test, SERVER_BYTES, GFP_KERNEL);
	struct ckpt_load *load = new_reader(test, AVX512_ALL);
	u64 in_use;

	KUNIT_ASSERT_NOT_NULL(test, back);
	pretend(test, &server);
	for (in_use = 3; in_use <= AVX512_ALL; in_use += 4) {
		struct ckpt_rec *first;
		u8 *area;

		if (in_use & ~AVX512_ALL)
			continue;
		area = new_area(test, &server, in_use);
		first = through_records(test, load, area);
		memset(back, 0, SERVER_BYTES);
		KUNIT_EXPECT_EQ(test, 0, gather_xstate(load, list_prev_entry(first, list),
						       count_components(area), back, SERVER_BYTES));
		KUNIT_EXPECT_MEMEQ_MSG(test, back, area, SERVER_BYTES, "in use: 0x%llx", in_use);
		kunit_kfree(test, area);
	}
}

/* Bytes 464 to 511 are software's: the kernel tells its own layout there. */
static void bytes_of_software_are_not_in_the_image(struct kunit *test)
{
	struct ckpt_load *load = new_reader(test, 3);
	u8 *area = new_area(test, &server, 3), *tail;

	memset(area + FX_SW_RESERVED, 0xee, XSAVE_HEADER - FX_SW_RESERVED);
	tail = ckpt_rec_tail(through_records(test, load, area));
	KUNIT_EXPECT_MEMEQ(test, tail, area, FX_SW_RESERVED);
	KUNIT_EXPECT_NULL(test, memchr_inv(tail + FX_SW_RESERVED, 0,
					   XSAVE_HEADER - FX_SW_RESERVED));
}

static struct ckpt_rec *new_record(struct kunit *test, struct ckpt_load *load, u32 nr,
				   u32 size, size_t tail)
{
	struct ckpt_x86_xfeature in = { .nr = cpu_to_le32(nr), .size = cpu_to_le32(size) };

	return ckpt_kunit_rec(test, load, &ckpt_x86_xfeature_ops, &in, NULL, tail);
}

static int read_record_of(struct kunit *test, struct ckpt_load *load, u32 nr, u32 size)
{
	return validate_xfeature(load, new_record(test, load, nr, size, size));
}

/* Each component of AVX-512, the tile configuration and PKRU, byte by byte. */
static void a_component_has_the_size_of_the_cpu(struct kunit *test)
{
	struct ckpt_load *load = new_reader(test, U64_MAX);
	u32 nr;

	pretend(test, &server);
	KUNIT_EXPECT_EQ(test, 0, read_record_of(test, load, 0, 512));
	KUNIT_EXPECT_EQ(test, -EBADMSG, read_record_of(test, load, 0, 0));
	KUNIT_EXPECT_EQ(test, -EBADMSG, read_record_of(test, load, 0, 504));
	KUNIT_EXPECT_EQ(test, -EBADMSG, read_record_of(test, load, 0, 520));
	KUNIT_EXPECT_EQ(test, -EBADMSG, read_record_of(test, load, 0, 576));
	for (nr = 1; nr < 63; nr++) {
		u32 size = server.size[nr];

		if (!size)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, 0, read_record_of(test, load, nr, size), "%u", nr);
		KUNIT_EXPECT_EQ_MSG(test, -EBADMSG, read_record_of(test, load, nr, size - 1),
				    "%u", nr);
		KUNIT_EXPECT_EQ_MSG(test, -EBADMSG, read_record_of(test, load, nr, size + 1),
				    "%u", nr);
		KUNIT_EXPECT_EQ_MSG(test, -EBADMSG, read_record_of(test, load, nr, 0), "%u", nr);
	}
}

/* MPX, supervisor's (PT, PASID, CET, LBR...), ones to come, and no numbers. */
static void a_component_that_the_cpu_lacks_is_refused(struct kunit *test)
{
	struct ckpt_load *load = new_reader(test, U64_MAX);
	static const u32 beyond[] = { 63, 64, 64 + 2, 128 + 5, BIT(31) + 2, U32_MAX };
	u32 nr;
	int i;

	pretend(test, &server);
	for (nr = 1; nr < 63; nr++)
		if (!server.size[nr])
			KUNIT_EXPECT_EQ_MSG(test, -EBADMSG, read_record_of(test, load, nr, 64),
					    "%u", nr);
	for (i = 0; i < ARRAY_SIZE(beyond); i++)
		KUNIT_EXPECT_EQ_MSG(test, -EBADMSG, read_record_of(test, load, beyond[i], 256),
				    "%u", beyond[i]);
}

/* The header says what is in use: a reader was asked about that alone. */
static void a_component_is_announced_by_the_header(struct kunit *test)
{
	u32 nr;

	pretend(test, &server);
	for (nr = 2; nr < 63; nr++) {
		if (!server.size[nr])
			continue;
		KUNIT_EXPECT_EQ(test, 0, read_record_of(test, new_reader(test, BIT_ULL(nr)), nr,
							server.size[nr]));
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				read_record_of(test, new_reader(test, ~BIT_ULL(nr)), nr,
					       server.size[nr]));
	}
}

static void the_size_fits_the_length_of_the_record(struct kunit *test)
{
	struct ckpt_load *load = new_reader(test, U64_MAX);

	pretend(test, &server);
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			validate_xfeature(load, new_record(test, load, 2, 256, 248)));
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			validate_xfeature(load, new_record(test, load, 2, 256, 264)));
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			validate_xfeature(load, new_record(test, load, 2, 0, 256)));
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			validate_xfeature(load, new_record(test, load, 2, U32_MAX, 0)));
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			validate_xfeature(load, new_record(test, load, 0, U32_MAX - 6, 0)));
}

/* Not even by way of a thread that was not refused. */
static void tiles_have_no_record(struct kunit *test)
{
	u8 *area = new_area(test, &server, 3 | BIT_ULL(17) | BIT_ULL(18));
	struct ckpt_save *save = ckpt_kunit_save(test);

	pretend(test, &server);
	KUNIT_EXPECT_GT(test, server.size[18], ckpt_x86_xfeature_ops.max_tail);
	KUNIT_EXPECT_NE(test, 0, emit_xstate(save, area, SERVER_BYTES));
}

static void a_component_without_a_place_is_not_saved(struct kunit *test)
{
	static const u32 none[] = { 3, 8, 10, 11, 12, 15, 62 };
	struct ckpt_save *save = ckpt_kunit_save(test);
	u32 i;

	pretend(test, &server);
	for (i = 0; i < ARRAY_SIZE(none); i++) {
		u8 *area = new_area(test, &server, 3 | BIT_ULL(none[i]));

		ckpt_kunit_forget(&save->call);
		KUNIT_EXPECT_EQ(test, -EIO, emit_xstate(save, area, SERVER_BYTES));
		CKPT_EXPECT_LOGGED(test, &save->call, "has no place");
	}
	/* the area of the kernel ends before the component does */
	KUNIT_EXPECT_EQ(test, -EIO, emit_xstate(save, new_area(test, &server, 0x203), 2695));
	KUNIT_EXPECT_EQ(test, 0, emit_xstate(save, new_area(test, &server, 0x203), 2696));
}

static void a_component_without_a_place_here_is_not_set(struct kunit *test)
{
	u8 *back = kunit_kzalloc(test, SERVER_BYTES, GFP_KERNEL);
	struct ckpt_load *load = new_reader(test, U64_MAX);
	struct ckpt_rec *rec = new_record(test, load, 9, 8, 8);
	struct ckpt_rec *before = list_prev_entry(rec, list);

	KUNIT_ASSERT_NOT_NULL(test, back);
	pretend(test, &server);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, gather_xstate(load, before, 1, back, 2695));
	KUNIT_EXPECT_EQ(test, 0, gather_xstate(load, before, 1, back, 2696));
	ckpt_data(rec, ckpt_x86_xfeature)->nr = cpu_to_le32(8);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, gather_xstate(load, before, 1, back, SERVER_BYTES));
}

/* ---- On the CPU at hand ---- */

static u64 cpu_xfeatures(void)
{
	return boot_cpu_has(X86_FEATURE_XSAVE) ? xgetbv(XCR_XFEATURE_ENABLED_MASK) : 0;
}

/* The records of a thread: THREAD, X86_THREAD, and what its CPU has. */
static struct ckpt_rec *thread_with(struct kunit *test, struct ckpt_load *load, const u8 *fxsave)
{
	struct ckpt_x86_thread regs = {};
	struct user_regs_struct *user = (void *)regs.regs;
	struct ckpt_rec *thread = ckpt_kunit_rec(test, load, &ckpt_thread_ops, NULL, NULL, 0);
	struct ckpt_rec *rec;
	u32 nr, offset, size, i, count = 1;

	user->cs = __USER_CS;
	user->ss = __USER_DS;
	rec = ckpt_kunit_rec(test, load, &ckpt_x86_thread_ops, &regs, NULL, 0);
	memcpy(ckpt_rec_tail(new_record(test, load, 0, 512, 512)), fxsave, 512);
	for (nr = 2; nr < 63; nr++) {
		u8 *tail;

		if (!(cpu_xfeatures() & BIT_ULL(nr)) || !component(nr, &offset, &size))
			continue;
		tail = ckpt_rec_tail(new_record(test, load, nr, size, size));
		for (i = 0; i < size; i++)
			tail[i] = nr + i;
		/* the upper half of its eight bytes is no register */
		if (nr == 9)
			memset(tail + 4, 0, 4);
		count++;
	}
	ckpt_data(rec, ckpt_x86_thread)->nr_xfeatures = cpu_to_le32(count);
	return thread;
}

static void new_fxsave(u8 *fxsave, u32 mxcsr)
{
	u32 i;

	/* control words that are valid, then 8 registers of 10 bytes, then 16 */
	memset(fxsave, 0, 512);
	*(u16 *)fxsave = 0x37f;
	*(u32 *)(fxsave + 24) = mxcsr;
	*(u32 *)(fxsave + 28) = mxcsr_feature_mask;
	for (i = 0; i < 8 * 16; i++)
		if (i % 16 < 10)
			fxsave[32 + i] = i + 1;
	for (i = 0; i < 16 * 16; i++)
		fxsave[160 + i] = ~i;
}

static int restart_on(struct ckpt_load *load, struct ckpt_rec *thread,
		      struct task_struct *task)
{
	struct ckpt_task t = { .task = task, .rec = thread };

	return restart_arch_thread(load, &t);
}

static struct task_struct *new_thread(struct kunit *test)
{
	struct task_struct *task = ckpt_kunit_task(test);

	if (!(cpu_xfeatures() & BIT_ULL(2)))
		kunit_skip(test, "the CPU has no XSAVE with AVX");
	task_pt_regs(task)->cs = __USER_CS;
	return task;
}

/* All that this CPU has, into a task and out of it, is the same. */
static void the_state_of_this_cpu_comes_back(struct kunit *test)
{
	struct ckpt_load *load = new_reader(test, U64_MAX), *again = new_reader(test, U64_MAX);
	struct task_struct *task = new_thread(test);
	struct ckpt_save *save = ckpt_kunit_save(test);
	u32 default_pkru = task->thread.pkru;
	struct ckpt_rec *thread, *rec, *out;
	u8 fxsave[512];

	new_fxsave(fxsave, 0x1f80);
	thread = thread_with(test, load, fxsave);
	rec = thread;
	list_for_each_entry_continue(rec, &load->recs, list)
		KUNIT_ASSERT_EQ_MSG(test, 0, rec->ops->validate(load, rec), "%s",
				    ckpt_kunit_log(&load->call));
	KUNIT_ASSERT_EQ_MSG(test, 0, restart_on(load, thread, task), "%s",
			    ckpt_kunit_log(&load->call));
	KUNIT_ASSERT_EQ(test, 0, checkpoint_arch_thread(save, task));
	out = ckpt_kunit_hand_over(test, save, again);
	rec = list_next_entry(thread, list);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(ckpt_data(rec, ckpt_x86_thread)->nr_xfeatures),
			le32_to_cpu(ckpt_data(out, ckpt_x86_thread)->nr_xfeatures));
	list_for_each_entry_continue(rec, &load->recs, list) {
		out = list_next_entry(out, list);
		KUNIT_ASSERT_EQ(test, rec->len, out->len);
		KUNIT_EXPECT_MEMEQ_MSG(test, rec->data, out->data, rec->len, "component %u",
				       le32_to_cpu(ckpt_data(rec, ckpt_x86_xfeature)->nr));
	}
	task->thread.pkru = default_pkru;
}

/* XRSTOR would fault on them, in the kernel. */
static void reserved_bits_of_mxcsr_are_refused(struct kunit *test)
{
	struct ckpt_load *load = new_reader(test, U64_MAX);
	struct task_struct *task = new_thread(test);
	u8 fxsave[512];
	int bit;

	for (bit = 0; bit < 32; bit++) {
		new_fxsave(fxsave, BIT(bit));
		ckpt_kunit_forget(&load->call);
		KUNIT_EXPECT_EQ_MSG(test, mxcsr_feature_mask & BIT(bit) ? 0 : -EINVAL,
				    restart_on(load, thread_with(test, load, fxsave), task),
				    "bit %d", bit);
		if (!(mxcsr_feature_mask & BIT(bit)))
			CKPT_EXPECT_LOGGED(test, &load->call, "ptrace(2) would refuse");
	}
}

/* What CPUID says of this CPU is what the kernel goes by. */
static void components_of_this_cpu_are_the_kernels(struct kunit *test)
{
	const struct user_regset *xstate;
	u32 nr, offset, size, found = 0;

	xstate = find_regset(new_thread(test), NT_X86_XSTATE);
	KUNIT_ASSERT_NOT_NULL(test, xstate);
	for (nr = 0; nr < 64; nr++) {
		if (!component(nr, &offset, &size) || !(cpu_xfeatures() & BIT_ULL(nr)))
			continue;
		found++;
		KUNIT_EXPECT_GE(test, offset, XSAVE_EXTENDED);
		KUNIT_EXPECT_LE_MSG(test, offset + size, xstate->n * xstate->size, "%u", nr);
	}
	KUNIT_EXPECT_EQ(test, hweight64(cpu_xfeatures() & ~3ULL), found);
}

static struct kunit_case xstate_cases[] = {
	KUNIT_CASE(avx512_comes_back_on_a_cpu_of_the_same_layout),
	KUNIT_CASE(components_go_where_another_cpu_has_them),
	KUNIT_CASE(any_set_of_components_comes_back),
	KUNIT_CASE(bytes_of_software_are_not_in_the_image),
	KUNIT_CASE(a_component_has_the_size_of_the_cpu),
	KUNIT_CASE(a_component_that_the_cpu_lacks_is_refused),
	KUNIT_CASE(a_component_is_announced_by_the_header),
	KUNIT_CASE(the_size_fits_the_length_of_the_record),
	KUNIT_CASE(tiles_have_no_record),
	KUNIT_CASE(a_component_without_a_place_is_not_saved),
	KUNIT_CASE(a_component_without_a_place_here_is_not_set),
	KUNIT_CASE(the_state_of_this_cpu_comes_back),
	KUNIT_CASE(reserved_bits_of_mxcsr_are_refused),
	KUNIT_CASE(components_of_this_cpu_are_the_kernels),
	{}
};

static struct kunit_suite xstate_suite = {
	.name = "checkpoint_x86_xstate",
	.test_cases = xstate_cases,
};
kunit_test_suite(xstate_suite);
