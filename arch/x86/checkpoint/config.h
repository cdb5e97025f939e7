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
static inline bool mm_has_pkeys(struct mm_struct *mm)
{
	/* key 0 is always there */
	return mm->context.pkey_allocation_map & ~1;
}
#else
static inline bool mm_has_pkeys(struct mm_struct *mm) { return false; }
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
