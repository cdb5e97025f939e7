// SPDX-License-Identifier: GPL-2.0
/*
 * Credentials of a thread, possibly shared by several. Ids are numbers in the
 * root task's user namespace, read in the caller's.
 *
 * A restart gives what the caller could give itself by setresuid(2),
 * setgroups(2), capset(2) and prctl(2), by the rules of those calls; what is
 * more fails with -EPERM naming the axis, or is lowered under RESTART_CLAMP.
 *
 * Refused: other user namespaces than the root task's, keyrings of a thread
 * or process, Landlock domains. Session keyrings and security labels are the
 * caller's at restart.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/sched/coredump.h>
#include <linux/sched/user.h>
#include <linux/securebits.h>
#include <linux/security.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "internal.h"
#include "privilege.h"

static void get_cred_obj(void *cred)
{
	get_cred(cred);
}

static void put_cred_obj(void *cred)
{
	put_cred((const struct cred *)cred);
}

static long count_cred(void *cred)
{
	return 0;
}

static u64 caps_of(kernel_cap_t caps)
{
	return caps.val;
}

static bool ids_mapped(struct user_namespace *ns, const struct cred *cred)
{
	int i;

	for (i = 0; i < cred->group_info->ngroups; i++)
		if (!kgid_has_mapping(ns, cred->group_info->gid[i]))
			return false;
	return kuid_has_mapping(ns, cred->uid) && kgid_has_mapping(ns, cred->gid) &&
	       kuid_has_mapping(ns, cred->euid) && kgid_has_mapping(ns, cred->egid) &&
	       kuid_has_mapping(ns, cred->suid) && kgid_has_mapping(ns, cred->sgid) &&
	       kuid_has_mapping(ns, cred->fsuid) && kgid_has_mapping(ns, cred->fsgid);
}

static int refuse_cred(struct ckpt_save *save, const struct cred *cred)
{
	if (cred->user_ns != save->user_ns)
		ckpt_refuse(save, "user namespace", "is in another user namespace than the first root; not saved yet");
	if (!ids_mapped(save->user_ns, cred))
		ckpt_refuse(save, "credentials", "an id is not mapped in the user namespace of the first root");
	if (cred_has_keyrings(cred))
		ckpt_refuse(save, "keyring", "has a keyring of its own, not saved yet");
	if (cred_has_landlock(cred))
		ckpt_refuse(save, "landlock", "has a Landlock domain, not saved yet");
	return 0;
}

static int checkpoint_cred(struct ckpt_save *save, struct ckpt_obj *obj)
{
	const struct cred *cred = obj->ptr;
	struct user_namespace *ns = save->user_ns;
	unsigned int nr = cred->group_info->ngroups, i;
	struct ckpt_cred *out;
	__le32 *group;

	refuse_cred(save, cred);
	out = ckpt_emit_object(save, obj, array_size(nr, sizeof(*group)));
	if (!out)
		return -ENOMEM;
	out->uid = cpu_to_le32(from_kuid(ns, cred->uid));
	out->gid = cpu_to_le32(from_kgid(ns, cred->gid));
	out->suid = cpu_to_le32(from_kuid(ns, cred->suid));
	out->sgid = cpu_to_le32(from_kgid(ns, cred->sgid));
	out->euid = cpu_to_le32(from_kuid(ns, cred->euid));
	out->egid = cpu_to_le32(from_kgid(ns, cred->egid));
	out->fsuid = cpu_to_le32(from_kuid(ns, cred->fsuid));
	out->fsgid = cpu_to_le32(from_kgid(ns, cred->fsgid));
	out->securebits = cpu_to_le32(cred->securebits);
	out->nr_groups = cpu_to_le32(nr);
	out->cap_inheritable = cpu_to_le64(caps_of(cred->cap_inheritable));
	out->cap_permitted = cpu_to_le64(caps_of(cred->cap_permitted));
	out->cap_effective = cpu_to_le64(caps_of(cred->cap_effective));
	out->cap_bset = cpu_to_le64(caps_of(cred->cap_bset));
	out->cap_ambient = cpu_to_le64(caps_of(cred->cap_ambient));

	group = ckpt_tail(out, sizeof(*out));
	for (i = 0; i < nr; i++)
		group[i] = cpu_to_le32(from_kgid(ns, cred->group_info->gid[i]));
	return 0;
}

/**
 * ckpt_save_cred - the id of a task's credentials; its objects come next
 * @save: the call
 * @task: the task
 * @id: their id
 */
