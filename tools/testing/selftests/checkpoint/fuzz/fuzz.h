/* SPDX-License-Identifier: GPL-2.0 */
/* What the program around the kernel's files shares. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes behind an image: which allocation fails, plus 128 if all after it do;
 * how many bytes a read gives; which read fails, plus 128 if it is by a signal
 * that kills the caller.
 */
#ifdef FUZZ_FAULTS
#define FUZZ_CONTROL	3
#else
#define FUZZ_CONTROL	0
#endif

/* target.c: what restart(2) says of an image, checked */
extern char fuzz_log[];
int fuzz_one(const uint8_t *data, size_t size);

/* seed.c: write seeds made of images into a directory */
void fuzz_write_seeds(const char *dir, char **images, int nr);

#endif
