/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Callers that may have little, and images that have much. A caller is a
 * process in a memory group of its own, so that what a call costs is told apart.
 */
#ifndef EXHAUST_H
#define EXHAUST_H

#include "fail.h"

#define KB	1024UL
#define MB	(1024 * KB)

/* What a caller is asked for, and tells. In memory that it shares with the test. */
struct exhaust_job {
	/* before the call, in the caller; an errno */
	int (*prepare)(struct exhaust_job *job);
	unsigned long value;		/* of prepare()'s own */
	bool restarts;
	bool survives;			/* the OOM killer does not take it */
	int image_fd;
	uint64_t flags;
	struct fail_group group;
	struct fail_report report;
	int err;
	volatile bool done;
	int status;			/* as waitpid() gave it */
};

/* A caller's memory: its group, and what it had before the call. */
struct exhaust {
	struct fail_group group;	/* of targets */
	struct fail_group caller;
	struct exhaust_job *job;
	pid_t pid;			/* of the caller, 0 for none */
};

int exhaust_setup(struct exhaust *e);
void exhaust_teardown(struct exhaust *e);

/* One call by a new caller; its errno, or -EINTR if it was killed. */
int exhaust_call(struct exhaust *e);
int exhaust_begin(struct exhaust *e);
int exhaust_end(struct exhaust *e);

/* Where no memory is taken by checkers, so that numbers mean something. */
bool exhaust_can_measure(void);
unsigned long exhaust_number(const char *path);
unsigned long exhaust_peak(const struct exhaust *e);
long exhaust_kernel_of(const struct exhaust *e);
long exhaust_kernel_of_all(void);

/* Does the caller wait, and not just for a moment, for an end of a pipe? */
bool exhaust_waits(struct exhaust *e, int pipe, bool full);

/*
 * An image made of another by repeating its records first to last, in front of
 * another. fix() is told of each record of each copy.
 */
typedef void (*exhaust_fix)(struct fail_image *image, int rec, unsigned long copy);
void exhaust_repeat(struct fail_image *to, const struct fail_image *from, int first,
		    int last, int before, unsigned long copies, exhaust_fix fix);

/* The same image with one record longer, by zeros at its end. */
void exhaust_lengthen(struct fail_image *to, const struct fail_image *from, int rec,
		      size_t more);

struct ckpt_header *exhaust_header(struct fail_image *image);

/* Is somebody left of a call that failed? */
bool exhaust_left(const struct exhaust *e);

#endif /* EXHAUST_H */
