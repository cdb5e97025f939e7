// SPDX-License-Identifier: GPL-2.0
/* Capabilities, securebits and what is like them: as capset(2) and prctl(2). */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "equivalence.h"

#define ROOTS	(EQ_ROOT | EQ_NSROOT)
#define USERS	(EQ_CR | EQ_USER)
/* To enter a user namespace is to have all of it, whatever was before. */
#define SAME_NS	(EQ_ROOT | EQ_CR | EQ_USER)

#define CAP(name)	(1ULL << CAP_##name)
#define ALL_CAPS	((1ULL << (CAP_LAST_CAP + 1)) - 1)

EQ_FIXTURE(equivalence_caps);

#define CASE(what, log, who, ...)					\
	{ .asks = what, .axis = log, .may = who, .clamps = true, .edit = { __VA_ARGS__ } }

#define PERMITTED	"object=\"permitted capabilities\""
#define INHERITABLE	"object=\"inheritable capabilities\""
#define AMBIENT		"object=\"ambient capabilities\""
#define BOUNDING	"object=\"bounding set\""
#define SECUREBITS	"object=\"securebits\""

#define NO_CAPS								\
	EQ_CRED(EQ_SET, cap_permitted, 0), EQ_CRED(EQ_SET, cap_effective, 0)

static const struct eq_case sets[] = {
	CASE("CAP_CHOWN, permitted", PERMITTED, ROOTS, EQ_CRED(EQ_ADD, cap_permitted, CAP(CHOWN))),
	CASE("CAP_CHOWN, effective", PERMITTED, ROOTS, EQ_CRED(EQ_ADD, cap_permitted, CAP(CHOWN)),
	     EQ_CRED(EQ_ADD, cap_effective, CAP(CHOWN))),
	CASE("CAP_CHECKPOINT_RESTORE", PERMITTED, ROOTS | EQ_CR,
	     EQ_CRED(EQ_ADD, cap_permitted, CAP(CHECKPOINT_RESTORE)),
	     EQ_CRED(EQ_ADD, cap_effective, CAP(CHECKPOINT_RESTORE))),
	CASE("all capabilities", PERMITTED, ROOTS, EQ_CRED(EQ_ADD, cap_permitted, ALL_CAPS),
	     EQ_CRED(EQ_ADD, cap_effective, ALL_CAPS)),
	CASE("all but CAP_CHOWN", PERMITTED, EQ_ALL, EQ_CRED(EQ_DROP, cap_permitted, CAP(CHOWN)),
	     EQ_CRED(EQ_DROP, cap_effective, CAP(CHOWN))),
	CASE("CAP_CHOWN not in force", PERMITTED, EQ_ALL,
	     EQ_CRED(EQ_DROP, cap_effective, CAP(CHOWN))),
	CASE("no capabilities", PERMITTED, EQ_ALL, NO_CAPS),
};

EQ_TABLE(equivalence_caps, are_not_gained, sets);

static int drop_from_bset(const struct eq_case *c)
{
	return eq_errno(prctl(PR_CAPBSET_DROP, c->nr));
}

/* All that a caller without CAP_SETPCAP may let others inherit. */
static int inherit_permitted(const struct eq_case *c)
{
	struct eq_cred want;

	eq_own_cred(&want);
	want.c.cap_inheritable |= want.c.cap_permitted;
	return eq_reach(&want);
}

static const struct eq_case inheritable[] = {
	CASE("CAP_NET_RAW, inheritable", INHERITABLE, ROOTS,
	     EQ_CRED(EQ_ADD, cap_inheritable, CAP(NET_RAW))),
	CASE("CAP_CHECKPOINT_RESTORE, inheritable", INHERITABLE, ROOTS | EQ_CR,
	     EQ_CRED(EQ_ADD, cap_inheritable, CAP(CHECKPOINT_RESTORE))),
	{ .asks = "all, inheritable", .axis = INHERITABLE, .may = ROOTS, .clamps = true,
	  .lower = inherit_permitted,
	  .edit = { EQ_CRED(EQ_SET, cap_inheritable, ALL_CAPS) } },
	{ .asks = "one outside the bounding set, inheritable", .axis = INHERITABLE,
	  .only = EQ_ROOT, .may = EQ_NOBODY, .clamps = true, .nr = CAP_CHOWN,
	  .rig = drop_from_bset, .edit = { EQ_CRED(EQ_ADD, cap_inheritable, CAP(CHOWN)) } },
	{ .asks = "its own, outside the bounding set, inheritable", .axis = "axis=capabilities",
	  .only = EQ_CR, .may = EQ_NOBODY, .nr = CAP_CHECKPOINT_RESTORE, .rig = drop_from_bset,
	  .edit = { EQ_CRED(EQ_ADD, cap_inheritable, CAP(CHECKPOINT_RESTORE)) } },
};

