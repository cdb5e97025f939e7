// SPDX-License-Identifier: GPL-2.0
/*
 * Pages with contents, mapped in the new memory of a task that waits at the gate:
 * what a page fault does, but for many pages at once, which are neither zeroed
 * before nor faulted for. And pages that another process has too, as after fork().
 *
 * Nobody else uses this memory. But khugepaged and reclaim look at it, so that a
 * place can be taken: who calls fills what is there, then.
 */
#include <linux/hugetlb.h>
#include <linux/khugepaged.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/oom.h>
#include <linux/pgtable.h>
#include <linux/rmap.h>
#include <linux/swap.h>

#include "../mm/internal.h"
#include "pages.h"

/**
 * ckpt_fill_area - how far may contents go from an address on, in one go?
 * @load: the call
 * @rec: the address space, its mmap lock held
 * @addr: the address
 * @nr: pages wanted; fewer if the mapping or its page table ends before
 *
 * Only private memory is ever written: shared files have their contents.
 *
 * Return: the mapping, or an ERR_PTR, logged.
 */
struct vm_area_struct *ckpt_fill_area(struct ckpt_load *load, struct ckpt_rec *rec,
				      unsigned long addr, unsigned int *nr)
{
	struct mm_struct *mm = rec->live;
	struct vm_area_struct *vma;
	unsigned long end;

	mmap_assert_locked(mm);
	vma = vma_lookup(mm, addr);
	if (!vma || vma->vm_flags & VM_MAYSHARE ||
	    (vma->vm_flags & VM_SPECIAL && !is_vm_hugetlb_page(vma)) ||
	    ckpt_arch_vma_is_vdso(vma)) {
		ckpt_fail(load, rec, -EBADMSG, "contents for 0x%lx, where no private memory is",
			  addr);
		return ERR_PTR(-EBADMSG);
	}
	/* inherited from the caller: see map_deny_write_exec() */
	if (vma->vm_flags & VM_EXEC && test_bit(MMF_HAS_MDWE, &mm->flags)) {
		ckpt_fail(load, rec, -EACCES, "axis=mdwe: contents for 0x%lx, which may be executed",
			  addr);
		return ERR_PTR(-EACCES);
	}
	end = pmd_addr_end(addr, vma->vm_end);
	*nr = min_t(unsigned long, *nr, (end - addr) >> PAGE_SHIFT);
	return vma;
}

/**
 * ckpt_new_pages - pages for private memory, charged to its owner
 * @vma: the mapping, its mmap lock held
 * @addr: where they will be mapped
 * @pages: where they go
 * @nr: how many
 *
 * Return: 0 or -ENOMEM.
 */
int ckpt_new_pages(struct vm_area_struct *vma, unsigned long addr,
		   struct page **pages, unsigned int nr)
{
	struct folio *folio;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		folio = vma_alloc_folio(GFP_HIGHUSER_MOVABLE, 0, vma,
					addr + i * PAGE_SIZE, false);
		if (folio && mem_cgroup_charge(folio, vma->vm_mm, GFP_KERNEL)) {
			folio_put(folio);
			folio = NULL;
		}
		if (!folio) {
			release_pages(pages, i);
			return -ENOMEM;
		}
		pages[i] = &folio->page;
	}
	return 0;
}

pmd_t *ckpt_pmd_alloc(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d = p4d_alloc(mm, pgd, addr);
	pud_t *pud = p4d ? pud_alloc(mm, p4d, addr) : NULL;

	return pud ? pmd_alloc(mm, pud, addr) : NULL;
}

pte_t ckpt_entry_for(struct vm_area_struct *vma, struct page *page, bool exclusive)
{
	pte_t entry = pte_sw_mkyoung(mk_pte(page, vma->vm_page_prot));

	entry = pte_mkdirty(entry);
	if (exclusive && vma->vm_flags & VM_WRITE)
		entry = pte_mkwrite(entry, vma);
	return entry;
}

