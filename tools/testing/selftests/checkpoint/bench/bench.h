/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one who measures: it starts a load, has each system save and restart it
 * in turn, and prints samples, one a line:
 *
 *   sample ROUND SYSTEM METRIC NUMBER	nanoseconds, bytes or a count
 *   failed ROUND SYSTEM STEP REASON	and so it has no times from there on
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "heart.h"

#define WORK_DIR	"/tmp/bench"
#define LOAD_DIR	WORK_DIR "/load"
#define IMAGE_DIR	WORK_DIR "/image"	/* one for each system below */
#define CGROUP		"/sys/fs/cgroup/bench"

/**
 * struct target - a load that runs
 * @pid: its root
 * @heart: shared with it
 * @group: its cgroup's directory
 */
struct target {
	pid_t pid;
	volatile struct heart *heart;
	int group;
};

/**
 * struct system - saves and restarts
 * @name: as it is printed
 * @save: into @dir, which is empty; the target runs on
 * @restart: from @dir; becomes the child of the caller, with the pid it had
 *
 * Both print what they measured; they return 0, or say why not.
 */
struct system {
	const char *name;
	int (*save)(const struct target *target, const char *dir);
	int (*restart)(const struct target *target, const char *dir);
};

extern const struct system ours_call, ours_tool, ours_cow, criu, criu_steps;

/* bench.c: printing, for the system at work */
void sample(const char *metric, uint64_t value);
int failed(const char *step, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* target.c */
int target_make(struct target *target);
int target_start(struct target *target, const char *load, const char *size);
void target_end(struct target *target);
int target_verify(struct target *target);
/* Longest gap between beats from here on, until it is asked for. */
void target_watch(const struct target *target);
uint64_t target_gap(const struct target *target);
/* Memory of all of it: the sum of what is its own or its share. */
uint64_t target_memory(void);
uint64_t target_fork(const struct target *target);

/* spawn.c: run a program to its end, in a group if it is not -1. The status. */
int run_program(const char *const argv[], int group);

/* space.c: of a directory or a file */
uint64_t bytes_of(const char *path, unsigned int *files);
void empty_directory(const char *path);

/* floor.c: the least that something costs, by name; @bytes of contents, @nr tasks */
bool floor_needs_target(const char *name);
int floor_measure(const char *name, const struct target *target, uint64_t bytes,
		  unsigned long nr);

#endif
