// SPDX-License-Identifier: GPL-2.0
/*
 * The contents of an address space: its anonymous pages. Pages of zeros take no
 * space. A page that several processes still share after fork() is written once,
 * and mapped by all of them again.
 *
 * No lock is held while the stream is written or read, whose other end may stall.
 */
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>

#include "pages.h"
#include "stream.h"

/* Migrations, and memory to swap in, are waited for this often, a millisecond each. */
#define TRIES		1000
#define TRIES_TO_READ	16

/* An object id and a page number in one xarray value of 63 bits. */
#define SHARED_INDEX_BITS	45

/*
 * A page that others have is remembered by its frame, and held until the end: it
 * would move to another frame otherwise, and another page to its own.
 *
 * Return: 1 if it was written before, 0 if it is to be written, or an errno.
 */
static int known_page(struct ckpt_save *save, u32 id, u64 index, struct page *page,
		      bool shared)
{
	unsigned long pfn = page_to_pfn(page), value;
	void *entry = xa_load(&save->shared_pages, pfn);
	int err;

	if (entry) {
		value = xa_to_value(entry);
		return ckpt_contents_same(save, id, index,
					  value >> SHARED_INDEX_BITS,
					  value & (BIT(SHARED_INDEX_BITS) - 1)) ?: 1;
	}
	if (!shared)
		return 0;
	entry = xa_mk_value((unsigned long)id << SHARED_INDEX_BITS | index);
	err = xa_err(xa_store(&save->shared_pages, pfn, entry, GFP_KERNEL_ACCOUNT));
	if (!err)
		get_page(page);
	return err;
}

/* Let go of the pages that known_page() holds. */
void ckpt_put_shared_pages(struct ckpt_save *save)
{
	unsigned long pfn;
	void *entry;

	xa_for_each(&save->shared_pages, pfn, entry) {
		/* all at once they would be freed with interrupts off */
		xa_erase(&save->shared_pages, pfn);
		put_page(pfn_to_page(pfn));
		cond_resched();
	}
	xa_destroy(&save->shared_pages);
}

/*
 * Do others have the page of a piece, too? A snapshot is one more than its original, if
 * that has it still. How many have one that is in the swap cache is not known. What ksmd
 * merges is nobody's in common.
 */
static bool is_shared(struct ckpt_save *save, u32 id, const struct ckpt_piece *piece,
		      unsigned int nth)
{
	struct page *page = piece->page + nth;
	struct folio *folio = page_folio(page);
	int mapped = atomic_read(&page->_mapcount) + 1;

	if (!(piece->flags & CKPT_PIECE_KIN) || id >> (63 - SHARED_INDEX_BITS) ||
	    folio_test_ksm(folio))
		return false;
	if (folio_test_large(folio))
		mapped += folio_entire_mapcount(folio);
	return mapped > (save->from_snapshots ? 2 : 1) || folio_test_swapcache(folio);
}

/* A huge page that is shared in part would come back as one that nobody shares. */
static bool is_huge(struct ckpt_save *save, u32 id, const struct ckpt_piece *piece)
{
	unsigned int i;

	if (!(piece->flags & CKPT_PIECE_HUGE))
		return false;
	for (i = 0; i < piece->nr; i++)
		if (is_shared(save, id, piece, i))
			return false;
	return true;
}

static bool is_zero(struct page *page)
{
	void *data = kmap_local_page(page);
	bool zero = !memchr_inv(data, 0, PAGE_SIZE);

	kunmap_local(data);
	return zero;
}

/* Return: 1 if a page needs not be written (any more), 0 if it does, or an errno. */
static int skip_page(struct ckpt_save *save, u32 id, const struct ckpt_piece *piece,
		     unsigned int nth, bool shared)
{
	struct page *page = piece->page + nth;

	/* what is new in anonymous memory is zero */
	if (piece->flags & CKPT_PIECE_ANON && is_zero(page))
		return 1;
	if (!(piece->flags & CKPT_PIECE_KIN))
		return 0;
	return known_page(save, id, (piece->addr >> PAGE_SHIFT) + nth, page, shared);
}

