// SPDX-License-Identifier: GPL-2.0
/*
 * An address space: boundaries, auxiliary vector, executable, vDSO, and its
 * mappings (vma.c) with their pages (pages.c).
 *
 * Refused: memory shared with another process, breakpoints of uprobes.
 */
#include <linux/auxvec.h>
#include <linux/membarrier.h>
#include <linux/mm.h>
#include <linux/prctl.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>

#include "hugetlb.h"
#include "mm.h"

#define AUXV_BYTES	sizeof_field(struct mm_struct, saved_auxv)
#define FLAGS_KNOWN	(CKPT_MM_DUMPABLE | CKPT_MM_THP_DISABLE | CKPT_MM_VDSO |	\
			 CKPT_MM_MERGE_ANY | LOCK_FLAGS | MDWE_FLAGS)

#define MEMBARRIER_KNOWN					\
	(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED |		\
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |		\
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |	\
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)
#define LOCK_FLAGS	(CKPT_MM_LOCK_FUTURE | CKPT_MM_LOCK_ONFAULT)
#define MDWE_FLAGS	(CKPT_MM_MDWE | CKPT_MM_MDWE_NO_INHERIT)

/* What a new address space has from the caller's, and the image's has not. */
#define MMF_OWN		(MMF_DUMP_FILTER_MASK | MMF_DISABLE_THP_MASK | MMF_VM_MERGE_ANY_MASK)

static void get_mm(void *mm)
{
	mmget(mm);
}

static void put_mm(void *mm)
{
	mmput(mm);
}

/* References are no measure: any reader of /proc takes some. See the survey. */
static long count_mm(void *mm)
{
	return 0;
}

static int refuse_mm(struct ckpt_save *save, struct mm_struct *mm)
{
	if (test_bit(MMF_HAS_UPROBES, &mm->flags))
		ckpt_refuse(save, "uprobes", "breakpoints are in its code");
	return ckpt_arch_refuse_mm(save, mm);
}

static void fill_bounds(struct ckpt_mm *out, struct mm_struct *mm)
{
	guard(spinlock)(&mm->arg_lock);
	out->start_code = cpu_to_le64(mm->start_code);
	out->end_code = cpu_to_le64(mm->end_code);
	out->start_data = cpu_to_le64(mm->start_data);
	out->end_data = cpu_to_le64(mm->end_data);
	out->start_brk = cpu_to_le64(mm->start_brk);
	out->brk = cpu_to_le64(mm->brk);
	out->start_stack = cpu_to_le64(mm->start_stack);
	out->arg_start = cpu_to_le64(mm->arg_start);
	out->arg_end = cpu_to_le64(mm->arg_end);
	out->env_start = cpu_to_le64(mm->env_start);
	out->env_end = cpu_to_le64(mm->env_end);
}

/**
 * ckpt_vdso - address of the vDSO, 0 if it was unmapped, which leaves it behind
 * @mm: the address space, its mmap lock held
 */
unsigned long ckpt_vdso(struct mm_struct *mm)
{
	unsigned long vdso = ckpt_arch_vdso(mm);
	struct vm_area_struct *vma = vdso ? vma_lookup(mm, vdso) : NULL;

	return vma && ckpt_arch_vma_is_vdso(vma) ? vdso : 0;
}

static u32 flags_of(struct mm_struct *mm)
{
	u32 flags = 0;

	if (get_dumpable(mm) == SUID_DUMP_USER)
		flags |= CKPT_MM_DUMPABLE;
	if (test_bit(MMF_DISABLE_THP, &mm->flags))
		flags |= CKPT_MM_THP_DISABLE;
	if (ckpt_vdso(mm))
		flags |= CKPT_MM_VDSO;
	if (test_bit(MMF_VM_MERGE_ANY, &mm->flags))
		flags |= CKPT_MM_MERGE_ANY;
	if (test_bit(MMF_HAS_MDWE, &mm->flags))
		flags |= CKPT_MM_MDWE;
	if (test_bit(MMF_HAS_MDWE_NO_INHERIT, &mm->flags))
		flags |= CKPT_MM_MDWE_NO_INHERIT;
	return flags;
}

static int save_exe(struct ckpt_save *save, struct mm_struct *mm, u32 *id)
{
	struct file *exe = get_mm_exe_file(mm);

	*id = 0;
	if (!exe)
		return 0;
	if (!(exe->f_flags & __FMODE_EXEC))
		ckpt_refuse(save, "executable", "was set by PR_SET_MM_EXE_FILE, not saved yet");
	if (ckpt_is_shmem(exe))
		ckpt_refuse(save, "executable", "is a memfd, not saved yet");
	return checkpoint_file(save, exe, id);
}

