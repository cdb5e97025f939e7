// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of huge pages from the system's pool: MAP_HUGETLB, shared or private,
 * and memfds of MFD_HUGETLB. Their files are those of shmem.c, with another size
 * of pages. In the image a huge page is as many small ones.
 *
 * What is mapped is reserved at restart as by mmap(2); pages are of the caller's
 * hugetlb group, who asks for them. After fork() each process has pages of its
 * own.
 *
 * Refused: private pages in a mapping that may not be written; files of a
 * hugetlbfs that is mounted.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pagevec.h>
#include <linux/pagewalk.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "hugetlb.h"

/* Of the kernel's own mount, one for each size: no path leads there. */
bool ckpt_huge_file(const struct file *file)
{
	return ckpt_is_huge(file_inode(file)) && file->f_path.mnt->mnt_flags & MNT_INTERNAL;
}

unsigned int *ckpt_huge_seals(struct inode *inode)
{
	return &HUGETLBFS_I(inode)->seals;
}

/* The size of its pages, as a power of two. */
u32 ckpt_huge_shift(struct inode *inode)
{
	return huge_page_shift(hstate_inode(inode));
}

static int save_folio(struct ckpt_save *save, u32 id, u64 index, struct folio *folio)
{
	if (folio_test_hwpoison(folio))
		return ckpt_err(save, -EIO, "a huge page is poisoned");
	folio_get(folio);
	return ckpt_contents_pages(save, id, 0, index, &folio->page, folio_nr_pages(folio));
}

/* The pages of a file; a hole has none, and may be as long as one likes. */
int ckpt_huge_contents(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct inode *inode = obj->ptr;
	pgoff_t index = 0, end = i_size_read(inode) >> PAGE_SHIFT;
	struct folio_batch batch;
	unsigned int i;
	int err = 0;

	folio_batch_init(&batch);
	while (!err && index < end &&
	       filemap_get_folios(inode->i_mapping, &index, end - 1, &batch)) {
		for (i = 0; !err && i < folio_batch_count(&batch); i++)
			err = fatal_signal_pending(current) ? -EINTR :
			      save_folio(save, obj->id, batch.folios[i]->index, batch.folios[i]);
		folio_batch_release(&batch);
		cond_resched();
	}
	return err;
}

/* How far it was looked, and the page of the process's own met there, referenced. */
struct met {
	unsigned long addr;
	struct folio *folio;
};

static int meet_huge(pte_t *ptep, unsigned long hmask, unsigned long addr,
		     unsigned long next, struct mm_walk *walk)
{
	struct met *met = walk->private;
	spinlock_t *ptl = huge_pte_lock(hstate_vma(walk->vma), walk->mm, ptep);
	pte_t pte = huge_ptep_get(walk->mm, addr, ptep);
	int err = 0;

	met->addr = addr;
	if (pte_present(pte)) {
		if (folio_test_anon(page_folio(pte_page(pte)))) {
			met->folio = page_folio(pte_page(pte));
			folio_get(met->folio);
			err = 1;
		}
	} else if (!huge_pte_none(pte)) {
		err = is_migration_entry(pte_to_swp_entry(pte)) ? -EAGAIN : -EIO;
	}
	spin_unlock(ptl);
	return err;
}

static const struct mm_walk_ops huge_ops = {
	.hugetlb_entry	= meet_huge,
	.walk_lock	= PGWALK_RDLOCK,
};

/* How much is looked at under the mmap lock, in bytes: a mapping may be sparse. */
#define LOOK_BYTES	SZ_1G

/*
 * Look from met->addr on, which moves along.
 *
 * Return: 1 if a page was met, 0 if none was so far, -ENOENT behind the last
 * mapping, -EAGAIN for a page that is being moved, or an errno.
 */