int ckpt_save_cred(struct ckpt_save *save, struct task_struct *task, u32 *id)
{
	const struct cred *cred = get_task_cred(task);
	int err = ckpt_object(save, (void *)cred, &ckpt_cred_ops, id);

	save->fsuid = cred->fsuid;
	save->fsgid = cred->fsgid;
	put_cred(cred);
	return err;
}

static int validate_cred(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_cred *in = ckpt_data(rec, ckpt_cred);
	u64 permitted = le64_to_cpu(in->cap_permitted);
	u64 all = le64_to_cpu(in->cap_inheritable) | permitted |
		  le64_to_cpu(in->cap_bset);
	u32 nr = le32_to_cpu(in->nr_groups);

	if (in->__reserved || nr > NGROUPS_MAX ||
	    !ckpt_tail_is(rec, array_size(nr, sizeof(__le32))))
		return ckpt_fail(load, rec, -EBADMSG, "length does not fit %u groups", nr);
	if (all & ~CAP_VALID_MASK ||
	    le64_to_cpu(in->cap_effective) & ~permitted ||
	    le64_to_cpu(in->cap_ambient) & ~(permitted & le64_to_cpu(in->cap_inheritable)))
		return ckpt_fail(load, rec, -EBADMSG, "capability sets that no task has");
	if (le32_to_cpu(in->securebits) & ~(SECURE_ALL_BITS | SECURE_ALL_LOCKS))
		return ckpt_fail(load, rec, -EBADMSG, "unknown securebits");
	return 0;
}

/*
 * May the caller give this user id? By the rule of setresuid(2) among the ids
 * that @has; a file system id may also stay what it is, as with setfsuid(2).
 */
static int set_uid(struct ckpt_load *load, struct ckpt_rec *rec, const char *what,
		   __le32 value, const struct cred *has, kuid_t *uid)
{
	struct user_namespace *ns = current_user_ns();
	kuid_t kuid = make_kuid(ns, le32_to_cpu(value));

	if (!uid_valid(kuid))
		return ckpt_axis(load, rec, what, "user id %u is not mapped in the caller's user namespace",
				 le32_to_cpu(value));
	if (!uid_eq(kuid, has->uid) && !uid_eq(kuid, has->euid) &&
	    !uid_eq(kuid, has->suid) && !uid_eq(kuid, *uid) &&
	    !ns_capable_setid(ns, CAP_SETUID))
		return ckpt_axis(load, rec, what, "user id %u needs CAP_SETUID",
				 le32_to_cpu(value));
	*uid = kuid;
	return 0;
}

static int set_gid(struct ckpt_load *load, struct ckpt_rec *rec, const char *what,
		   __le32 value, const struct cred *has, kgid_t *gid)
{
	struct user_namespace *ns = current_user_ns();
	kgid_t kgid = make_kgid(ns, le32_to_cpu(value));

	if (!gid_valid(kgid))
		return ckpt_axis(load, rec, what, "group id %u is not mapped in the caller's user namespace",
				 le32_to_cpu(value));
	if (!gid_eq(kgid, has->gid) && !gid_eq(kgid, has->egid) &&
	    !gid_eq(kgid, has->sgid) && !gid_eq(kgid, *gid) &&
	    !ns_capable_setid(ns, CAP_SETGID))
		return ckpt_axis(load, rec, what, "group id %u needs CAP_SETGID",
				 le32_to_cpu(value));
	*gid = kgid;
	return 0;
}

/* setresuid(2) leaves the effective id for files, setfsuid(2) comes after. */
static int set_uids(struct ckpt_load *load, struct ckpt_rec *rec, struct cred *new)
{
	const struct ckpt_cred *in = ckpt_data(rec, ckpt_cred);
	const struct cred *old = current_cred();
	int err;

	err = set_uid(load, rec, "uid", in->uid, old, &new->uid) ?:
	      set_uid(load, rec, "euid", in->euid, old, &new->euid) ?:
	      set_uid(load, rec, "suid", in->suid, old, &new->suid);
	if (!uid_eq(new->uid, old->uid) || !uid_eq(new->euid, old->euid) ||
	    !uid_eq(new->suid, old->suid))
		new->fsuid = new->euid;
	return err ?: set_uid(load, rec, "fsuid", in->fsuid, new, &new->fsuid);
}

static int set_gids(struct ckpt_load *load, struct ckpt_rec *rec, struct cred *new)
{
	const struct ckpt_cred *in = ckpt_data(rec, ckpt_cred);
	const struct cred *old = current_cred();
	int err;

	err = set_gid(load, rec, "gid", in->gid, old, &new->gid) ?:
	      set_gid(load, rec, "egid", in->egid, old, &new->egid) ?:
	      set_gid(load, rec, "sgid", in->sgid, old, &new->sgid);
	if (!gid_eq(new->gid, old->gid) || !gid_eq(new->egid, old->egid) ||
	    !gid_eq(new->sgid, old->sgid))
		new->fsgid = new->egid;
	return err ?: set_gid(load, rec, "fsgid", in->fsgid, new, &new->fsgid);
}

