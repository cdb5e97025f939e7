// SPDX-License-Identifier: GPL-2.0
/*
 * General registers: of a record, in a task, and in a record again. What a
 * record may not have is refused by its reader or by the regsets.
 */
#include <asm/prctl.h>
#include <asm/segment.h>
#include <asm/trapnr.h>

#include "../../../../checkpoint/tests/fixture.h"

struct regs_test {
	struct ckpt_save *save;
	struct ckpt_load *load;
	struct task_struct *task;
	struct ckpt_rec *rec;
	struct ckpt_x86_thread *in;	/* of @rec */
	struct user_regs_struct *regs;	/* of @in */
};

/* A task whose registers say that it runs 64-bit code. */
static struct task_struct *user_task(struct kunit *test)
{
	struct task_struct *task = ckpt_kunit_task(test);
	struct pt_regs *regs = task_pt_regs(task);

	regs->cs = __USER_CS;
	regs->ss = __USER_DS;
	regs->flags = X86_EFLAGS_IF | X86_EFLAGS_FIXED;
	return task;
}

static int regs_init(struct kunit *test)
{
	struct regs_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->save = ckpt_kunit_save(test);
	t->load = ckpt_kunit_load(test);
	t->task = user_task(test);
	t->rec = ckpt_kunit_rec(test, t->load, &ckpt_x86_thread_ops, NULL, NULL, 0);
	t->in = ckpt_data(t->rec, ckpt_x86_thread);
	t->regs = (void *)t->in->regs;
	for (i = 0; i < ARRAY_SIZE(t->in->regs); i++)
		t->in->regs[i] = cpu_to_le64(0x7f0000000000 + i * 0x111);
	t->regs->cs = __USER_CS;
	t->regs->ss = __USER_DS;
	t->regs->ds = 0;
	t->regs->es = __USER_DS;
	t->regs->fs = 0;
	t->regs->gs = 0;
	t->regs->ax = -ERESTARTSYS;
	t->regs->orig_ax = __NR_read;
	t->regs->flags = X86_EFLAGS_IF | X86_EFLAGS_FIXED | X86_EFLAGS_CF | X86_EFLAGS_DF;
	t->in->nr_xfeatures = cpu_to_le32(1);
	test->priv = t;
	return 0;
}

static int validate(struct regs_test *t)
{
	ckpt_kunit_forget(&t->load->call);
	return validate_thread(t->load, t->rec);
}

static int set(struct regs_test *t)
{
	struct ckpt_task task = { .task = t->task };

	return set_tls(t->load, &task, t->in) ?: set_general(t->load, &task, t->in);
}

/* What the task has now, as a record. */
static const struct ckpt_x86_thread *get(struct kunit *test, struct regs_test *t)
{
	static const u8 no_xsave[XSAVE_EXTENDED];

	KUNIT_ASSERT_EQ(test, 0, emit_thread(t->save, t->task, no_xsave));
	return ckpt_data(ckpt_kunit_hand_over(test, t->save, t->load), ckpt_x86_thread);
}

static const struct user_regs_struct *get_regs(struct kunit *test, struct regs_test *t)
{
	return (const void *)get(test, t)->regs;
}

static void general_registers_come_back(struct kunit *test)
{
	struct regs_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, 0, validate(t));
	KUNIT_ASSERT_EQ(test, 0, set(t));
	KUNIT_EXPECT_MEMEQ(test, get(test, t)->regs, t->in->regs, sizeof(t->in->regs));
}

/* Only a call that is to be restarted may be taken for one. */
static void orig_ax_is_of_a_call_to_be_restarted_or_of_none(struct kunit *test)
{
	static const struct {
		s64 ax;
		bool call;
	} cases[] = {
		{ -ERESTARTSYS, true },
		{ -ERESTARTNOINTR, true },
		{ -ERESTARTNOHAND, true },
		{ -ERESTART_RESTARTBLOCK, true },
		{ -ERESTARTSYS + 1 },
		{ -ENOIOCTLCMD },
		{ -ERESTART_RESTARTBLOCK - 1 },
		{ ERESTARTSYS },
		{ (u32)-ERESTARTSYS },
		{ -EINTR },
		{ 0 },
		{ 1 },
		{ S64_MIN },
	};
	struct regs_test *t = test->priv;
	long call;
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		t->regs->ax = cases[i].ax;
		t->regs->orig_ax = __NR_read;
		KUNIT_ASSERT_EQ(test, 0, set(t));
		call = -1;
		if (cases[i].call)
			call = __NR_read;
		KUNIT_EXPECT_EQ_MSG(test, call, (long)get_regs(test, t)->orig_ax,
				    "ax is %lld", cases[i].ax);
		KUNIT_EXPECT_EQ(test, cases[i].ax, (long)get_regs(test, t)->ax);
	}
}