/* Pages [@from, @to) of a piece, if there are some; takes over a reference. */
static int save_part(struct ckpt_save *save, u32 id, const struct ckpt_piece *piece,
		     unsigned int from, unsigned int to, u16 flags)
{
	if (from < to)
		return ckpt_contents_pages(save, id, flags, (piece->addr >> PAGE_SHIFT) + from,
					   piece->page + from, to - from);
	folio_put(page_folio(piece->page));
	return 0;
}

/* Takes over the piece's reference. */
static int save_piece(struct ckpt_save *save, u32 id, const struct ckpt_piece *piece)
{
	u16 huge = is_huge(save, id, piece) ? CKPT_RUN_F_HUGE : 0, flags = huge, these;
	unsigned int from = 0, i;
	int err = 0, skip;

	for (i = 0; !err && i < piece->nr; i++) {
		these = huge | (is_shared(save, id, piece, i) ? CKPT_RUN_F_SHARED : 0);
		skip = skip_page(save, id, piece, i, these & CKPT_RUN_F_SHARED);
		if (!skip && these == flags)
			continue;
		if (from < i) {
			folio_get(page_folio(piece->page));
			err = save_part(save, id, piece, from, i, flags);
		}
		from = skip ? i + 1 : i;
		flags = these;
		err = err ?: min(skip, 0);
	}
	if (!err)
		return save_part(save, id, piece, from, piece->nr, flags);
	folio_put(page_folio(piece->page));
	return err;
}

static int save_batch(struct ckpt_save *save, u32 id, struct ckpt_batch *batch)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < batch->nr; i++) {
		if (!err)
			err = save_piece(save, id, &batch->met[i]);
		else
			folio_put(page_folio(batch->met[i].page));
	}
	batch->nr = 0;
	batch->pages = 0;
	return err;
}

/* Is there any use in looking again at what stopped the walk at @batch->next? */
static int wait_for_page(struct ckpt_save *save, struct ckpt_batch *batch,
			 unsigned int *tries, bool progress)
{
	unsigned int most = !batch->err ? TRIES_TO_READ : batch->err == -EAGAIN ? TRIES : 0;

	*tries = progress ? 0 : *tries + 1;
	if (*tries < most) {
		if (*tries || batch->err)
			fsleep(USEC_PER_MSEC);
		/* what is written needs no memory any more */
		return *tries && !batch->err ? ckpt_flush_contents(save) : 0;
	}
	save->where.addr = batch->next;
	return ckpt_err(save, batch->err ?: -ENOMEM,
			"a page cannot be read: poisoned, of a device, under migration, or swapped and no memory is left");
}

/*
 * What was gathered from a snapshot is not kept there: who writes to it while the rest
 * is written needs no copy any more.
 */
static void forget_gathered(struct mm_struct *snapshot, unsigned long from, unsigned long to)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, snapshot, from);

	mmap_read_lock(snapshot);
	for_each_vma_range(vmi, vma, to) {
		unsigned long start = max(vma->vm_start, from), end = min(vma->vm_end, to);

		if (vma->anon_vma && !(vma->vm_flags & VM_MAYSHARE))
			zap_page_range_single(vma, start, end - start, NULL);
	}
	mmap_read_unlock(snapshot);
}

/**
 * ckpt_mm_contents - write the pages of an address space
 * @save: the call
 * @obj: the address space; that of its snapshot, if there is one
 *
 * Return: 0 or an errno.
 */
