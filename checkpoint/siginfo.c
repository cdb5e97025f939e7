// SPDX-License-Identifier: GPL-2.0
/*
 * Pending signals with their siginfo, in order. A SIGINFO record belongs to
 * the PROCESS (shared) or THREAD (private) that it follows.
 *
 * A restarted task gets them as if it had sent them to itself, which may
 * carry any siginfo.
 */
#include <linux/sched/signal.h>
#include <linux/signal.h>

#include "internal.h"

/* Bits whose siginfo was lost, or never queued. */
static void bare_bits(struct sigpending *pending, sigset_t *bare)
{
	struct sigqueue *q;

	*bare = pending->signal;
	list_for_each_entry(q, &pending->list, list)
		sigdelset(bare, q->info.si_signo);
}

/**
 * ckpt_count_siginfos - how many records a queue takes
 * @task: whose queue it is
 * @pending: its private or shared queue
 */
u32 ckpt_count_siginfos(struct task_struct *task, struct sigpending *pending)
{
	unsigned long flags;
	struct sigqueue *q;
	sigset_t bare;
	u32 nr;

	if (!lock_task_sighand(task, &flags))
		return 0;
	bare_bits(pending, &bare);
	nr = hweight64(bare.sig[0]);
	list_for_each_entry(q, &pending->list, list)
		nr++;
	unlock_task_sighand(task, &flags);
	return nr;
}

static void fill_siginfo(struct ckpt_siginfo *out, const kernel_siginfo_t *info)
{
	out->signo = cpu_to_le32(info->si_signo);
	out->code = cpu_to_le32(info->si_code);
	out->err = cpu_to_le32(info->si_errno);
	out->queued = cpu_to_le32(1);
	memcpy(out->raw, (const u8 *)info + 12, sizeof(*info) - 12);
}

/* The siginfos of a queue, bare bits last. Return: how many, at most @nr. */
static u32 fill_queue(struct task_struct *task, struct sigpending *pending,
		      struct ckpt_siginfo **out, u32 nr)
{
	unsigned long flags;
	struct sigqueue *q;
	sigset_t bare;
	u32 n = 0;
	int sig;

	if (!lock_task_sighand(task, &flags))
		return 0;
	bare_bits(pending, &bare);
	list_for_each_entry(q, &pending->list, list) {
		if (n == nr)
			break;
		fill_siginfo(out[n++], &q->info);
	}
	for (sig = 1; sig <= _NSIG && n < nr; sig++)
		if (sigismember(&bare, sig))
			out[n++]->signo = cpu_to_le32(sig);
	unlock_task_sighand(task, &flags);
	return n;
}

/**
 * checkpoint_siginfos - emit the records of a queue
 * @save: the call
 * @task: whose queue it is
 * @pending: its private or shared queue
 * @nr: what ckpt_count_siginfos() said
 *
 * Signals that came since are not saved: they came after the checkpoint.
 */
int checkpoint_siginfos(struct ckpt_save *save, struct task_struct *task,
			struct sigpending *pending, u32 nr)
{
	u32 i;

	if (!nr)
		return 0;
	struct ckpt_siginfo **out __free(kvfree) =
		kvmalloc_array(nr, sizeof(*out), GFP_KERNEL_ACCOUNT);
	if (!out)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		out[i] = ckpt_emit(save, &ckpt_siginfo_ops, 0);
		if (!out[i])
			return -ENOMEM;
	}
	if (fill_queue(task, pending, out, nr) < nr)
		return ckpt_err(save, -ESRCH, "a signal was taken while the group was held");
	for (i = 0; i < nr; i++)
		if ((int)le32_to_cpu(out[i]->code) == SI_TIMER)
			ckpt_refuse(save, "timer signal", "signal %u of a timer is pending, not saved yet",
				    le32_to_cpu(out[i]->signo));
	return 0;
}