/* A sleep to be gone on with is told by the same two registers. */
static void a_sleep_is_told_by_ax_and_orig_ax(struct kunit *test)
{
	struct regs_test *t = test->priv;
	struct pt_regs *regs = task_pt_regs(t->task);

	regs->ax = -ERESTART_RESTARTBLOCK;
	regs->orig_ax = __NR_nanosleep;
	KUNIT_EXPECT_TRUE(test, ckpt_arch_restart_block(t->task));
	regs->orig_ax = -1;
	KUNIT_EXPECT_FALSE(test, ckpt_arch_restart_block(t->task));
	regs->orig_ax = __NR_nanosleep;
	regs->ax = -ERESTARTSYS;
	KUNIT_EXPECT_FALSE(test, ckpt_arch_restart_block(t->task));
	regs->ax = (u32)-ERESTART_RESTARTBLOCK;
	KUNIT_EXPECT_FALSE(test, ckpt_arch_restart_block(t->task));
}

/* What POPF cannot change in user mode, an image does not change either. */
static void flags_of_the_kernel_stay(struct kunit *test)
{
	const unsigned long user = X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF |
		X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_TF | X86_EFLAGS_DF |
		X86_EFLAGS_OF | X86_EFLAGS_NT | X86_EFLAGS_RF | X86_EFLAGS_AC;
	const unsigned long own = X86_EFLAGS_IF | X86_EFLAGS_FIXED;
	struct regs_test *t = test->priv;
	int bit;

	for (bit = 0; bit < 64; bit++) {
		t->regs->flags = BIT(bit);
		KUNIT_ASSERT_EQ(test, 0, set(t));
		KUNIT_EXPECT_EQ_MSG(test, own | (BIT(bit) & user),
				    task_pt_regs(t->task)->flags, "bit %d", bit);
	}
	t->regs->flags = 0;
	KUNIT_ASSERT_EQ(test, 0, set(t));
	KUNIT_EXPECT_EQ(test, own, task_pt_regs(t->task)->flags);
}

static void code_and_stack_are_64_bit_user_segments(struct kunit *test)
{
	struct regs_test *t = test->priv;
	u32 sel;

	/* all of the GDT and as many of an LDT, with every privilege */
	for (sel = 0; sel <= 0x1ff; sel++) {
		t->regs->cs = sel;
		KUNIT_ASSERT_EQ_MSG(test, sel == __USER_CS ? 0 : -EBADMSG, validate(t),
				    "cs 0x%x", sel);
		t->regs->cs = __USER_CS;
		t->regs->ss = sel;
		KUNIT_ASSERT_EQ_MSG(test, sel == __USER_DS ? 0 : -EBADMSG, validate(t),
				    "ss 0x%x", sel);
		t->regs->ss = __USER_DS;
	}
	t->regs->cs = BIT_ULL(32) | __USER_CS;
	KUNIT_EXPECT_EQ(test, -EBADMSG, validate(t));
}

/* A selector of ring 0 to 2 is none of a user's; zero is no segment. */
static void data_segments_are_of_the_user(struct kunit *test)
{
	struct regs_test *t = test->priv;
	unsigned long *const regs[] = { &t->regs->ds, &t->regs->es, &t->regs->fs, &t->regs->gs };
	unsigned int i, sel;

	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		for (sel = 0; sel <= 0xff; sel++) {
			bool good = !sel || (sel & SEGMENT_RPL_MASK) == USER_RPL;

			*regs[i] = sel;
			KUNIT_EXPECT_EQ_MSG(test, good ? 0 : -EIO, set(t), "register %u: 0x%x",
					    i, sel);
		}
		*regs[i] = 0;
	}
}

