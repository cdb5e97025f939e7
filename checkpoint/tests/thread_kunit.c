// SPDX-License-Identifier: GPL-2.0
/* The call that a thread goes on with, its times, and its signal masks. */
#include <asm/syscall.h>
#include <linux/user_namespace.h>

#include "fixture.h"

#define USER_POINTER	u64_to_user_ptr(0x7fff12345678ULL)

/* Let a task be in a call that goes on by its restart block. */
static void enter_call(struct task_struct *task, const struct restart_block *block)
{
	syscall_set_return_value(task, task_pt_regs(task), -ERESTART_RESTARTBLOCK, 0);
	task->restart_block = *block;
}

static void save_call(struct ckpt_save *save, struct task_struct *task,
		      struct ckpt_thread *out)
{
	u64 args[5] = {};
	int i;

	memset(out, 0, sizeof(*out));
	out->restart = cpu_to_le32(save_restart(save, task, args));
	for (i = 0; i < ARRAY_SIZE(args); i++)
		out->restart_args[i] = cpu_to_le64(args[i]);
}

static void new_header(struct kunit *test, struct ckpt_load *load)
{
	load->header = kzalloc(sizeof(*load->header), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, load->header);
	load->header->clock_monotonic = cpu_to_le64(ktime_get_ns());
	load->header->clock_boottime = cpu_to_le64(ktime_get_boottime_ns());
}

struct call_test {
	struct ckpt_save *save;
	struct ckpt_load *load;
	struct task_struct *from, *to;
	struct ckpt_thread rec;
};

static int thread_init(struct kunit *test)
{
	struct call_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->save = ckpt_kunit_save(test);
	t->load = ckpt_kunit_load(test);
	t->from = ckpt_kunit_task(test);
	t->to = ckpt_kunit_task(test);
	new_header(test, t->load);
	test->priv = t;
	return 0;
}

/* Save a block, load it into another task. */
static const struct restart_block *go_on(struct kunit *test, const struct restart_block *block)
{
	struct call_test *t = test->priv;

	enter_call(t->from, block);
	save_call(t->save, t->from, &t->rec);
	KUNIT_EXPECT_TRUE_MSG(test, good_restart(&t->rec), "a call was saved that is refused");
	memset(&t->to->restart_block, 0xee, sizeof(t->to->restart_block));
	load_restart(t->load, t->to, &t->rec);
	return &t->to->restart_block;
}

/* On a clock that is not shifted, all of a block is as it was. */
static void a_sleep_goes_on_as_it_was(struct kunit *test)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_TAI };
	struct restart_block block = { .fn = hrtimer_nanosleep_restart };
	int i;

	for (i = 0; i < ARRAY_SIZE(clocks); i++) {
		block.nanosleep.clockid = clocks[i];
		block.nanosleep.type = i ? TT_NATIVE : TT_NONE;
		block.nanosleep.rmtp = i ? USER_POINTER : NULL;
		block.nanosleep.expires = 0x123456789abcdef0;
		KUNIT_EXPECT_MEMEQ(test, go_on(test, &block), &block, sizeof(block));
	}
}

static void a_futex_wait_goes_on_with_every_flag(struct kunit *test)
{
	struct restart_block block = { .fn = futex_wait_restart_fn };
	struct call_test *t = test->priv;
	unsigned int set, i;

	for (set = 0; set < BIT(ARRAY_SIZE(futex_flags)); set++) {
		const struct restart_block *got;

		block.futex.flags = FLAGS_SIZE_32;
		for (i = 0; i < ARRAY_SIZE(futex_flags); i++)
			if (set & BIT(i))
				block.futex.flags |= futex_flags[i][0];
		block.futex.uaddr = USER_POINTER;
		block.futex.val = 0xfedcba98;
		block.futex.bitset = 0x80000001;
		block.futex.time = 0x123456789abcdef0;
		got = go_on(test, &block);
		if (block.futex.flags & FLAGS_CLOCKRT) {
			KUNIT_EXPECT_MEMEQ(test, got, &block, sizeof(block));
			continue;
		}
		KUNIT_EXPECT_GE(test, got->futex.time, block.futex.time);
		block.futex.time = got->futex.time;
		KUNIT_EXPECT_MEMEQ(test, got, &block, sizeof(block));
	}
	KUNIT_EXPECT_EQ(test, 0, t->save->call.result.blockers);
}

