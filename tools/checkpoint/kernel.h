/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls to checkpoint(2) and restart(2): their results, logs and errors.
 */
#ifndef CKPT_KERNEL_H
#define CKPT_KERNEL_H

#include <linux/checkpoint.h>

#include "ckpt.h"

#define KLOG_SIZE	(64 * 1024)

/* The kernel keeps no more. */
#define KLOG_MAX	(1024 * 1024)

enum {
	KLOG_REFUSE	= 1,
	KLOG_ERROR	= 2,
	KLOG_WARN	= 4,
	KLOG_INFO	= 8,
	KLOG_ALL	= 15,
};

/**
 * struct klog - what a call had to say; shared with children that make it
 * @size: bytes of @buf
 * @err: its errno, 0 when it succeeded or was not made
 * @ms: how long it took
 * @result: its result
 * @buf: its log
 */
struct klog {
	size_t size;
	int err;
	uint64_t ms;
	struct ckpt_result result;
	char buf[];
};

struct klog *klog_new(size_t size);
void klog_free(struct klog *log);
bool klog_truncated(const struct klog *log);
void klog_print(const struct klog *log, FILE *f, unsigned int levels);

int checkpoint_failed(const struct klog *log, bool verbose);
int restart_failed(const struct klog *log, bool verbose);
void print_summary(const struct klog *log, const char *what);

#endif
