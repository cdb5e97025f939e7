// SPDX-License-Identifier: GPL-2.0
/*
 * A thread: identity, scheduling, signals of its own, what every C library
 * registers with the kernel, and the system call it was interrupted in.
 * Registers are the architecture's.
 *
 * Refused: real-time and deadline scheduling; see defaults.c for the rest.
 */
#include <linux/cpumask.h>
#include <linux/fs_struct.h>
#include <linux/personality.h>
#include <linux/prctl.h>
#include <linux/overflow.h>
#include <linux/restart_block.h>
#include <linux/rseq.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/timekeeping.h>
#include <uapi/linux/sched/types.h>

#include "../kernel/futex/futex.h"
#include "internal.h"

#define FLAGS_KNOWN	(CKPT_THREAD_DEAD | CKPT_THREAD_SAVED_MASK |	\
			 CKPT_THREAD_NO_NEW_PRIVS)
#define SIGINFOS_MAX	BIT(20)
#define CPUS_BYTES	ALIGN(DIV_ROUND_UP(NR_CPUS, 8), 8)

/* ---- The call to be gone on with ---- */

static const u32 futex_flags[][2] = {
	/* the kernel's, the image's */
	{ FLAGS_SHARED,		1 },
	{ FLAGS_CLOCKRT,	2 },
	{ FLAGS_HAS_TIMEOUT,	4 },
};

static u32 save_futex(struct ckpt_save *save, struct restart_block *block, u64 *args)
{
	u32 rest = block->futex.flags & ~FLAGS_SIZE_32, flags = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(futex_flags); i++) {
		if (!(rest & futex_flags[i][0]))
			continue;
		rest &= ~futex_flags[i][0];
		flags |= futex_flags[i][1];
	}
	if (rest)
		ckpt_refuse(save, "futex", "waits with flags 0x%x that are not known", rest);
	args[0] = (unsigned long)block->futex.uaddr;
	args[1] = block->futex.val;
	args[2] = flags;
	args[3] = block->futex.bitset;
	args[4] = block->futex.time;
	return CKPT_RESTART_FUTEX;
}

static u32 save_restart(struct ckpt_save *save, struct task_struct *task, u64 *args)
{
	struct restart_block *block = &task->restart_block;

	if (!ckpt_arch_restart_block(task))
		return CKPT_RESTART_NONE;
	if (block->fn == hrtimer_nanosleep_restart) {
		args[0] = block->nanosleep.clockid;
		args[1] = (unsigned long)block->nanosleep.rmtp;
		args[2] = block->nanosleep.type;
		args[3] = block->nanosleep.expires;
		return CKPT_RESTART_NANOSLEEP;
	}
	if (block->fn == futex_wait_restart_fn)
		return save_futex(save, block, args);
	if (block->fn == do_restart_poll) {
		args[0] = (unsigned long)block->poll.ufds;
		args[1] = block->poll.nfds;
		args[2] = block->poll.has_timeout;
		/* without one, what an earlier call left is there */
		if (block->poll.has_timeout) {
			args[3] = block->poll.tv_sec;
			args[4] = block->poll.tv_nsec;
		}
		return CKPT_RESTART_POLL;
	}
	ckpt_refuse(save, "system call", "sleeps in a call that cannot be gone on with yet; try again");
	return CKPT_RESTART_NONE;
}

/* How far a clock that stands for elapsed time is ahead of the image's. */
static s64 clock_shift(struct ckpt_load *load, clockid_t clock)
{
	switch (clock) {
	case CLOCK_MONOTONIC:
		return ktime_get_ns() - le64_to_cpu(load->header->clock_monotonic);
	case CLOCK_BOOTTIME:
		return ktime_get_boottime_ns() - le64_to_cpu(load->header->clock_boottime);
	default:
		return 0;
	}
}

/* The remaining time of a sleep is kept, whatever was between. */
static u64 shifted(struct ckpt_load *load, clockid_t clock, u64 expires)
{
	s64 at;

	if (check_add_overflow((s64)expires, clock_shift(load, clock), &at))
		return KTIME_MAX;
	return max_t(s64, at, 0);
}

