/* SPDX-License-Identifier: GPL-2.0 */
/* Images as tests see them. */
#ifndef CR_IMAGE_H
#define CR_IMAGE_H

#include "cr.h"

struct cr_image {
	size_t size;
	char *data;
};

int cr_image_read(struct cr *cr, struct cr_image *image);
void cr_image_free(struct cr_image *image);

/* What was written to @fd so far, as long as it is mapped. */
int cr_image_map(struct cr_image *image, int fd);
void cr_image_unmap(struct cr_image *image);

/* The record after @prev, or the first; the next of type @type. NULL at the end. */
struct ckpt_record *cr_image_step(const struct cr_image *image, const struct ckpt_record *prev);
struct ckpt_record *cr_image_next(const struct cr_image *image, const struct ckpt_record *prev,
				  __u32 type);

/*
 * Two images of the group, frozen: they differ in HEADER and checksums alone, and
 * hold neither poison nor kernel addresses. 0 if so.
 */
int cr_image_twins(struct cr *cr);

#endif /* CR_IMAGE_H */
