/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a restart needs to know of its image beforehand.
 */
#ifndef CKPT_RESTART_H
#define CKPT_RESTART_H

#include <linux/checkpoint.h>

#include "cgroup.h"
#include "forest.h"

/**
 * struct preview - the metadata of an image, read before restart(2) reads it
 * @fd: gives the image to restart(2)
 * @feeder: the process that gives it to us, 0 for none
 * @sound: the metadata could be read; otherwise nothing below is known
 * @root_is_init: the first root makes a pid namespace of its own
 * @nr_roots: roots of the forest
 * @pids: all pids that the image wants
 * @externals: objects that need a descriptor
 * @nr_externals: how many
 */
struct preview {
	int fd;
	pid_t feeder;
	bool sound;
	bool root_is_init;
	size_t nr_roots;
	struct pidset pids;
	struct external *externals;
	size_t nr_externals;
};

/**
 * struct inherits - descriptors for external objects
 * @v: as restart(2) takes them
 * @nr: how many
 */
struct inherits {
	struct restart_inherit *v;
	size_t nr;
};

/* These print why they fail. */
int preview_image(struct preview *p, const char *name, bool new_pidns);
int inherit_parse(struct inherits *in, const char *text);
int inherit_resolve(struct inherits *in, const struct preview *p, bool all);
void inherit_close(const struct inherits *in);

/* feed.c */
int feed_start(struct preview *p, struct image *im, struct source *src, const struct record *next);

#endif
