// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings. Each is made again by mmap(2)'s own function, so that limits,
 * accounting and security hooks have their say, and by madvise(2)'s.
 *
 * Refused: every vm_flags bit that is not in the tables below; special
 * mappings but the vDSO; device and SysV mappings.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mempolicy.h>
#include <linux/mm_inline.h>
#include <linux/mman.h>
#include <linux/pkeys.h>
#include <linux/sched/signal.h>
#include <linux/userfaultfd_k.h>

#include "mm.h"

/* Flags that a reader can ask for: by mmap(), by madvise(), or see vma_attrs.c. */
static const struct {
	vm_flags_t vm;
	u32 image;
	unsigned long map;
	int advice;
} known[] = {
	/* VM_SHARED is off in a shared mapping of a file opened to read */
	{ VM_MAYSHARE,		CKPT_VMA_SHARED,	MAP_SHARED,	-1 },
	{ VM_GROWSDOWN,		CKPT_VMA_GROWSDOWN,	MAP_GROWSDOWN,	-1 },
	{ VM_NORESERVE,		CKPT_VMA_NORESERVE,	MAP_NORESERVE,	-1 },
	{ VM_DONTDUMP,		CKPT_VMA_DONTDUMP,	0, MADV_DONTDUMP },
	{ VM_DONTCOPY,		CKPT_VMA_DONTFORK,	0, MADV_DONTFORK },
	{ VM_WIPEONFORK,	CKPT_VMA_WIPEONFORK,	0, MADV_WIPEONFORK },
	{ VM_HUGEPAGE,		CKPT_VMA_HUGEPAGE,	0, MADV_HUGEPAGE },
	{ VM_NOHUGEPAGE,	CKPT_VMA_NOHUGEPAGE,	0, MADV_NOHUGEPAGE },
	{ VM_RAND_READ,		CKPT_VMA_RANDOM,	0, MADV_RANDOM },
	{ VM_SEQ_READ,		CKPT_VMA_SEQUENTIAL,	0, MADV_SEQUENTIAL },
	{ VM_MERGEABLE,		CKPT_VMA_MERGEABLE,	0, MADV_MERGEABLE },
	{ VM_DROPPABLE,		CKPT_VMA_DROPPABLE,	MAP_DROPPABLE,	-1 },
	{ VM_LOCKED,		CKPT_VMA_LOCKED,	0,		-1 },
	{ VM_LOCKONFAULT,	CKPT_VMA_LOCKONFAULT,	0,		-1 },
	{ VM_SEALED,		CKPT_VMA_SEALED,	0,		-1 },
};

/* Flags that the kernel derives again by itself, and the key: see vma_attrs.c. */
#define VM_DERIVED	(VM_READ | VM_WRITE | VM_EXEC | VM_MAYREAD |	\
			 VM_MAYWRITE | VM_MAYEXEC | VM_SHARED |		\
			 VM_ACCOUNT | VM_SOFTDIRTY | ARCH_VM_PKEY_FLAGS)

#define FLAGS_KNOWN	((CKPT_VMA_WRITE_SEALED << 1) - 1)
#define FLAGS_OF_VDSO	CKPT_VMA_SEALED
#define PROT_KNOWN	(PROT_READ | PROT_WRITE | PROT_EXEC)

/* The file of a mapping that is saved by file, or NULL. */
static struct file *file_of(struct vm_area_struct *vma)
{
	return ckpt_arch_vma_is_vdso(vma) ? NULL : vma->vm_file;
}

/**
 * checkpoint_vma_files - capture the files that are mapped
 * @save: the call
 * @mm: the address space
 *
 * Paths are not looked up under the mmap lock, which ranks below those of
 * the file system.
 */
int checkpoint_vma_files(struct ckpt_save *save, struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	unsigned long addr = 0;
	struct file *file;
	int err = 0;
	u32 id;

	while (!err) {
		file = NULL;
		if (mmap_read_lock_killable(mm))
			return -EINTR;
		for (vma = find_vma(mm, addr); vma; vma = find_vma(mm, addr)) {
			addr = vma->vm_end;
			file = file_of(vma);
			if (!file)
				continue;
			get_file(file);
			save->where.addr = vma->vm_start;
			break;
		}
		mmap_read_unlock(mm);
		if (!file)
			break;
		err = checkpoint_file(save, file, &id);
	}
	save->where.addr = 0;
	return err;
}

