/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file that does as it is told: it takes and gives bytes up to one of them,
 * and fails there, or says nothing. A thread serves it, over FUSE.
 */
#ifndef FAIL_FILE_H
#define FAIL_FILE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FAIL_FILE_WHOLE	(~(size_t)0)
#define FAIL_FILE_PATIENCE	20	/* this often it lets itself be interrupted */

/* What becomes of a transfer that begins at the byte. */
enum fail_file_how {
	FAIL_FILE_ERROR,	/* the errno; 0: no byte is taken, or the file ends */
	FAIL_FILE_SIGNAL,	/* a signal, and EINTR, once */
	FAIL_FILE_INTERRUPTIBLE, /* a signal, and EINTR whenever the kernel asks for it */
	FAIL_FILE_UNREAD,	/* the server does not look for it */
	FAIL_FILE_UNANSWERED,	/* it does, and is silent */
};

/**
 * struct fail_file - the file, and what it does
 * @path: where it is
 * @data: its bytes
 * @len: how many; a reader finds the end of the file there
 * @room: bytes that @data has room for
 * @at: the byte at which @how happens
 * @err: errno for FAIL_FILE_ERROR
 * @step: most bytes that are taken or given at once, 0 for any number
 * @signalled: the thread that signals are for
 * @signals: transfers that were ended by one
 * @stalls: the server stands still
 */
struct fail_file {
	char path[64];
	uint8_t *data;
	size_t len, room;
	size_t at;
	enum fail_file_how how;
	int err;
	size_t step;
	pid_t signalled;
	volatile int signals;
	volatile bool stalls;

	/* the server's */
	int dev;
	pthread_t thread;
	volatile bool goes_on;
	uint8_t *request;
};

int fail_file_make(struct fail_file *file, size_t room);
int fail_file_open(struct fail_file *file, int flags);
void fail_file_plan(struct fail_file *file, size_t at, enum fail_file_how how, int err);
void fail_file_go_on(struct fail_file *file);
int fail_file_abort(struct fail_file *file);
void fail_file_end(struct fail_file *file);

#endif /* FAIL_FILE_H */
