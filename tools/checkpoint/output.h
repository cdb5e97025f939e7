/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where an image goes.
 */
#ifndef CKPT_OUTPUT_H
#define CKPT_OUTPUT_H

#include "ckpt.h"

/**
 * struct output - a file that appears whole or not at all, or stdout
 * @name: as the user wrote it, "-" for stdout
 * @fd: takes the bytes, -1 for none
 * @dir: directory of the file, -1 for stdout
 * @base: its name there
 * @tmp: its name there until it is whole
 */
struct output {
	const char *name;
	int fd;
	int dir;
	char *base;
	char *tmp;
};

/* These print why they fail. */
int output_prepare(struct output *o, const char *name, bool stream);
int output_create(struct output *o);
bool output_confirms(const struct output *o);
int output_sync(struct output *o);
int output_check_readable(const struct output *o);
int output_reopen(const struct output *o, uint64_t bytes);
int output_commit(struct output *o);
void output_abort(struct output *o);

#endif