static void map_new(struct vm_area_struct *vma, unsigned long addr, pte_t *pte,
		    struct page *page, bool exclusive)
{
	struct folio *folio = page_folio(page);

	__folio_mark_uptodate(folio);
	/* that of a page that others will map has to be locked; this one is new */
	if (!exclusive)
		__folio_set_locked(folio);
	folio_add_new_anon_rmap(folio, vma, addr, exclusive ? RMAP_EXCLUSIVE : RMAP_NONE);
	if (!exclusive)
		folio_unlock(folio);
	folio_add_lru_vma(folio, vma);
	set_pte_at(vma->vm_mm, addr, pte, ckpt_entry_for(vma, page, exclusive));
}

/*
 * One page that is mapped elsewhere already, if it may be mapped here, too. If it
 * is not mapped any more, an entry of swap or migration may have it exclusively.
 */
static bool map_again(struct vm_area_struct *vma, unsigned long addr, pte_t *pte,
		      struct page *page)
{
	struct folio *folio = page_folio(page);
	struct anon_vma_chain *avc;
	bool kin = false;

	if (!folio_trylock(folio))
		return false;
	if (folio_mapped(folio) && folio_test_anon(folio) && !folio_test_ksm(folio) &&
	    !folio_test_large(folio) && !PageAnonExclusive(page) &&
	    folio->index == linear_page_index(vma, addr))
		list_for_each_entry(avc, &vma->anon_vma_chain, same_vma)
			kin |= avc->anon_vma == folio_anon_vma(folio);
	if (kin) {
		folio_get(folio);
		folio_add_anon_rmap_pte(folio, page, vma, addr, RMAP_NONE);
		set_pte_at(vma->vm_mm, addr, pte, ckpt_entry_for(vma, page, false));
	}
	folio_unlock(folio);
	return kin;
}

/**
 * ckpt_map_pages - map pages where nothing is
 * @vma: the mapping, its mmap lock held
 * @addr: where, see ckpt_fill_area()
 * @pages: the pages, with a reference each; NULL where there is none
 * @nr: how many
 * @how: CKPT_MAP_*
 *
 * An entry of @pages becomes NULL, and its reference is gone, where it was mapped.
 *
 * Return: 0, -ENOMEM, or -EINTR if the owner was killed for memory.
 */
int ckpt_map_pages(struct vm_area_struct *vma, unsigned long addr,
		   struct page **pages, unsigned int nr, enum ckpt_map how)
{
	struct mm_struct *mm = vma->vm_mm;
	unsigned int mapped = 0, i;
	spinlock_t *ptl;
	pte_t *pte;
	pmd_t *pmd;

	mmap_assert_locked(mm);
	/* its page tables are others */
	if (is_vm_hugetlb_page(vma))
		return 0;
	pmd = ckpt_pmd_alloc(mm, addr);
	if (!pmd || pte_alloc(mm, pmd) || anon_vma_prepare(vma))
		return -ENOMEM;
	khugepaged_enter_vma(vma, vma->vm_flags);
	pte = pte_offset_map_lock(mm, pmd, addr, &ptl);
	if (!pte)
		return 0;
	if (check_stable_address_space(mm)) {
		pte_unmap_unlock(pte, ptl);
		return -EINTR;
	}
	for (i = 0; i < nr; i++) {
		unsigned long at = addr + i * PAGE_SIZE;

		if (!pages[i] || !pte_none(ptep_get(pte + i)))
			continue;
		if (how != CKPT_MAP_AGAIN)
			map_new(vma, at, pte + i, pages[i], how == CKPT_MAP_ALONE);
		else if (map_again(vma, at, pte + i, pages[i]))
			put_page(pages[i]);
		else
			continue;
		pages[i] = NULL;
		mapped++;
	}
	add_mm_counter(mm, MM_ANONPAGES, mapped);
	update_mmu_cache_range(NULL, vma, addr, pte, nr);
	pte_unmap_unlock(pte, ptl);
	return 0;
}