static void a_futex_flag_that_is_not_known_is_refused(struct kunit *test)
{
	struct restart_block block = { .fn = futex_wait_restart_fn };
	unsigned int all = FLAGS_SIZE_32 | FLAGS_SHARED | FLAGS_CLOCKRT | FLAGS_HAS_TIMEOUT;
	struct call_test *t = test->priv;
	int bit;

	block.futex.bitset = 1;
	for (bit = 0; bit < 32; bit++) {
		t->save->call.result.blockers = 0;
		block.futex.flags = FLAGS_SIZE_32 | BIT(bit);
		enter_call(t->from, &block);
		save_call(t->save, t->from, &t->rec);
		KUNIT_EXPECT_EQ_MSG(test, !(all & BIT(bit)), t->save->call.result.blockers,
				    "bit %d", bit);
	}
}

static void a_poll_goes_on_as_it_was(struct kunit *test)
{
	struct restart_block block = { .fn = do_restart_poll };

	block.poll.ufds = USER_POINTER;
	block.poll.nfds = 1024;
	KUNIT_EXPECT_MEMEQ(test, go_on(test, &block), &block, sizeof(block));
}

/* What a call before it left in the block is not the poll's. */
static void a_poll_without_end_has_no_time(struct kunit *test)
{
	struct restart_block block = { .fn = do_restart_poll };
	const struct restart_block *got;

	block.futex.bitset = FUTEX_BITSET_MATCH_ANY;
	block.futex.time = 50 * NSEC_PER_SEC;
	block.poll.ufds = USER_POINTER;
	block.poll.nfds = 3;
	block.poll.has_timeout = 0;
	got = go_on(test, &block);
	KUNIT_EXPECT_TRUE(test, got->poll.ufds == block.poll.ufds);
	KUNIT_EXPECT_EQ(test, 3, got->poll.nfds);
	KUNIT_EXPECT_EQ(test, 0, got->poll.has_timeout);
}

static void a_call_that_is_not_known_is_refused(struct kunit *test)
{
	struct restart_block block = { .fn = do_no_restart_syscall };
	struct call_test *t = test->priv;

	enter_call(t->from, &block);
	save_call(t->save, t->from, &t->rec);
	KUNIT_EXPECT_EQ(test, CKPT_RESTART_NONE, le32_to_cpu(t->rec.restart));
	KUNIT_EXPECT_EQ(test, 1, t->save->call.result.blockers);
}

/* A block that no call waits for is what an earlier one left there. */
static void no_call_is_saved_of_a_thread_that_is_in_none(struct kunit *test)
{
	struct restart_block block = { .fn = do_no_restart_syscall };
	struct call_test *t = test->priv;

	enter_call(t->from, &block);
	syscall_set_return_value(t->from, task_pt_regs(t->from), -EINTR, 0);
	save_call(t->save, t->from, &t->rec);
	KUNIT_EXPECT_EQ(test, CKPT_RESTART_NONE, le32_to_cpu(t->rec.restart));
	KUNIT_EXPECT_EQ(test, 0, t->save->call.result.blockers);
	KUNIT_EXPECT_TRUE(test, good_restart(&t->rec));
	load_restart(t->load, t->to, &t->rec);
	KUNIT_EXPECT_PTR_EQ(test, t->to->restart_block.fn, &do_no_restart_syscall);
}

/* What is left of a sleep is the same, however long the image lay about. */
static void clocks_of_elapsed_time_are_shifted(struct kunit *test)
{
	const u64 away = 1000 * NSEC_PER_SEC, left = 5 * NSEC_PER_SEC;
	struct call_test *t = test->priv;
	u64 before, got, after;

	/* the image is of a clock that is 1000 seconds ahead, then behind */
	before = ktime_get_ns();
	t->load->header->clock_monotonic = cpu_to_le64(before + away);
	got = shifted(t->load, CLOCK_MONOTONIC, before + away + left);
	after = ktime_get_ns();
	KUNIT_EXPECT_GE(test, got, before + left);
	KUNIT_EXPECT_LE(test, got, after + left);

	before = ktime_get_boottime_ns();
	t->load->header->clock_boottime = cpu_to_le64(before - away);
	got = shifted(t->load, CLOCK_BOOTTIME, before - away + left);
	after = ktime_get_boottime_ns();
	KUNIT_EXPECT_GE(test, got, before + left);
	KUNIT_EXPECT_LE(test, got, after + left);

	KUNIT_EXPECT_EQ(test, left, shifted(t->load, CLOCK_REALTIME, left));
	KUNIT_EXPECT_EQ(test, left, shifted(t->load, CLOCK_TAI, left));
}

