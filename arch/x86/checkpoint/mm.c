// SPDX-License-Identifier: GPL-2.0
/*
 * The vDSO of an address space. Refused: an LDT, protection keys, LAM, a vDSO
 * that is not whole, 32-bit ones.
 */
#include <linux/mm.h>
#include <asm/mmu_context.h>
#include <asm/shstk.h>
#include <asm/vdso.h>

#include "../../../checkpoint/internal.h"
#include "config.h"

int ckpt_arch_refuse_mm(struct ckpt_save *save, struct mm_struct *mm)
{
	if (mm_has_ldt(mm))
		ckpt_refuse(save, "LDT", "modify_ldt(2) made one, not saved yet");
	if (mm_has_pkeys(mm))
		ckpt_refuse(save, "protection key", "pkey_alloc(2) or an execute-only mapping made one, not saved yet");
	if (mm_has_lam(mm))
		ckpt_refuse(save, "LAM", "linear address masking is on, not saved yet");
	if (mm->context.vdso && mm->context.vdso_image != &vdso_image_64)
		ckpt_refuse(save, "vDSO", "is not the 64-bit one");
	return 0;
}

/* Address of the vDSO's code, 0 if it was unmapped. */
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

/**
 * ckpt_arch_install_mm - map the vDSO where it was
 * @load: the call
 * @rec: the MM record, for the log
 * @vdso: address of its code
 * @has_vdso: does @vdso count
 *
 * Context: the new task, its address space empty.
 */
int ckpt_arch_install_mm(struct ckpt_load *load, const struct ckpt_rec *rec,
			 u64 vdso, bool has_vdso)
{
	const struct vdso_image *image = &vdso_image_64;
	int err;

	/* as execve() does; these are of the caller's memory */
	reset_thread_features();
	__set_bit(MM_CONTEXT_HAS_VSYSCALL, &current->mm->context.flags);
	if (!has_vdso)
		return 0;
	/* the address is a hint to it: see where it went */
	err = map_vdso_once(image, vdso + image->sym_vvar_start);
	if (err)
		return ckpt_fail(load, rec, err, "cannot map the vDSO");
	if (ckpt_arch_vdso(current->mm) != vdso)
		return ckpt_fail(load, rec, -EINVAL, "the vDSO cannot be at 0x%llx", vdso);
	return 0;
}