static void shift_poll(struct ckpt_load *load, struct restart_block *block)
{
	u64 end = timespec64_to_ns(&(struct timespec64){
		.tv_sec = block->poll.tv_sec, .tv_nsec = block->poll.tv_nsec });
	struct timespec64 ts = ns_to_timespec64(shifted(load, CLOCK_MONOTONIC, end));

	block->poll.tv_sec = ts.tv_sec;
	block->poll.tv_nsec = ts.tv_nsec;
}

/* Sets what restart_syscall(2) goes on with. Everything was validated. */
static void load_restart(struct ckpt_load *load, struct task_struct *task,
			 const struct ckpt_thread *in)
{
	struct restart_block *block = &task->restart_block;
	u64 args[5];
	int i;

	for (i = 0; i < ARRAY_SIZE(args); i++)
		args[i] = le64_to_cpu(in->restart_args[i]);
	memset(block, 0, sizeof(*block));
	block->fn = do_no_restart_syscall;
	switch (le32_to_cpu(in->restart)) {
	case CKPT_RESTART_NANOSLEEP:
		block->fn = hrtimer_nanosleep_restart;
		block->nanosleep.clockid = args[0];
		block->nanosleep.rmtp = u64_to_user_ptr(args[1]);
		block->nanosleep.type = args[2];
		block->nanosleep.expires = shifted(load, args[0], args[3]);
		break;
	case CKPT_RESTART_FUTEX:
		block->fn = futex_wait_restart_fn;
		block->futex.uaddr = u64_to_user_ptr(args[0]);
		block->futex.val = args[1];
		block->futex.flags = FLAGS_SIZE_32;
		for (i = 0; i < ARRAY_SIZE(futex_flags); i++)
			if (args[2] & futex_flags[i][1])
				block->futex.flags |= futex_flags[i][0];
		block->futex.bitset = args[3];
		block->futex.time = block->futex.flags & FLAGS_CLOCKRT ?
			args[4] : shifted(load, CLOCK_MONOTONIC, args[4]);
		break;
	case CKPT_RESTART_POLL:
		block->fn = do_restart_poll;
		block->poll.ufds = u64_to_user_ptr(args[0]);
		block->poll.nfds = args[1];
		block->poll.has_timeout = args[2];
		block->poll.tv_sec = args[3];
		block->poll.tv_nsec = args[4];
		if (block->poll.has_timeout)
			shift_poll(load, block);
		break;
	}
}

static bool good_restart(const struct ckpt_thread *in)
{
	u64 args[5];
	int i;

	for (i = 0; i < ARRAY_SIZE(args); i++)
		args[i] = le64_to_cpu(in->restart_args[i]);
	switch (le32_to_cpu(in->restart)) {
	case CKPT_RESTART_NONE:
		return !memchr_inv(args, 0, sizeof(args));
	case CKPT_RESTART_NANOSLEEP:
		return (args[0] == CLOCK_REALTIME || args[0] == CLOCK_MONOTONIC ||
			args[0] == CLOCK_BOOTTIME || args[0] == CLOCK_TAI) &&
		       args[1] < TASK_SIZE_MAX && args[2] <= TT_NATIVE && !args[4];
	case CKPT_RESTART_FUTEX:
		return args[0] < TASK_SIZE_MAX && args[1] <= U32_MAX &&
		       args[2] <= 7 && args[3] && args[3] <= U32_MAX;
	case CKPT_RESTART_POLL:
		return args[0] < TASK_SIZE_MAX && args[1] <= INT_MAX &&
		       args[2] <= 1 && args[4] < NSEC_PER_SEC;
	default:
		return false;
	}
}

/* ---- Capture ---- */

/**
 * ckpt_thread_objects - capture what a thread refers to
 * @save: the call
 * @member: the thread
 */
