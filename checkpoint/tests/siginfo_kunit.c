// SPDX-License-Identifier: GPL-2.0
/* A siginfo becomes a record and a record a siginfo, whatever its layout. */
#include <linux/signal.h>

#include "fixture.h"

/* One of each layout that the kernel knows, every member of it with a value. */
static const struct {
	enum siginfo_layout layout;
	kernel_siginfo_t info;
} infos[] = {
	{ SIL_KILL, { .si_signo = SIGTERM, .si_code = SI_USER, .si_errno = 5,
		._sifields._kill = { 101, 102 } } },
	{ SIL_POLL, { .si_signo = SIGPOLL, .si_code = POLL_IN,
		._sifields._sigpoll = { 0x1122334455667788, 103 } } },
	{ SIL_FAULT, { .si_signo = SIGSEGV, .si_code = SEGV_MAPERR,
		._sifields._sigfault = { ._addr = (void __user *)0x7fff12345678 } } },
	{ SIL_FAULT_TRAPNO, { .si_signo = SIGFPE, .si_code = FPE_INTDIV,
		._sifields._sigfault = { (void __user *)0x7fff12345678, ._trapno = 104 } } },
	{ SIL_FAULT_MCEERR, { .si_signo = SIGBUS, .si_code = BUS_MCEERR_AO,
		._sifields._sigfault = { (void __user *)0x7fff12345678, ._addr_lsb = 12 } } },
	{ SIL_FAULT_BNDERR, { .si_signo = SIGSEGV, .si_code = SEGV_BNDERR,
		._sifields._sigfault = { (void __user *)0x7fff12345678, ._addr_bnd = {
			._lower = (void __user *)0x7fff00000001,
			._upper = (void __user *)0x7fff00000002 } } } },
	{ SIL_FAULT_PKUERR, { .si_signo = SIGSEGV, .si_code = SEGV_PKUERR,
		._sifields._sigfault = { (void __user *)0x7fff12345678, ._addr_pkey = {
			._pkey = 15 } } } },
	{ SIL_FAULT_PERF_EVENT, { .si_signo = SIGTRAP, .si_code = TRAP_PERF,
		._sifields._sigfault = { (void __user *)0x7fff12345678, ._perf = {
			0x1122334455667788, 105, TRAP_PERF_FLAG_ASYNC } } } },
	{ SIL_CHLD, { .si_signo = SIGCHLD, .si_code = CLD_EXITED,
		._sifields._sigchld = { 106, 107, 108, 0x1122334455667788,
			0x7766554433221100 } } },
	{ SIL_RT, { .si_signo = 64, .si_code = SI_QUEUE,
		._sifields._rt = { 109, 110, { .sival_ptr =
			(void __user *)0x1122334455667788 } } } },
	{ SIL_SYS, { .si_signo = SIGSYS, .si_code = SYS_SECCOMP, .si_errno = 42,
		._sifields._sigsys = { (void __user *)0x7fff12345678, 111, 0xc000003e } } },
};

static void every_layout_goes_both_ways(struct kunit *test)
{
	struct ckpt_load *load = ckpt_kunit_load(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(infos); i++) {
		const kernel_siginfo_t *info = &infos[i].info;
		struct ckpt_siginfo out = {};
		struct ckpt_rec *rec;
		kernel_siginfo_t back;

		fill_siginfo(&out, info);
		rec = ckpt_kunit_rec(test, load, &ckpt_siginfo_ops, &out, NULL, 0);
		KUNIT_EXPECT_EQ(test, 0, validate_siginfo(load, rec));
		memset(&back, 0xee, sizeof(back));
		read_siginfo(ckpt_data(rec, ckpt_siginfo), &back);
		KUNIT_EXPECT_MEMEQ_MSG(test, &back, info, sizeof(back), "layout %d",
				       infos[i].layout);
	}
}

/* All layouts of siginfo_layout() but a timer's are in the list above. */
static void no_layout_is_left_out(struct kunit *test)
{
	unsigned long seen = BIT(SIL_TIMER);
	int i;

	for (i = 0; i < ARRAY_SIZE(infos); i++)
		seen |= BIT(infos[i].layout);
	KUNIT_EXPECT_EQ(test, BIT(SIL_SYS + 1) - 1, seen);
	for (i = 0; i < ARRAY_SIZE(infos); i++) {
		/* the trap number is of architectures that have one */
		if (infos[i].layout != SIL_FAULT_TRAPNO)
			KUNIT_EXPECT_EQ(test, infos[i].layout,
					siginfo_layout(infos[i].info.si_signo,
						       infos[i].info.si_code));
	}
}

/* The record's raw bytes are those that sigwaitinfo(2) gives. */
static void a_record_has_the_layout_of_user_space(struct kunit *test)
{
	siginfo_t user = { .si_signo = SIGCHLD, .si_errno = 7, .si_code = CLD_KILLED };
	struct ckpt_siginfo out = {};

	user.si_pid = 201;
	user.si_status = SIGKILL;
	user.si_utime = 0x1122334455667788;
	fill_siginfo(&out, (const kernel_siginfo_t *)&user);
	KUNIT_EXPECT_MEMEQ(test, out.raw, (u8 *)&user + 12, sizeof(user) - 12);
	KUNIT_EXPECT_EQ(test, SIGCHLD, le32_to_cpu(out.signo));
	KUNIT_EXPECT_EQ(test, 7, le32_to_cpu(out.err));
	KUNIT_EXPECT_EQ(test, CLD_KILLED, (int)le32_to_cpu(out.code));
}