/* No sum of an image's numbers is a time that a timer would not take. */
static void no_time_is_shifted_out_of_range(struct kunit *test)
{
	static const u64 values[] = {
		0, 1, NSEC_PER_SEC, S64_MAX - 1, S64_MAX, (u64)S64_MIN, U64_MAX - 1, U64_MAX,
	};
	struct call_test *t = test->priv;
	struct restart_block block = {};
	int i, j;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		t->load->header->clock_monotonic = cpu_to_le64(values[i]);
		for (j = 0; j < ARRAY_SIZE(values); j++) {
			KUNIT_EXPECT_LE_MSG(test, shifted(t->load, CLOCK_MONOTONIC, values[j]),
					    KTIME_MAX, "%llx at %llx", values[j], values[i]);
			block.poll.tv_sec = values[j];
			block.poll.tv_nsec = 999999999;
			shift_poll(t->load, &block);
			KUNIT_EXPECT_LE(test, block.poll.tv_sec, (unsigned long)KTIME_SEC_MAX);
			KUNIT_EXPECT_LT(test, block.poll.tv_nsec, NSEC_PER_SEC);
		}
	}
	t->load->header->clock_monotonic = cpu_to_le64(0);
	KUNIT_EXPECT_EQ(test, KTIME_MAX, shifted(t->load, CLOCK_MONOTONIC, KTIME_MAX));
}

/* A call as an image has it, and whether it may be gone on with. */
struct call_case {
	u64 args[5];
	bool good;
};

static void look_at_calls(struct kunit *test, u32 restart,
			  const struct call_case *cases, int nr)
{
	struct ckpt_thread in = { .restart = cpu_to_le32(restart) };
	int i, j;

	for (i = 0; i < nr; i++) {
		for (j = 0; j < ARRAY_SIZE(in.restart_args); j++)
			in.restart_args[j] = cpu_to_le64(cases[i].args[j]);
		KUNIT_EXPECT_EQ_MSG(test, cases[i].good, good_restart(&in), "case %d", i);
	}
}

static void sleeps_of_an_image_are_looked_at(struct kunit *test)
{
	const struct call_case cases[] = {
		{ { CLOCK_MONOTONIC, 0, TT_NONE, 1 }, true },
		{ { CLOCK_PROCESS_CPUTIME_ID } },
		{ { (u32)-6 } },
		{ { BIT_ULL(32) | CLOCK_MONOTONIC } },
		{ { CLOCK_MONOTONIC, TASK_SIZE_MAX } },
		{ { CLOCK_MONOTONIC, 0, TT_COMPAT } },
		{ { CLOCK_MONOTONIC, 0, TT_NONE, 1, 1 } },
	};

	look_at_calls(test, CKPT_RESTART_NANOSLEEP, cases, ARRAY_SIZE(cases));
}

static void futex_waits_of_an_image_are_looked_at(struct kunit *test)
{
	const struct call_case cases[] = {
		{ { 0, U32_MAX, 7, U32_MAX }, true },
		{ { TASK_SIZE_MAX, 0, 0, 1 } },
		{ { 0, BIT_ULL(32), 0, 1 } },
		{ { 0, 0, 8, 1 } },
		{ { 0, 0, BIT_ULL(32), 1 } },
		{ { 0, 0, 0, 0 } },
		{ { 0, 0, 0, BIT_ULL(32) } },
	};

	look_at_calls(test, CKPT_RESTART_FUTEX, cases, ARRAY_SIZE(cases));
}

static void polls_of_an_image_are_looked_at(struct kunit *test)
{
	const struct call_case cases[] = {
		{ { 0, INT_MAX, 1, U64_MAX, NSEC_PER_SEC - 1 }, true },
		{ { TASK_SIZE_MAX } },
		{ { 0, BIT_ULL(31) } },
		{ { 0, 0, 2 } },
		{ { 0, 0, 1, 0, NSEC_PER_SEC } },
	};

	look_at_calls(test, CKPT_RESTART_POLL, cases, ARRAY_SIZE(cases));
}

