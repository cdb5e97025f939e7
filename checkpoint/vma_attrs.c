// SPDX-License-Identifier: GPL-2.0
/*
 * What a mapping has beside what mmap(2) and madvise(2) give it: locks, a name,
 * a protection key, a seal.
 * Each is given again by the functions of the system call that gives it, in the
 * new task, while it has the caller's credentials.
 */
#include <linux/checkpoint.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mm_inline.h>
#include <linux/pkeys.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>

#include "mm.h"

/* ---- mlock(2), mlock2(2), mlockall(2) ---- */

/*
 * As mlock(2) asks, which may have been called under the hard limit before the
 * soft one was lowered again; limits of the image come later.
 */
static bool may_lock(unsigned long pages)
{
	unsigned long limit = rlimit_max(RLIMIT_MEMLOCK);

	return (limit && current->mm->locked_vm + pages <= limit >> PAGE_SHIFT) ||
	       capable(CAP_IPC_LOCK) || capable(CAP_SYS_RESOURCE);
}

/*
 * Contents go to the pages that are there then. That some cannot be there is no
 * failure: mlockall(2) locks such mappings as well. What ends the call, elsewhere,
 * ends this.
 */
static int populate(struct ckpt_load *load, unsigned long start, unsigned long end)
{
	unsigned long len;

	for (; start < end; start += len) {
		if (READ_ONCE(load->err) || fatal_signal_pending(current))
			return -EINTR;
		len = min(end - start, SZ_64M);
		mm_populate(start, len);
	}
	return 0;
}

static int restart_lock(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_vma *in = ckpt_data(rec, ckpt_vma);
	unsigned long start = le64_to_cpu(in->start), len = le64_to_cpu(in->end) - start;
	u32 flags = le32_to_cpu(in->flags);
	vm_flags_t how = VM_LOCKED;
	int err;

	if (!(flags & CKPT_VMA_LOCKED))
		return 0;
	if (!may_lock(len >> PAGE_SHIFT))
		return ckpt_axis(load, rec, "memlock", "locked memory at 0x%lx is more than RLIMIT_MEMLOCK allows, and needs CAP_IPC_LOCK",
				 start);
	if (flags & CKPT_VMA_LOCKONFAULT)
		how |= VM_LOCKONFAULT;
	if (mmap_write_lock_killable(current->mm))
		return -EINTR;
	err = apply_vma_lock_flags(start, len, how);
	mmap_write_unlock(current->mm);
	if (err)
		return ckpt_fail(load, rec, err, "cannot lock 0x%lx: errno %d", start, -err);
	return populate(load, start, start + len);
}

/**
 * restart_lock_future - lock the mappings to come, as MCL_FUTURE does
 * @load: the call
 * @rec: the MM record
 *
 * Context: the new task, which has all of its mappings.
 */
int restart_lock_future(struct ckpt_load *load, struct ckpt_rec *rec)
{
	u32 flags = le32_to_cpu(ckpt_data(rec, ckpt_mm)->flags);
	int err;

	if (!(flags & CKPT_MM_LOCK_FUTURE))
		return 0;
	if (!may_lock(0))
		return ckpt_axis(load, rec, "memlock", "to lock memory to come needs RLIMIT_MEMLOCK or CAP_IPC_LOCK");
	if (mmap_write_lock_killable(current->mm))
		return -EINTR;
	err = apply_mlockall_flags(MCL_FUTURE | (flags & CKPT_MM_LOCK_ONFAULT ? MCL_ONFAULT : 0));
	mmap_write_unlock(current->mm);
	return err;
}

/* MCL_FUTURE and MCL_ONFAULT as flags of the MM; what else there is, is refused. */
u32 ckpt_lock_future(struct ckpt_save *save, struct mm_struct *mm)
{
	vm_flags_t flags = mm->def_flags;

	if (flags & ~VM_LOCKED_MASK)
		ckpt_refuse(save, "mappings to come", "have flags 0x%lx, not saved yet",
			    flags & ~VM_LOCKED_MASK);
	return (flags & VM_LOCKED ? CKPT_MM_LOCK_FUTURE : 0) |
	       (flags & VM_LOCKONFAULT ? CKPT_MM_LOCK_ONFAULT : 0);
}

/* ---- PR_SET_VMA_ANON_NAME ---- */

static void save_name(struct vm_area_struct *vma, struct ckpt_vma *out)
{
	struct anon_vma_name *name = anon_vma_name(vma);

	if (!name)
		return;
	out->flags |= cpu_to_le32(CKPT_VMA_NAMED);
	out->name_len = cpu_to_le32(strlen(name->name));
	memcpy(ckpt_tail(out, sizeof(*out)), name->name, strlen(name->name));
}

/* As prctl_set_vma() has it. */
static bool good_name(const struct ckpt_rec *rec)
{
	const struct ckpt_vma *in = ckpt_data(rec, ckpt_vma);
	u32 i, len = le32_to_cpu(in->name_len);
	const char *name = ckpt_rec_tail(rec);

	if (len >= CKPT_VMA_NAME_MAX || !ckpt_tail_is(rec, len))
		return false;
	if (!(le32_to_cpu(in->flags) & CKPT_VMA_NAMED))
		return !len;
	if (!IS_ENABLED(CONFIG_ANON_VMA_NAME))
		return false;
	for (i = 0; i < len; i++)
		if (!is_valid_name_char(name[i]))
			return false;
	return true;
}

