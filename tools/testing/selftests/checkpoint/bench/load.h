/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A load: what is saved and restarted. It builds its state, and verifies it
 * when it is told to, by whoever restarted it.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "heart.h"

/**
 * struct load - a row of load.c's table
 * @name: as on the command line
 * @build: make it, of this size; a task that is not the root does not return
 * @verify: is it as build() left it?
 * @idle: instead of sleeping between beats, if not NULL
 */
struct load {
	const char *name;
	void (*build)(unsigned long size);
	bool (*verify)(void);
	void (*idle)(void);
};

extern volatile struct heart *heart;

/* SIG_VERIFY came; others wait for it. */
bool load_told(void);
void load_wait(void);
void load_count_ready(void);

void *load_map(size_t len);
void load_die(const char *what) __attribute__((noreturn));

/* Random words, the same for the same seed; a page at a time. */
void load_fill(void *page, unsigned long seed);
bool load_filled(const void *page, unsigned long seed);

/* load_memory.c: size in MiB */
void build_memory(unsigned long size);
void build_huge(unsigned long size);
void build_heap(unsigned long size);
void build_sparse(unsigned long size);
void build_dirtier(unsigned long size);
bool verify_memory(void);
bool verify_sparse(void);
bool verify_dirtier(void);
void dirty_some(void);
/* of any number */
void build_areas(unsigned long nr);
bool verify_areas(void);

/* load_forks.c: size in MiB, of processes that share it */
void build_family(unsigned long size);
void build_prefork(unsigned long size);
bool verify_forks(void);

/* load_tree.c, load_threads.c, load_files.c: how many */
void build_tree(unsigned long nr);
bool verify_tree(void);
void build_threads(unsigned long nr);
bool verify_threads(void);
void build_descriptors(unsigned long nr);
bool verify_descriptors(void);
void build_pipes(unsigned long nr);
bool verify_pipes(void);

#endif
