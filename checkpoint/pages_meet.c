// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of an address space, met in its page tables: anonymous ones, those
 * written in private file mappings among them. Pages never touched, the zero
 * page and clean pages of files are not met.
 *
 * A swapped page is taken from the swap cache, and never mapped: while the page
 * table has the entry, what the cache has for it is the page.
 *
 * Pages are met under the mmap lock, in batches, and are the caller's by their
 * references when it is dropped.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagewalk.h>
#include <linux/sched/signal.h>
#include <linux/swapops.h>

#include "../mm/swap.h"
#include "pages.h"

/* Once a page is absent, only more of its kind are looked for. */
static bool full(struct ckpt_batch *batch, unsigned long addr)
{
	if ((batch->nr < CKPT_BATCH && batch->pages < CKPT_BATCH_PAGES) ||
	    batch->nr_absent)
		return false;
	batch->next = addr;
	return true;
}

/* Does a page go on where the last piece ends? */
static bool continues(const struct ckpt_piece *piece, unsigned long addr,
		      struct page *page, unsigned int flags)
{
	return piece->addr + piece->nr * PAGE_SIZE == addr &&
	       piece->page + piece->nr == page && piece->flags == flags &&
	       folio_test_large(page_folio(page)) &&
	       page_folio(piece->page) == page_folio(page);
}

static void meet_pages(struct ckpt_batch *batch, unsigned long addr, struct page *page,
		       unsigned int nr, unsigned int flags)
{
	struct ckpt_piece *last = batch->met + batch->nr - 1;

	if (batch->nr_absent)
		return;
	batch->pages += nr;
	if (batch->nr && continues(last, addr, page, flags)) {
		last->nr += nr;
		return;
	}
	folio_get(page_folio(page));
	batch->met[batch->nr++] = (struct ckpt_piece){ addr, page, nr, flags };
}

/* Return: 1 to stop the walk. */
static int meet_swapped(struct ckpt_batch *batch, unsigned long addr, swp_entry_t entry)
{
	struct folio *folio = filemap_get_folio(swap_address_space(entry),
						swap_cache_index(entry));
	bool here = !IS_ERR(folio) && folio_test_uptodate(folio);

	if (here)
		meet_pages(batch, addr, folio_page(folio, entry.val - folio->swap.val),
			   1, batch->flags);
	if (!IS_ERR(folio))
		folio_put(folio);
	if (here)
		return 0;
	if (!batch->nr_absent)
		batch->next = addr;
	batch->absent[batch->nr_absent].addr = addr;
	batch->absent[batch->nr_absent++].entry = entry;
	return batch->nr_absent == CKPT_BATCH_ABSENT;
}

/* One that nobody touches does not kill, and a huge page may stay mapped with it. */
static bool is_poisoned(struct page *page)
{
	struct folio *folio = page_folio(page);

	return PageHWPoison(page) ||
	       (folio_test_large(folio) && folio_test_has_hwpoisoned(folio));
}

/* Return: 1, to stop the walk at what has no contents to save, or at what comes first. */
static int stop_at(struct ckpt_batch *batch, unsigned long addr, int err)
{
	if (!batch->nr_absent) {
		batch->next = addr;
		batch->err = err;
	}
	return 1;
}

/* Return: 1 to stop the walk. */
static int meet_pte(struct ckpt_batch *batch, struct vm_area_struct *vma,
		    unsigned long addr, pte_t pte)
{
	struct page *page;
	swp_entry_t entry;

	if (pte_none(pte))
		return 0;
	if (pte_present(pte)) {
		page = vm_normal_page(vma, addr, pte);
		if (page && PageAnon(page) && is_poisoned(page))
			return stop_at(batch, addr, -EIO);
		if (page && PageAnon(page))
			meet_pages(batch, addr, page, 1, batch->flags);
		/* zeros where the file may have something else */
		else if (is_zero_pfn(pte_pfn(pte)) && !vma_is_anonymous(vma))
			meet_pages(batch, addr, ZERO_PAGE(0), 1, 0);
		return 0;
	}
	entry = pte_to_swp_entry(pte);
	if (!non_swap_entry(entry))
		return meet_swapped(batch, addr, entry);
	/* under migration for a moment; the rest never has contents */
	return stop_at(batch, addr, is_migration_entry(entry) ? -EAGAIN : -EIO);
}

static int meet_ptes(pmd_t *pmd, unsigned long addr, unsigned long end,
		     struct mm_walk *walk)
{
	struct ckpt_batch *batch = walk->private;
	struct vm_area_struct *vma = walk->vma;
	spinlock_t *ptl;
	pte_t *start, *pte;
	int stop = 0;