static void other_calls_of_an_image_are_none(struct kunit *test)
{
	static const struct call_case none[] = { { {}, true }, { { 1 } }, { { [4] = 1 } } };
	static const struct call_case unknown[] = { {} };

	look_at_calls(test, CKPT_RESTART_NONE, none, ARRAY_SIZE(none));
	look_at_calls(test, CKPT_RESTART_POLL + 1, unknown, ARRAY_SIZE(unknown));
	look_at_calls(test, U32_MAX, unknown, ARRAY_SIZE(unknown));
}

static void areas_of_the_c_library_are_looked_at(struct kunit *test)
{
	const struct {
		u64 robust, tid, rseq;
		u32 len, sig;
		bool good;
	} cases[] = {
		{ 0, 0, 0, 0, 0, true },
		{ TASK_SIZE_MAX - 1, TASK_SIZE_MAX - 1, 0, 0, 0, true },
		{ TASK_SIZE_MAX, 0, 0, 0, 0, false },
		{ 0, TASK_SIZE_MAX, 0, 0, 0, false },
		{ 0, 0, 0, 32, 0, false },
		{ 0, 0, 0, 0, 1, false },
		{ 0, 0, 64, 32, 1, true },
		{ 0, 0, 64, 4096, 1, true },
		{ 0, 0, 64, 4097, 1, false },
		{ 0, 0, 64, 31, 1, false },
		{ 0, 0, 64 + 16, 32, 1, false },
		{ 0, 0, TASK_SIZE_MAX - 64, 32, 1, true },
		{ 0, 0, TASK_SIZE_MAX - 32, 64, 1, false },
		{ 0, 0, U64_MAX - 31, 32, 1, false },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ckpt_thread in = {
			.robust_list	= cpu_to_le64(cases[i].robust),
			.clear_child_tid = cpu_to_le64(cases[i].tid),
			.rseq		= cpu_to_le64(cases[i].rseq),
			.rseq_len	= cpu_to_le32(cases[i].len),
			.rseq_sig	= cpu_to_le32(cases[i].sig),
		};

		KUNIT_EXPECT_EQ_MSG(test, cases[i].good, good_libc(&in), "case %d", i);
	}
}

static void signal_stacks_are_looked_at(struct kunit *test)
{
	const struct {
		u64 sp, size;
		u32 flags;
		bool good;
	} cases[] = {
		{ 0, 0, SS_DISABLE, true },
		{ PAGE_SIZE, 8192, SS_AUTODISARM, true },
		{ PAGE_SIZE, 8192, SS_ONSTACK, true },
		{ PAGE_SIZE, 8192, BIT(30), false },
		{ TASK_SIZE_MAX, 0, 0, false },
		{ TASK_SIZE_MAX - 8192, 8192, 0, true },
		{ TASK_SIZE_MAX - 8192, 8193, 0, false },
		{ PAGE_SIZE, U64_MAX - PAGE_SIZE + 1, 0, false },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ckpt_thread in = {
			.altstack_sp	= cpu_to_le64(cases[i].sp),
			.altstack_size	= cpu_to_le64(cases[i].size),
			.altstack_flags	= cpu_to_le32(cases[i].flags),
		};

		KUNIT_EXPECT_EQ_MSG(test, cases[i].good, good_altstack(&in), "case %d", i);
	}
}

static void commit(struct call_test *t, struct ckpt_rec *rec)
{
	struct ckpt_task task = { .rec = rec, .task = t->to };

	ckpt_thread_commit(t->load, &task);
}

/* Addresses in a task that is about to exit would be written to. */
static void forget_addresses(struct task_struct *task)
{
	static const struct ckpt_thread none;

	set_libc(task, &none);
}

static void masks_and_addresses_come_back(struct kunit *test)
{
	const u64 unblockable = sigmask(SIGKILL) | sigmask(SIGSTOP);
	struct call_test *t = test->priv;
	struct ckpt_thread out = {};
	struct ckpt_rec *rec;

	t->rec = (struct ckpt_thread){
		.flags		= cpu_to_le32(CKPT_THREAD_SAVED_MASK),
		.blocked	= cpu_to_le64(0x5555555555555555 & ~unblockable),
		.saved_mask	= cpu_to_le64(0xaaaaaaaaaaaaaaaa & ~unblockable),
		.altstack_sp	= cpu_to_le64(0x7fff00001000),
		.altstack_size	= cpu_to_le64(0x2000),
		.altstack_flags	= cpu_to_le32(SS_AUTODISARM),
		.robust_list	= cpu_to_le64(0x7fff00003000),
		.clear_child_tid = cpu_to_le64(0x7fff00004000),
		.rseq		= cpu_to_le64(0x7fff00005000),
		.rseq_len	= cpu_to_le32(32),
		.rseq_sig	= cpu_to_le32(0x53053053),
	};
	rec = ckpt_kunit_rec(test, t->load, &ckpt_thread_ops, &t->rec, NULL, 0);
	commit(t, rec);
	fill_signals(t->to, &out);
	fill_libc(t->to, &out);
	forget_addresses(t->to);
	KUNIT_EXPECT_MEMEQ(test, &out, &t->rec, sizeof(out));
}

