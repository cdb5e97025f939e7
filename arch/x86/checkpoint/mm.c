// SPDX-License-Identifier: GPL-2.0
/*
 * The vDSO of an address space, and which protection keys are allocated. Refused:
 * an LDT, LAM, a vDSO that is not whole, 32-bit ones.
 */
#include <linux/mm.h>
#include <linux/pkeys.h>
#include <asm/mmu_context.h>
#include <asm/shstk.h>
#include <asm/vdso.h>

#include "../../../checkpoint/internal.h"
#include "config.h"

int ckpt_arch_refuse_mm(struct ckpt_save *save, struct mm_struct *mm)
{
	if (mm_has_ldt(mm))
		ckpt_refuse(save, "LDT", "modify_ldt(2) made one, not saved yet");
	if (mm_has_lam(mm))
		ckpt_refuse(save, "LAM", "linear address masking is on, not saved yet");
	if (mm->context.vdso && mm->context.vdso_image != &vdso_image_64)
		ckpt_refuse(save, "vDSO", "is not the 64-bit one");
	return 0;
}

/* Where the vDSO's code is or was, 0 if there was none. */
unsigned long ckpt_arch_vdso(struct mm_struct *mm)
{
	return (unsigned long)mm->context.vdso;
}

bool ckpt_arch_vma_is_vdso(struct vm_area_struct *vma)
{
	const struct vdso_image *image = &vdso_image_64;
	unsigned long vdso = ckpt_arch_vdso(vma->vm_mm);
	unsigned long vvar = vdso + image->sym_vvar_start;

	if (!vdso || vma->vm_file || !vma->vm_ops)
		return false;
	return (vma->vm_start == vdso && vma->vm_end == vdso + image->size) ||
	       (vma->vm_start == vvar && vma->vm_end == vdso);
}

/* Without keys in the CPU there is the first one, for all. */
void ckpt_arch_save_pkeys(struct mm_struct *mm, struct ckpt_mm *out)
{
	int exec_only = mm_exec_only_pkey(mm);

	out->pkeys = cpu_to_le32(arch_pkeys_enabled() ? mm_pkeys(mm) : 1);
	out->exec_only_pkey = cpu_to_le32(arch_pkeys_enabled() && exec_only > 0 ? exec_only : 0);
}

/*
 * Any may be allocated or free, the first one too. That of mappings to execute
 * only is allocated, and cannot be freed.
 */
bool ckpt_arch_good_pkeys(const struct ckpt_mm *in)
{
	u32 keys = le32_to_cpu(in->pkeys), exec_only = le32_to_cpu(in->exec_only_pkey);

	if (!arch_pkeys_enabled())
		return keys == 1 && !exec_only;
	return keys < BIT(arch_max_pkey()) && exec_only < arch_max_pkey() &&
	       (!exec_only || keys & BIT(exec_only));
}

/**
 * ckpt_arch_set_pkeys - allocate the protection keys that were
 * @in: the MM record
 *
 * Context: the new task, all of its mappings made. Cannot fail.
 */
void ckpt_arch_set_pkeys(const struct ckpt_mm *in)
{
	if (!arch_pkeys_enabled())
		return;
	mm_set_pkeys(current->mm, le32_to_cpu(in->pkeys));
	mm_set_exec_only_pkey(current->mm, le32_to_cpu(in->exec_only_pkey) ?: -1);
}

/**
 * ckpt_arch_install_mm - map the vDSO where it was, and have all keys at hand
 * @load: the call
 * @rec: the MM record, for the log
 * @in: what is in it
 *
 * Context: the new task, its address space empty.
 */
int ckpt_arch_install_mm(struct ckpt_load *load, const struct ckpt_rec *rec,
			 const struct ckpt_mm *in)
{
	const struct vdso_image *image = &vdso_image_64;
	u64 vdso = le64_to_cpu(in->vdso);
	int err;

	if (arch_pkeys_enabled())
		mm_set_pkeys(current->mm, BIT(arch_max_pkey()) - 1);

	/* as execve() does; these are of the caller's memory */
	reset_thread_features();
	__set_bit(MM_CONTEXT_HAS_VSYSCALL, &current->mm->context.flags);
	if (!(le32_to_cpu(in->flags) & CKPT_MM_VDSO))
		return 0;
	/* the address is a hint to it: see where it went */
	err = map_vdso_once(image, vdso + image->sym_vvar_start);
	if (err)
		return ckpt_fail(load, rec, err, "cannot map the vDSO");
	if (ckpt_arch_vdso(current->mm) != vdso)
		return ckpt_fail(load, rec, -EINVAL, "the vDSO cannot be at 0x%llx", vdso);
	return 0;
}
