/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls to checkpoint(2) and restart(2): their results, logs and errors.
 */
#ifndef CKPT_KERNEL_H
#define CKPT_KERNEL_H

#include <linux/checkpoint.h>

#include "ckpt.h"

#define KLOG_SIZE	(64 * 1024)

enum {
	KLOG_REFUSE	= 1,
	KLOG_ERROR	= 2,
	KLOG_WARN	= 4,
	KLOG_INFO	= 8,
	KLOG_ALL	= 15,
};

/**
 * struct klog - what a call had to say
 * @buf: its log
 * @size: bytes of @buf
 * @result: its result
 */
struct klog {
	char *buf;
	size_t size;
	struct ckpt_result result;
};

void klog_init(struct klog *log, size_t size);
void klog_free(struct klog *log);
bool klog_truncated(const struct klog *log);
void klog_print(const struct klog *log, FILE *f, unsigned int levels);

int checkpoint_failed(const struct klog *log, int err, bool verbose);
int restart_failed(const struct klog *log, int err, bool verbose);
void print_summary(const struct klog *log, const char *what, uint64_t ms);

#endif
