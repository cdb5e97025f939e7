/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Groups of cgroup v2.
 */
#ifndef CKPT_CGROUP_H
#define CKPT_CGROUP_H

#include <limits.h>
#include <string.h>

#include "ckpt.h"

/**
 * struct cgroup - an open group
 * @dir: its directory, -1 for none
 * @path: path of that directory
 * @made: how many trailing components of the path are ours to remove
 */
struct cgroup {
	int dir;
	char path[PATH_MAX];
	unsigned int made;
};

/* Paths that are known to fit. */
static inline void copy_path(char to[PATH_MAX], const char *from)
{
	memcpy(to, from, strlen(from) + 1);
}

#define CGROUP_NONE	{ .dir = -1 }

/* A set of pids, ascending and without duplicates once sorted. */
struct pidset {
	pid_t *v;
	size_t nr;
	size_t room;
};

void pidset_add(struct pidset *set, pid_t pid);
void pidset_sort(struct pidset *set);
bool pidset_has(const struct pidset *set, pid_t pid);
bool pidset_equal(const struct pidset *a, const struct pidset *b);
void pidset_free(struct pidset *set);

/* cgroup-path.c; these print why they fail */
int cgroup_open(struct cgroup *cg, const char *name);
int cgroup_make(struct cgroup *cg, const char *name);
int cgroup_make_default(struct cgroup *cg);
int cgroup_open_path(struct cgroup *cg, const char *path);
int cgroup_path_of(pid_t pid, char path[PATH_MAX]);
int cgroup_root_path(char path[PATH_MAX]);
void cgroup_remove_made(struct cgroup *cg);
void cgroup_close(struct cgroup *cg);

/* cgroup.c */
int cgroup_pids(int dir, struct pidset *set, bool below);
int cgroup_move(int dir, pid_t pid);
int cgroup_freeze_state(int dir);
int cgroup_set_freeze(int dir, bool freeze);
int cgroup_wait_event(int dir, const char *key, int value, uint64_t ms);
int cgroup_kill(int dir);
bool cgroup_is_removed(int dir);

/* proc.c */
int proc_tree(pid_t root, struct pidset *tree);
pid_t proc_parent(pid_t pid);
bool proc_is_ancestor(pid_t ancestor, pid_t pid);
bool proc_is_ours(void);
bool proc_handles(pid_t pid, int sig, bool *is_ns_init);

#endif