static void sigkill_and_sigstop_are_never_blocked(struct kunit *test)
{
	struct call_test *t = test->priv;
	struct ckpt_rec *rec;

	t->rec.flags = cpu_to_le32(CKPT_THREAD_SAVED_MASK);
	t->rec.blocked = cpu_to_le64(U64_MAX);
	t->rec.saved_mask = cpu_to_le64(U64_MAX);
	rec = ckpt_kunit_rec(test, t->load, &ckpt_thread_ops, &t->rec, NULL, 0);
	commit(t, rec);
	KUNIT_EXPECT_EQ(test, ~(sigmask(SIGKILL) | sigmask(SIGSTOP)), t->to->blocked.sig[0]);
	KUNIT_EXPECT_EQ(test, ~(sigmask(SIGKILL) | sigmask(SIGSTOP)), t->to->saved_sigmask.sig[0]);
}

/* As they are for one that was killed while its group was held. */
static void a_thread_that_has_exited_ends_the_call(struct kunit *test)
{
	struct call_test *t = test->priv;
	struct ckpt_member member = { .task = t->from, .nr_threads = 1, .leader = true };
	struct files_struct *files = t->from->files;

	t->save->user_ns = get_user_ns(&init_user_ns);
	/* the survey has not seen them */
	KUNIT_EXPECT_EQ(test, -ESRCH, ckpt_thread_objects(t->save, &member));
	CKPT_EXPECT_LOGGED(test, &t->save->call, "the task exited while the group was held");
	t->from->files = NULL;
	KUNIT_EXPECT_EQ(test, -ESRCH, ckpt_thread_objects(t->save, &member));
	t->from->files = files;

	ckpt_kunit_forget(&t->save->call);
	refcount_set(&t->from->stack_refcount, 0);
	KUNIT_EXPECT_EQ(test, -ESRCH, checkpoint_thread(t->save, &member));
	refcount_set(&t->from->stack_refcount, 1);
	CKPT_EXPECT_LOGGED(test, &t->save->call, "the task exited while the group was held");
}

static struct kunit_case thread_cases[] = {
	KUNIT_CASE(a_sleep_goes_on_as_it_was),
	KUNIT_CASE(a_futex_wait_goes_on_with_every_flag),
	KUNIT_CASE(a_futex_flag_that_is_not_known_is_refused),
	KUNIT_CASE(a_poll_goes_on_as_it_was),
	KUNIT_CASE(a_poll_without_end_has_no_time),
	KUNIT_CASE(a_call_that_is_not_known_is_refused),
	KUNIT_CASE(no_call_is_saved_of_a_thread_that_is_in_none),
	KUNIT_CASE(clocks_of_elapsed_time_are_shifted),
	KUNIT_CASE(no_time_is_shifted_out_of_range),
	KUNIT_CASE(sleeps_of_an_image_are_looked_at),
	KUNIT_CASE(futex_waits_of_an_image_are_looked_at),
	KUNIT_CASE(polls_of_an_image_are_looked_at),
	KUNIT_CASE(other_calls_of_an_image_are_none),
	KUNIT_CASE(areas_of_the_c_library_are_looked_at),
	KUNIT_CASE(signal_stacks_are_looked_at),
	KUNIT_CASE(masks_and_addresses_come_back),
	KUNIT_CASE(sigkill_and_sigstop_are_never_blocked),
	KUNIT_CASE(a_thread_that_has_exited_ends_the_call),
	{}
};

static struct kunit_suite thread_suite = {
	.name = "checkpoint_thread",
	.init = thread_init,
	.test_cases = thread_cases,
};
kunit_test_suite(thread_suite);
