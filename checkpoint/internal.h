/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checkpoint/restart: what its files share.
 *
 * A call owns one struct ckpt_save or struct ckpt_load; nothing outlives it
 * but the gate that restarted tasks wait at. Core files know no resource;
 * resource files know no framing.
 */
#ifndef _CHECKPOINT_INTERNAL_H
#define _CHECKPOINT_INTERNAL_H

#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/checkpoint.h>

#include "load.h"
#include "save.h"

DEFINE_FREE(mmput, struct mm_struct *, if (!IS_ERR_OR_NULL(_T)) mmput(_T))
DEFINE_FREE(put_pid, struct pid *, put_pid(_T))
DEFINE_FREE(put_files, struct files_struct *, if (_T) put_files_struct(_T))

/* ---- What files of resources offer each other ---- */

/* siginfo.c */
int checkpoint_siginfos(struct ckpt_save *save, struct task_struct *task,
			struct sigpending *pending, u32 nr);
u32 ckpt_count_siginfos(struct task_struct *task, struct sigpending *pending);
int ckpt_send_pending(struct ckpt_load *load, struct ckpt_rec *rec, u32 nr,
		      bool shared);
void ckpt_stop_pending(struct task_struct *task, const struct ckpt_rec *rec, u32 nr,
		       bool shared);

/* file.c */
int checkpoint_file(struct ckpt_save *save, struct file *file, u32 *id);
void checkpoint_file_common(struct ckpt_save *save, struct file *file,
			    struct ckpt_file *out);
int ckpt_refuse_shared(struct ckpt_save *save, struct ckpt_obj *obj);
int ckpt_file_validate(struct ckpt_load *load, struct ckpt_rec *rec,
		       const struct ckpt_file *file);
long ckpt_file_count(void *file);
void ckpt_file_get(void *file);
void ckpt_file_put(void *file);
void ckpt_file_drop(struct ckpt_load *load, struct ckpt_rec *rec);

/* kin.c */
int ckpt_relate_mms(struct ckpt_load *load);

/* mm.c */
bool ckpt_mm_dumpable(const struct ckpt_rec *rec);
void ckpt_mm_commit(struct ckpt_rec *rec);

/* shmem.c */
bool ckpt_is_shmem(const struct file *file);
int ckpt_may_hold(struct ckpt_load *load, const struct ckpt_rec *file);
bool ckpt_shmem_write_sealed(struct ckpt_load *load, const struct ckpt_rec *file);
unsigned long ckpt_map(struct ckpt_load *load, struct ckpt_rec *rec,
		       const struct ckpt_vma *vma, unsigned long flags);

/* path.c */
char *ckpt_path(struct ckpt_save *save, const struct path *path);
struct file *ckpt_open(struct ckpt_load *load, const char *name, int flags,
		       bool exec);
struct file *ckpt_reopen(struct file *place, int flags, bool exec);
int ckpt_lookup(struct ckpt_load *load, const char *name, struct path *path);

/* cred.c */
int ckpt_save_cred(struct ckpt_save *save, struct task_struct *task, u32 *id);
const struct cred *ckpt_cred(struct ckpt_load *load, u32 id);

/* arch/x86/checkpoint/ */
int ckpt_arch_refuse(struct ckpt_save *save, struct task_struct *task);
int ckpt_arch_refuse_mm(struct ckpt_save *save, struct mm_struct *mm);
int checkpoint_arch_thread(struct ckpt_save *save, struct task_struct *task);
int restart_arch_thread(struct ckpt_load *load, struct ckpt_task *task);
void ckpt_arch_header(struct ckpt_save *save, struct ckpt_header *header);
int ckpt_arch_validate_header(struct ckpt_load *load, const struct ckpt_header *h);
unsigned long ckpt_arch_vdso(struct mm_struct *mm);
bool ckpt_arch_vma_is_vdso(struct vm_area_struct *vma);
int ckpt_arch_install_mm(struct ckpt_load *load, const struct ckpt_rec *rec,
			 const struct ckpt_mm *in);
void ckpt_arch_save_pkeys(struct mm_struct *mm, struct ckpt_mm *out);
bool ckpt_arch_good_pkeys(const struct ckpt_mm *in);
void ckpt_arch_set_pkeys(const struct ckpt_mm *in);
bool ckpt_arch_restarting(struct task_struct *task);
bool ckpt_arch_restart_block(struct task_struct *task);

#endif /* _CHECKPOINT_INTERNAL_H */
