// SPDX-License-Identifier: GPL-2.0
/*
 * Host and domain name of a root task in a uts namespace of its own.
 */
#include <linux/nsproxy.h>
#include <linux/utsname.h>

#include "internal.h"

static void get_uts(void *ns)
{
	get_uts_ns(ns);
}

static void put_uts(void *ns)
{
	put_uts_ns(ns);
}

static long count_uts(void *ns)
{
	return 0;
}

static int checkpoint_uts(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct uts_namespace *ns = obj->ptr;
	struct ckpt_uts_ns *out;

	out = ckpt_emit_object(save, obj, 0);
	if (!out)
		return -ENOMEM;
	guard(rwsem_read)(&uts_sem);
	strscpy((char *)out->nodename, ns->name.nodename, sizeof(out->nodename));
	strscpy((char *)out->domainname, ns->name.domainname, sizeof(out->domainname));
	return 0;
}

static int validate_uts(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_uts_ns *in = ckpt_data(rec, ckpt_uts_ns);

	if (in->__reserved || memchr_inv(in->__reserved2, 0, sizeof(in->__reserved2)) ||
	    in->nodename[__NEW_UTS_LEN] || in->domainname[__NEW_UTS_LEN])
		return ckpt_fail(load, rec, -EBADMSG, "bad name");
	return 0;
}

/* In a new task that was made with CLONE_NEWUTS. */
static int install_uts(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_uts_ns *in = ckpt_data(rec, ckpt_uts_ns);
	struct new_utsname *name = utsname();

	guard(rwsem_write)(&uts_sem);
	memset(name->nodename, 0, sizeof(name->nodename));
	memset(name->domainname, 0, sizeof(name->domainname));
	strscpy(name->nodename, (const char *)in->nodename, sizeof(name->nodename));
	strscpy(name->domainname, (const char *)in->domainname, sizeof(name->domainname));
	return 0;
}

const struct ckpt_ops ckpt_uts_ns_ops = {
	.name		= "uts namespace",
	.type		= CKPT_REC_UTS_NS,
	.fixed		= sizeof(struct ckpt_uts_ns),
	.object		= true,
	.get		= get_uts,
	.put		= put_uts,
	.count		= count_uts,
	.checkpoint	= checkpoint_uts,
	.validate	= validate_uts,
	.install	= install_uts,
};