int ckpt_thread_objects(struct ckpt_save *save, struct ckpt_member *member)
{
	struct task_struct *task = member->task;
	struct ckpt_ids *ids = &member->ids;
	struct files_struct *files;
	struct fs_struct *fs;
	int err;

	if (member->dead)
		return 0;
	err = ckpt_save_cred(save, task, &ids->cred);
	if (err)
		return err;
	save->cred_id = ids->cred;

	/* the survey holds both; they change only when the task is killed */
	task_lock(task);
	files = task->files;
	fs = task->fs;
	task_unlock(task);
	if (!files || !fs || !ckpt_object_find(save, files) || !ckpt_object_find(save, fs))
		return ckpt_err(save, -ESRCH, "the task exited while the group was held");
	return ckpt_object(save, files, &ckpt_files_ops, &ids->files) ?:
	       ckpt_object(save, fs, &ckpt_fs_ops, &ids->fs);
}

static void fill_sched(struct ckpt_save *save, struct task_struct *task,
		       struct ckpt_thread *out)
{
	if (task->policy != SCHED_NORMAL && task->policy != SCHED_BATCH &&
	    task->policy != SCHED_IDLE)
		ckpt_refuse(save, "scheduling policy", "policy %u is not saved yet", task->policy);
	out->policy = cpu_to_le32(task->policy);
	out->nice = cpu_to_le32(task_nice(task));
	out->timer_slack_ns = cpu_to_le64(task->timer_slack_ns);
	out->default_timer_slack_ns = cpu_to_le64(task->default_timer_slack_ns);
}

static void fill_signals(struct task_struct *task, struct ckpt_thread *out)
{
	out->blocked = cpu_to_le64(task->blocked.sig[0]);
	if (test_tsk_restore_sigmask(task)) {
		out->flags |= cpu_to_le32(CKPT_THREAD_SAVED_MASK);
		out->saved_mask = cpu_to_le64(task->saved_sigmask.sig[0]);
	}
	out->altstack_sp = cpu_to_le64(task->sas_ss_sp);
	out->altstack_size = cpu_to_le64(task->sas_ss_size);
	out->altstack_flags = cpu_to_le32(task->sas_ss_flags);
	out->pdeath_signal = cpu_to_le32(task->pdeath_signal);
}

static void fill_libc(struct task_struct *task, struct ckpt_thread *out)
{
	out->robust_list = cpu_to_le64((unsigned long)task->robust_list);
	out->clear_child_tid = cpu_to_le64((unsigned long)task->clear_child_tid);
	out->rseq = cpu_to_le64((unsigned long)task->rseq);
	out->rseq_len = cpu_to_le32(task->rseq_len);
	out->rseq_sig = cpu_to_le32(task->rseq_sig);
}

/* What a restart takes: asked when it is saved, too, as the kernel takes more. */
static bool good_libc(const struct ckpt_thread *in)
{
	u64 rseq = le64_to_cpu(in->rseq), len = le32_to_cpu(in->rseq_len);

	if (le64_to_cpu(in->robust_list) >= TASK_SIZE_MAX ||
	    le64_to_cpu(in->clear_child_tid) >= TASK_SIZE_MAX)
		return false;
	if (!rseq)
		return !len && !in->rseq_sig;
	/* as rseq(2) has it */
	return rseq < TASK_SIZE_MAX - len && IS_ALIGNED(rseq, 32) &&
	       len >= 32 && len <= 4096;
}

static bool good_altstack(const struct ckpt_thread *in)
{
	u64 sp = le64_to_cpu(in->altstack_sp), size = le64_to_cpu(in->altstack_size);
	u32 flags = le32_to_cpu(in->altstack_flags);

	/* SS_ONSTACK is kept as it was given, and means nothing */
	return !(flags & ~(SS_AUTODISARM | SS_DISABLE | SS_ONSTACK)) &&
	       (!size || size >= MINSIGSTKSZ) &&
	       sp < TASK_SIZE_MAX && size <= TASK_SIZE_MAX - sp;
}

/* sched_setaffinity(2) of others frees what it replaces: see dup_user_cpus_ptr(). */
static bool read_cpus(struct task_struct *task, u64 *cpus)
{
	guard(raw_spinlock_irqsave)(&task->pi_lock);
	if (!task->user_cpus_ptr)
		return false;
	bitmap_to_arr64(cpus, cpumask_bits(task->user_cpus_ptr), nr_cpu_ids);
	return true;
}