static int emit_mm(struct ckpt_save *save, struct ckpt_obj *obj, u32 exe)
{
	struct mm_struct *mm = obj->ptr;
	struct ckpt_mm *out;

	out = ckpt_emit_object(save, obj, AUXV_BYTES);
	if (!out)
		return -ENOMEM;
	fill_bounds(out, mm);
	out->exe = cpu_to_le32(exe);
	out->flags = cpu_to_le32(flags_of(mm) | ckpt_lock_future(save, mm));
	out->coredump_filter = cpu_to_le32((mm->flags & MMF_DUMP_FILTER_MASK) >>
					   MMF_DUMP_FILTER_SHIFT);
	out->vdso = cpu_to_le64(ckpt_vdso(mm));
	ckpt_arch_save_pkeys(mm, out);
	out->membarrier = cpu_to_le32(checkpoint_membarrier(mm));
	out->auxv_len = cpu_to_le32(AUXV_BYTES);
	memcpy(ckpt_tail(out, sizeof(*out)), mm->saved_auxv, AUXV_BYTES);
	return checkpoint_vmas(save, mm, out);
}

static int checkpoint_mm(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct mm_struct *mm = obj->ptr;
	u32 exe;
	int err;

	err = refuse_mm(save, mm) ?:
	      save_exe(save, mm, &exe) ?:
	      checkpoint_vma_files(save, mm);
	if (err)
		return err;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	err = emit_mm(save, obj, exe);
	mmap_read_unlock(mm);
	return err;
}

static int mm_contents(struct ckpt_save *save, struct ckpt_obj *obj)
{
	int err = ckpt_mm_contents(save, obj);

	/* with pages of hugetlbfs there is no snapshot */
	if (err || obj->snapshot)
		return err;
	return ckpt_huge_private(save, obj);
}

static int validate_mm(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_mm *in = ckpt_data(rec, ckpt_mm);
	u32 len = le32_to_cpu(in->auxv_len), exe = le32_to_cpu(in->exe);

	if (le32_to_cpu(in->flags) & ~FLAGS_KNOWN)
		return ckpt_fail(load, rec, -EBADMSG, "unknown flags 0x%x", le32_to_cpu(in->flags));
	if ((le32_to_cpu(in->flags) & LOCK_FLAGS) == CKPT_MM_LOCK_ONFAULT)
		return ckpt_fail(load, rec, -EBADMSG, "MCL_ONFAULT without MCL_FUTURE");
	if ((le32_to_cpu(in->flags) & MDWE_FLAGS) == CKPT_MM_MDWE_NO_INHERIT)
		return ckpt_fail(load, rec, -EBADMSG, "PR_MDWE_NO_INHERIT without PR_MDWE_REFUSE_EXEC_GAIN");
	if (len > AUXV_BYTES || len % sizeof(long) || !ckpt_tail_is(rec, len))
		return ckpt_fail(load, rec, -EBADMSG, "bad auxiliary vector");
	if (le32_to_cpu(in->coredump_filter) & ~(MMF_DUMP_FILTER_MASK >> MMF_DUMP_FILTER_SHIFT))
		return ckpt_fail(load, rec, -EBADMSG, "unknown coredump filter");
	if (le64_to_cpu(in->vdso) >= TASK_SIZE_MAX || !PAGE_ALIGNED(le64_to_cpu(in->vdso)))
		return ckpt_fail(load, rec, -EBADMSG, "bad address of the vDSO");
	if (le32_to_cpu(in->membarrier) & ~MEMBARRIER_KNOWN || in->__reserved)
		return ckpt_fail(load, rec, -EBADMSG, "unknown registrations for membarrier(2)");
	if (!ckpt_arch_good_pkeys(in))
		return ckpt_fail(load, rec, -EBADMSG, "protection keys that cannot be");
	if (exe && !ckpt_ref(load, rec, exe, CKPT_REC_FILE_PATH))
		return -EBADMSG;
	if (exe && !(ckpt_data(ckpt_rec(load, exe), ckpt_file)->how &
		     cpu_to_le32(CKPT_FILE_EXEC)))
		return ckpt_fail(load, rec, -EBADMSG, "the executable was not opened to execute");
	return 0;
}

static int set_bounds(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_mm *in = ckpt_data(rec, ckpt_mm);
	struct prctl_mm_map map = {
		.start_code	= le64_to_cpu(in->start_code),
		.end_code	= le64_to_cpu(in->end_code),
		.start_data	= le64_to_cpu(in->start_data),
		.end_data	= le64_to_cpu(in->end_data),
		.start_brk	= le64_to_cpu(in->start_brk),
		.brk		= le64_to_cpu(in->brk),
		.start_stack	= le64_to_cpu(in->start_stack),
		.arg_start	= le64_to_cpu(in->arg_start),
		.arg_end	= le64_to_cpu(in->arg_end),
		.env_start	= le64_to_cpu(in->env_start),
		.env_end	= le64_to_cpu(in->env_end),
	};
	unsigned long auxv[AUXV_BYTES / sizeof(long)] = {};
	int err;

	memcpy(auxv, ckpt_rec_tail(rec), le32_to_cpu(in->auxv_len));
	auxv[ARRAY_SIZE(auxv) - 2] = AT_NULL;
	auxv[ARRAY_SIZE(auxv) - 1] = AT_NULL;
	err = mm_set_map(&map, auxv);
	if (err)
		return ckpt_fail(load, rec, err, "boundaries that prctl(PR_SET_MM_MAP) would refuse");
	return 0;
}

