/* SPDX-License-Identifier: GPL-2.0 */
/* Pages of an address space: met in its page tables, and put into new ones. */
#ifndef _CHECKPOINT_PAGES_H
#define _CHECKPOINT_PAGES_H

#include <linux/swap.h>

#include "mm.h"

#define CKPT_BATCH		512
/* What a batch may hold in memory, in huge pages too: 64 MiB. */
#define CKPT_BATCH_PAGES	16384
/* Swapped pages that are read at once. */
#define CKPT_BATCH_ABSENT	64

/* ckpt_piece.flags */
#define CKPT_PIECE_ANON		1	/* of anonymous memory: zeros need no page */
#define CKPT_PIECE_KIN		2	/* other address spaces may have it, too */
#define CKPT_PIECE_HUGE		4	/* of a huge page that is mapped as one */

/**
 * struct ckpt_piece - pages that follow each other in memory and in a folio
 * @addr: user address of the first
 * @page: the first; the piece has one reference to their folio
 * @nr: how many
 * @flags: CKPT_PIECE_*
 */
struct ckpt_piece {
	unsigned long addr;
	struct page *page;
	unsigned int nr;
	unsigned int flags;
};

/**
 * struct ckpt_batch - pages met in one go
 * @next: where to go on; ULONG_MAX at the end
 * @err: what is there cannot be read
 * @nr: entries of @met in use
 * @pages: how many these have
 * @flags: of the mapping that is looked at
 * @met: what was met
 * @nr_absent: pages to be read from swap before
 * @absent: these
 * @nr_read: folios that are being read, held until they are met lest they go again
 * @read: these
 */
struct ckpt_batch {
	unsigned long next;
	int err;
	unsigned int nr;
	unsigned int pages;
	unsigned int flags;
	struct ckpt_piece met[CKPT_BATCH];
	unsigned int nr_absent;
	struct {
		unsigned long addr;
		swp_entry_t entry;
	} absent[CKPT_BATCH_ABSENT];
	unsigned int nr_read;
	struct folio *read[CKPT_BATCH_ABSENT];
};

/* pages_meet.c */
int ckpt_meet_batch(struct ckpt_save *save, struct mm_struct *mm,
		    struct ckpt_batch *batch);
int ckpt_wait_absent(struct ckpt_save *save, struct ckpt_batch *batch);
void ckpt_put_absent(struct ckpt_batch *batch);

/* How pages are mapped. */
enum ckpt_map {
	CKPT_MAP_ALONE,		/* new ones, of this address space alone */
	CKPT_MAP_FIRST,		/* new ones, that others will have as well */
	CKPT_MAP_AGAIN,		/* those that another has */
};

/* pages_map.c */
struct vm_area_struct *ckpt_fill_area(struct ckpt_load *load, struct ckpt_rec *rec,
				      unsigned long addr, unsigned int *nr);
int ckpt_new_pages(struct vm_area_struct *vma, unsigned long addr,
		   struct page **pages, unsigned int nr);
int ckpt_map_pages(struct vm_area_struct *vma, unsigned long addr,
		   struct page **pages, unsigned int nr, enum ckpt_map how);
pmd_t *ckpt_pmd_alloc(struct mm_struct *mm, unsigned long addr);
pte_t ckpt_entry_for(struct vm_area_struct *vma, struct page *page, bool exclusive);

/* pages_large.c */
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
struct folio *ckpt_new_folio(struct vm_area_struct *vma, unsigned long addr, bool whole,
			     unsigned int *nr);
int ckpt_map_folio(struct vm_area_struct *vma, unsigned long addr, struct folio *folio);
#else
static inline struct folio *ckpt_new_folio(struct vm_area_struct *vma, unsigned long addr,
					   bool whole, unsigned int *nr)
{
	return NULL;
}

static inline int ckpt_map_folio(struct vm_area_struct *vma, unsigned long addr,
				 struct folio *folio)
{
	return -EEXIST;
}
#endif

#endif /* _CHECKPOINT_PAGES_H */