static int emit_thread(struct ckpt_save *save, struct ckpt_member *member)
{
	struct task_struct *task = member->task;
	u32 nr = ckpt_count_siginfos(task, &task->pending), i;
	struct ckpt_thread *out;
	size_t cpus_len;
	u64 args[5] = {};

	u64 *cpus __free(kfree) = kzalloc(CPUS_BYTES, GFP_KERNEL_ACCOUNT);
	if (!cpus)
		return -ENOMEM;
	cpus_len = read_cpus(task, cpus) ? CPUS_BYTES : 0;
	out = ckpt_emit(save, &ckpt_thread_ops, cpus_len);
	if (!out)
		return -ENOMEM;
	out->tid = cpu_to_le32(member->tid);
	out->files = cpu_to_le32(member->ids.files);
	out->fs = cpu_to_le32(member->ids.fs);
	out->cred = cpu_to_le32(member->ids.cred);
	out->nr_siginfos = cpu_to_le32(nr);
	out->personality = cpu_to_le32(task->personality);
	out->cpus_len = cpu_to_le32(cpus_len);
	if (task_no_new_privs(task))
		out->flags |= cpu_to_le32(CKPT_THREAD_NO_NEW_PRIVS);
	fill_sched(save, task, out);
	fill_signals(task, out);
	fill_libc(task, out);
	out->restart = cpu_to_le32(save_restart(save, task, args));
	for (i = 0; i < ARRAY_SIZE(args); i++)
		out->restart_args[i] = cpu_to_le64(args[i]);
	if (!good_libc(out) || !good_altstack(out) || !good_restart(out))
		ckpt_refuse(save, "thread", "has registered an address or a length that cannot be registered again");
	strscpy_pad((char *)out->comm, task->comm, sizeof(out->comm));
	memcpy(ckpt_tail(out, sizeof(*out)), cpus, cpus_len);

	return checkpoint_siginfos(save, task, &task->pending, nr) ?:
	       checkpoint_arch_thread(save, task);
}

/* A leader that exited before its threads, or a zombie. */
static int emit_dead(struct ckpt_save *save, struct ckpt_member *member)
{
	struct ckpt_thread *out = ckpt_emit(save, &ckpt_thread_ops, 0);

	if (!out)
		return -ENOMEM;
	out->tid = cpu_to_le32(member->tid);
	out->flags = cpu_to_le32(CKPT_THREAD_DEAD);
	out->exit_code = cpu_to_le32(member->task->exit_code);
	strscpy_pad((char *)out->comm, member->task->comm, sizeof(out->comm));
	return 0;
}

/**
 * checkpoint_thread - capture a thread
 * @save: the call
 * @member: the thread
 */
int checkpoint_thread(struct ckpt_save *save, struct ckpt_member *member)
{
	int err;

	if (member->dead)
		return emit_dead(save, member);
	/* registers are on the stack, which goes away when the task is killed */
	if (!try_get_task_stack(member->task))
		return ckpt_err(save, -ESRCH, "the task exited while the group was held");
	err = ckpt_refuse_unknown(save, member->task) ?:
	      ckpt_arch_refuse(save, member->task) ?:
	      emit_thread(save, member);
	put_task_stack(member->task);
	return err;
}

/* ---- Restart ---- */

static int validate_dead(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_thread *in = ckpt_data(rec, ckpt_thread);

	if (le32_to_cpu(in->exit_code) > 0xffff || in->nr_siginfos ||
	    le32_to_cpu(in->flags) != CKPT_THREAD_DEAD || in->cpus_len ||
	    !ckpt_tail_is(rec, 0))
		return ckpt_fail(load, rec, -EBADMSG, "bad record of a dead thread");
	return 0;
}

