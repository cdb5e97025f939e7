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
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/mount.h>
#include <linux/pagemap.h>

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

/* The pages of a file; a hole has none. */
int ckpt_huge_contents(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct inode *inode = obj->ptr;
	u64 end = i_size_read(inode) >> PAGE_SHIFT, index;
	struct folio *folio;
	int err = 0;

	for (index = 0; !err && index < end; index += pages_per_huge_page(hstate_inode(inode))) {
		if (fatal_signal_pending(current))
			return -EINTR;
		folio = filemap_get_folio(inode->i_mapping, index);
		if (IS_ERR(folio))
			continue;
		err = save_folio(save, obj->id, index, folio);
		folio_put(folio);
		cond_resched();
	}
	return err;
}

/* One page of a private mapping, referenced; NULL if it is not its own. */
static int get_private(struct mm_struct *mm, unsigned long addr, struct folio **folio)
{
	struct page *page;
	int locked = 1;
	long got;

	*folio = NULL;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	/* as a core dump does: nothing is made where nothing is */
	got = get_user_pages_remote(mm, addr, 1, FOLL_FORCE | FOLL_DUMP, &page, &locked);
	if (locked)
		mmap_read_unlock(mm);
	if (got == -EFAULT)
		return 0;
	if (got != 1)
		return got ?: -EIO;
	if (folio_test_anon(page_folio(page)))
		*folio = page_folio(page);
	else
		put_page(page);
	return 0;
}

/* The next private mapping of huge pages that ends above @addr. */
static bool find_private(struct mm_struct *mm, unsigned long *addr, unsigned long *end,
			 unsigned long *step)
{
	struct vm_area_struct *vma;
	bool found = false;

	VMA_ITERATOR(vmi, mm, *addr);

	mmap_read_lock(mm);
	for_each_vma(vmi, vma) {
		if (!is_vm_hugetlb_page(vma) || vma->vm_flags & VM_MAYSHARE || !vma->anon_vma)
			continue;
		*addr = max(*addr, vma->vm_start);
		*end = vma->vm_end;
		*step = huge_page_size(hstate_vma(vma));
		found = true;
		break;
	}
	mmap_read_unlock(mm);
	return found;
}

/**
 * ckpt_huge_private - write the huge pages of an address space that are its own
 * @save: the call
 * @obj: the address space
 */
int ckpt_huge_private(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct mm_struct *mm = obj->ptr;
	unsigned long addr = 0, end, step;
	struct folio *folio;
	int err = 0;

	while (!err && find_private(mm, &addr, &end, &step)) {
		for (; !err && addr < end; addr += step) {
			if (fatal_signal_pending(current))
				return -EINTR;
			err = get_private(mm, addr, &folio);
			if (err) {
				save->where.addr = addr;
				return ckpt_err(save, err, "a huge page cannot be read");
			}
			if (!folio)
				continue;
			err = save_folio(save, obj->id, addr >> PAGE_SHIFT, folio);
			folio_put(folio);
			cond_resched();
		}
	}
	return err;
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

/* Read the small page @index of the file, whose huge page is there or is made. */
int ckpt_huge_fill(struct ckpt_load *load, struct ckpt_rec *rec, u64 index)
{
	struct file *file = rec->live;
	struct inode *inode = file_inode(file);
	struct hstate *h = hstate_inode(inode);
	struct folio *folio;
	struct page *page;
	int err;

	folio = filemap_get_folio(inode->i_mapping, index);
	if (IS_ERR(folio)) {
		err = vfs_fallocate(file, FALLOC_FL_KEEP_SIZE,
				    (loff_t)(index << PAGE_SHIFT) & huge_page_mask(h),
				    huge_page_size(h));
		if (err)
			return ckpt_fail(load, rec, err, "no huge page is to be had: errno %d",
					 -err);
		folio = filemap_get_folio(inode->i_mapping, index);
	}
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	page = folio_page(folio, index & (pages_per_huge_page(h) - 1));
	err = ckpt_read_pages(load, &page, 1);
	folio_mark_dirty(folio);
	folio_put(folio);
	return err;
}
