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
#include <linux/memcontrol.h>
#include <linux/mm.h>

#include "mm.h"

/* May @pages more be charged to the memory group, and be found, without reclaim? */
static bool has_room(struct mm_struct *mm, unsigned long pages)
{
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(mm);
	bool room = ckpt_memcg_room(memcg) >= pages && si_mem_available() > pages;

	mem_cgroup_put(memcg);
	return room;
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
	unsigned long pages = percpu_counter_sum_positive(&mm->rss_stat[MM_ANONPAGES]);

	if (ckpt_mm_hugetlb(mm)) {
		ckpt_warn(save, "memory is written while the group is held: it has pages of hugetlbfs");
		return 0;
	}
	if (!has_room(mm, save->snapshot_pages + pages)) {
		ckpt_warn(save, "memory is written while the group is held: to copy %lu pages there is too little room",
			  save->snapshot_pages + pages);
		return 0;
	}
	snapshot = mm_snapshot(mm);
	if (fatal_signal_pending(current)) {
		if (!IS_ERR(snapshot))
			mmput(snapshot);
		return -EINTR;
	}
	if (IS_ERR(snapshot)) {
		ckpt_warn(save, "memory is written while the group is held: no duplicate, errno %ld",
			  -PTR_ERR(snapshot));
		return 0;
	}
	save->snapshot_pages += pages;
	save->call.result.snapshot_pages = save->snapshot_pages;
	obj->snapshot = snapshot;
	return 0;
}
