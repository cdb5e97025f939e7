// SPDX-License-Identifier: GPL-2.0
/* User and group ids: as setresuid(2), setfsuid(2), setgroups(2) and their like. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "equivalence.h"

#define ROOTS	(EQ_ROOT | EQ_NSROOT)
#define USERS	(EQ_CR | EQ_USER)

EQ_FIXTURE(equivalence_ids);

#define ID(field, is, who)						\
	{ .asks = #field " " #is, .axis = "object=\"" #field "\"", .may = who, .clamps = true, \
	  .edit = { EQ_CRED(EQ_SET, field, is) } }
/* 0 is both roots' own, 1000 both users' own, 70000 is in no map. */
#define ID_ROWS(field)							\
	ID(field, 0, ROOTS), ID(field, 5, ROOTS)
#define MORE_ID_ROWS(field)						\
	ID_ROWS(field), ID(field, 1000, EQ_ALL), ID(field, 70000, EQ_ROOT)

static const struct eq_case nothing[] = {
	{ .asks = "nothing", .axis = "", .may = EQ_ALL },
};

EQ_TABLE(equivalence_ids, nothing_changed_is_allowed_to_all, nothing);

static const struct eq_case user_ids[] = {
	MORE_ID_ROWS(uid), ID_ROWS(euid), ID_ROWS(suid), MORE_ID_ROWS(fsuid),
};

EQ_TABLE(equivalence_ids, of_users_need_cap_setuid, user_ids);

static const struct eq_case group_ids[] = {
	MORE_ID_ROWS(gid), ID_ROWS(egid), ID_ROWS(sgid), MORE_ID_ROWS(fsgid),
};

EQ_TABLE(equivalence_ids, of_groups_need_cap_setgid, group_ids);

/* ---- Without CAP_SETUID: what a user has among its ids ---- */

static int all_caps(uint64_t caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { caps, caps }, { caps >> 32, caps >> 32 } };

	return eq_errno(syscall(SYS_capset, &head, data));
}

/* A user with another saved id, and another for files. */
static int with_uids(const struct eq_case *c)
{
	int err = eq_errno(setgroups(0, NULL)) ?: eq_errno(setresgid(EQ_UID, EQ_UID, EQ_UID)) ?:
		  eq_errno(prctl(PR_SET_KEEPCAPS, 1)) ?:
		  eq_errno(setresuid(EQ_UID, EQ_UID, c->value)) ?: all_caps(1ULL << CAP_SETUID);

	setfsuid(c->value2);
	return err ?: all_caps(0) ?: eq_errno(prctl(PR_SET_KEEPCAPS, 0));
}

static int with_gids(const struct eq_case *c)
{
	int err = eq_errno(setgroups(0, NULL)) ?:
		  eq_errno(setresgid(EQ_UID, EQ_UID, c->value));

	setfsgid(c->value2);
	return err ?: eq_errno(setresuid(EQ_UID, EQ_UID, EQ_UID));
}

static int same_uid(const struct eq_case *c)
{
	return eq_errno(setresuid(EQ_UID, EQ_UID, EQ_UID));
}

static int same_gid(const struct eq_case *c)
{
	return eq_errno(setresgid(EQ_UID, EQ_UID, EQ_UID));
}

#define SAVED(field, with)						\
	{ .asks = "the saved id as " #field, .axis = #field, .only = EQ_USER, .may = EQ_USER, \
	  .value = 5, .value2 = EQ_UID, .become = with,			\
	  .edit = { EQ_CRED(EQ_SET, field, 5) } }
#define OF_FILES(field, with)						\
	{ .asks = "the file system id as " #field, .axis = "object=\"" #field "\"",	\
	  .only = EQ_USER, .may = EQ_NOBODY, .clamps = true,		\
	  .value = EQ_UID, .value2 = 5, .become = with,			\
	  .edit = { EQ_CRED(EQ_SET, field, 5) } }
#define GIVEN_UP(saved, fs, with, same)					\
	{ .asks = "an id that is given up but as " #fs, .axis = "object=\"" #fs "\"",	\
	  .only = EQ_USER, .may = EQ_NOBODY, .clamps = true, .lower = same, \
	  .value = 5, .value2 = 5, .become = with,			\
	  .edit = { EQ_CRED(EQ_SET, saved, EQ_UID) } }