	start = pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	if (!start) {
		walk->action = ACTION_AGAIN;
		return 0;
	}
	for (pte = start; !stop && addr < end; pte++, addr += PAGE_SIZE)
		stop = full(batch, addr) || meet_pte(batch, vma, addr, ptep_get(pte));
	pte_unmap_unlock(start, ptl);
	if (!stop && fatal_signal_pending(current)) {
		batch->next = addr;
		stop = 1;
	}
	cond_resched();
	return stop;
}

static int meet_pmd(pmd_t *pmd, unsigned long addr, unsigned long end,
		    struct mm_walk *walk)
{
	struct ckpt_batch *batch = walk->private;
	spinlock_t *ptl;
	int stop = 0;

	ptl = pmd_trans_huge_lock(pmd, walk->vma);
	if (!ptl)
		return meet_ptes(pmd, addr, end, walk);

	if (batch->nr_absent || !pmd_present(*pmd)) {
		stop = stop_at(batch, addr, -EAGAIN);
	} else if (is_huge_zero_pmd(*pmd) || !PageAnon(pmd_page(*pmd))) {
		stop = 0;
	} else if (is_poisoned(pmd_page(*pmd))) {
		stop = stop_at(batch, addr, -EIO);
	} else {
		stop = full(batch, addr);
		if (!stop)
			meet_pages(batch, addr,
				   pmd_page(*pmd) + ((addr & ~PMD_MASK) >> PAGE_SHIFT),
				   (end - addr) >> PAGE_SHIFT,
				   batch->flags | CKPT_PIECE_HUGE);
	}
	spin_unlock(ptl);
	return stop;
}

static const struct mm_walk_ops walk_ops = {
	.pmd_entry	= meet_pmd,
	.walk_lock	= PGWALK_RDLOCK,
};

/* What was read is met, or not wanted any more. */
void ckpt_put_absent(struct ckpt_batch *batch)
{
	while (batch->nr_read)
		folio_put(batch->read[--batch->nr_read]);
}

/*
 * An entry that is in use no more has no folio: the next walk sees why. The memory is
 * charged to the group that is saved, whom a lack of it must not harm.
 */
static void start_reading(struct ckpt_batch *batch, struct vm_area_struct *vma)
{
	struct folio *folio;
	unsigned int i;

	for (i = 0; i < batch->nr_absent; i++) {
		folio = read_swap_cache_async(batch->absent[i].entry,
					      GFP_HIGHUSER_MOVABLE | __GFP_RETRY_MAYFAIL |
					      __GFP_NOWARN, vma,
					      batch->absent[i].addr, NULL);
		if (folio)
			batch->read[batch->nr_read++] = folio;
	}
}

/**
 * ckpt_wait_absent - wait until the pages that were absent have been read
 * @save: the call
 * @batch: the batch that could not meet them
 *
 * Return: 0, -EINTR, -EIO.
 */
int ckpt_wait_absent(struct ckpt_save *save, struct ckpt_batch *batch)
{
	unsigned int i;

	for (i = 0; i < batch->nr_read; i++) {
		if (folio_wait_locked_killable(batch->read[i]))
			return -EINTR;
		if (!folio_test_uptodate(batch->read[i])) {
			save->where.addr = batch->next;
			return ckpt_err(save, -EIO, "a page cannot be read from swap");
		}
	}
	return 0;
}

static unsigned int flags_of(struct ckpt_save *save, struct vm_area_struct *vma)
{
	return (vma_is_anonymous(vma) ? CKPT_PIECE_ANON : 0) |
	       (ckpt_has_kin(save, vma) ? CKPT_PIECE_KIN : 0);
}

/**
 * ckpt_meet_batch - meet pages from @batch->next on
 * @save: the call
 * @mm: the address space, or its snapshot
 * @batch: what is met is added; where to go on is in @batch->next
 *
 * Pages that are swapped and not in the swap cache end it. They are being read
 * when it returns, see ckpt_wait_absent(), and are met next time.
 *
 * Return: 0 or an errno.
 */
int ckpt_meet_batch(struct ckpt_save *save, struct mm_struct *mm,
		    struct ckpt_batch *batch)
{
	unsigned long addr = batch->next;
	struct vm_area_struct *vma;
	int stop = 0;

	VMA_ITERATOR(vmi, mm, addr);

	batch->err = 0;
	batch->nr_absent = 0;
	batch->next = ULONG_MAX;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	for_each_vma(vmi, vma) {
		if (!vma->anon_vma || vma->vm_flags & VM_MAYSHARE ||
		    ckpt_arch_vma_is_vdso(vma))
			continue;
		batch->flags = flags_of(save, vma);
		stop = walk_page_range(mm, max(addr, vma->vm_start), vma->vm_end,
				       &walk_ops, batch);
		ckpt_put_absent(batch);
		start_reading(batch, vma);
		if (stop || batch->nr_absent)
			break;
	}
	mmap_read_unlock(mm);
	return stop < 0 ? stop : 0;
}