static int restart_name(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_vma *in = ckpt_data(rec, ckpt_vma);
	u64 start = le64_to_cpu(in->start);
	char text[CKPT_VMA_NAME_MAX] = {};
	struct anon_vma_name *name;
	int err;

	if (!(le32_to_cpu(in->flags) & CKPT_VMA_NAMED))
		return 0;
	memcpy(text, ckpt_rec_tail(rec), le32_to_cpu(in->name_len));
	name = anon_vma_name_alloc(text);
	if (!name)
		return -ENOMEM;
	err = -EINTR;
	if (!mmap_write_lock_killable(current->mm)) {
		err = madvise_set_anon_name(current->mm, start, le64_to_cpu(in->end) - start, name);
		mmap_write_unlock(current->mm);
	}
	anon_vma_name_put(name);
	if (err)
		return ckpt_fail(load, rec, err, "cannot name 0x%llx: errno %d", start, -err);
	return 0;
}

/* ---- pkey_mprotect(2) ---- */

/*
 * A key may be on a mapping that was freed since, or has become the one of what
 * may only be executed: all are allocated, and none is that, until
 * ckpt_arch_set_pkeys().
 */
static int restart_pkey(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_vma *in = ckpt_data(rec, ckpt_vma);
	unsigned long start = le64_to_cpu(in->start), prot = le32_to_cpu(in->prot);
	u32 pkey = le32_to_cpu(in->pkey);
	struct vm_area_struct *vma;
	bool has = false;
	int err;

	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	vma = vma_lookup(current->mm, start);
	if (vma)
		has = vma_pkey(vma) == pkey;
	mmap_read_unlock(current->mm);
	if (has)
		return 0;
	err = do_mprotect_pkey(start, le64_to_cpu(in->end) - start, prot, pkey);
	if (err)
		return ckpt_fail(load, rec, err, "cannot give 0x%lx protection key %u: errno %d",
				 start, pkey, -err);
	return 0;
}

/* ---- mseal(2) ---- */

/**
 * restart_seal - forbid that a mapping is changed
 * @load: the call
 * @rec: its record
 *
 * Contents are not among what a seal forbids: pages are filled as they are by a
 * fault. Nothing else is done to a mapping afterwards.
 *
 * Context: the new task, which has all of its mappings.
 */
int restart_seal(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_vma *in = ckpt_data(rec, ckpt_vma);
	u64 start = le64_to_cpu(in->start);
	int err;

	if (!(le32_to_cpu(in->flags) & CKPT_VMA_SEALED))
		return 0;
	err = do_mseal(start, le64_to_cpu(in->end) - start, 0);
	if (err)
		return ckpt_fail(load, rec, err, "cannot seal 0x%llx: errno %d", start, -err);
	return 0;
}

/* ---- All of them ---- */

/* Bytes that a mapping needs in the tail of its record. */
size_t ckpt_vma_tail(struct vm_area_struct *vma)
{
	struct anon_vma_name *name = anon_vma_name(vma);

	return name ? strlen(name->name) : 0;
}

/**
 * checkpoint_vma_attrs - capture what a mapping has beside
 * @vma: the mapping
 * @out: its record, the flags set; with ckpt_vma_tail() bytes
 */
void checkpoint_vma_attrs(struct vm_area_struct *vma, struct ckpt_vma *out)
{
	/* a file that was not opened to write has no VM_SHARED */
	if (vma->vm_file && (shmem_file(vma->vm_file) || is_vm_hugetlb_page(vma)) &&
	    (vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_SHARED)
		out->flags |= cpu_to_le32(CKPT_VMA_WRITE_SEALED);
	save_name(vma, out);
	out->pkey = cpu_to_le32(vma_pkey(vma));
}

/**
 * ckpt_validate_vma_attrs - check what a mapping has beside
 * @load: the call
 * @rec: its record
 */
int ckpt_validate_vma_attrs(struct ckpt_load *load, struct ckpt_rec *rec)
{
	u32 flags = le32_to_cpu(ckpt_data(rec, ckpt_vma)->flags);

	if (flags & CKPT_VMA_LOCKONFAULT && !(flags & CKPT_VMA_LOCKED))
		return ckpt_fail(load, rec, -EBADMSG, "MLOCK_ONFAULT without a lock");
	if (le32_to_cpu(ckpt_data(rec, ckpt_vma)->pkey) >= arch_max_pkey())
		return ckpt_fail(load, rec, -EBADMSG, "a protection key that the CPU has not");
	if (!good_name(rec))
		return ckpt_fail(load, rec, -EBADMSG, "a name that PR_SET_VMA_ANON_NAME would refuse");
	return 0;
}

/**
 * restart_vma_attrs - give a mapping what it has beside, in the new task
 * @load: the call
 * @rec: its record
 */
int restart_vma_attrs(struct ckpt_load *load, struct ckpt_rec *rec)
{
	/* locked memory is populated as long as no key is in the way */
	return restart_name(load, rec) ?: restart_lock(load, rec) ?: restart_pkey(load, rec);
}
