// SPDX-License-Identifier: GPL-2.0
/*
 * Signal handlers of a process.
 *
 * Refused: handlers shared with another process (CLONE_SIGHAND).
 */
#include <linux/sched/signal.h>
#include <linux/signal.h>

#include "internal.h"

static void get_sighand(void *sighand)
{
	refcount_inc(&((struct sighand_struct *)sighand)->count);
}

static void put_sighand(void *sighand)
{
	__cleanup_sighand(sighand);
}

static long count_sighand(void *sighand)
{
	return refcount_read(&((struct sighand_struct *)sighand)->count);
}

static int checkpoint_sighand(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct sighand_struct *sighand = obj->ptr;
	struct ckpt_sighand *out;
	int i;

	if (obj->seen > 1)
		ckpt_refuse(save, "sighand", "signal handlers are shared with another process (CLONE_SIGHAND); not saved yet");
	out = ckpt_emit_object(save, obj, 0);
	if (!out)
		return -ENOMEM;

	guard(spinlock_irq)(&sighand->siglock);
	for (i = 0; i < _NSIG; i++) {
		const struct sigaction *sa = &sighand->action[i].sa;

		out->action[i].handler = cpu_to_le64((unsigned long)sa->sa_handler);
		out->action[i].flags = cpu_to_le64(sa->sa_flags);
		out->action[i].restorer = cpu_to_le64((unsigned long)sa->sa_restorer);
		out->action[i].mask = cpu_to_le64(sa->sa_mask.sig[0]);
	}
	return 0;
}

static int validate_sighand(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_sighand *in = ckpt_data(rec, ckpt_sighand);
	int i;

	if (in->__reserved)
		return ckpt_fail(load, rec, -EBADMSG, "unknown field");
	for (i = 0; i < _NSIG; i++) {
		const struct ckpt_sigaction *sa = &in->action[i];

		if (sig_kernel_only(i + 1) && sa->handler)
			return ckpt_fail(load, rec, -EBADMSG, "signal %d has a handler", i + 1);
	}
	return 0;
}

static int install_sighand(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_sighand *in = ckpt_data(rec, ckpt_sighand);
	struct k_sigaction ka = {};
	int i, err;

	for (i = 0; i < _NSIG; i++) {
		const struct ckpt_sigaction *sa = &in->action[i];

		if (sig_kernel_only(i + 1))
			continue;
		ka.sa.sa_handler = (__sighandler_t)le64_to_cpu(sa->handler);
		ka.sa.sa_flags = le64_to_cpu(sa->flags);
		ka.sa.sa_restorer = (__sigrestore_t)le64_to_cpu(sa->restorer);
		ka.sa.sa_mask.sig[0] = le64_to_cpu(sa->mask);
		err = do_sigaction(i + 1, &ka, NULL);
		if (err)
			return ckpt_fail(load, rec, err, "cannot set the handler of signal %d: errno %d",
					 i + 1, -err);
	}
	return 0;
}

const struct ckpt_ops ckpt_sighand_ops = {
	.name		= "sighand",
	.type		= CKPT_REC_SIGHAND,
	.fixed		= sizeof(struct ckpt_sighand),
	.object		= true,
	.get		= get_sighand,
	.put		= put_sighand,
	.count		= count_sighand,
	.checkpoint	= checkpoint_sighand,
	.validate	= validate_sighand,
	.install	= install_sighand,
};
