// SPDX-License-Identifier: GPL-2.0
/*
 * The pages of an address space: anonymous ones, those written in private
 * file mappings among them. Zero pages, pages never touched and clean pages
 * of files take no space. A page that several processes still share after
 * fork() is written once.
 *
 * A swapped page is taken from the swap cache, and never mapped: while the page
 * table has the entry, what the cache has for it is the page.
 *
 * No lock is held while the stream is written, whose reader may stall: pages
 * are met in batches under the mmap lock, and written by their references.
 */
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagewalk.h>
#include <linux/sched/mm.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "../mm/swap.h"
#include "mm.h"
#include "stream.h"

#define BATCH		512
/* Swapped pages that are read at once. */
#define BATCH_ABSENT	64
/* Migrations are waited for this often, a millisecond each. */
#define TRIES		1000

struct batch {
	unsigned long next;	/* where to go on */
	int err;		/* what is there cannot be read */
	unsigned int nr;
	struct {
		unsigned long addr;
		struct page *page;
	} met[BATCH];
	unsigned int nr_absent;	/* pages to be read from swap before */
	struct {
		unsigned long addr;
		swp_entry_t entry;
	} absent[BATCH_ABSENT];
	unsigned int nr_read;	/* held until they are met, lest they go again */
	struct folio *read[BATCH_ABSENT];
};

/* Once a page is absent, only more of its kind are looked for. */
static bool full(struct batch *batch, unsigned long addr)
{
	if (batch->nr < BATCH || batch->nr_absent)
		return false;
	batch->next = addr;
	return true;
}

static void meet_page(struct batch *batch, unsigned long addr, struct page *page)
{
	if (batch->nr_absent)
		return;
	get_page(page);
	batch->met[batch->nr].addr = addr;
	batch->met[batch->nr++].page = page;
}

/* Return: 1 to stop the walk. */
static int meet_swapped(struct batch *batch, unsigned long addr, swp_entry_t entry)
{
	struct folio *folio = filemap_get_folio(swap_address_space(entry),
						swap_cache_index(entry));
	bool here = !IS_ERR(folio) && folio_test_uptodate(folio);

	if (here)
		meet_page(batch, addr, folio_page(folio, entry.val - folio->swap.val));
	if (!IS_ERR(folio))
		folio_put(folio);
	if (here)
		return 0;
	if (!batch->nr_absent)
		batch->next = addr;
	batch->absent[batch->nr_absent].addr = addr;
	batch->absent[batch->nr_absent++].entry = entry;
	return batch->nr_absent == BATCH_ABSENT;
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
	if (!non_swap_entry(entry))
		return meet_swapped(batch, addr, entry);
	if (batch->nr_absent)
		return 1;
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

	if (batch->nr_absent) {
		stop = 1;
	} else if (!pmd_present(*pmd)) {
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

static void put_read(struct batch *batch)
{
	while (batch->nr_read)
		folio_put(batch->read[--batch->nr_read]);
}

/* An entry that is in use no more has no folio: the next walk sees why. */
static void start_reading(struct batch *batch, struct vm_area_struct *vma)
{
	struct folio *folio;
	unsigned int i;

	for (i = 0; i < batch->nr_absent; i++) {
		folio = read_swap_cache_async(batch->absent[i].entry,
					      GFP_HIGHUSER_MOVABLE, vma,
					      batch->absent[i].addr, NULL);
		if (folio)
			batch->read[batch->nr_read++] = folio;
	}
}

static int wait_read(struct ckpt_save *save, struct batch *batch)
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

/* Meet the pages from @batch->next on, until it is full or all are met. */
static int meet_batch(struct mm_struct *mm, struct batch *batch)
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
		stop = walk_page_range(mm, max(addr, vma->vm_start), vma->vm_end,
				       &walk_ops, batch);
		put_read(batch);
		start_reading(batch, vma);
		if (stop || batch->nr_absent)
			break;
	}
	mmap_read_unlock(mm);
	return stop < 0 ? stop : 0;
}

/* An object id and a page number in one xarray value of 63 bits. */
#define SHARED_INDEX_BITS	45

