/* SPDX-License-Identifier: GPL-2.0 */
/* An address space, its mappings and their pages. */
#ifndef _CHECKPOINT_MM_H
#define _CHECKPOINT_MM_H

#include <linux/memcontrol.h>

#include "internal.h"

/* vma.c */
int checkpoint_vma_files(struct ckpt_save *save, struct mm_struct *mm);
int checkpoint_vmas(struct ckpt_save *save, struct mm_struct *mm,
		    struct ckpt_mm *out);
int restart_vmas(struct ckpt_load *load, struct ckpt_rec *mm);

/* kin.c */
int checkpoint_kin(struct ckpt_save *save, struct vm_area_struct *vma, u32 mm, u32 *nr);
bool ckpt_has_kin(struct ckpt_save *save, struct vm_area_struct *vma);

/* snapshot.c */
int ckpt_mm_snapshot(struct ckpt_save *save, struct ckpt_obj *obj);
void ckpt_mm_put_snapshot(void *snapshot);

/* pages.c */
int ckpt_mm_contents(struct ckpt_save *save, struct ckpt_obj *obj);
void ckpt_put_shared_pages(struct ckpt_save *save);
int ckpt_mm_fill(struct ckpt_load *load, struct ckpt_rec *rec,
		 const struct ckpt_run *run);

/* Has the process registered for an expedited membarrier(2)? */
#ifdef CONFIG_MEMBARRIER
static inline bool ckpt_mm_membarrier(struct mm_struct *mm)
{
	return atomic_read(&mm->membarrier_state);
}
#else
static inline bool ckpt_mm_membarrier(struct mm_struct *mm) { return false; }
#endif

/* Has it pages of hugetlbfs? */
#ifdef CONFIG_HUGETLB_PAGE
static inline bool ckpt_mm_hugetlb(struct mm_struct *mm)
{
	return atomic_long_read(&mm->hugetlb_usage);
}
#else
static inline bool ckpt_mm_hugetlb(struct mm_struct *mm) { return false; }
#endif

/* Pages that may be charged to a memory group before a limit of it is reached. */
#ifdef CONFIG_MEMCG
static inline unsigned long ckpt_memcg_room(struct mem_cgroup *memcg)
{
	unsigned long room = PAGE_COUNTER_MAX, used, may;

	for (; memcg; memcg = parent_mem_cgroup(memcg)) {
		used = page_counter_read(&memcg->memory);
		may = min(READ_ONCE(memcg->memory.max), READ_ONCE(memcg->memory.high));
		room = min(room, may - min(may, used));
	}
	return room;
}
#else
static inline unsigned long ckpt_memcg_room(struct mem_cgroup *memcg)
{
	return ULONG_MAX;
}
#endif

#endif /* _CHECKPOINT_MM_H */