EQ_TABLE(equivalence_caps, are_inheritable_by_the_rules_of_capset, inheritable);

static const struct eq_case bounding[] = {
	CASE("a bounding set without CAP_SYS_BOOT", BOUNDING, ROOTS,
	     EQ_CRED(EQ_DROP, cap_bset, CAP(SYS_BOOT))),
	CASE("an empty bounding set", BOUNDING, ROOTS, EQ_CRED(EQ_SET, cap_bset, 0)),
	{ .asks = "CAP_SYS_BOOT back in the bounding set", .axis = BOUNDING, .only = SAME_NS,
	  .may = EQ_NOBODY, .clamps = true, .nr = CAP_SYS_BOOT, .rig = drop_from_bset,
	  .edit = { EQ_CRED(EQ_ADD, cap_bset, CAP(SYS_BOOT)) } },
	{ .asks = "still less in the bounding set", .axis = BOUNDING, .only = SAME_NS,
	  .may = EQ_ROOT, .clamps = true, .nr = CAP_SYS_BOOT, .rig = drop_from_bset,
	  .edit = { EQ_CRED(EQ_DROP, cap_bset, CAP(SYS_MODULE)) } },
};

EQ_TABLE(equivalence_caps, are_bounded, bounding);

/* ---- Securebits ---- */

static int set_securebits(const struct eq_case *c)
{
	return eq_errno(prctl(PR_SET_SECUREBITS, c->value));
}

#define BITS(what, had, who, by, how, is)				\
	{ .asks = what, .axis = SECUREBITS, .only = by, .may = who, .clamps = true, \
	  .rig = set_securebits, .value = had, .edit = { EQ_CRED(how, securebits, is) } }

static const struct eq_case securebits[] = {
	CASE("SECBIT_NOROOT", SECUREBITS, ROOTS, EQ_CRED(EQ_ADD, securebits, SECBIT_NOROOT)),
	CASE("SECBIT_NOROOT and its lock", SECUREBITS, ROOTS,
	     EQ_CRED(EQ_ADD, securebits, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED)),
	CASE("a lock of the keep-caps flag", SECUREBITS, ROOTS,
	     EQ_CRED(EQ_ADD, securebits, SECBIT_KEEP_CAPS_LOCKED)),
	CASE("the keep-caps flag", SECUREBITS, EQ_ALL,
	     EQ_CRED(EQ_ADD, securebits, SECBIT_KEEP_CAPS)),
	BITS("SECBIT_NOROOT off", SECBIT_NOROOT, EQ_ROOT, SAME_NS, EQ_DROP, SECBIT_NOROOT),
	BITS("SECBIT_NOROOT off, which is locked", SECBIT_NOROOT | SECBIT_NOROOT_LOCKED,
	     EQ_NOBODY, SAME_NS, EQ_DROP, SECBIT_NOROOT),
	BITS("a lock taken off", SECBIT_NOROOT | SECBIT_NOROOT_LOCKED,
	     EQ_NOBODY, SAME_NS, EQ_DROP, SECBIT_NOROOT_LOCKED),
	BITS("both off", SECBIT_NOROOT | SECBIT_NOROOT_LOCKED,
	     EQ_NOBODY, SAME_NS, EQ_DROP, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED),
	BITS("SECBIT_NOROOT, which is locked off", SECBIT_NOROOT_LOCKED,
	     EQ_NOBODY, SAME_NS, EQ_ADD, SECBIT_NOROOT),
	BITS("the keep-caps flag, which is locked off", SECBIT_KEEP_CAPS_LOCKED,
	     EQ_NOBODY, EQ_ROOT, EQ_ADD, SECBIT_KEEP_CAPS),
};

EQ_TABLE(equivalence_caps, keep_the_locks_of_securebits, securebits);

/* ---- Ambient capabilities ---- */

#define AMBIENT_ROW(what, who, by, bits, cap)				\
	{ .asks = what, .axis = AMBIENT, .only = by, .may = who, .clamps = true, \
	  .rig = set_securebits, .value = bits, .lower = inherit_only, .nr = CAP_##cap, \
	  .edit = { EQ_CRED(EQ_ADD, cap_inheritable, CAP(cap)),	\
		    EQ_CRED(EQ_ADD, cap_ambient, CAP(cap)) } }

/* Of what an ambient row asks for, only that the capability is inheritable. */
static int inherit_only(const struct eq_case *c)
{
	struct eq_cred want;

	eq_own_cred(&want);
	want.c.cap_inheritable |= 1ULL << c->nr;
	return eq_reach(&want);
}

