// SPDX-License-Identifier: GPL-2.0
/*
 * The pages of an address space: anonymous ones, those written in private
 * file mappings among them. Zero pages, pages never touched and clean pages
 * of files take no space. A page that several processes still share after
 * fork() is written once.
 *
 * Swapped pages are read through the swap cache and never mapped.
 */
#include <linux/highmem.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagewalk.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "../mm/swap.h"
#include "mm.h"
#include "stream.h"

#define BATCH	512

/* A page met in the page tables: present, or a swap entry. */
struct met {
	unsigned long addr;
	struct page *page;
	swp_entry_t swap;
};

struct batch {
	unsigned int nr;
	unsigned long next;	/* where to go on */
	int err;
	struct met met[BATCH];
};

static bool full(struct batch *batch, unsigned long addr)
{
	if (batch->nr < BATCH)
		return false;
	batch->next = addr;
	return true;
}

static void meet_page(struct batch *batch, unsigned long addr, struct page *page)
{
	get_page(page);
	batch->met[batch->nr++] = (struct met){ .addr = addr, .page = page };
}

/* Return: 1 to stop the walk. */
static int meet_pte(struct batch *batch, struct vm_area_struct *vma,
		    unsigned long addr, pte_t pte)
{
	struct page *page;
	swp_entry_t entry;

	if (pte_none(pte))
		return 0;
	if (pte_present(pte)) {
		page = vm_normal_page(vma, addr, pte);
		if (page && PageAnon(page))
			meet_page(batch, addr, page);
		return 0;
	}
	entry = pte_to_swp_entry(pte);
	if (!non_swap_entry(entry)) {
		batch->met[batch->nr++] = (struct met){ .addr = addr, .swap = entry };
		return 0;
	}
	batch->next = addr;
	/* under migration for a moment; the rest has no contents to save */
	batch->err = is_migration_entry(entry) ? -EAGAIN : -EIO;
	return 1;
}

static int meet_ptes(pmd_t *pmd, unsigned long addr, unsigned long end,
		     struct mm_walk *walk)
{
	struct batch *batch = walk->private;
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
	return stop;
}

static int meet_pmd(pmd_t *pmd, unsigned long addr, unsigned long end,
		    struct mm_walk *walk)
{
	struct batch *batch = walk->private;
	struct page *page;
	spinlock_t *ptl;
	int stop = 0;

	ptl = pmd_trans_huge_lock(pmd, walk->vma);
	if (!ptl)
		return meet_ptes(pmd, addr, end, walk);

	if (!pmd_present(*pmd)) {
		batch->next = addr;
		batch->err = -EAGAIN;
		stop = 1;
	} else if (!is_huge_zero_pmd(*pmd)) {
		page = pmd_page(*pmd) + ((addr & ~PMD_MASK) >> PAGE_SHIFT);
		for (; !stop && PageAnon(page) && addr < end; addr += PAGE_SIZE) {
			stop = full(batch, addr);
			if (!stop)
				meet_page(batch, addr, page++);
		}
	}
	spin_unlock(ptl);
	return stop;
}

static const struct mm_walk_ops walk_ops = {
	.pmd_entry	= meet_pmd,
	.walk_lock	= PGWALK_RDLOCK,
};

static int save_swapped(struct ckpt_save *save, u32 id, struct met *met,
			struct vm_area_struct *vma)
{
	struct page *page;
	struct folio *folio;
	int err;

	folio = read_swap_cache_async(met->swap, GFP_HIGHUSER_MOVABLE, vma,
				      met->addr, NULL);
	if (!folio)
		return -ENOMEM;
	err = folio_wait_locked_killable(folio);
	if (!err && !folio_test_uptodate(folio))
		err = ckpt_err(save, -EIO, "cannot read the page at 0x%lx from swap", met->addr);
	if (!err) {
		page = folio_page(folio, met->swap.val - folio->swap.val);
		err = ckpt_contents_pages(save, id, met->addr >> PAGE_SHIFT, &page, 1);
	}
	folio_put(folio);
	return err;
}

