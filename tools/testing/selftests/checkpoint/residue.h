/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is left behind: counts of what the whole system holds, taken before and
 * after. residue_harness.h does it around every test, prog_residue for scripts.
 */
#ifndef RESIDUE_H
#define RESIDUE_H

#include <stdbool.h>
#include <sys/types.h>

#define RESIDUE_ENTRIES	512

/* Each has a name that tells a reader what it counts, perhaps with more words. */
struct residue_entry {
	char name[80];
	char detail[40];
	long long count;
};

/**
 * struct residue - what the system holds at one time
 * @nr: entries in use
 * @entry: each name once
 */
struct residue {
	int nr;
	struct residue_entry entry[RESIDUE_ENTRIES];
};

/*
 * Take the counts of now. The caller and its threads are not among them, and
 * open files are only if they shall be: it takes a few hundred system calls.
 */
extern bool residue_counts_files;

/*
 * A removed group is kept by what is charged to it, which may be a page of a cache:
 * what counts is whether there are more with every round.
 */
extern bool residue_counts_removed;
void residue_take(struct residue *now);

/* Add to a count, from the files that know how to count. */
struct residue_entry *residue_add(struct residue *now, const char *name, long long count);
long long residue_count(const struct residue *set, const char *name);

/* How many struct file there are, which /proc/sys/fs/file-nr only estimates. */
long long residue_open_files(void);

/* Is more in @now than in @before? Calls @tell, if any, for all that is. */
typedef void residue_tell(const struct residue_entry *now, long long before);
bool residue_grew(const struct residue *before, const struct residue *now, residue_tell *tell);

/*
 * Take counts until nothing is more than before, or until what is more had
 * @patience grace periods to go away. Return: whether something has grown.
 */
#define RESIDUE_PATIENCE	400
bool residue_settle(const struct residue *before, struct residue *now, int patience);

/* Is this a kernel with kmemleak? It is slow, and finds itself what nobody has. */
bool residue_has_kmemleak(void);

/* Wait for a grace period. */
void residue_grace(void);

#endif /* RESIDUE_H */