static u32 flags_of(struct ckpt_save *save, vm_flags_t rest)
{
	u32 flags = 0;
	int i;

	rest &= ~VM_DERIVED;
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (!(rest & known[i].vm))
			continue;
		flags |= known[i].image;
		rest &= ~known[i].vm;
	}
	if (rest)
		ckpt_refuse(save, "mapping", "flags 0x%lx (%pGv) cannot be saved yet",
			    rest, &rest);
	return flags;
}

/*
 * Of the vDSO the code may be executed and the data are pages without a struct
 * page. It is mapped anew, and all that was done to it is refused but a seal.
 */
static u32 flags_of_vdso(struct ckpt_save *save, struct vm_area_struct *vma)
{
	bool data = vma->vm_flags & VM_PFNMAP;
	struct vm_area_struct *before = vma;
	vm_flags_t usual = VM_DONTEXPAND | (data ? VM_IO | VM_PFNMAP | VM_DONTDUMP : 0);

	/* the data are in front of the code */
	if (!data)
		before = vma_lookup(vma->vm_mm, vma->vm_start - 1);
	if (!ckpt_vdso(vma->vm_mm) || !before || !ckpt_arch_vma_is_vdso(before))
		ckpt_refuse(save, "vDSO", "a part of it was unmapped, not saved yet");
	if ((vma->vm_flags & VM_ACCESS_FLAGS) != (data ? VM_READ : VM_READ | VM_EXEC))
		ckpt_refuse(save, "vDSO", "its protection was changed, not saved yet");
	if ((vma->vm_flags & ~(VM_DERIVED | VM_SEALED | usual)) || vma_pkey(vma))
		ckpt_refuse(save, "vDSO", "it was given advice or a protection key, not saved yet");
	if (vma->anon_vma)
		ckpt_refuse(save, "vDSO", "it was written to, or had a breakpoint, not saved yet");
	return vma->vm_flags & VM_SEALED ? CKPT_VMA_SEALED : 0;
}

/* Huge pages are filled as by a fault that writes, which takes VM_WRITE. */
static u32 flags_of_huge(struct ckpt_save *save, struct vm_area_struct *vma)
{
	if (vma->anon_vma && !(vma->vm_flags & (VM_MAYSHARE | VM_WRITE)))
		ckpt_refuse(save, "huge pages", "private ones that may not be written are not saved yet");
	return flags_of(save, vma->vm_flags & ~(VM_HUGETLB | VM_DONTEXPAND));
}

static u32 prot_of(struct vm_area_struct *vma)
{
	return (vma->vm_flags & VM_READ ? PROT_READ : 0) |
	       (vma->vm_flags & VM_WRITE ? PROT_WRITE : 0) |
	       (vma->vm_flags & VM_EXEC ? PROT_EXEC : 0);
}

/* @mm is the object id of its address space. */
static int checkpoint_vma(struct ckpt_save *save, struct vm_area_struct *vma, u32 mm,
			  struct ckpt_vma *out)
{
	struct ckpt_obj *obj;
	u32 kin;
	int err;

