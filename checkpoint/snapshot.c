// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots of address spaces, for CHECKPOINT_COW: duplicates as fork() makes
 * them, from which contents are written while the group runs on.
 *
 * The group pays for each page that it writes meanwhile, as after fork(). None is
 * made where that might be more than its memory group, or the system, has left, or
 * if it has pages that a duplicate may lose; then the memory is written while the
 * group is held, and a warning says so.
 */
#include <linux/fs.h>
#include <linux/hugetlb_inline.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "mm.h"

/* May @pages more be charged to the memory group, and be found, without reclaim? */
static bool has_room(struct mm_struct *mm, unsigned long pages)
{
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(mm);
	bool room = ckpt_memcg_room(memcg) >= pages && si_mem_available() > pages;

	mem_cgroup_put(memcg);
	return room;
}

/*
 * Pages behind the end of a file go when it becomes shorter, private ones too. One
 * with a path that is only read is another file for restart(2) then.
 */
static bool can_shrink(const struct file *file)
{
	return file->f_mode & FMODE_WRITE || file_inode(file)->i_sb->s_flags & SB_NOUSER;
}

/* One huge page that was poisoned is not counted any more: so mappings are asked. */
static const char *may_lose_pages(struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);
	const char *why = NULL;

	if (mmap_read_lock_killable(mm))
		return "the caller is killed";
	for_each_vma(vmi, vma) {
		if (!vma->anon_vma)
			continue;
		if (is_vm_hugetlb_page(vma))
			why = "it has pages of hugetlbfs";
		else if (vma->vm_file && !(vma->vm_flags & VM_MAYSHARE) &&
			 can_shrink(vma->vm_file))
			why = "a file of a private mapping can be made shorter";
	}
	mmap_read_unlock(mm);
	return why;
}

/* Why there cannot be a duplicate, or NULL. */
static const char *hindrance(struct ckpt_save *save, struct mm_struct *mm,
			     unsigned long pages)
{
	const char *why = may_lose_pages(mm);

	if (!why && !has_room(mm, save->snapshot_pages + pages))
		why = "there is too little room to copy it";
	return why;
}

/**
 * ckpt_mm_snapshot - duplicate an address space
 * @save: the call, the group held
 * @obj: the address space
 *
 * Return: 0, with obj->snapshot unless it cannot have one; -EINTR.
 */
int ckpt_mm_snapshot(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct mm_struct *mm = obj->ptr, *snapshot;
	unsigned long pages = percpu_counter_sum_positive(&mm->rss_stat[MM_ANONPAGES]) +
			      percpu_counter_sum_positive(&mm->rss_stat[MM_SWAPENTS]);
	const char *why = hindrance(save, mm, pages);

	if (!why) {
		snapshot = mm_snapshot(mm);
		if (!IS_ERR(snapshot))
			obj->snapshot = snapshot;
		else
			why = "it cannot be duplicated";
	}
	if (fatal_signal_pending(current))
		return -EINTR;
	if (why) {
		ckpt_warn(save, "memory is written while the group is held: %s", why);
		return 0;
	}
	save->snapshot_pages += pages;
	save->call.result.snapshot_pages = save->snapshot_pages;
	return 0;
}

void ckpt_mm_put_snapshot(void *snapshot)
{
	mm_snapshot_put(snapshot);
}
