/* SPDX-License-Identifier: GPL-2.0 */
/* An address space, its mappings and their pages. */
#ifndef _CHECKPOINT_MM_H
#define _CHECKPOINT_MM_H

#include <linux/ksm.h>
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

/* vma_attrs.c */
#define CKPT_VMA_NAME_MAX	80
size_t ckpt_vma_tail(struct vm_area_struct *vma);
void checkpoint_vma_attrs(struct vm_area_struct *vma, struct ckpt_vma *out);
u32 ckpt_lock_future(struct ckpt_save *save, struct mm_struct *mm);
int ckpt_validate_vma_attrs(struct ckpt_load *load, struct ckpt_rec *rec);
int restart_vma_attrs(struct ckpt_load *load, struct ckpt_rec *rec);
int restart_seal(struct ckpt_load *load, struct ckpt_rec *rec);
int restart_lock_future(struct ckpt_load *load, struct ckpt_rec *rec);

/* pages.c */
int ckpt_mm_contents(struct ckpt_save *save, struct ckpt_obj *obj);
void ckpt_put_shared_pages(struct ckpt_save *save);
int ckpt_mm_fill(struct ckpt_load *load, struct ckpt_rec *rec,
		 const struct ckpt_run *run);

/* membarrier.c */
#ifdef CONFIG_MEMBARRIER
u32 checkpoint_membarrier(struct mm_struct *mm);
int restart_membarrier(struct ckpt_load *load, struct ckpt_rec *rec);
#else
static inline u32 checkpoint_membarrier(struct mm_struct *mm) { return 0; }
static inline int restart_membarrier(struct ckpt_load *load, struct ckpt_rec *rec)
{
	return ckpt_data(rec, ckpt_mm)->membarrier ? -EOPNOTSUPP : 0;
}
#endif

#ifdef CONFIG_KSM
static inline int ckpt_mm_merge_any(struct mm_struct *mm) { return ksm_enable_merge_any(mm); }
#else
static inline int ckpt_mm_merge_any(struct mm_struct *mm) { return -EINVAL; }
#endif

unsigned long ckpt_vdso(struct mm_struct *mm);

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
