/* SPDX-License-Identifier: GPL-2.0 */
/* The pages of a content block, and their digests. */
#ifndef _CHECKPOINT_DIGEST_H
#define _CHECKPOINT_DIGEST_H

#include <linux/bvec.h>
#include <linux/workqueue.h>
#include <uapi/linux/checkpoint_image.h>

/**
 * struct ckpt_pages - pages of a content block
 * @work: takes @digest
 * @nr: how many pages
 * @nr_pieces: entries of @piece in use
 * @piece: pages that follow each other in a folio, with one reference
 * @digest: of each page
 */
struct ckpt_pages {
	struct work_struct work;
	unsigned int nr;
	unsigned int nr_pieces;
	struct bio_vec piece[CKPT_BLOCK_MAX_PAGES];
	__le64 digest[CKPT_BLOCK_MAX_PAGES];
};

void ckpt_pages_init(struct ckpt_pages *pages);
void ckpt_pages_add(struct ckpt_pages *pages, struct page *page, unsigned int nr);
void ckpt_pages_start(struct ckpt_pages *pages);
u32 ckpt_pages_crc(struct ckpt_pages *pages, u32 crc);
void ckpt_pages_put(struct ckpt_pages *pages);

#endif /* _CHECKPOINT_DIGEST_H */
