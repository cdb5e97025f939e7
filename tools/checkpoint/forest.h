/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The processes of an image as a forest, and its external objects.
 */
#ifndef CKPT_FOREST_H
#define CKPT_FOREST_H

#include "image.h"

#define NOBODY	SIZE_MAX

/**
 * struct forest - who is whose child
 * @nodes: processes in the order of the image
 * @nr: how many
 * @root: first root, or NOBODY
 */
struct forest {
	struct node {
		size_t record;		/* of its PROCESS */
		size_t nr_records;	/* with all that belongs to it */
		size_t parent;		/* NOBODY for roots */
		size_t child;		/* first, or NOBODY */
		size_t next;		/* sibling, or NOBODY */
		uint32_t tgid;
		uint32_t parent_tid;
		bool seen;
	} *nodes;
	size_t nr;
	size_t root;
};

/**
 * struct external - an object that restart(2) needs a descriptor for
 * @key: its key
 * @kind: CKPT_EXTERNAL_*
 * @access: the access modes that its files need, O_RDONLY .. O_RDWR
 * @name: a name for people, escaped
 */
struct external {
	uint64_t key;
	uint32_t kind;
	int access;
	char *name;
};

/* forest.c */
int forest_build(struct forest *f, struct image *im);
size_t forest_next(const struct forest *f, size_t node, unsigned int *depth);
void forest_free(struct forest *f);

/* external.c */
struct external *image_externals(const struct image *im, size_t *nr);
const char *external_kind(uint32_t kind);
void externals_free(struct external *ext, size_t nr);

#endif
