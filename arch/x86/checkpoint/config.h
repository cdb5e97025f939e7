/* SPDX-License-Identifier: GPL-2.0 */
/* Questions about tasks and address spaces that depend on the configuration. */
#ifndef _ARCH_X86_CHECKPOINT_CONFIG_H
#define _ARCH_X86_CHECKPOINT_CONFIG_H

#include <linux/mm_types.h>
#include <linux/sched.h>
#include <asm/shstk.h>

#ifdef CONFIG_MODIFY_LDT_SYSCALL
static inline bool mm_has_ldt(struct mm_struct *mm) { return mm->context.ldt; }
#else
static inline bool mm_has_ldt(struct mm_struct *mm) { return false; }
#endif

#ifdef CONFIG_X86_INTEL_MEMORY_PROTECTION_KEYS
static inline u16 mm_pkeys(struct mm_struct *mm) { return mm->context.pkey_allocation_map; }
static inline s16 mm_exec_only_pkey(struct mm_struct *mm) { return mm->context.execute_only_pkey; }

static inline void mm_set_pkeys(struct mm_struct *mm, u16 keys)
{
	mm->context.pkey_allocation_map = keys;
}

static inline void mm_set_exec_only_pkey(struct mm_struct *mm, s16 key)
{
	mm->context.execute_only_pkey = key;
}
#else
static inline u16 mm_pkeys(struct mm_struct *mm) { return 1; }
static inline s16 mm_exec_only_pkey(struct mm_struct *mm) { return -1; }
static inline void mm_set_pkeys(struct mm_struct *mm, u16 keys) { }
static inline void mm_set_exec_only_pkey(struct mm_struct *mm, s16 key) { }
#endif

#ifdef CONFIG_ADDRESS_MASKING
static inline bool mm_has_lam(struct mm_struct *mm) { return mm->context.lam_cr3_mask; }
#else
static inline bool mm_has_lam(struct mm_struct *mm) { return false; }
#endif

#ifdef CONFIG_X86_USER_SHADOW_STACK
static inline bool task_has_shstk(struct task_struct *t)
{
	return t->thread.features || t->thread.features_locked;
}
#else
static inline bool task_has_shstk(struct task_struct *t) { return false; }
#endif

#endif /* _ARCH_X86_CHECKPOINT_CONFIG_H */