	out->start = cpu_to_le64(vma->vm_start);
	out->end = cpu_to_le64(vma->vm_end);
	if (ckpt_arch_vma_is_vdso(vma)) {
		out->kind = cpu_to_le32(CKPT_VMA_VDSO);
		out->flags = cpu_to_le32(flags_of_vdso(save, vma));
		return 0;
	}
	err = checkpoint_kin(save, vma, mm, &kin);
	if (err)
		return err;
	out->kin = cpu_to_le32(kin);
	out->prot = cpu_to_le32(prot_of(vma));
	out->flags = cpu_to_le32(is_vm_hugetlb_page(vma) ? flags_of_huge(save, vma) :
				 flags_of(save, vma->vm_flags));
	checkpoint_vma_attrs(vma, out);
	if (vma_policy(vma))
		ckpt_refuse(save, "memory policy", "mbind(2) is in force, not saved yet");
	if (userfaultfd_armed(vma))
		ckpt_refuse(save, "userfaultfd", "the mapping is registered with userfaultfd, not saved yet");
	if (vma_is_anonymous(vma)) {
		out->kind = cpu_to_le32(CKPT_VMA_ANON);
		return 0;
	}
	out->kind = cpu_to_le32(CKPT_VMA_FILE);
	out->offset = cpu_to_le64((u64)vma->vm_pgoff << PAGE_SHIFT);
	if (!vma->vm_file)
		return ckpt_refuse(save, "mapping", "a special mapping cannot be saved");
	obj = ckpt_object_find(save, vma->vm_file);
	if (!obj || !obj->captured)
		return ckpt_err(save, -EBUSY, "the mapping changed while the group was held");
	out->file = cpu_to_le32(obj->id);
	return 0;
}

/**
 * checkpoint_vmas - emit the mappings of an address space
 * @save: the call
 * @mm: the address space; its mmap lock is held
 * @out: its record, which takes the number of mappings
 */
int checkpoint_vmas(struct ckpt_save *save, struct mm_struct *mm,
		    struct ckpt_mm *out)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);
	struct ckpt_vma *rec;
	u32 nr = 0;
	int err = 0;

	mmap_assert_locked(mm);
	for_each_vma(vmi, vma) {
		rec = ckpt_emit(save, &ckpt_vma_ops, ckpt_vma_tail(vma));
		if (!rec)
			return -ENOMEM;
		save->where.addr = vma->vm_start;
		err = checkpoint_vma(save, vma, le32_to_cpu(out->id), rec);
		if (err)
			break;
		nr++;
	}
	save->where.addr = 0;
	out->nr_vmas = cpu_to_le32(nr);
	return err;
}

static int validate_vma(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_vma *in = ckpt_data(rec, ckpt_vma);
	u64 start = le64_to_cpu(in->start), end = le64_to_cpu(in->end);
	u32 kind = le32_to_cpu(in->kind), kin = le32_to_cpu(in->kin);

	if (start >= end || end > TASK_SIZE_MAX || !PAGE_ALIGNED(start) ||
	    !PAGE_ALIGNED(end) || !PAGE_ALIGNED(le64_to_cpu(in->offset)))
		return ckpt_fail(load, rec, -EBADMSG, "bad addresses");
	if (kind < CKPT_VMA_ANON || kind > CKPT_VMA_VDSO ||
	    le32_to_cpu(in->flags) & ~FLAGS_KNOWN ||
	    le32_to_cpu(in->prot) & ~PROT_KNOWN)
		return ckpt_fail(load, rec, -EBADMSG, "unknown kind, flags or protection");
	if (kind == CKPT_VMA_VDSO && (in->prot || in->pkey ||
				      le32_to_cpu(in->flags) & ~FLAGS_OF_VDSO))
		return ckpt_fail(load, rec, -EBADMSG, "flags or protection of the vDSO");
	if (le32_to_cpu(in->flags) & CKPT_VMA_DROPPABLE && kind != CKPT_VMA_ANON)
		return ckpt_fail(load, rec, -EBADMSG, "MAP_DROPPABLE is of anonymous memory");
	if (kind != CKPT_VMA_FILE && (in->file || in->offset ||
				      le32_to_cpu(in->flags) & CKPT_VMA_SHARED))
		return ckpt_fail(load, rec, -EBADMSG, "a file for memory that has none");
	if (kin > load->nr_kin + 1 || in->__reserved ||
	    (kin && (kind == CKPT_VMA_VDSO || le32_to_cpu(in->flags) & CKPT_VMA_SHARED)))
		return ckpt_fail(load, rec, -EBADMSG, "bad kin %u", kin);
	load->nr_kin = max(load->nr_kin, kin);
	if (kind == CKPT_VMA_FILE &&
	    !ckpt_ref_file(load, rec, le32_to_cpu(in->file)))
		return -EBADMSG;
	if (le32_to_cpu(in->flags) & CKPT_VMA_WRITE_SEALED &&
	    (!(le32_to_cpu(in->flags) & CKPT_VMA_SHARED) ||
	     !ckpt_shmem_write_sealed(load, ckpt_rec(load, le32_to_cpu(in->file)))))
		return ckpt_fail(load, rec, -EBADMSG, "mapped after a seal that is not there");
	return ckpt_validate_vma_attrs(load, rec);
}