static int validate_thread(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_thread *in = ckpt_data(rec, ckpt_thread);
	u32 policy = le32_to_cpu(in->policy), cpus = le32_to_cpu(in->cpus_len);
	s32 nice = le32_to_cpu(in->nice);

	if (strnlen((const char *)in->comm, sizeof(in->comm)) == sizeof(in->comm) ||
	    !in->tid || le32_to_cpu(in->tid) > PID_MAX_LIMIT ||
	    le32_to_cpu(in->flags) & ~FLAGS_KNOWN)
		return ckpt_fail(load, rec, -EBADMSG, "bad name, number or flags");
	if (le32_to_cpu(in->flags) & CKPT_THREAD_DEAD)
		return validate_dead(load, rec);
	if ((policy != SCHED_NORMAL && policy != SCHED_BATCH && policy != SCHED_IDLE) ||
	    nice < MIN_NICE || nice > MAX_NICE ||
	    le32_to_cpu(in->pdeath_signal) > _NSIG || in->exit_code ||
	    le32_to_cpu(in->nr_siginfos) > SIGINFOS_MAX)
		return ckpt_fail(load, rec, -EBADMSG, "value out of range");
	if (cpus > CPUS_BYTES || cpus % 8 || !ckpt_tail_is(rec, cpus))
		return ckpt_fail(load, rec, -EBADMSG, "bad CPU mask");
	if (!good_libc(in) || !good_altstack(in) || !good_restart(in))
		return ckpt_fail(load, rec, -EBADMSG, "bad user address, or call to go on with");
	if (!ckpt_ref(load, rec, le32_to_cpu(in->files), CKPT_REC_FILES) ||
	    !ckpt_ref(load, rec, le32_to_cpu(in->fs), CKPT_REC_FS) ||
	    !ckpt_ref(load, rec, le32_to_cpu(in->cred), CKPT_REC_CRED))
		return -EBADMSG;
	return 0;
}

static int set_sched(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_thread *in = ckpt_data(rec, ckpt_thread);
	struct sched_attr attr = {
		.size		= sizeof(attr),
		.sched_policy	= le32_to_cpu(in->policy),
		.sched_nice	= le32_to_cpu(in->nice),
	};
	int err = 0;

	/* SCHED_IDLE keeps the nice value that it finds */
	if (attr.sched_policy == SCHED_IDLE)
		attr.sched_policy = SCHED_NORMAL;
	/* mostly it is what the caller has, too */
	if (current->policy != attr.sched_policy || task_nice(current) != attr.sched_nice ||
	    current->se.custom_slice)
		err = sched_setattr(current, &attr);
	attr.sched_policy = le32_to_cpu(in->policy);
	if (!err && attr.sched_policy == SCHED_IDLE)
		err = sched_setattr(current, &attr);
	if (err == -EPERM)
		err = ckpt_axis(load, rec, "nice", "nice %d needs CAP_SYS_NICE",
				attr.sched_nice);
	if (err)
		return err;
	current->timer_slack_ns = le64_to_cpu(in->timer_slack_ns);
	current->default_timer_slack_ns = le64_to_cpu(in->default_timer_slack_ns);
	return 0;
}

static int set_cpus(struct ckpt_load *load, struct ckpt_rec *rec)
{
	u32 len = le32_to_cpu(ckpt_data(rec, ckpt_thread)->cpus_len);
	cpumask_var_t mask;
	int err;

	/* the caller's own mask is not what it had */
	if (!len)
		return current->user_cpus_ptr ?
		       sched_setaffinity(0, cpu_possible_mask) : 0;
	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	bitmap_from_arr64(cpumask_bits(mask), ckpt_rec_tail(rec),
			  min_t(u32, len * 8, nr_cpumask_bits));
	err = sched_setaffinity(0, mask);
	free_cpumask_var(mask);
	if (err)
		return ckpt_fail(load, rec, err, "none of its CPUs may be used here");
	return 0;
}

/*
 * What an exiting task writes to at these addresses may be shared memory: they
 * are set when it can only exit as itself.
 */
