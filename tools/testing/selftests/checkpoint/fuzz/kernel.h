/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the two halves of the fuzzer: the kernel's files, which see the
 * kernel's headers, and the program around them, which sees libc's.
 */
#ifndef FUZZ_KERNEL_H
#define FUZZ_KERNEL_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#endif

struct ckpt_header;

/**
 * struct fuzz_call - a call of restart(2) with RESTART_CHECK
 * @image: what is in the file
 * @len: bytes of it
 * @chunk: most bytes that one read gives; 0: no limit, as a regular file
 * @fail: which allocation of the call fails, from 1 on; 0: none
 * @fail_on: all after it fail, too
 * @error: which read fails, from 1 on; 0: none
 * @kill: the same, by a signal that kills the caller
 * @log: the caller's log
 * @log_size: room in it
 * @result: what the call reported
 * @bytes: what of the image was read
 */
struct fuzz_call {
	const unsigned char *image;
	unsigned long len;
	unsigned long chunk;
	unsigned long fail;
	bool fail_on;
	unsigned long error;
	unsigned long kill;
	char *log;
	unsigned long log_size;
	struct ckpt_result *result;
	unsigned long bytes;
};

/* loud.c: print what is wrong, and end */
void fuzz_complain(const char *what) __attribute__((noreturn));

/* call.c */
void fuzz_boot(void);
int fuzz_restart_check(struct fuzz_call *call);
void fuzz_fit_header(struct ckpt_header *header);

/* memory.c, file.c: the end returns what the call did not give back */
void fuzz_memory_begin(unsigned long fail, bool fail_on);
long fuzz_memory_end(void);
void fuzz_file_begin(struct fuzz_call *call);
long fuzz_file_end(void);

/* stubs.c */
extern long fuzz_path_refs;

#endif