static const struct eq_case ambient[] = {
	AMBIENT_ROW("an ambient capability", ROOTS, ROOTS, 0, CHOWN),
	AMBIENT_ROW("its own, ambient", ROOTS | EQ_CR, ROOTS | EQ_CR, 0, CHECKPOINT_RESTORE),
	AMBIENT_ROW("an ambient capability, which may be allowed again", EQ_ROOT, EQ_ROOT,
		    SECBIT_NO_CAP_AMBIENT_RAISE, CHOWN),
	CASE("an ambient capability that is not permitted", PERMITTED, ROOTS,
	     EQ_CRED(EQ_ADD, cap_permitted, CAP(CHOWN)),
	     EQ_CRED(EQ_ADD, cap_inheritable, CAP(CHOWN)),
	     EQ_CRED(EQ_ADD, cap_ambient, CAP(CHOWN))),
};

EQ_TABLE(equivalence_caps, are_ambient_by_the_rules_of_prctl, ambient);

static const struct eq_case no_ambient[] = {
	AMBIENT_ROW("an ambient capability, which is locked off", EQ_NOBODY, EQ_ROOT,
		    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED, CHOWN),
	AMBIENT_ROW("an ambient capability, which is off", EQ_NOBODY, EQ_CR,
		    SECBIT_NO_CAP_AMBIENT_RAISE, CHECKPOINT_RESTORE),
};

EQ_TABLE(equivalence_caps, are_not_ambient_where_that_is_off, no_ambient);

/* ---- Over a change of user ---- */

#define USER(id)							\
	EQ_CRED(EQ_SET, uid, id), EQ_CRED(EQ_SET, euid, id),		\
	EQ_CRED(EQ_SET, suid, id), EQ_CRED(EQ_SET, fsuid, id)

#define NO_KEEPING							\
	(SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED)

static int drop_caps(const struct eq_case *c)
{
	struct eq_cred want;

	eq_own_cred(&want);
	want.c.cap_permitted = want.c.cap_effective = 0;
	return eq_reach(&want);
}

static const struct eq_case user[] = {
	{ .asks = "all ids of another user", .axis = "object=\"uid\"", .may = ROOTS,
	  .clamps = true, .lower = drop_caps, .edit = { USER(5), NO_CAPS } },
	CASE("all ids of another user, and capabilities kept", "object=\"uid\"", ROOTS, USER(5)),
	CASE("all ids of root", "object=\"uid\"", ROOTS, USER(0)),
	{ .asks = "another user, where capabilities are not kept", .axis = PERMITTED,
	  .only = EQ_ROOT, .may = EQ_ROOT, .clamps = true, .rig = set_securebits,
	  .value = NO_KEEPING,
	  .edit = { USER(5), NO_CAPS } },
};

EQ_TABLE(equivalence_caps, go_with_a_change_of_user_as_they_may, user);

static int ask_user(const struct eq_case *c)
{
	return eq_errno(setresuid(5, 5, 5));
}

static const struct eq_case kept[] = {
	{ .asks = "capabilities kept over a change of user, where they are not",
	  .axis = PERMITTED, .only = EQ_ROOT, .may = EQ_NOBODY, .clamps = true,
	  .rig = set_securebits, .value = NO_KEEPING, .lower = ask_user, .edit = { USER(5) } },
};

EQ_TABLE(equivalence_caps, are_not_kept_over_a_change_of_user_where_that_is_off, kept);

/* ---- What only ever grows ---- */

static int no_new_privs(const struct eq_case *c)
{
	return eq_errno(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

#define NNP(how)	EQ_FIELD(how, CKPT_REC_THREAD, ckpt_thread, flags, CKPT_THREAD_NO_NEW_PRIVS)

/* Makes sysinfo(2) fail. */
static int filter(const struct eq_case *c)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_sysinfo, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(*code), code };

	return eq_errno(syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog));
}

/* The image does not ask for these; the new task has them all the same. */
static const struct eq_case inherited[] = {
	{ .asks = "no_new_privs", .axis = "", .may = EQ_ALL, .ask = no_new_privs,
	  .edit = { NNP(EQ_ADD) } },
	{ .asks = "to be without the caller's no_new_privs", .axis = "", .may = EQ_ALL,
	  .rig = no_new_privs, .ask = eq_ask_nothing, .edit = { NNP(EQ_DROP) } },
	{ .asks = "to be without the caller's seccomp filter", .axis = "", .may = EQ_ALL,
	  .rig = filter, .ask = eq_ask_nothing },
	{ .asks = "to be without the caller's filter and no_new_privs", .axis = "",
	  .may = SAME_NS, .only = SAME_NS, .rig = no_new_privs, .before = filter,
	  .ask = eq_ask_nothing, .edit = { NNP(EQ_DROP) } },
};

EQ_TABLE(equivalence_caps, filters_and_no_new_privs_are_the_callers, inherited);

TEST_HARNESS_MAIN
