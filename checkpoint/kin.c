// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings that may have pages in common since fork(2). All that descend from
 * one mapping have one root among the kernel's anon_vmas; in the image they have
 * one number. Restart relates mappings of the same number as fork() does, before
 * there are pages, so that one page can be mapped by all of them again.
 *
 * Lock order: the mmap lock of the first mapping of a number, then of another.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/rmap.h>

#include "mm.h"

/**
 * struct ckpt_kin - mappings of one descent
 * @node: in save->kin, by @root
 * @root: what they have in common; their memory keeps it
 * @nr: their number in the image
 * @mm: object id of the first address space that has one
 * @many: others have some, too
 */
struct ckpt_kin {
	struct rhash_head node;
	struct anon_vma *root;
	u32 nr;
	u32 mm;
	bool many;
};

static const struct rhashtable_params params = {
	.key_len	= sizeof(struct anon_vma *),
	.key_offset	= offsetof(struct ckpt_kin, root),
	.head_offset	= offsetof(struct ckpt_kin, node),
};

int ckpt_kin_init(struct ckpt_save *save)
{
	return rhashtable_init(&save->kin, &params);
}

static void free_kin(void *ptr, void *arg)
{
	kfree(ptr);
}

void ckpt_kin_free(struct ckpt_save *save)
{
	rhashtable_free_and_destroy(&save->kin, free_kin, NULL);
}

static struct ckpt_kin *find_kin(struct ckpt_save *save, struct vm_area_struct *vma)
{
	struct anon_vma *root = vma->anon_vma->root;

	return rhashtable_lookup_fast(&save->kin, &root, params);
}

/**
 * checkpoint_kin - number the descent of a mapping
 * @save: the call
 * @vma: the mapping, its mmap lock held
 * @mm: object id of its address space
 * @nr: its number, 0 if it has had no page of its own
 *
 * Return: 0 or -ENOMEM.
 */
int checkpoint_kin(struct ckpt_save *save, struct vm_area_struct *vma, u32 mm, u32 *nr)
{
	struct ckpt_kin *kin;
	int err;

	*nr = 0;
	/* after fork() each has huge pages of its own */
	if (!vma->anon_vma || is_vm_hugetlb_page(vma))
		return 0;
	kin = find_kin(save, vma);
	if (!kin) {
		kin = kzalloc(sizeof(*kin), GFP_KERNEL_ACCOUNT);
		if (!kin)
			return -ENOMEM;
		kin->root = vma->anon_vma->root;
		kin->nr = save->nr_kin + 1;
		kin->mm = mm;
		err = rhashtable_insert_fast(&save->kin, &kin->node, params);
		if (err) {
			kfree(kin);
			return err;
		}
		save->nr_kin++;
	}
	kin->many |= kin->mm != mm;
	*nr = kin->nr;
	return 0;
}

/**
 * ckpt_has_kin - may other address spaces of the image have pages of a mapping?
 * @save: the call, all captured
 * @vma: a mapping that was captured, or one of a snapshot
 */
bool ckpt_has_kin(struct ckpt_save *save, struct vm_area_struct *vma)
{
	struct ckpt_kin *kin = find_kin(save, vma);

	return kin && kin->many;
}

/* ---- Restart ---- */

/* Where the first mapping of a number is. */
struct first {
	struct mm_struct *mm;
	unsigned long addr;
};

static bool may_have_kin(struct vm_area_struct *vma)
{
	return vma && !(vma->vm_flags & (VM_MAYSHARE | VM_SPECIAL)) &&
	       !is_vm_hugetlb_page(vma) && !ckpt_arch_vma_is_vdso(vma);
}

/* What fork() does to a new mapping, or munmap() to a part; it has no pages yet. */
static int relate(struct first *first, struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *from, *to;
	int err = 0;

	mmap_assert_write_locked(first->mm);
	mmap_assert_write_locked(mm);
	from = vma_lookup(first->mm, first->addr);
	to = vma_lookup(mm, addr);
	if (!may_have_kin(from) || !may_have_kin(to) || to->anon_vma || to == from)
		return 0;
	vma_start_write(from);
	vma_start_write(to);
	err = anon_vma_prepare(from);
	if (err || first->mm != mm)
		return err ?: anon_vma_fork(to, from);
	/* as when a mapping is split */
	to->anon_vma = from->anon_vma;
	return anon_vma_clone(to, from);
}

static int join_first(struct first *first, struct mm_struct *mm, unsigned long addr)
{
	int err;

	if (mmap_write_lock_killable(first->mm))
		return -EINTR;
	if (mm != first->mm)
		mmap_write_lock_nested(mm, SINGLE_DEPTH_NESTING);
	err = relate(first, mm, addr);
	if (mm != first->mm)
		mmap_write_unlock(mm);
	mmap_write_unlock(first->mm);
	return err;
}

static int restart_kin(struct xarray *numbers, struct mm_struct *mm,
		       const struct ckpt_vma *in)
{
	struct first *first = xa_load(numbers, le32_to_cpu(in->kin));
	int err;

	if (first)
		return join_first(first, mm, le64_to_cpu(in->start));
	first = kmalloc(sizeof(*first), GFP_KERNEL_ACCOUNT);
	if (!first)
		return -ENOMEM;
	first->mm = mm;
	first->addr = le64_to_cpu(in->start);
	err = xa_err(xa_store(numbers, le32_to_cpu(in->kin), first, GFP_KERNEL_ACCOUNT));
	if (err)
		kfree(first);
	return err;
}

/**
 * ckpt_relate_mms - relate mappings that had pages in common since fork()
 * @load: the call, its address spaces mapped and empty
 *
 * Return: 0, -ENOMEM, -EINTR.
 */
int ckpt_relate_mms(struct ckpt_load *load)
{
	struct mm_struct *mm = NULL;
	struct xarray numbers;
	struct ckpt_rec *rec;
	struct first *first;
	unsigned long nr;
	int err = 0;

	xa_init_flags(&numbers, XA_FLAGS_ACCOUNT);
	list_for_each_entry(rec, &load->recs, list) {
		if (rec->ops == &ckpt_mm_ops)
			mm = rec->live;
		if (rec->ops != &ckpt_vma_ops || !mm || !ckpt_data(rec, ckpt_vma)->kin)
			continue;
		err = restart_kin(&numbers, mm, ckpt_data(rec, ckpt_vma));
		if (err)
			break;
		cond_resched();
	}
	xa_for_each(&numbers, nr, first)
		kfree(first);
	xa_destroy(&numbers);
	return err;
}
