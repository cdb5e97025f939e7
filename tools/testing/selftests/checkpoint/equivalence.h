/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers of the tests of equivalence. A case is one change that a process may
 * want: it is tried by ordinary system calls, in a child of the caller, and by
 * an image of a small process, made the caller's own in all that is asked
 * about, in which that one change is made. The verdicts must agree, and where
 * both are allowed, so must all that the two processes tell of themselves.
 */
#ifndef EQUIVALENCE_H
#define EQUIVALENCE_H

#include "fail.h"

/* ---- Callers ---- */

#define EQ_ROOT		1U	/* root */
#define EQ_NSROOT	2U	/* root in user and pid namespaces of its own */
#define EQ_CR		4U	/* a user with CAP_CHECKPOINT_RESTORE alone */
#define EQ_USER		8U	/* a user without rights */
#define EQ_ALL		15U
#define EQ_NOBODY	0U
#define EQ_CALLERS	4

#define EQ_UID		1000	/* of both users; is 0 in the user namespace */
#define EQ_MAPPED	100001	/* is 1 there, and so on for 65535 ids */
#define EQ_GROUP	2000	/* that both users are in */
#define EQ_PID		20000	/* of the process in the image */

/* ---- What processes are asked about ---- */

#define EQ_DIR		"/tmp/equivalence"
#define EQ_FILE		EQ_DIR "/plain"		/* open as EQ_FD_FILE */
#define EQ_MAPPED_FILE	EQ_DIR "/mapped"	/* mapped at EQ_MAP, to read, shared */
#define EQ_MAP		((char *)0x100000200000UL)
#define EQ_FREE		((char *)0x110000000000UL)	/* nothing is there */

enum { EQ_FD_PIPE = 20, EQ_FD_PIPE_IN, EQ_FD_FILE, EQ_FD_MEMFD, EQ_FD_END };

#define EQ_TEXT		8192

/* Credentials with their groups. */
struct eq_cred {
	struct ckpt_cred c;
	uint32_t groups[64];
};

int eq_things(void);
void eq_tell(char *text, size_t size);
void eq_own_cred(struct eq_cred *cred);
int eq_reach(const struct eq_cred *want);

/* ---- Cases ---- */

/* A field of the image, in the first record of its type. */
struct eq_edit {
	uint32_t type;			/* 0 ends the list */
	uint16_t at, size;
	enum { EQ_SET, EQ_ADD, EQ_DROP } op;
	uint64_t value;
};

#define EQ_FIELD(how, record, what, member, is)				\
	{ record, offsetof(struct what, member),			\
	  sizeof(((struct what *)0)->member), how, is }
#define EQ_CRED(how, member, is)	EQ_FIELD(how, CKPT_REC_CRED, ckpt_cred, member, is)

struct eq;
struct eq_case;
typedef int eq_step(const struct eq_case *c);

/**
 * struct eq_case - one change and who may make it
 * @asks: what is asked for
 * @axis: how the log names it when restart(2) refuses
 * @may: callers that ordinary calls allow it to
 * @stricter: of these, callers that restart(2) refuses it to
 * @why: and the reason for it
 * @only: callers that it is tried by, 0 for all
 * @err: errno of a refused restart, EPERM if 0
 * @clamps: RESTART_CLAMP makes less of it
 * @no_pid_ns: new tasks are born in the first pid namespace
 * @tells_pids: pid, session and group are part of the comparison
 * @blind: states are not compared
 * @fat: the image has some megabytes
 * @into: group to restart into: EQ_OWN, EQ_OTHER
 * @flags: of restart(2)
 * @edit: the change, as fields of the image
 * @nr: the case's own, as the next four
 * @value: likewise
 * @value2: likewise
 * @path: likewise
 * @had: of a resource limit, before
 * @set: in the test, before all else; undone by @unset
 * @rig: as root, before the caller becomes what it is
 * @become: in place of becoming the caller
 * @before: as the caller
 * @ask: the change by ordinary calls; of @edit of the credentials if NULL
 * @lower: what RESTART_CLAMP leaves, by ordinary calls; nothing changed if NULL
 * @doctor: the change in the image, beside @edit
 */