int ckpt_mm_contents(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct mm_struct *mm = obj->snapshot ?: obj->ptr;
	unsigned int tries = 0;
	unsigned long addr;
	int err;

	struct ckpt_batch *batch __free(kvfree) = kvzalloc(sizeof(*batch), GFP_KERNEL_ACCOUNT);
	if (!batch)
		return -ENOMEM;
	do {
		if (fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}
		addr = batch->next;
		err = ckpt_meet_batch(save, mm, batch);
		err = save_batch(save, obj->id, batch) ?: err;
		/* all of it goes at the end */
		if (!err && obj->snapshot && batch->next != ULONG_MAX)
			forget_gathered(mm, addr, batch->next);
		if (!err)
			err = ckpt_wait_absent(save, batch);
		if (!err)
			err = wait_for_page(save, batch, &tries, batch->next != addr);
		cond_resched();
	} while (!err && batch->next != ULONG_MAX);
	ckpt_put_absent(batch);
	if (!err && test_bit(MMF_HAS_UPROBES, &mm->flags))
		return ckpt_err(save, -EBUSY, "breakpoints (uprobes) were put into its code meanwhile");
	return err;
}

/* ---- Restart: into the memory of a task that waits at the gate ---- */

#define RUN_FLAGS_KNOWN	(CKPT_RUN_F_HUGE | CKPT_RUN_F_SHARED)

/* References to pages that are there, or come by faults. */
static int get_pages(struct ckpt_load *load, struct ckpt_rec *rec, unsigned long addr,
		     unsigned int nr, unsigned int gup_flags, struct page **pages)
{
	struct mm_struct *mm = rec->live;
	struct mem_cgroup *memcg;
	int locked = 1;
	long got = 0, n = 0;

	memcg = set_active_memcg(load->memcg);
	while (got < nr) {
		if (!locked || !got) {
			if (mmap_read_lock_killable(mm)) {
				locked = 0;
				n = -EINTR;
				break;
			}
			locked = 1;
		}
		n = get_user_pages_remote(mm, addr + got * PAGE_SIZE, nr - got,
					  gup_flags, pages + got, &locked);
		if (n <= 0) {
			n = n ?: -EFAULT;
			break;
		}
		got += n;
		n = 0;
	}
	set_active_memcg(memcg);
	if (locked)
		mmap_read_unlock(mm);
	if (n)
		release_pages(pages, got);
	return n;
}

static void put_filled(struct page **pages, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		set_page_dirty_lock(pages[i]);
	release_pages(pages, nr);
}

/* Copy to where a page is already; those that are NULL were mapped. */
static int copy_pages(struct ckpt_load *load, struct ckpt_rec *rec, unsigned long addr,
		      struct page **from, unsigned int nr)
{
	struct page *to;
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < nr; i++) {
		if (!from[i])
			continue;
		err = get_pages(load, rec, addr + i * PAGE_SIZE, 1,
				FOLL_WRITE | FOLL_FORCE, &to);
		if (err)
			break;
		copy_highpage(to, from[i]);
		put_filled(&to, 1);
	}
	return err;
}

/* What is left of pages, some of which were mapped. */
static void put_pages(struct page **pages, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (pages[i])
			put_page(pages[i]);
}

static int map_pages(struct ckpt_load *load, struct ckpt_rec *rec, unsigned long addr,
		     struct page **pages, unsigned int nr, enum ckpt_map how)
{
	struct mm_struct *mm = rec->live;
	struct vm_area_struct *vma;
	struct mem_cgroup *memcg;
	int err;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	/* page tables are the new tasks', too */
	memcg = set_active_memcg(load->memcg);
	vma = ckpt_fill_area(load, rec, addr, &nr);
	err = IS_ERR(vma) ? PTR_ERR(vma) : ckpt_map_pages(vma, addr, pages, nr, how);
	set_active_memcg(memcg);
	mmap_read_unlock(mm);
	return err == -EINTR ? ckpt_fail(load, rec, err, "a new task was killed") : err;
}

/**
 * struct ckpt_place - where pages of a run go in one go
 * @nr: how many
 * @fault: a fault makes them, or they are there
 * @folio: new ones, in one folio, with a reference; otherwise they are new ones, too
 */
struct ckpt_place {
	unsigned int nr;
	bool fault;
	struct folio *folio;
};