static int set_ids(struct ckpt_load *load, struct ckpt_rec *rec, struct cred *new)
{
	const struct cred *old = current_cred();
	int err = set_gids(load, rec, new) ?: set_uids(load, rec, new);

	if (err)
		return err;
	if (!uid_eq(new->uid, old->uid)) {
		struct user_struct *user = alloc_uid(new->uid);

		if (!user)
			return -EAGAIN;
		free_uid(new->user);
		new->user = user;
	}
	return security_task_fix_setgid(new, old, LSM_SETID_RES) ?:
	       security_task_fix_setuid(new, old, LSM_SETID_RES) ?:
	       set_cred_ucounts(new);
}

static struct group_info *read_groups(struct ckpt_rec *rec,
				      struct user_namespace *ns)
{
	const struct ckpt_cred *in = ckpt_data(rec, ckpt_cred);
	const __le32 *group = ckpt_rec_tail(rec);
	u32 nr = le32_to_cpu(in->nr_groups), i;
	struct group_info *info;

	info = groups_alloc(nr);
	if (!info)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < nr; i++) {
		info->gid[i] = make_kgid(ns, le32_to_cpu(group[i]));
		if (!gid_valid(info->gid[i])) {
			put_group_info(info);
			return ERR_PTR(-EINVAL);
		}
	}
	groups_sort(info);
	return info;
}

static bool same_groups(const struct group_info *a, const struct group_info *b)
{
	return a->ngroups == b->ngroups &&
	       !memcmp(a->gid, b->gid, array_size(a->ngroups, sizeof(a->gid[0])));
}

static int set_group_list(struct ckpt_load *load, struct ckpt_rec *rec,
			  struct cred *new)
{
	const struct cred *old = current_cred();
	struct group_info *info = read_groups(rec, old->user_ns);
	int err = 0;

	if (IS_ERR(info) && PTR_ERR(info) == -EINVAL)
		return ckpt_axis(load, rec, "groups", "a group is not mapped in the caller's user namespace");
	if (IS_ERR(info))
		return PTR_ERR(info);
	if (!same_groups(info, old->group_info)) {
		if (may_setgroups()) {
			set_groups(new, info);
			err = security_task_fix_setgroups(new, old);
		} else {
			err = ckpt_axis(load, rec, "groups", "other groups than the caller's need CAP_SETGID");
		}
	}
	put_group_info(info);
	return err;
}

/* The part of @asked that the caller may give; the rest is an axis. */
static int limit_caps(struct ckpt_load *load, struct ckpt_rec *rec,
		      const char *what, __le64 asked, u64 may, kernel_cap_t *out)
{
	u64 more = le64_to_cpu(asked) & ~may;

	out->val = le64_to_cpu(asked) & may;
	if (!more)
		return 0;
	return ckpt_axis(load, rec, what, "capabilities 0x%llx are more than the caller has",
			 more);
}

/* A set-user-ID program that is run with less could be led astray. */
static int limit_bset(struct ckpt_load *load, struct ckpt_rec *rec, kernel_cap_t *out)
{
	const struct ckpt_cred *in = ckpt_data(rec, ckpt_cred);
	const struct cred *old = current_cred();

	if (ns_capable(old->user_ns, CAP_SETPCAP))
		return limit_caps(load, rec, "bounding set", in->cap_bset,
				  old->cap_bset.val, out);
	*out = old->cap_bset;
	if (le64_to_cpu(in->cap_bset) == old->cap_bset.val)
		return 0;
	return ckpt_axis(load, rec, "bounding set", "another one than the caller's needs CAP_SETPCAP");
}

/* May the caller change the securebit that this is the lock of? */
static bool may_change(u32 lock)
{
	return !(current_cred()->securebits & lock) &&
	       ns_capable(current_user_ns(), CAP_SETPCAP);
}

/*
 * What the caller may permit: what it has, if there is a way to keep that over
 * the change of ids; else what setresuid(2) left of it in @new.
 */
static u64 may_permit(const struct cred *new)
{
	if (!issecure(SECURE_KEEP_CAPS_LOCKED) ||
	    may_change(issecure_mask(SECURE_NO_SETUID_FIXUP_LOCKED)))
		return current_cred()->cap_permitted.val;
	return new->cap_permitted.val;
}