static int validate_siginfo(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_siginfo *in = ckpt_data(rec, ckpt_siginfo);
	u32 sig = le32_to_cpu(in->signo);

	if (!sig || sig > _NSIG || sig == SIGKILL ||
	    le32_to_cpu(in->queued) > 1 ||
	    memchr_inv(in->__reserved, 0, sizeof(in->__reserved)) ||
	    memchr_inv(in->raw + sizeof(kernel_siginfo_t) - 12, 0,
		       sizeof(in->raw) - (sizeof(kernel_siginfo_t) - 12)))
		return ckpt_fail(load, rec, -EBADMSG, "bad pending signal %u", sig);
	if (!in->queued && (in->code || in->err || memchr_inv(in->raw, 0, sizeof(in->raw))))
		return ckpt_fail(load, rec, -EBADMSG, "siginfo for a signal without one");
	/* a posix timer's siginfo would name a timer that is not there */
	if ((int)le32_to_cpu(in->code) == SI_TIMER)
		return ckpt_fail(load, rec, -EBADMSG, "a timer's signal is pending");
	return 0;
}

static void read_siginfo(const struct ckpt_siginfo *in, kernel_siginfo_t *info)
{
	clear_siginfo(info);
	memcpy((u8 *)info + 12, in->raw, sizeof(*info) - 12);
	info->si_signo = le32_to_cpu(in->signo);
	info->si_code = le32_to_cpu(in->code);
	info->si_errno = le32_to_cpu(in->err);
}

static struct sigpending *queue_of(struct task_struct *task, bool shared)
{
	return shared ? &task->signal->shared_pending : &task->pending;
}

static int send(struct ckpt_rec *rec, bool shared)
{
	struct sigpending *pending = queue_of(current, shared);
	const struct ckpt_siginfo *in = ckpt_data(rec, ckpt_siginfo);
	u32 sig = le32_to_cpu(in->signo);
	struct list_head *last;
	kernel_siginfo_t info;
	int err;

	/* it cannot be blocked: see ckpt_stop_pending() */
	if (sig == SIGSTOP)
		return 0;
	guard(spinlock_irq)(&current->sighand->siglock);
	if (!in->queued) {
		sigaddset(&pending->signal, sig);
		return 0;
	}
	read_siginfo(in, &info);
	last = pending->list.prev;
	err = send_signal_locked(sig, &info, current, shared ? PIDTYPE_TGID : PIDTYPE_PID);
	/* where there is no room most signals lose their siginfo without a word */
	return err ?: pending->list.prev == last ? -EAGAIN : 0;
}

/**
 * ckpt_send_pending - give the current, new task its pending signals
 * @load: the call
 * @rec: the PROCESS or THREAD that the signals belong to
 * @nr: how many records follow it
 * @shared: is it the process's queue
 *
 * All signals are blocked, so they stay pending.
 */
int ckpt_send_pending(struct ckpt_load *load, struct ckpt_rec *rec, u32 nr,
		      bool shared)
{
	int err;

	for (; nr; nr--) {
		rec = list_next_entry(rec, list);
		err = send(rec, shared);
		if (err)
			return ckpt_fail(load, rec, err, "cannot queue the signal: errno %d; look at RLIMIT_SIGPENDING",
					 -err);
	}
	return 0;
}

/**
 * ckpt_stop_pending - let a SIGSTOP be pending, if one was
 * @task: the task, its siglock held
 * @rec: the PROCESS or THREAD that the signals belong to
 * @nr: how many records follow it
 * @shared: is it the process's queue
 *
 * At the commit: before, it would end what is interruptible, and pid 1 of a namespace
 * would drop it, as one that it has sent to itself.
 */
void ckpt_stop_pending(struct task_struct *task, const struct ckpt_rec *rec, u32 nr,
		       bool shared)
{
	for (; nr; nr--) {
		rec = list_next_entry(rec, list);
		if (le32_to_cpu(ckpt_data(rec, ckpt_siginfo)->signo) == SIGSTOP)
			sigaddset(&queue_of(task, shared)->signal, SIGSTOP);
	}
}

const struct ckpt_ops ckpt_siginfo_ops = {
	.name		= "siginfo",
	.type		= CKPT_REC_SIGINFO,
	.fixed		= sizeof(struct ckpt_siginfo),
	.validate	= validate_siginfo,
};

#if IS_ENABLED(CONFIG_CHECKPOINT_KUNIT_TEST)
#include "tests/siginfo_kunit.c"
#endif