struct eq_case {
	const char *asks;
	const char *axis;
	unsigned int may;
	unsigned int stricter;
	const char *why;
	unsigned int only;
	int err;
	bool clamps;
	bool no_pid_ns;
	bool tells_pids;
	bool blind;
	bool fat;
	enum { EQ_NOWHERE, EQ_OWN, EQ_OTHER } into;
	uint64_t flags;
	struct eq_edit edit[8];
	int nr;
	uint64_t value;
	uint64_t value2;
	const char *path;
	uint64_t had[2];
	int (*set)(struct eq *eq);
	void (*unset)(struct eq *eq);
	eq_step *rig;
	eq_step *become;
	eq_step *before;
	eq_step *ask;
	eq_step *lower;
	void (*doctor)(struct fail_image *image, const struct eq_case *c);
};

/* Steps that several tables have. They return 0 or a negative errno. */
eq_step eq_ask_nothing;
eq_step eq_ask_cred;
eq_step eq_rig_limit;
int eq_errno(long ret);
pid_t eq_clone(uint64_t flags, pid_t pid, int cgroup_fd, int exit_signal);
int eq_child_asks(pid_t pid);
int eq_group_fd(const struct eq_case *c);
int eq_put(const char *path, const char *text);

/* ---- Images ---- */

void eq_make_own(struct fail_image *image);
void eq_edit(struct fail_image *image, const struct eq_edit *edit);
void *eq_record(struct fail_image *image, uint32_t type);
int eq_find_path(struct fail_image *image, const char *path);
void eq_set_path(struct fail_image *image, int rec, const char *path);
void eq_set_body(struct fail_image *image, int rec, const void *body, size_t len);
void eq_insert(struct fail_image *image, int before, uint32_t type, uint16_t fixed,
	       const void *body, size_t len);
void eq_insert_vma(struct fail_image *image, const char *start, size_t len, uint32_t prot);

/* ---- Tests ---- */

/* What a run of a case came to. */
struct eq_seen {
	volatile bool done;		/* else the process died */
	int err;
	bool left;			/* a refused restart left a process */
	struct fail_report report;
	char text[EQ_TEXT];
};

struct eq {
	struct fail_group group;	/* callers and their children */
	struct fail_group other;	/* root's alone */
	struct fail_group anchors;	/* who keep the namespaces */
	struct fail_image image, fat;
	int user_ns, pid_ns, own_pid_ns;
	struct eq_seen *seen;
};

int eq_setup(struct eq *eq);
void eq_teardown(struct eq *eq);
int eq_take_fat_image(struct eq *eq);

enum eq_way {
	EQ_BY_CALLS,		/* what is asked for */
	EQ_BY_LOWERING,		/* what RESTART_CLAMP leaves of it */
	EQ_BY_RESTART,		/* these two have something in the log, too */
	EQ_BY_CLAMPED_RESTART,
};

/*
 * Return: 0 or the errno of the verdict; -EOWNERDEAD if the caller died of it; 1
 * if it could not be tried.
 */
int eq_try(struct eq *eq, const struct eq_case *c, unsigned int who, enum eq_way way);

/* Try all cases. Return: how many failed, after saying how. */
int eq_table(struct eq *eq, const char *axis, const struct eq_case *cases, int nr);

#define EQ_FIXTURE(topic)						\
	FIXTURE(topic) { struct eq eq; };				\
	FIXTURE_SETUP(topic)						\
	{								\
		ASSERT_EQ(0, eq_setup(&self->eq));			\
	}								\
	FIXTURE_TEARDOWN(topic)						\
	{								\
		eq_teardown(&self->eq);					\
	}								\
	struct eq

#define EQ_TABLE(topic, sentence, cases)				\
	TEST_F(topic, sentence)						\
	{								\
		EXPECT_EQ(0, eq_table(&self->eq, #topic "." #sentence, cases, \
				      sizeof(cases) / sizeof(*(cases)))); \
	}								\
	struct eq

#endif /* EQUIVALENCE_H */