/* What PR_CAP_AMBIENT_RAISE would raise, of what is permitted and inheritable. */
static u64 may_be_ambient(const struct cred *new)
{
	if (!issecure(SECURE_NO_CAP_AMBIENT_RAISE) ||
	    may_change(issecure_mask(SECURE_NO_CAP_AMBIENT_RAISE_LOCKED)))
		return CAP_VALID_MASK;
	return new->cap_ambient.val;
}

static int set_caps(struct ckpt_load *load, struct ckpt_rec *rec, struct cred *new)
{
	const struct ckpt_cred *in = ckpt_data(rec, ckpt_cred);
	const struct cred *old = current_cred();
	u64 inheritable = old->cap_inheritable.val | old->cap_permitted.val;
	u64 permitted = may_permit(new);
	kernel_cap_t p, e, i, b, a;
	int err;

	if (ns_capable(old->user_ns, CAP_SETPCAP))
		inheritable = old->cap_inheritable.val | old->cap_bset.val;
	err = limit_bset(load, rec, &b) ?:
	      limit_caps(load, rec, "permitted capabilities", in->cap_permitted,
			 permitted, &p) ?:
	      limit_caps(load, rec, "effective capabilities", in->cap_effective,
			 permitted, &e) ?:
	      limit_caps(load, rec, "inheritable capabilities", in->cap_inheritable,
			 inheritable, &i) ?:
	      limit_caps(load, rec, "ambient capabilities", in->cap_ambient,
			 may_be_ambient(new), &a);
	if (err)
		return err;
	err = security_capset(new, old, &e, &i, &p);
	if (err)
		return ckpt_fail(load, rec, err, "axis=capabilities: refused by the security module");
	new->cap_bset = b;
	new->cap_ambient.val = a.val & p.val & i.val;
	return 0;
}

static int set_securebits(struct ckpt_load *load, struct ckpt_rec *rec,
			  struct cred *new)
{
	const struct ckpt_cred *in = ckpt_data(rec, ckpt_cred);
	u32 old = current_cred()->securebits, bits = le32_to_cpu(in->securebits);
	u32 locked = (old & SECURE_ALL_LOCKS) >> 1 | (old & SECURE_ALL_LOCKS);

	if ((bits ^ old) & locked)
		return ckpt_axis(load, rec, "securebits", "the caller's securebits are locked");
	if ((bits ^ old) & ~issecure_mask(SECURE_KEEP_CAPS) &&
	    !ns_capable(current_user_ns(), CAP_SETPCAP))
		return ckpt_axis(load, rec, "securebits", "other securebits than the caller's need CAP_SETPCAP");
	new->securebits = bits;
	return 0;
}

static int restart_cred(struct ckpt_load *load, struct ckpt_rec *rec)
{
	struct cred *new = prepare_creds();
	int err;

	if (!new)
		return -ENOMEM;
	cred_drop_own_keyrings(new);
	err = set_ids(load, rec, new) ?:
	      set_group_list(load, rec, new) ?:
	      set_caps(load, rec, new) ?:
	      set_securebits(load, rec, new);
	if (err) {
		abort_creds(new);
		return err;
	}
	rec->live = new;
	return 0;
}

/* In the new task, last of all but the wait at the gate. */
static int install_cred(struct ckpt_load *load, struct ckpt_rec *rec)
{
	int err = commit_creds((struct cred *)get_cred(rec->live));

	/* which sets fs.suid_dumpable: nobody traces a task that is half built */
	set_dumpable(current->mm, SUID_DUMP_DISABLE);
	return err;
}

static void drop_cred(struct ckpt_load *load, struct ckpt_rec *rec)
{
	put_cred((const struct cred *)rec->live);
}

/**
 * ckpt_cred - whose rights to open a file with
 * @load: the call
 * @id: credentials of the file's holder
 *
 * Return: the holder's, or the caller's with RESTART_OPEN_AS_CALLER; never
 * more than the caller could have by itself.
 */
const struct cred *ckpt_cred(struct ckpt_load *load, u32 id)
{
	if (load->call.flags & RESTART_OPEN_AS_CALLER)
		return load->cred;
	return ckpt_rec(load, id)->live;
}

const struct ckpt_ops ckpt_cred_ops = {
	.name		= "cred",
	.type		= CKPT_REC_CRED,
	.fixed		= sizeof(struct ckpt_cred),
	.max_tail	= NGROUPS_MAX * sizeof(__le32),
	.object		= true,
	.get		= get_cred_obj,
	.put		= put_cred_obj,
	.count		= count_cred,
	.checkpoint	= checkpoint_cred,
	.validate	= validate_cred,
	.restart	= restart_cred,
	.install	= install_cred,
	.drop		= drop_cred,
};