static int look(struct mm_struct *mm, struct met *met)
{
	struct vm_area_struct *vma;
	unsigned long start, end;
	int err = -ENOENT;

	VMA_ITERATOR(vmi, mm, met->addr);

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	for_each_vma(vmi, vma) {
		if (!is_vm_hugetlb_page(vma) || vma->vm_flags & VM_MAYSHARE || !vma->anon_vma)
			continue;
		start = max(met->addr, vma->vm_start);
		end = min(vma->vm_end, start + LOOK_BYTES);
		err = walk_page_range(mm, start, end, &huge_ops, met);
		if (!err)
			met->addr = end;
		break;
	}
	mmap_read_unlock(mm);
	return err;
}

/**
 * ckpt_huge_private - write the huge pages of an address space that are its own
 * @save: the call
 * @obj: the address space
 */
int ckpt_huge_private(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct met met = {};
	int err;

	for (;;) {
		err = fatal_signal_pending(current) ? -EINTR : look(obj->ptr, &met);
		if (err == -ENOENT)
			return 0;
		if (err == -EAGAIN)
			fsleep(USEC_PER_MSEC);
		if (err == 1) {
			err = save_folio(save, obj->id, met.addr >> PAGE_SHIFT, met.folio);
			met.addr += folio_size(met.folio);
			folio_put(met.folio);
			if (err)
				return err;
		}
		if (err < 0 && err != -EAGAIN) {
			save->where.addr = met.addr;
			return ckpt_err(save, err, "a huge page cannot be read");
		}
		cond_resched();
	}
}

int ckpt_huge_validate(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_shmem *in = ckpt_data(rec, ckpt_shmem);
	u32 shift = le32_to_cpu(in->huge_shift);
	struct hstate *h = shift < BITS_PER_LONG ? hstate_sizelog(shift) : NULL;

	if (!h)
		return ckpt_fail(load, rec, -EOPNOTSUPP, "there are no huge pages of 2^%u bytes here",
				 shift);
	if (le64_to_cpu(in->size) & ~huge_page_mask(h) ||
	    le32_to_cpu(in->flags) & CKPT_SHMEM_NORESERVE)
		return ckpt_fail(load, rec, -EBADMSG, "bad length or flags for huge pages");
	return 0;
}

/* As memfd_create() and mmap() do: pages are reserved by mappings. */
struct file *ckpt_huge_setup(const char *name, const struct ckpt_shmem *in)
{
	return hugetlb_file_setup(name, le64_to_cpu(in->size), VM_NORESERVE,
				  HUGETLB_ANONHUGE_INODE, le32_to_cpu(in->huge_shift));
}

/* A stop, or a freezer, would end it; they can wait until the call does. */
static int make_page(struct file *file, loff_t offset, loff_t size)
{
	int err;

	do {
		if (!__fatal_signal_pending(current))
			clear_thread_flag(TIF_SIGPENDING);
		err = vfs_fallocate(file, FALLOC_FL_KEEP_SIZE, offset, size);
	} while (err == -EINTR && !__fatal_signal_pending(current));

	guard(spinlock_irq)(&current->sighand->siglock);
	recalc_sigpending();
	return err;
}

/* The small page @index of the file, whose huge page is there or is made; a reference. */
int ckpt_huge_page(struct ckpt_load *load, struct ckpt_rec *rec, u64 index,
		   struct page **page)
{
	struct file *file = rec->live;
	struct inode *inode = file_inode(file);
	struct hstate *h = hstate_inode(inode);
	struct folio *folio;
	int err;

	folio = filemap_get_folio(inode->i_mapping, index);
	if (IS_ERR(folio)) {
		err = make_page(file, (loff_t)(index << PAGE_SHIFT) & huge_page_mask(h),
				huge_page_size(h));
		if (err)
			return ckpt_fail(load, rec, err, "no huge page is to be had: errno %d",
					 -err);
		folio = filemap_get_folio(inode->i_mapping, index);
	}
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	*page = folio_page(folio, index & (pages_per_huge_page(h) - 1));
	return 0;
}