static void addresses_are_of_user_memory(struct kunit *test)
{
	const u64 bad[] = {
		TASK_SIZE_MAX, BIT_ULL(47), BIT_ULL(56), BIT_ULL(63),
		~0ULL << 47, ~0ULL << 46, U64_MAX, (unsigned long)test,
	};
	struct regs_test *t = test->priv;
	unsigned long *const regs[] = {
		&t->regs->ip, &t->regs->sp, &t->regs->fs_base, &t->regs->gs_base,
	};
	int i, j;

	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		unsigned long own = *regs[i];

		for (j = 0; j < ARRAY_SIZE(bad); j++) {
			if (bad[j] < TASK_SIZE_MAX)
				continue;	/* with five levels of page tables */
			*regs[i] = bad[j];
			KUNIT_EXPECT_EQ_MSG(test, -EBADMSG, validate(t), "register %d: %llx",
					    i, bad[j]);
		}
		*regs[i] = TASK_SIZE_MAX - 1;
		KUNIT_EXPECT_EQ(test, 0, validate(t));
		*regs[i] = own;
	}
}

static void the_number_of_components_is_looked_at(struct kunit *test)
{
	struct regs_test *t = test->priv;

	t->in->nr_xfeatures = 0;
	KUNIT_EXPECT_EQ(test, -EBADMSG, validate(t));
	t->in->nr_xfeatures = cpu_to_le32(62);
	KUNIT_EXPECT_EQ(test, 0, validate(t));
	t->in->nr_xfeatures = cpu_to_le32(63);
	KUNIT_EXPECT_EQ(test, -EBADMSG, validate(t));
	t->in->nr_xfeatures = cpu_to_le32(1);
	t->in->__reserved = cpu_to_le32(1);
	KUNIT_EXPECT_EQ(test, -EBADMSG, validate(t));
}

static struct user_desc segment(int nr, u32 base)
{
	return (struct user_desc){
		.entry_number	= GDT_ENTRY_TLS_MIN + nr,
		.base_addr	= base,
		.limit		= 0xfffff,
		.seg_32bit	= 1,
		.limit_in_pages	= 1,
	};
}

/* Any set of the three entries, those that are empty too. */
static void thread_local_segments_come_back(struct kunit *test)
{
	struct regs_test *t = test->priv;
	unsigned int set_of, i;

	for (set_of = 0; set_of < BIT(GDT_ENTRY_TLS_ENTRIES); set_of++) {
		struct ckpt_x86_thread once;
		struct user_desc desc;

		memset(t->in->tls, 0, sizeof(t->in->tls));
		for (i = 0; i < GDT_ENTRY_TLS_ENTRIES; i++) {
			if (!(set_of & BIT(i)))
				continue;
			desc = segment(i, 0x12345000 + i);
			memcpy(t->in->tls[i], &desc, sizeof(desc));
		}
		KUNIT_ASSERT_EQ(test, 0, set(t));
		once = *get(test, t);
		for (i = 0; i < GDT_ENTRY_TLS_ENTRIES; i++)
			if (set_of & BIT(i))
				KUNIT_EXPECT_MEMEQ(test, once.tls[i], t->in->tls[i],
						   sizeof(once.tls[i]));
		/* an empty entry has a form of its own, which is taken too */
		memcpy(t->in->tls, once.tls, sizeof(once.tls));
		KUNIT_ASSERT_EQ(test, 0, set(t));
		KUNIT_EXPECT_MEMEQ(test, get(test, t)->tls, once.tls, sizeof(once.tls));
	}
}

static void only_data_segments_are_thread_local(struct kunit *test)
{
	struct regs_test *t = test->priv;
	struct user_desc bad[5];
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = segment(2, 0x1000);
	bad[0].seg_32bit = 0;		/* 16-bit ones leak the kernel's stack */
	bad[1].contents = 2;		/* code */
	bad[2].contents = 3;		/* conforming code */
	bad[3].seg_not_present = 1;
	bad[4].lm = 1;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		memcpy(t->in->tls[2], &bad[i], sizeof(bad[i]));
		/* L means nothing for data; the descriptor is made without it */
		KUNIT_EXPECT_EQ_MSG(test, bad[i].lm ? 0 : -EINVAL, set(t), "case %d", i);
	}
	KUNIT_EXPECT_FALSE(test, t->task->thread.tls_array[2].l);
}

