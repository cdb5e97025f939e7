// SPDX-License-Identifier: GPL-2.0
/*
 * Large folios for private memory with contents, where a page fault would make
 * one: the mapping, the process and the system say which sizes. All of their pages
 * are read, so that none is zeroed before.
 */
#include <linux/khugepaged.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/oom.h>
#include <linux/pgtable.h>
#include <linux/rmap.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include <asm/pgalloc.h>

#include "../mm/internal.h"
#include "pages.h"

/**
 * ckpt_new_folio - a large folio for private memory, charged to its owner
 * @vma: the mapping, its mmap lock held
 * @addr: where it will be mapped
 * @whole: only as large as a whole page table
 * @nr: pages that have contents from there on, all of them in the mapping; fewer if
 *	there is no folio here, but may be one behind them
 *
 * Return: the largest folio that may be had and has contents in all of its pages; NULL
 * if there is none.
 */
struct folio *ckpt_new_folio(struct vm_area_struct *vma, unsigned long addr, bool whole,
			     unsigned int *nr)
{
	unsigned long orders, left, least;
	struct folio *folio;
	gfp_t gfp;
	int order;

	if (!vma_is_anonymous(vma))
		return NULL;
	orders = thp_vma_allowable_orders(vma, vma->vm_flags, TVA_IN_PF | TVA_ENFORCE_SYSFS,
					  whole ? BIT(PMD_ORDER) : THP_ORDERS_ALL_ANON);
	if (!orders)
		return NULL;
	gfp = vma_thp_gfp_mask(vma);
	least = PAGE_SIZE << __ffs(orders);
	for (left = orders; left; left &= ~BIT(order)) {
		order = highest_order(left);
		if (*nr < 1U << order || !IS_ALIGNED(addr, PAGE_SIZE << order))
			continue;
		folio = vma_alloc_folio(gfp, order, vma, addr, true);
		if (folio && !mem_cgroup_charge(folio, vma->vm_mm, gfp)) {
			folio_throttle_swaprate(folio, gfp);
			return folio;
		}
		if (folio)
			folio_put(folio);
	}
	*nr = min_t(unsigned long, *nr, (ALIGN(addr + 1, least) - addr) >> PAGE_SHIFT);
	return NULL;
}

/* With the lock of the page table: the folio is the mapping's, and mapped next. */
static void add_folio(struct vm_area_struct *vma, unsigned long addr, struct folio *folio)
{
	__folio_mark_uptodate(folio);
	folio_add_new_anon_rmap(folio, vma, addr, RMAP_EXCLUSIVE);
	folio_add_lru_vma(folio, vma);
	add_mm_counter(vma->vm_mm, MM_ANONPAGES, folio_nr_pages(folio));
}

static int map_huge(struct vm_area_struct *vma, unsigned long addr, pmd_t *pmd,
		    struct folio *folio)
{
	struct mm_struct *mm = vma->vm_mm;
	pgtable_t table = pte_alloc_one(mm);
	spinlock_t *ptl;
	pmd_t entry;
	int err;

	if (!table)
		return -ENOMEM;
	ptl = pmd_lock(mm, pmd);
	err = check_stable_address_space(mm) ? -EINTR : pmd_none(*pmd) ? 0 : -EEXIST;
	if (!err) {
		folio_get(folio);
		add_folio(vma, addr, folio);
		pgtable_trans_huge_deposit(mm, pmd, table);
		entry = pmd_mkyoung(mk_huge_pmd(&folio->page, vma->vm_page_prot));
		set_pmd_at(mm, addr, pmd, maybe_pmd_mkwrite(pmd_mkdirty(entry), vma));
		update_mmu_cache_pmd(vma, addr, pmd);
		mm_inc_nr_ptes(mm);
		deferred_split_folio(folio, false);
	}
	spin_unlock(ptl);
	if (err)
		pte_free(mm, table);
	return err;
}

static bool all_none(pte_t *pte, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!pte_none(ptep_get(pte + i)))
			return false;
	return true;
}

static int map_ptes(struct vm_area_struct *vma, unsigned long addr, pmd_t *pmd,
		    struct folio *folio)
{
	unsigned int nr = folio_nr_pages(folio);
	struct mm_struct *mm = vma->vm_mm;
	spinlock_t *ptl;
	pte_t *pte;
	int err;

	if (pte_alloc(mm, pmd))
		return -ENOMEM;
	pte = pte_offset_map_lock(mm, pmd, addr, &ptl);
	if (!pte)
		return -EEXIST;
	err = check_stable_address_space(mm) ? -EINTR : all_none(pte, nr) ? 0 : -EEXIST;
	if (!err) {
		folio_ref_add(folio, nr);
		add_folio(vma, addr, folio);
		set_ptes(mm, addr, pte, ckpt_entry_for(vma, &folio->page, true), nr);
		update_mmu_cache_range(NULL, vma, addr, pte, nr);
	}
	pte_unmap_unlock(pte, ptl);
	return err;
}

/**
 * ckpt_map_folio - map a large folio where nothing is
 * @vma: the mapping, its mmap lock held
 * @addr: where, as it was asked for
 * @folio: the folio, with contents; the caller keeps its reference
 *
 * Return: 0, -EEXIST if something is there, -ENOMEM, or -EINTR if the owner was
 * killed for memory.
 */
int ckpt_map_folio(struct vm_area_struct *vma, unsigned long addr, struct folio *folio)
{
	pmd_t *pmd = ckpt_pmd_alloc(vma->vm_mm, addr);

	mmap_assert_locked(vma->vm_mm);
	if (!pmd || anon_vma_prepare(vma))
		return -ENOMEM;
	khugepaged_enter_vma(vma, vma->vm_flags);
	return folio_order(folio) == PMD_ORDER ? map_huge(vma, addr, pmd, folio) :
						 map_ptes(vma, addr, pmd, folio);
}