/* An object id and a page number in one xarray value of 63 bits. */
#define SHARED_INDEX_BITS	45

static int save_page(struct ckpt_save *save, u32 id, u64 index, struct page *page)
{
	struct folio *folio = page_folio(page);
	unsigned long pfn = page_to_pfn(page), value;
	void *entry;

	if (!folio_likely_mapped_shared(folio) || id >> (63 - SHARED_INDEX_BITS))
		return ckpt_contents_pages(save, id, index, &page, 1);

	entry = xa_load(&save->shared_pages, pfn);
	if (entry) {
		value = xa_to_value(entry);
		return ckpt_contents_same(save, id, index,
					  value >> SHARED_INDEX_BITS,
					  value & (BIT(SHARED_INDEX_BITS) - 1));
	}
	entry = xa_mk_value((unsigned long)id << SHARED_INDEX_BITS | index);
	return xa_err(xa_store(&save->shared_pages, pfn, entry, GFP_KERNEL_ACCOUNT)) ?:
	       ckpt_contents_pages(save, id, index, &page, 1);
}

static int save_batch(struct ckpt_save *save, u32 id, struct batch *batch,
		      struct vm_area_struct *vma)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < batch->nr; i++) {
		struct met *met = &batch->met[i];

		if (!met->page) {
			if (!err)
				err = save_swapped(save, id, met, vma);
			continue;
		}
		if (!err)
			err = save_page(save, id, met->addr >> PAGE_SHIFT, met->page);
		put_page(met->page);
	}
	batch->nr = 0;
	return err;
}

/*
 * The mmap lock is held while a batch is written, for reading: nobody in the
 * group waits for it, and a writer outside waits killably.
 */
static int save_vma(struct ckpt_save *save, u32 id, struct vm_area_struct *vma,
		    struct batch *batch)
{
	unsigned long addr = vma->vm_start;
	int err = 0, tries = 0;

	while (!err && addr < vma->vm_end) {
		if (fatal_signal_pending(current))
			return -EINTR;
		batch->err = 0;
		batch->next = vma->vm_end;
		err = walk_page_range(vma->vm_mm, addr, vma->vm_end, &walk_ops, batch);
		if (err < 0)
			break;
		err = save_batch(save, id, batch, vma);
		tries = batch->next == addr ? tries + 1 : 0;
		addr = batch->next;
		if (!err && batch->err && (batch->err != -EAGAIN || tries > 1000)) {
			save->where.addr = addr;
			err = ckpt_err(save, batch->err, "a page cannot be read: poisoned, of a device, or under migration");
		}
		cond_resched();
	}
	return err;
}

int ckpt_mm_contents(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct mm_struct *mm = obj->ptr;
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);
	int err = 0;

	struct batch *batch __free(kvfree) = kvzalloc(sizeof(*batch), GFP_KERNEL_ACCOUNT);
	if (!batch)
		return -ENOMEM;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	for_each_vma(vmi, vma) {
		if (!vma->anon_vma || vma->vm_flags & VM_MAYSHARE ||
		    ckpt_arch_vma_is_vdso(vma))
			continue;
		err = save_vma(save, obj->id, vma, batch);
		if (err)
			break;
	}
	mmap_read_unlock(mm);
	return err;
}

/* ---- Restart: into the memory of a task that waits at the gate ---- */

/* Only private memory is ever written: shared files have their contents. */
static int may_fill(struct ckpt_load *load, struct ckpt_rec *rec,
		    unsigned long start, unsigned long end)
{
	struct mm_struct *mm = rec->live;
	struct vm_area_struct *vma;

	mmap_assert_locked(mm);
	while (start < end) {
		vma = vma_lookup(mm, start);
		if (!vma || vma->vm_flags & (VM_MAYSHARE | VM_SPECIAL) ||
		    ckpt_arch_vma_is_vdso(vma))
			return ckpt_fail(load, rec, -EBADMSG, "contents for 0x%lx, where no private memory is",
					 start);
		start = vma->vm_end;
	}
	return 0;
}