/* A sigcontext shows them; nothing goes by them. */
static void the_last_fault_comes_back(struct kunit *test)
{
	struct regs_test *t = test->priv;
	const struct ckpt_x86_thread *got;

	t->task->thread.trap_nr = X86_TRAP_PF;
	t->task->thread.error_code = 7;
	t->task->thread.cr2 = 0x7fff12345678;
	got = get(test, t);
	KUNIT_EXPECT_EQ(test, X86_TRAP_PF, le64_to_cpu(got->trap_nr));
	KUNIT_EXPECT_EQ(test, 7, le64_to_cpu(got->error_code));
	KUNIT_EXPECT_EQ(test, 0x7fff12345678, le64_to_cpu(got->cr2));
}

static u32 refused(struct regs_test *t)
{
	ckpt_kunit_forget(&t->save->call);
	t->save->call.result.blockers = 0;
	ckpt_arch_refuse(t->save, t->task);
	return t->save->call.result.blockers;
}

static void a_plain_thread_is_refused_nothing(struct kunit *test)
{
	struct regs_test *t = test->priv;

	KUNIT_EXPECT_EQ_MSG(test, 0, refused(t), "%s", ckpt_kunit_log(&t->save->call));
}

static void code_of_32_bits_is_refused(struct kunit *test)
{
	struct regs_test *t = test->priv;

	task_pt_regs(t->task)->cs = __USER32_CS;
	KUNIT_EXPECT_EQ(test, 1, refused(t));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "object=\"32-bit task\"");
	task_pt_regs(t->task)->cs = __USER_CS;
	set_tsk_thread_flag(t->task, TIF_ADDR32);
	KUNIT_EXPECT_EQ(test, 1, refused(t));
	clear_tsk_thread_flag(t->task, TIF_ADDR32);
}

/* The number of restart_syscall(2) is another one there. */
static void a_sleep_in_a_call_of_32_bits_is_refused(struct kunit *test)
{
	struct regs_test *t = test->priv;
	struct pt_regs *regs = task_pt_regs(t->task);

	t->task->restart_block.arch_data = TS_COMPAT;
	regs->orig_ax = 162;
	regs->ax = -ERESTART_RESTARTBLOCK;
	KUNIT_EXPECT_EQ(test, 1, refused(t));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "object=\"32-bit call\"");
	/* of a call that is made anew, the block means nothing */
	regs->ax = -ERESTARTSYS;
	KUNIT_EXPECT_EQ(test, 0, refused(t));
	regs->ax = -ERESTART_RESTARTBLOCK;
	t->task->restart_block.arch_data = 0;
	KUNIT_EXPECT_EQ(test, 0, refused(t));
}

static void breakpoints_and_ports_are_refused(struct kunit *test)
{
	struct regs_test *t = test->priv;
	struct thread_struct *thread = &t->task->thread;
	int i;

	for (i = 0; i < HBP_NUM; i++) {
		thread->ptrace_bps[i] = (void *)test;
		KUNIT_EXPECT_EQ(test, 1, refused(t));
		CKPT_EXPECT_LOGGED(test, &t->save->call, "object=\"breakpoint\"");
		thread->ptrace_bps[i] = NULL;
	}
	thread->iopl_emul = 3;
	KUNIT_EXPECT_EQ(test, 1, refused(t));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "object=\"I/O ports\"");
	thread->iopl_emul = 0;
	thread->io_bitmap = (void *)test;
	KUNIT_EXPECT_EQ(test, 1, refused(t));
	thread->io_bitmap = NULL;
}

static void traps_of_instructions_are_refused(struct kunit *test)
{
	static const int flags[] = { TIF_NOTSC, TIF_NOCPUID, TIF_SPEC_L1D_FLUSH };
	struct regs_test *t = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		set_tsk_thread_flag(t->task, flags[i]);
		KUNIT_EXPECT_EQ_MSG(test, 1, refused(t), "case %d", i);
		clear_tsk_thread_flag(t->task, flags[i]);
	}
}