/*
 * A page that is shared is remembered by its frame, and held until the end:
 * it would move to another frame otherwise, and another page to its own.
 */
static int save_shared(struct ckpt_save *save, u32 id, u64 index, struct page *page)
{
	unsigned long pfn = page_to_pfn(page), value;
	void *entry = xa_load(&save->shared_pages, pfn);
	int err;

	if (entry) {
		value = xa_to_value(entry);
		return ckpt_contents_same(save, id, index,
					  value >> SHARED_INDEX_BITS,
					  value & (BIT(SHARED_INDEX_BITS) - 1));
	}
	entry = xa_mk_value((unsigned long)id << SHARED_INDEX_BITS | index);
	err = xa_err(xa_store(&save->shared_pages, pfn, entry, GFP_KERNEL_ACCOUNT));
	if (err)
		return err;
	get_page(page);
	return ckpt_contents_pages(save, id, index, &page, 1);
}

/* Let go of the pages that save_shared() holds. */
void ckpt_put_shared_pages(struct ckpt_save *save)
{
	unsigned long pfn;
	void *entry;

	xa_for_each(&save->shared_pages, pfn, entry) {
		put_page(pfn_to_page(pfn));
		cond_resched();
	}
	xa_destroy(&save->shared_pages);
}

static int save_page(struct ckpt_save *save, u32 id, u64 index, struct page *page)
{
	if (folio_likely_mapped_shared(page_folio(page)) &&
	    !(id >> (63 - SHARED_INDEX_BITS)))
		return save_shared(save, id, index, page);
	return ckpt_contents_pages(save, id, index, &page, 1);
}

static int save_batch(struct ckpt_save *save, u32 id, struct batch *batch)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < batch->nr; i++) {
		if (!err)
			err = save_page(save, id, batch->met[i].addr >> PAGE_SHIFT,
					batch->met[i].page);
		put_page(batch->met[i].page);
	}
	batch->nr = 0;
	return err;
}

/* Is there any use in looking again at what stopped the walk at @batch->next? */
static int wait_for_page(struct ckpt_save *save, struct batch *batch,
			 unsigned int *tries, bool progress)
{
	*tries = progress ? 0 : *tries + 1;
	if (batch->err == -EAGAIN)
		fsleep(USEC_PER_MSEC);
	if ((!batch->err || batch->err == -EAGAIN) && *tries < TRIES)
		return 0;
	save->where.addr = batch->next;
	return ckpt_err(save, batch->err ?: -ENOMEM,
			"a page cannot be read: poisoned, of a device, under migration, or swapped and no memory is left");
}

int ckpt_mm_contents(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct mm_struct *mm = obj->ptr;
	unsigned int tries = 0;
	unsigned long addr;
	int err;

	struct batch *batch __free(kvfree) = kvzalloc(sizeof(*batch), GFP_KERNEL_ACCOUNT);
	if (!batch)
		return -ENOMEM;
	do {
		if (fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}
		addr = batch->next;
		err = meet_batch(mm, batch);
		err = save_batch(save, obj->id, batch) ?: err;
		if (!err)
			err = wait_read(save, batch);
		if (!err)
			err = wait_for_page(save, batch, &tries, batch->next != addr);
		cond_resched();
	} while (!err && batch->next != ULONG_MAX);
	put_read(batch);
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
		if (!vma || vma->vm_flags & VM_MAYSHARE ||
		    (vma->vm_flags & VM_SPECIAL && !is_vm_hugetlb_page(vma)) ||
		    ckpt_arch_vma_is_vdso(vma))
			return ckpt_fail(load, rec, -EBADMSG, "contents for 0x%lx, where no private memory is",
					 start);
		/* inherited from the caller: see map_deny_write_exec() */
		if (vma->vm_flags & VM_EXEC && test_bit(MMF_HAS_MDWE, &mm->flags))
			return ckpt_fail(load, rec, -EACCES, "axis=mdwe: contents for 0x%lx, which may be executed",
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
	struct mem_cgroup *memcg;
	int locked = 1;
	long got = 0, n;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	n = may_fill(load, rec, start, start + nr * PAGE_SIZE);
	memcg = set_active_memcg(load->memcg);
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
	set_active_memcg(memcg);
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