static void set_libc(struct task_struct *t, const struct ckpt_thread *in)
{
	t->robust_list = u64_to_user_ptr(le64_to_cpu(in->robust_list));
	t->clear_child_tid = u64_to_user_ptr(le64_to_cpu(in->clear_child_tid));
	t->sas_ss_sp = le64_to_cpu(in->altstack_sp);
	t->sas_ss_size = le64_to_cpu(in->altstack_size);
	t->sas_ss_flags = le32_to_cpu(in->altstack_flags);
	t->rseq = u64_to_user_ptr(le64_to_cpu(in->rseq));
	t->rseq_len = le32_to_cpu(in->rseq_len);
	t->rseq_sig = le32_to_cpu(in->rseq_sig);
	if (t->rseq) {
		/* it was preempted, as far as a critical section goes */
		t->rseq_event_mask = BIT(RSEQ_EVENT_PREEMPT_BIT);
		set_tsk_thread_flag(t, TIF_NOTIFY_RESUME);
	}
}

/**
 * restart_thread_objects - tables that a thread may share with others
 * @load: the call
 * @task: the thread
 */
int restart_thread_objects(struct ckpt_load *load, struct ckpt_task *task)
{
	const struct ckpt_thread *in = ckpt_data(task->rec, ckpt_thread);

	return ckpt_files_ops.install(load, ckpt_rec(load, le32_to_cpu(in->files))) ?:
	       ckpt_fs_ops.install(load, ckpt_rec(load, le32_to_cpu(in->fs)));
}

/**
 * restart_thread - what a thread has, in the new thread; credentials last
 * @load: the call
 * @task: the thread
 */
int restart_thread(struct ckpt_load *load, struct ckpt_task *task)
{
	const struct ckpt_thread *in = ckpt_data(task->rec, ckpt_thread);
	int err;

	err = restart_thread_objects(load, task) ?:
	      set_sched(load, task->rec) ?:
	      set_cpus(load, task->rec) ?:
	      ckpt_send_pending(load, task->rec, le32_to_cpu(in->nr_siginfos), false) ?:
	      ckpt_cred_ops.install(load, ckpt_rec(load, le32_to_cpu(in->cred)));
	if (err)
		return err;
	current->personality = le32_to_cpu(in->personality);
	set_task_comm(current, (const char *)in->comm);
	if (le32_to_cpu(in->flags) & CKPT_THREAD_NO_NEW_PRIVS)
		task_set_no_new_privs(current);
	/* commit_creds() may have cleared it; only lowering rights does */
	current->pdeath_signal = le32_to_cpu(in->pdeath_signal);
	return 0;
}

/**
 * ckpt_thread_commit - the last of a thread, while it waits at the gate
 * @load: the call
 * @task: the thread, with its registers set
 *
 * Context: cannot fail.
 */
void ckpt_thread_commit(struct ckpt_load *load, struct ckpt_task *task)
{
	const struct ckpt_thread *in = ckpt_data(task->rec, ckpt_thread);
	struct task_struct *t = task->task;
	sigset_t blocked = { .sig[0] = le64_to_cpu(in->blocked) };
	unsigned long flags;

	load_restart(load, t, in);
	set_libc(t, in);
	if (!lock_task_sighand(t, &flags))
		return;
	sigdelsetmask(&blocked, sigmask(SIGKILL) | sigmask(SIGSTOP));
	t->blocked = blocked;
	if (le32_to_cpu(in->flags) & CKPT_THREAD_SAVED_MASK) {
		t->saved_sigmask.sig[0] = le64_to_cpu(in->saved_mask) &
					  ~(sigmask(SIGKILL) | sigmask(SIGSTOP));
		t->restore_sigmask = true;
	}
	ckpt_stop_pending(t, task->rec, le32_to_cpu(in->nr_siginfos), false);
	/* look for signals first, and restart what was interrupted */
	set_tsk_thread_flag(t, TIF_SIGPENDING);
	unlock_task_sighand(t, &flags);
}

const struct ckpt_ops ckpt_thread_ops = {
	.name		= "thread",
	.type		= CKPT_REC_THREAD,
	.fixed		= sizeof(struct ckpt_thread),
	.max_tail	= CPUS_BYTES,
	.validate	= validate_thread,
};

#if IS_ENABLED(CONFIG_CHECKPOINT_KUNIT_TEST)
#include "tests/thread_kunit.c"
#endif