static const struct eq_case saved_ids[] = {
	SAVED(uid, with_uids), SAVED(euid, with_uids), SAVED(fsuid, with_uids),
	SAVED(gid, with_gids), SAVED(egid, with_gids), SAVED(fsgid, with_gids),
};

EQ_TABLE(equivalence_ids, that_are_saved_may_be_used, saved_ids);

static const struct eq_case file_system_ids[] = {
	OF_FILES(uid, with_uids), OF_FILES(euid, with_uids), OF_FILES(suid, with_uids),
	OF_FILES(gid, with_gids), OF_FILES(egid, with_gids), OF_FILES(sgid, with_gids),
	GIVEN_UP(suid, fsuid, with_uids, same_uid), GIVEN_UP(sgid, fsgid, with_gids, same_gid),
};

EQ_TABLE(equivalence_ids, for_files_are_for_files_only, file_system_ids);

/* ---- Groups ---- */

/* Not to change them needs no call. */
static int ask_groups(const struct eq_case *c)
{
	struct eq_cred want;

	eq_own_cred(&want);
	memset(want.groups, 0, sizeof(want.groups));
	want.c.nr_groups = c->nr;
	if (c->nr)
		want.groups[0] = c->value;
	if (c->nr > 1)
		want.groups[1] = c->value2;
	return eq_reach(&want);
}

static void put_groups(struct fail_image *image, const struct eq_case *c)
{
	int rec = fail_image_find(image, CKPT_REC_CRED, 0);
	struct eq_cred cred = { .groups = { c->value, c->value2 } };

	memcpy(&cred.c, fail_image_data(image, rec), sizeof(cred.c));
	cred.c.nr_groups = c->nr;
	eq_set_body(image, rec, &cred, sizeof(cred.c) + 4 * c->nr);
}

#define GROUPS(what, who, put, ...)					\
	{ .asks = what, .axis = "object=\"groups\"", .may = who, .clamps = true, \
	  .ask = ask_groups, .doctor = put, __VA_ARGS__ }

/* The last of a user's namespaces may not even drop groups. */
static int deny_setgroups(const struct eq_case *c)
{
	return eq_errno(unshare(CLONE_NEWUSER)) ?: eq_put("/proc/self/setgroups", "deny") ?:
	       eq_put("/proc/self/uid_map", "0 0 1") ?: eq_put("/proc/self/gid_map", "0 0 1");
}

/* It has no right in the pid namespace, but to make another. */
static void put_groups_in_pid_ns(struct fail_image *image, const struct eq_case *c)
{
	struct ckpt_process *process = eq_record(image, CKPT_REC_PROCESS);
	struct ckpt_thread *thread = eq_record(image, CKPT_REC_THREAD);

	process->flags |= CKPT_PROCESS_NEW_PIDNS;
	process->tgid = thread->tid = 1;
	put_groups(image, c);
}

static const struct eq_case groups[] = {
	GROUPS("no groups", ROOTS, put_groups, .nr = 0),
	GROUPS("the users' group", EQ_ALL, put_groups, .nr = 1, .value = EQ_GROUP),
	GROUPS("one group more", ROOTS, put_groups, .nr = 2, .value = EQ_GROUP,
	       .value2 = EQ_GROUP + 1),
	GROUPS("root's group", ROOTS, put_groups, .nr = 1, .value = 0),
	GROUPS("a group that is in no map", EQ_ROOT, put_groups, .nr = 1, .value = 70000),
	GROUPS("a group where setgroups is denied", EQ_NOBODY, put_groups_in_pid_ns, .nr = 1,
	       .value = 0, .only = EQ_NSROOT, .before = deny_setgroups),
};

EQ_TABLE(equivalence_ids, of_supplementary_groups_need_cap_setgid, groups);

/* ---- Rights that are not in force ---- */

static int hide_setuid(const struct eq_case *c)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return -errno;
	data[0].effective &= ~(1U << CAP_SETUID);
	return eq_errno(syscall(SYS_capset, &head, data));
}

static const struct eq_case hidden[] = {
	{ .asks = "another uid with CAP_SETUID that is not effective", .axis = "object=\"uid\"",
	  .only = ROOTS, .may = ROOTS, .stricter = ROOTS, .clamps = true,
	  .why = "rights count when they are effective; the caller can make them so before",
	  .before = hide_setuid, .edit = { EQ_CRED(EQ_SET, uid, 5) } },
};

EQ_TABLE(equivalence_ids, need_rights_that_are_effective, hidden);

TEST_HARNESS_MAIN