/* The places for at most @place->nr pages from @addr on. @pages are new ones for them. */
static int find_place(struct ckpt_load *load, struct ckpt_rec *rec, unsigned long addr,
		      u16 flags, struct ckpt_place *place, struct page **pages)
{
	struct mm_struct *mm = rec->live;
	struct vm_area_struct *vma;
	int err;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = ckpt_fill_area(load, rec, addr, &place->nr);
	err = PTR_ERR_OR_ZERO(vma);
	/* what is locked is there already */
	place->fault = !err && (is_vm_hugetlb_page(vma) || vma->vm_flags & VM_LOCKED);
	if (!err && !place->fault && !(flags & CKPT_RUN_F_SHARED))
		place->folio = ckpt_new_folio(vma, addr, flags & CKPT_RUN_F_HUGE, &place->nr);
	/* one that is of zeros in part: a fault makes it if it may be one here, too */
	place->fault |= !place->folio && flags == CKPT_RUN_F_HUGE;
	if (!err && !place->fault && !place->folio)
		err = ckpt_new_pages(vma, addr, pages, place->nr);
	mmap_read_unlock(mm);
	return err;
}

static int fill_new(struct ckpt_load *load, struct ckpt_rec *rec, unsigned long addr,
		    unsigned int nr, struct page **pages, enum ckpt_map how)
{
	int err;

	err = ckpt_read_pages(load, pages, nr) ?:
	      map_pages(load, rec, addr, pages, nr, how) ?:
	      copy_pages(load, rec, addr, pages, nr);
	put_pages(pages, nr);
	return err;
}

static int map_folio(struct ckpt_load *load, struct ckpt_rec *rec, unsigned long addr,
		     struct folio *folio)
{
	struct mm_struct *mm = rec->live;
	unsigned int nr = folio_nr_pages(folio);
	struct vm_area_struct *vma;
	struct mem_cgroup *memcg;
	int err;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	memcg = set_active_memcg(load->memcg);
	vma = ckpt_fill_area(load, rec, addr, &nr);
	err = IS_ERR(vma) ? PTR_ERR(vma) :
	      nr < folio_nr_pages(folio) ? -EEXIST : ckpt_map_folio(vma, addr, folio);
	set_active_memcg(memcg);
	mmap_read_unlock(mm);
	return err == -EINTR ? ckpt_fail(load, rec, err, "a new task was killed") : err;
}

/* Takes over the reference to the folio. */
static int fill_folio(struct ckpt_load *load, struct ckpt_rec *rec, unsigned long addr,
		      struct folio *folio, struct page **pages)
{
	unsigned int nr = folio_nr_pages(folio), i;
	int err;

	err = ckpt_read_folio(load, folio);
	if (err)
		goto out;
	err = map_folio(load, rec, addr, folio);
	if (err == -EEXIST) {
		for (i = 0; i < nr; i++)
			pages[i] = folio_page(folio, i);
		err = copy_pages(load, rec, addr, pages, nr);
	}
out:
	folio_put(folio);
	return err;
}

static int fill_by_fault(struct ckpt_load *load, struct ckpt_rec *rec, unsigned long addr,
			 unsigned int nr, struct page **pages)
{
	int err;

	err = get_pages(load, rec, addr, nr, FOLL_WRITE | FOLL_FORCE, pages);
	if (err)
		return err;
	err = ckpt_read_pages(load, pages, nr);
	put_filled(pages, nr);
	return err;
}

/* How many of @nr pages from @addr on may be filled in one go? Or an errno. */
static int area(struct ckpt_load *load, struct ckpt_rec *rec, unsigned long addr,
		unsigned int nr)
{
	struct mm_struct *mm = rec->live;
	struct vm_area_struct *vma;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = ckpt_fill_area(load, rec, addr, &nr);
	mmap_read_unlock(mm);
	return PTR_ERR_OR_ZERO(vma) ?: nr;
}

/* No page is made of nothing: a run of a few bytes may name any number of them. */
static int check_filled(struct ckpt_load *load, struct ckpt_rec *rec, struct page **pages,
			unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!PageAnon(pages[i]))
			return ckpt_fail(load, rec, -EBADMSG, "contents as those of a page that has none");
	return 0;
}