/* What a program may have asked for though it has not used it yet. */
static void amx_is_refused(struct kunit *test)
{
	struct regs_test *t = test->priv;
	struct fpu *fpu = &t->task->thread.fpu;
	u64 own = fpu->perm.__state_perm, guest = fpu->guest_perm.__state_perm;

	fpu->perm.__state_perm |= XFEATURE_MASK_XTILE_DATA;
	KUNIT_EXPECT_EQ(test, 1, refused(t));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "ARCH_REQ_XCOMP_PERM");
	fpu->perm.__state_perm = own;
	fpu->guest_perm.__state_perm |= XFEATURE_MASK_XTILE_DATA;
	KUNIT_EXPECT_EQ(test, 1, refused(t));
	fpu->guest_perm.__state_perm = guest;
	fpu->fpstate->is_valloc = 1;
	KUNIT_EXPECT_EQ(test, 1, refused(t));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "object=\"AMX\"");
	fpu->fpstate->is_valloc = 0;
	KUNIT_EXPECT_EQ(test, 0, refused(t));
}

static void a_shadow_stack_is_refused(struct kunit *test)
{
#ifdef CONFIG_X86_USER_SHADOW_STACK
	struct regs_test *t = test->priv;

	t->task->thread.features = ARCH_SHSTK_SHSTK;
	KUNIT_EXPECT_EQ(test, 1, refused(t));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "object=\"shadow stack\"");
	t->task->thread.features = 0;
	t->task->thread.features_locked = ARCH_SHSTK_SHSTK;
	KUNIT_EXPECT_EQ(test, 1, refused(t));
	t->task->thread.features_locked = 0;
#else
	kunit_skip(test, "the kernel is without CONFIG_X86_USER_SHADOW_STACK");
#endif
}

/* After a thaw the call is set up to go on, and may be stopped again before it does. */
static void a_call_that_was_let_go_has_its_restart_block(struct kunit *test)
{
	struct task_struct *task = ckpt_kunit_task(test);
	struct pt_regs *regs = task_pt_regs(task);

	task->restart_block.fn = do_no_restart_syscall;
	regs->orig_ax = __NR_nanosleep;
	regs->ax = -ERESTART_RESTARTBLOCK;
	KUNIT_EXPECT_TRUE(test, ckpt_arch_restart_block(task));
	regs->orig_ax = -1;
	KUNIT_EXPECT_FALSE(test, ckpt_arch_restart_block(task));
	regs->ax = __NR_restart_syscall;
	KUNIT_EXPECT_FALSE(test, ckpt_arch_restart_block(task));
	task->restart_block.fn = hrtimer_nanosleep_restart;
	KUNIT_EXPECT_TRUE(test, ckpt_arch_restart_block(task));
	regs->ax = 0;
	KUNIT_EXPECT_FALSE(test, ckpt_arch_restart_block(task));
	task->restart_block.fn = do_no_restart_syscall;
}

static struct kunit_case regs_cases[] = {
	KUNIT_CASE(general_registers_come_back),
	KUNIT_CASE(orig_ax_is_of_a_call_to_be_restarted_or_of_none),
	KUNIT_CASE(a_sleep_is_told_by_ax_and_orig_ax),
	KUNIT_CASE(flags_of_the_kernel_stay),
	KUNIT_CASE(code_and_stack_are_64_bit_user_segments),
	KUNIT_CASE(data_segments_are_of_the_user),
	KUNIT_CASE(addresses_are_of_user_memory),
	KUNIT_CASE(the_number_of_components_is_looked_at),
	KUNIT_CASE(thread_local_segments_come_back),
	KUNIT_CASE(only_data_segments_are_thread_local),
	KUNIT_CASE(the_last_fault_comes_back),
	KUNIT_CASE(a_plain_thread_is_refused_nothing),
	KUNIT_CASE(code_of_32_bits_is_refused),
	KUNIT_CASE(a_sleep_in_a_call_of_32_bits_is_refused),
	KUNIT_CASE(breakpoints_and_ports_are_refused),
	KUNIT_CASE(traps_of_instructions_are_refused),
	KUNIT_CASE(amx_is_refused),
	KUNIT_CASE(a_shadow_stack_is_refused),
	KUNIT_CASE(a_call_that_was_let_go_has_its_restart_block),
	{}
};

static struct kunit_suite regs_suite = {
	.name = "checkpoint_x86_regs",
	.init = regs_init,
	.test_cases = regs_cases,
};
kunit_test_suite(regs_suite);