static long get_pages(struct ckpt_load *load, struct ckpt_rec *rec, u64 index,
		      unsigned int nr, unsigned int gup_flags, struct page **pages)
{
	unsigned long start = index << PAGE_SHIFT;
	struct mm_struct *mm = rec->live;
	int locked = 1;
	long got = 0, n;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	n = may_fill(load, rec, start, start + nr * PAGE_SIZE);
	while (!n && got < nr) {
		n = get_user_pages_remote(mm, start + got * PAGE_SIZE, nr - got,
					  gup_flags, pages + got, &locked);
		if (n <= 0) {
			n = n ?: -EFAULT;
			break;
		}
		got += n;
		n = 0;
		if (!locked && got < nr) {
			if (mmap_read_lock_killable(mm)) {
				n = -EINTR;
				break;
			}
			locked = 1;
		}
	}
	if (locked)
		mmap_read_unlock(mm);
	if (n) {
		release_pages(pages, got);
		return n;
	}
	return got;
}

static void put_filled(struct page **pages, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		set_page_dirty_lock(pages[i]);
	release_pages(pages, nr);
}

static int fill_data(struct ckpt_load *load, struct ckpt_rec *rec, u64 index,
		     unsigned int nr, struct page **pages)
{
	long got;
	int err;

	got = get_pages(load, rec, index, nr, FOLL_WRITE | FOLL_FORCE, pages);
	if (got < 0)
		return got;
	err = ckpt_read_pages(load, pages, nr);
	put_filled(pages, nr);
	return err;
}

static int fill_same(struct ckpt_load *load, struct ckpt_rec *rec, u64 index,
		     struct ckpt_rec *src, u64 src_index, unsigned int nr,
		     struct page **pages, struct page **from)
{
	unsigned int i;
	long got;

	got = get_pages(load, src, src_index, nr, FOLL_FORCE, from);
	if (got < 0)
		return got;
	got = get_pages(load, rec, index, nr, FOLL_WRITE | FOLL_FORCE, pages);
	if (got > 0) {
		for (i = 0; i < nr; i++)
			copy_highpage(pages[i], from[i]);
		put_filled(pages, nr);
	}
	release_pages(from, nr);
	return got < 0 ? got : 0;
}

int ckpt_mm_fill(struct ckpt_load *load, struct ckpt_rec *rec,
		 const struct ckpt_run *run)
{
	u64 index = le64_to_cpu(run->index), src_index = le64_to_cpu(run->src_index);
	u64 last = TASK_SIZE_MAX >> PAGE_SHIFT;
	u32 left = le32_to_cpu(run->count), nr;
	u16 kind = le16_to_cpu(run->kind);
	struct ckpt_rec *src = NULL;
	int err = 0;

	if (kind != CKPT_RUN_DATA && kind != CKPT_RUN_SAME)
		return ckpt_fail(load, rec, -EBADMSG, "contents of kind %u", kind);
	if (kind == CKPT_RUN_SAME) {
		src = ckpt_rec(load, le32_to_cpu(run->src_object));
		if (!src || src->ops != &ckpt_mm_ops)
			return ckpt_fail(load, rec, -EBADMSG, "contents as those of no memory");
	}
	if (index > last || left > last - index || src_index > last ||
	    left > last - src_index)
		return ckpt_fail(load, rec, -EBADMSG, "contents beyond user memory");

	struct page **pages __free(kvfree) =
		kvcalloc(2 * BATCH, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return -ENOMEM;
	for (; !err && left; left -= nr, index += nr, src_index += nr) {
		nr = min_t(u32, left, BATCH);
		if (fatal_signal_pending(current))
			return -EINTR;
		if (src)
			err = fill_same(load, rec, index, src, src_index, nr,
					pages, pages + BATCH);
		else
			err = fill_data(load, rec, index, nr, pages);
		cond_resched();
	}
	return err;
}
