/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guardian: a process that makes all changes to the system that have to be
 * taken back, and takes them back when ckpt dies.
 */
#ifndef CKPT_GUARDIAN_H
#define CKPT_GUARDIAN_H

#include "cgroup.h"

/**
 * struct moves - a tree of processes moved into a group of its own
 * @cg: that group; @cg.made is 0 when the tree had one already
 * @origins: groups that they came from, the first one its root's
 * @nr_origins: how many
 * @pids: who came from where
 * @nr_pids: how many
 * @root: pidfd of the tree's root, whose pid cannot become another's meanwhile
 * @asker: reads from whoever wants this; nobody does once it is closed
 */
struct moves {
	struct cgroup cg;
	struct origin {
		char path[PATH_MAX];
		int dir;
	} *origins;
	size_t nr_origins;
	struct moved {
		pid_t pid;
		size_t origin;
	} *pids;
	size_t nr_pids;
	int root;
	int asker;
};

/* move.c; these print why they fail */
int moves_in(struct moves *m, pid_t pid);
int moves_back(struct moves *m);

/**
 * struct target - what a checkpoint is taken of
 * @group: name of a group, or NULL
 * @pid: root of a tree of processes, or 0
 * @cg: the group, open
 * @moved: the tree was moved into @cg
 */
struct target {
	const char *group;
	pid_t pid;
	struct cgroup cg;
	bool moved;
};

/**
 * struct guardian - ckpt's end of its guardian
 * @pid: its pid
 * @request: takes requests; the guardian undoes everything when it closes
 * @reply: gives replies
 */
struct guardian {
	pid_t pid;
	int request;
	int reply;
};

/* These print why they fail and return the exit status. */
int guardian_start(struct guardian *g, struct target *target, int image_dir,
		   const char *image_tmp);
int guardian_enter(struct guardian *g, struct target *target);
int guardian_freeze(struct guardian *g);
int guardian_kill(struct guardian *g);
int guardian_keep(struct guardian *g);
int guardian_undo(struct guardian *g);
void guardian_stop(struct guardian *g);

/* members.c; these print why they fail and return the exit status, too */
int members_note(struct pidset *members, const struct cgroup *cg, uint64_t ms);
int members_check(const struct pidset *members, const struct cgroup *cg);
void members_await_end(const struct pidset *members);

#endif
