/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Progress of a call that does not come back for a while.
 */
#ifndef CKPT_PROGRESS_H
#define CKPT_PROGRESS_H

#include "ckpt.h"

struct pidset;

/**
 * struct progress - a child that shows how far a file has been written or read
 * @stop: closes when it is to end, -1 for none
 * @pid: the child
 * @started: when, milliseconds
 */
struct progress {
	int stop;
	pid_t pid;
	uint64_t started;
};

void progress_start(struct progress *p, const char *what, int fd, int hidden_fd,
		    const struct pidset *avoid);
void progress_stop(struct progress *p);
void progress_drop(struct progress *p);

/* A fork whose child's pid is not in @avoid; that may be NULL. */
pid_t clone_avoiding(uint64_t flags, const struct pidset *avoid);

#endif