static void a_record_that_no_queue_has_is_refused(struct kunit *test)
{
	struct ckpt_load *load = ckpt_kunit_load(test);
	size_t known = sizeof(kernel_siginfo_t) - 12, i;
	struct ckpt_siginfo good = { .queued = cpu_to_le32(1), .signo = cpu_to_le32(SIGUSR1) };
	struct ckpt_rec *rec = ckpt_kunit_rec(test, load, &ckpt_siginfo_ops, NULL, NULL, 0);
	struct ckpt_siginfo *in = ckpt_data(rec, ckpt_siginfo);

#define REFUSED(change...)						\
	do {								\
		*in = good;						\
		change;							\
		KUNIT_EXPECT_EQ(test, -EBADMSG, validate_siginfo(load, rec)); \
	} while (0)

	*in = good;
	KUNIT_EXPECT_EQ(test, 0, validate_siginfo(load, rec));
	REFUSED(in->signo = 0);
	REFUSED(in->signo = cpu_to_le32(65));
	REFUSED(in->signo = cpu_to_le32(SIGKILL));
	REFUSED(in->signo = cpu_to_le32(U32_MAX));
	REFUSED(in->queued = cpu_to_le32(2));
	REFUSED(in->code = cpu_to_le32(SI_TIMER));
	REFUSED(in->__reserved[3] = 1);
	for (i = known; i < sizeof(in->raw); i++)
		REFUSED(in->raw[i] = 1);
	/* a bare bit has no siginfo */
	good.queued = 0;
	*in = good;
	KUNIT_EXPECT_EQ(test, 0, validate_siginfo(load, rec));
	REFUSED(in->code = cpu_to_le32(SI_QUEUE));
	REFUSED(in->err = cpu_to_le32(1));
	for (i = 0; i < known; i++)
		REFUSED(in->raw[i] = 1);
#undef REFUSED
}

/* Queued ones in their order first, then bits that have no siginfo. */
static void a_queue_is_saved_in_order(struct kunit *test)
{
	static const int order[] = { 40, SIGUSR1, 40, SIGTERM, /* bare: */ SIGHUP, 64 };
	struct sigqueue queue[4] = {};
	struct sigpending pending = {};
	struct ckpt_siginfo *out, *at[ARRAY_SIZE(order) + 1];
	int i;

	out = kunit_kcalloc(test, ARRAY_SIZE(at), sizeof(*out), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, out);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		at[i] = &out[i];
	INIT_LIST_HEAD(&pending.list);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		sigaddset(&pending.signal, order[i]);
		if (i >= ARRAY_SIZE(queue))
			continue;
		queue[i].info.si_signo = order[i];
		queue[i].info.si_code = SI_QUEUE;
		queue[i].info.si_int = i;
		list_add_tail(&queue[i].list, &pending.list);
	}
	KUNIT_EXPECT_EQ(test, ARRAY_SIZE(order), ckpt_count_siginfos(current, &pending));
	/* there is room for one more than there are */
	KUNIT_EXPECT_EQ(test, ARRAY_SIZE(order),
			fill_queue(current, &pending, at, ARRAY_SIZE(at)));
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		kernel_siginfo_t info;

		KUNIT_EXPECT_EQ(test, order[i], (int)le32_to_cpu(out[i].signo));
		KUNIT_EXPECT_EQ(test, i < ARRAY_SIZE(queue), le32_to_cpu(out[i].queued));
		read_siginfo(&out[i], &info);
		if (i < ARRAY_SIZE(queue))
			KUNIT_EXPECT_EQ(test, i, info.si_int);
	}
	KUNIT_EXPECT_EQ(test, 0, (int)le32_to_cpu(out[i].signo));
}

static void a_signal_of_a_timer_is_refused(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct sigqueue q = { .info = { .si_signo = SIGALRM, .si_code = SI_TIMER } };
	struct sigpending pending = {};

	INIT_LIST_HEAD(&pending.list);
	list_add(&q.list, &pending.list);
	sigaddset(&pending.signal, SIGALRM);
	KUNIT_EXPECT_EQ(test, 0, checkpoint_siginfos(save, current, &pending, 1));
	KUNIT_EXPECT_EQ(test, 1, save->call.result.blockers);
	CKPT_EXPECT_LOGGED(test, &save->call, "object=\"timer signal\"");
}

static void a_signal_taken_meanwhile_ends_the_call(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct sigpending pending = {};

	INIT_LIST_HEAD(&pending.list);
	sigaddset(&pending.signal, SIGHUP);
	KUNIT_EXPECT_EQ(test, -ESRCH, checkpoint_siginfos(save, current, &pending, 2));
}

static struct kunit_case siginfo_cases[] = {
	KUNIT_CASE(every_layout_goes_both_ways),
	KUNIT_CASE(no_layout_is_left_out),
	KUNIT_CASE(a_record_has_the_layout_of_user_space),
	KUNIT_CASE(a_record_that_no_queue_has_is_refused),
	KUNIT_CASE(a_queue_is_saved_in_order),
	KUNIT_CASE(a_signal_of_a_timer_is_refused),
	KUNIT_CASE(a_signal_taken_meanwhile_ends_the_call),
	{}
};

static struct kunit_suite siginfo_suite = {
	.name = "checkpoint_siginfo",
	.test_cases = siginfo_cases,
};
kunit_test_suite(siginfo_suite);