static int new_mm(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_mm *in = ckpt_data(rec, ckpt_mm);
	struct ckpt_rec *exe = ckpt_rec(load, le32_to_cpu(in->exe));
	int err;

	struct mm_struct *mm __free(mmput) = mm_alloc();
	if (!mm)
		return -ENOMEM;
	/* nobody traces it before it is whole; see ckpt_mm_commit() */
	set_dumpable(mm, SUID_DUMP_DISABLE);
	mm->flags &= ~MMF_OWN;
	mm->flags |= le32_to_cpu(in->coredump_filter) << MMF_DUMP_FILTER_SHIFT;
	if (le32_to_cpu(in->flags) & CKPT_MM_THP_DISABLE)
		set_bit(MMF_DISABLE_THP, &mm->flags);
	/* what is inherited cannot be unset: see prctl_set_mdwe() */
	if (test_bit(MMF_HAS_MDWE, &mm->flags) &&
	    le32_to_cpu(in->flags) & CKPT_MM_MDWE_NO_INHERIT) {
		err = ckpt_axis(load, rec, "mdwe", "PR_MDWE_NO_INHERIT, and PR_SET_MDWE of the caller is inherited");
		if (err)
			return err;
	}
	if (exe) {
		err = set_mm_exe_file(mm, exe->live);
		if (err)
			return ckpt_fail(load, rec, err, "the executable is open for writing");
	}
	err = mm_install(mm);
	if (err)
		return err;
	/* from here on it is its own memory that it may be killed for: see new_task() */
	current->signal->oom_score_adj = max_t(short, 0, current->signal->oom_score_adj_min);
	mmget(mm);
	rec->live = no_free_ptr(mm);
	/* as after execve(2), the time namespace is that which the caller has for children */
	return exec_task_namespaces();
}

/* PR_SET_MEMORY_MERGE, before there are mappings: those to come are mergeable. */
static int merge_any(struct ckpt_load *load, struct ckpt_rec *rec)
{
	int err;

	if (!(le32_to_cpu(ckpt_data(rec, ckpt_mm)->flags) & CKPT_MM_MERGE_ANY))
		return 0;
	if (mmap_write_lock_killable(current->mm))
		return -EINTR;
	err = ckpt_mm_merge_any(current->mm);
	mmap_write_unlock(current->mm);
	if (err)
		return ckpt_fail(load, rec, err, "cannot set PR_SET_MEMORY_MERGE: errno %d", -err);
	return 0;
}

/* In the new leader, while it has no other threads. */
static int install_mm(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_mm *in = ckpt_data(rec, ckpt_mm);
	int err;

	err = new_mm(load, rec) ?:
	      merge_any(load, rec) ?:
	      ckpt_arch_install_mm(load, rec, in) ?:
	      restart_vmas(load, rec) ?:
	      restart_lock_future(load, rec) ?:
	      restart_membarrier(load, rec) ?:
	      set_bounds(load, rec);
	if (!err)
		ckpt_arch_set_pkeys(in);
	return err;
}

/* Only now: contents are written to memory that may be executed. */
static void set_mdwe(struct mm_struct *mm, u32 flags)
{
	if (test_bit(MMF_HAS_MDWE, &mm->flags))
		return;
	if (flags & CKPT_MM_MDWE_NO_INHERIT)
		set_bit(MMF_HAS_MDWE_NO_INHERIT, &mm->flags);
	if (flags & CKPT_MM_MDWE)
		set_bit(MMF_HAS_MDWE, &mm->flags);
}

bool ckpt_mm_dumpable(const struct ckpt_rec *rec)
{
	return le32_to_cpu(ckpt_data(rec, ckpt_mm)->flags) & CKPT_MM_DUMPABLE;
}

/**
 * ckpt_mm_commit - what an address space forbids, and who may trace and dump it
 * @rec: its record
 *
 * Context: cannot fail.
 */
void ckpt_mm_commit(struct ckpt_rec *rec)
{
	const struct ckpt_mm *in = ckpt_data(rec, ckpt_mm);

	set_mdwe(rec->live, le32_to_cpu(in->flags));
	set_dumpable(rec->live, ckpt_mm_dumpable(rec) ? SUID_DUMP_USER : SUID_DUMP_DISABLE);
}

static void drop_mm(struct ckpt_load *load, struct ckpt_rec *rec)
{
	mmput(rec->live);
}

const struct ckpt_ops ckpt_mm_ops = {
	.name		= "mm",
	.type		= CKPT_REC_MM,
	.fixed		= sizeof(struct ckpt_mm),
	.max_tail	= AUXV_BYTES,
	.object		= true,
	.get		= get_mm,
	.put		= put_mm,
	.count		= count_mm,
	.checkpoint	= checkpoint_mm,
	.snapshot	= ckpt_mm_snapshot,
	.put_snapshot	= ckpt_mm_put_snapshot,
	.contents	= mm_contents,
	.validate	= validate_mm,
	.install	= install_mm,
	.fill		= ckpt_mm_fill,
	.drop		= drop_mm,
};
