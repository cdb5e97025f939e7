/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All that the kernel shows of the tasks of a tree below /proc, in fields, to be
 * compared with what it showed before.
 */
#ifndef VISIBLE_H
#define VISIBLE_H

#include <stddef.h>
#include <sys/types.h>

struct visible_field {
	char *name;			/* "200/201 status VmPeak" */
	char *value;
};

#define VISIBLE_INODES	256

struct visible {
	size_t nr, room;
	struct visible_field *field;
	size_t nr_inodes;		/* pipes and the like, in the order they were met */
	char *inode[VISIBLE_INODES];
};

/* Look at a process, its threads and its descendants. They should stand still. */
void visible_take(struct visible *now, pid_t root);
void visible_free(struct visible *seen);

/* The number of fields that differ and must not, each of which is named. */
int visible_compare(const struct visible *before, const struct visible *now);

#endif /* VISIBLE_H */