/* The same with pages that another address space has. */
static int fill_same(struct ckpt_load *load, struct ckpt_rec *rec, u64 index,
		     struct ckpt_rec *src, u64 src_index, u32 left, struct page **pages)
{
	unsigned long addr = index << PAGE_SHIFT, src_addr = src_index << PAGE_SHIFT;
	int nr = area(load, rec, addr, left), err;

	if (nr > 0)
		nr = area(load, src, src_addr, nr);
	if (nr < 0)
		return nr;
	err = get_pages(load, src, src_addr, nr, FOLL_FORCE, pages);
	if (err)
		return err;
	err = check_filled(load, rec, pages, nr) ?:
	      map_pages(load, rec, addr, pages, nr, CKPT_MAP_AGAIN) ?:
	      copy_pages(load, rec, addr, pages, nr);
	put_pages(pages, nr);
	return err ?: nr;
}

/* As many pages of a run as may be filled in one go. Return: how many, or an errno. */
static int fill_data(struct ckpt_load *load, struct ckpt_rec *rec, u64 index, u32 left,
		     u16 flags, struct page **pages)
{
	struct ckpt_place place = { .nr = left };
	unsigned long addr = index << PAGE_SHIFT;
	int err = find_place(load, rec, addr, flags, &place, pages);

	if (err)
		return err;
	if (place.folio) {
		place.nr = folio_nr_pages(place.folio);
		err = fill_folio(load, rec, addr, place.folio, pages);
	} else if (place.fault) {
		err = fill_by_fault(load, rec, addr, place.nr, pages);
	} else {
		err = fill_new(load, rec, addr, place.nr, pages,
			       flags & CKPT_RUN_F_SHARED ? CKPT_MAP_FIRST : CKPT_MAP_ALONE);
	}
	return err ?: place.nr;
}

/**
 * ckpt_mm_fill - take a run of contents
 * @load: the call
 * @rec: the address space
 * @run: the run, DATA or SAME
 *
 * Return: 0 or an errno, logged but for -ENOMEM and -EINTR.
 */
int ckpt_mm_fill(struct ckpt_load *load, struct ckpt_rec *rec,
		 const struct ckpt_run *run)
{
	u64 index = le64_to_cpu(run->index), src_index = le64_to_cpu(run->src_index);
	u16 kind = le16_to_cpu(run->kind), flags = le16_to_cpu(run->flags);
	u64 last = TASK_SIZE_MAX >> PAGE_SHIFT;
	u32 left = le32_to_cpu(run->count);
	struct ckpt_rec *src = NULL;
	int nr = 0;

	if (kind != CKPT_RUN_DATA && kind != CKPT_RUN_SAME)
		return ckpt_fail(load, rec, -EBADMSG, "contents of kind %u", kind);
	if (flags & ~RUN_FLAGS_KNOWN || (flags && kind != CKPT_RUN_DATA))
		return ckpt_fail(load, rec, -EBADMSG, "contents with flags 0x%x", flags);
	if (kind == CKPT_RUN_SAME) {
		src = ckpt_rec(load, le32_to_cpu(run->src_object));
		if (!src || src->ops != &ckpt_mm_ops || !src->live)
			return ckpt_fail(load, rec, -EBADMSG, "contents as those of no memory");
	}
	if (index > last || left > last - index || src_index > last ||
	    left > last - src_index)
		return ckpt_fail(load, rec, -EBADMSG, "contents beyond user memory");

	for (; left; left -= nr, index += nr, src_index += nr) {
		if (fatal_signal_pending(current))
			return -EINTR;
		nr = src ? fill_same(load, rec, index, src, src_index, left, load->pages) :
			   fill_data(load, rec, index, left, flags, load->pages);
		/* of one that was killed for memory there is nothing to fault in */
		if (nr == -EFAULT)
			nr = ckpt_forest_lives(load) ?:
			     ckpt_fail(load, rec, -EFAULT, "no page can be had at 0x%llx",
				       index << PAGE_SHIFT);
		if (nr < 0)
			return nr;
		cond_resched();
	}
	return 0;
}