static int advise_one(struct ckpt_load *load, struct ckpt_rec *rec, int advice)
{
	const struct ckpt_vma *in = ckpt_data(rec, ckpt_vma);
	u64 start = le64_to_cpu(in->start);
	int err;

	err = do_madvise(current->mm, start, le64_to_cpu(in->end) - start, advice);
	if (!err)
		return 0;
	return ckpt_fail(load, rec, err, "madvise(%d) of 0x%llx failed: errno %d",
			 advice, start, -err);
}

static int advise(struct ckpt_load *load, struct ckpt_rec *rec)
{
	u32 flags = le32_to_cpu(ckpt_data(rec, ckpt_vma)->flags);
	int i, err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(known); i++)
		if (known[i].advice >= 0 && flags & known[i].image)
			err = advise_one(load, rec, known[i].advice);
	/* under PR_SET_MEMORY_MERGE new mappings are mergeable, this one was taken out */
	if (!err && !(flags & CKPT_VMA_MERGEABLE) &&
	    test_bit(MMF_VM_MERGE_ANY, &current->mm->flags))
		err = advise_one(load, rec, MADV_UNMERGEABLE);
	return err;
}

static int restart_vma(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_vma *in = ckpt_data(rec, ckpt_vma);
	u32 flags = le32_to_cpu(in->flags);
	unsigned long map = MAP_FIXED_NOREPLACE, addr;
	struct ckpt_rec *file = ckpt_rec(load, le32_to_cpu(in->file));
	u64 start = le64_to_cpu(in->start);
	int i;

	if (le32_to_cpu(in->kind) == CKPT_VMA_VDSO)
		return 0;
	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (flags & known[i].image)
			map |= known[i].map;
	if (!(map & MAP_TYPE))
		map |= MAP_PRIVATE;
	if (!file)
		map |= MAP_ANONYMOUS;

	addr = ckpt_map(load, file, in, map);
	if (addr != start)
		return ckpt_fail(load, rec, IS_ERR_VALUE(addr) ? (int)addr : -ENOMEM,
				 "cannot map 0x%llx to 0x%llx: errno %d",
				 start, le64_to_cpu(in->end),
				 IS_ERR_VALUE(addr) ? -(int)addr : ENOMEM);
	return advise(load, rec) ?: restart_vma_attrs(load, rec);
}

/**
 * restart_vmas - map what an address space has, in the new task
 * @load: the call
 * @mm: the MM record, which the VMA records follow
 */
int restart_vmas(struct ckpt_load *load, struct ckpt_rec *mm)
{
	u32 nr = le32_to_cpu(ckpt_data(mm, ckpt_mm)->nr_vmas), i;
	struct ckpt_rec *rec = mm;
	int err = 0;

	for (i = 0; !err && i < nr; i++) {
		if (fatal_signal_pending(current))
			return -EINTR;
		rec = list_next_entry(rec, list);
		err = restart_vma(load, rec);
	}
	for (rec = mm, i = 0; !err && i < nr; i++) {
		rec = list_next_entry(rec, list);
		err = restart_seal(load, rec);
	}
	return err;
}

const struct ckpt_ops ckpt_vma_ops = {
	.name		= "vma",
	.type		= CKPT_REC_VMA,
	.fixed		= sizeof(struct ckpt_vma),
	.max_tail	= CKPT_VMA_NAME_MAX,
	.validate	= validate_vma,
};

#if IS_ENABLED(CONFIG_CHECKPOINT_KUNIT_TEST)
#include "tests/vma_kunit.c"
#endif
