// SPDX-License-Identifier: GPL-2.0
/*
 * Registers of an x86-64 thread, read and set through the regsets that ptrace
 * uses, which check what they are given. The extended state is kept by
 * component, so that an image does not depend on the layout of its CPU.
 *
 * Refused: 32-bit and x32 tasks, sleeps in 32-bit calls, hardware breakpoints,
 * ioperm and iopl, shadow stacks, dynamic components (AMX), PR_SET_TSC and
 * ARCH_SET_CPUID.
 */
#include <kunit/static_stub.h>
#include <linux/elf.h>
#include <linux/regset.h>
#include <linux/sched/task_stack.h>
#include <asm/cpuid.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xstate.h>
#include <asm/ldt.h>
#include <asm/user.h>

#include "../../../checkpoint/internal.h"
#include "../kernel/tls.h"
#include "config.h"

#define XSAVE_HEADER		512
#define XSAVE_EXTENDED		576
#define FX_SW_RESERVED		464
#define XFEATURE_BYTES_MAX	PAGE_SIZE

static const struct user_regset *find_regset(struct task_struct *task, u32 note)
{
	const struct user_regset_view *view = task_user_regset_view(task);
	unsigned int i;

	for (i = 0; i < view->n; i++)
		if (view->regsets[i].core_note_type == note)
			return &view->regsets[i];
	return NULL;
}

/**
 * ckpt_arch_refuse - refuse a thread whose state has no record
 * @save: the call
 * @task: the thread, stopped
 */
int ckpt_arch_refuse(struct ckpt_save *save, struct task_struct *task)
{
	struct thread_struct *thread = &task->thread;
	int i;

	if (test_tsk_thread_flag(task, TIF_ADDR32) || task_pt_regs(task)->cs != __USER_CS)
		ckpt_refuse(save, "32-bit task", "32-bit and x32 code is not saved yet");
	/* restart_syscall(2) has another number there */
	if (ckpt_arch_restart_block(task) && task->restart_block.arch_data & TS_COMPAT)
		ckpt_refuse(save, "32-bit call", "sleeps in a call made by int 0x80, which cannot be gone on with");
	for (i = 0; i < HBP_NUM; i++)
		if (thread->ptrace_bps[i])
			ckpt_refuse(save, "breakpoint", "a hardware breakpoint is set");
	if (thread->io_bitmap || thread->iopl_emul)
		ckpt_refuse(save, "I/O ports", "ioperm(2) or iopl(2) is in force, not saved yet");
	if (task_has_shstk(task))
		ckpt_refuse(save, "shadow stack", "is enabled, not saved yet");
	if (thread->fpu.fpstate->is_valloc)
		ckpt_refuse(save, "AMX", "dynamic CPU state is in use, not saved yet");
	if (task->group_leader->thread.fpu.perm.__state_perm & XFEATURE_MASK_USER_DYNAMIC ||
	    task->group_leader->thread.fpu.guest_perm.__state_perm & XFEATURE_MASK_USER_DYNAMIC)
		ckpt_refuse(save, "AMX", "dynamic CPU state was asked for (ARCH_REQ_XCOMP_PERM), not saved yet");
	if (test_tsk_thread_flag(task, TIF_SPEC_L1D_FLUSH))
		ckpt_refuse(save, "speculation control", "L1D flushing is in force, not saved yet");
	if (test_tsk_thread_flag(task, TIF_NOTSC) || test_tsk_thread_flag(task, TIF_NOCPUID))
		ckpt_refuse(save, "PR_SET_TSC", "rdtsc or cpuid traps, not saved yet");
	return 0;
}

/* Was the thread in a system call that ended with a code to restart it? */
bool ckpt_arch_restart_block(struct task_struct *task)
{
	struct pt_regs *regs = task_pt_regs(task);

	/* let go, and stopped again before it could go on: restart_syscall(2) is set up */
	if (regs->ax == __NR_restart_syscall &&
	    task->restart_block.fn != do_no_restart_syscall)
		return true;
	return (long)regs->orig_ax >= 0 && (long)regs->ax == -ERESTART_RESTARTBLOCK;
}

static bool is_restart_code(s64 ax)
{
	return ax == -ERESTARTSYS || ax == -ERESTARTNOINTR ||
	       ax == -ERESTARTNOHAND || ax == -ERESTART_RESTARTBLOCK;
}

#define COMPONENTS		63

/* Where the user's format has each; no size: it has none. */
static struct {
	u32 offset, size;
} components[COMPONENTS] __ro_after_init;

/* Once, as a hypervisor may have to be asked. */
static int __init read_components(void)
{
	u32 nr, size, offset, ecx, edx;

	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return 0;
	for (nr = 2; nr < COMPONENTS; nr++) {
		cpuid_count(XSTATE_CPUID, nr, &size, &offset, &ecx, &edx);
		/* bit 0 of ecx: a supervisor component */
		if (ecx & 1)
			continue;
		components[nr].offset = offset;
		components[nr].size = size;
	}
	return 0;
}
late_initcall(read_components);

static bool component(u32 nr, u32 *offset, u32 *size)
{
	/* tests have the components of CPUs that they do not run on */
	KUNIT_STATIC_STUB_REDIRECT(component, nr, offset, size);

	if (nr >= COMPONENTS || !components[nr].size)
		return false;
	*offset = components[nr].offset;
	*size = components[nr].size;
	return true;
}

static int emit_component(struct ckpt_save *save, u32 nr, const void *data, u32 size)
{
	struct ckpt_x86_xfeature *out = ckpt_emit(save, &ckpt_x86_xfeature_ops, size);

	if (!out)
		return -ENOMEM;
	out->nr = cpu_to_le32(nr);
	out->size = cpu_to_le32(size);
	memcpy(ckpt_tail(out, sizeof(*out)), data, size);
	if (!nr)
		memset(ckpt_tail(out, sizeof(*out)) + FX_SW_RESERVED, 0,
		       XSAVE_HEADER - FX_SW_RESERVED);
	return 0;
}

/* The buffer may be older than the register, which is kept apart from it. */
static void complete_pkru(struct task_struct *task, u8 *xsave, size_t len)
{
	u32 offset, size;

	if (!task->thread.pkru || !component(XFEATURE_PKRU, &offset, &size) ||
	    offset + size > len)
		return;
	*(u64 *)(xsave + XSAVE_HEADER) |= XFEATURE_MASK_PKRU;
	*(u32 *)(xsave + offset) = task->thread.pkru;
}

static int emit_xstate(struct ckpt_save *save, const u8 *xsave, size_t len)
{
	u64 in_use = *(u64 *)(xsave + XSAVE_HEADER);
	u32 nr, offset, size;
	int err;

	err = emit_component(save, 0, xsave, XSAVE_HEADER);
	for (nr = 2; !err && nr < COMPONENTS; nr++) {
		if (!(in_use & BIT_ULL(nr)))
			continue;
		if (!component(nr, &offset, &size) || offset + size > len)
			return ckpt_err(save, -EIO, "CPU state component %u has no place", nr);
		err = emit_component(save, nr, xsave + offset, size);
	}
	save->xfeatures |= in_use;
	return err;
}

static unsigned int count_components(const u8 *xsave)
{
	return 1 + hweight64(*(u64 *)(xsave + XSAVE_HEADER) & ~3ULL);
}

/* As ptrace(2) asks: null, or of user mode's privilege. */
static bool good_selector(unsigned long selector)
{
	return !selector || (selector & SEGMENT_RPL_MASK) == USER_RPL;
}

/* A program may have anything in them, and a restart must not take everything. */
static bool good_registers(const struct user_regs_struct *regs)
{
	return regs->ip < TASK_SIZE_MAX && regs->sp < TASK_SIZE_MAX &&
	       regs->fs_base < TASK_SIZE_MAX && regs->gs_base < TASK_SIZE_MAX &&
	       regs->cs == __USER_CS && regs->ss == __USER_DS &&
	       good_selector(regs->ds) && good_selector(regs->es) &&
	       good_selector(regs->fs) && good_selector(regs->gs);
}

static int emit_thread(struct ckpt_save *save, struct task_struct *task,
		       const u8 *xsave)
{
	const struct user_regset *general = find_regset(task, NT_PRSTATUS);
	struct ckpt_x86_thread *out;
	struct membuf to;
	int ret;

	out = ckpt_emit(save, &ckpt_x86_thread_ops, 0);
	if (!out)
		return -ENOMEM;
	BUILD_BUG_ON(sizeof(out->regs) != sizeof(struct user_regs_struct));
	BUILD_BUG_ON(sizeof(out->tls) != GDT_ENTRY_TLS_ENTRIES * sizeof(struct user_desc));
	ret = regset_get(task, general, sizeof(out->regs), out->regs);
	if (ret < 0)
		return ret;
	if (!good_registers((const void *)out->regs))
		ckpt_refuse(save, "registers", "the stack pointer or a segment is one that cannot be set again");
	to = (struct membuf){ .p = out->tls, .left = sizeof(out->tls) };
	ret = regset_tls_get(task, NULL, to);
	if (ret < 0)
		return ret;
	out->trap_nr = cpu_to_le64(task->thread.trap_nr);
	out->error_code = cpu_to_le64(task->thread.error_code);
	out->cr2 = cpu_to_le64(task->thread.cr2);
	out->nr_xfeatures = cpu_to_le32(count_components(xsave));
	return 0;
}

/**
 * checkpoint_arch_thread - capture the registers of a thread
 * @save: the call
 * @task: the thread, stopped at the border to user mode
 */
int checkpoint_arch_thread(struct ckpt_save *save, struct task_struct *task)
{
	const struct user_regset *xstate = find_regset(task, NT_X86_XSTATE);
	void *data = NULL;
	int len, err;

	if (!xstate)
		return ckpt_err(save, -EOPNOTSUPP, "the CPU has no XSAVE");
	len = regset_get_alloc(task, xstate, UINT_MAX, &data);
	if (len < XSAVE_EXTENDED) {
		kvfree(data);
		return ckpt_err(save, len < 0 ? len : -EIO, "cannot read the extended state");
	}
	complete_pkru(task, data, len);
	err = emit_thread(save, task, data) ?: emit_xstate(save, data, len);
	kvfree(data);
	return err;
}

static int validate_thread(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_x86_thread *in = ckpt_data(rec, ckpt_x86_thread);
	const struct user_regs_struct *regs = (const void *)in->regs;
	u32 nr = le32_to_cpu(in->nr_xfeatures);

	if (in->__reserved || !nr || nr > 62)
		return ckpt_fail(load, rec, -EBADMSG, "bad number of components");
	if (!good_registers(regs))
		return ckpt_fail(load, rec, -EBADMSG, "registers that no 64-bit user has");
	return 0;
}

static int validate_xfeature(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_x86_xfeature *in = ckpt_data(rec, ckpt_x86_xfeature);
	u32 nr = le32_to_cpu(in->nr), size = le32_to_cpu(in->size), offset, here;

	if (!ckpt_tail_is(rec, size))
		return ckpt_fail(load, rec, -EBADMSG, "length does not fit component %u", nr);
	if (nr == 0)
		return size == XSAVE_HEADER ? 0 :
		       ckpt_fail(load, rec, -EBADMSG, "bad FXSAVE area");
	if (!(le64_to_cpu(load->header->xfeatures) & BIT_ULL(nr & 63)) ||
	    !component(nr, &offset, &here) || here != size)
		return ckpt_fail(load, rec, -EBADMSG, "component %u of %u bytes is not of this CPU",
				 nr, size);
	return 0;
}

static int set_general(struct ckpt_load *load, struct ckpt_task *task,
		       const struct ckpt_x86_thread *in)
{
	const struct user_regset *general = find_regset(task->task, NT_PRSTATUS);
	struct user_regs_struct regs;
	int err;

	memcpy(&regs, in->regs, sizeof(regs));
	/* only a call that is to be restarted may be taken for one */
	if (!is_restart_code(regs.ax))
		regs.orig_ax = -1;
	err = general->set(task->task, general, 0, sizeof(regs), &regs, NULL);
	if (err)
		return ckpt_fail(load, task->rec, err, "registers that ptrace(2) would refuse");
	return 0;
}

static int set_tls(struct ckpt_load *load, struct ckpt_task *task,
		   const struct ckpt_x86_thread *in)
{
	int err = regset_tls_set(task->task, NULL, 0, sizeof(in->tls), in->tls, NULL);

	if (err)
		return ckpt_fail(load, task->rec, err, "segments that set_thread_area(2) would refuse");
	return 0;
}

/* Put the components of the @nr records after @rec where this CPU has them. */
static int gather_xstate(struct ckpt_load *load, struct ckpt_rec *rec, u32 nr,
			 u8 *xsave, size_t len)
{
	u32 offset, size;

	for (; nr; nr--) {
		const struct ckpt_x86_xfeature *in;

		rec = list_next_entry(rec, list);
		in = ckpt_data(rec, ckpt_x86_xfeature);
		size = le32_to_cpu(in->size);
		offset = 0;
		if (in->nr && !component(le32_to_cpu(in->nr), &offset, &size))
			return -EOPNOTSUPP;
		if (offset + size > len)
			return ckpt_fail(load, rec, -EOPNOTSUPP, "component %u has no place here",
					 le32_to_cpu(in->nr));
		memcpy(xsave + offset, ckpt_rec_tail(rec), size);
		*(u64 *)(xsave + XSAVE_HEADER) |= in->nr ? BIT_ULL(le32_to_cpu(in->nr)) : 3;
	}
	return 0;
}

static int set_xstate(struct ckpt_load *load, struct ckpt_task *task,
		      struct ckpt_rec *rec, u32 nr)
{
	const struct user_regset *xstate = find_regset(task->task, NT_X86_XSTATE);
	size_t len = xstate->n * xstate->size;
	int err;

	u8 *xsave __free(kvfree) = kvzalloc(len, GFP_KERNEL_ACCOUNT);
	if (!xsave)
		return -ENOMEM;
	err = gather_xstate(load, rec, nr, xsave, len);
	if (err)
		return err;
	err = xstate->set(task->task, xstate, 0, len, xsave, NULL);
	if (err)
		return ckpt_fail(load, task->rec, err, "extended state that ptrace(2) would refuse");
	return 0;
}

/**
 * restart_arch_thread - set the registers of a thread that waits at the gate
 * @load: the call
 * @task: the thread; its stack is held
 */
int restart_arch_thread(struct ckpt_load *load, struct ckpt_task *task)
{
	const struct ckpt_thread *thread = ckpt_data(task->rec, ckpt_thread);
	struct ckpt_rec *rec = task->rec;
	const struct ckpt_x86_thread *in;
	u32 i;

	for (i = 0; i <= le32_to_cpu(thread->nr_siginfos); i++)
		rec = list_next_entry(rec, list);
	in = ckpt_data(rec, ckpt_x86_thread);
	/* for a sigcontext only */
	task->task->thread.trap_nr = le64_to_cpu(in->trap_nr);
	task->task->thread.error_code = le64_to_cpu(in->error_code);
	task->task->thread.cr2 = le64_to_cpu(in->cr2);
	return set_tls(load, task, in) ?: set_general(load, task, in) ?:
	       set_xstate(load, task, rec, le32_to_cpu(in->nr_xfeatures));
}

const struct ckpt_ops ckpt_x86_thread_ops = {
	.name		= "x86 thread",
	.type		= CKPT_REC_X86_THREAD,
	.fixed		= sizeof(struct ckpt_x86_thread),
	.validate	= validate_thread,
};

const struct ckpt_ops ckpt_x86_xfeature_ops = {
	.name		= "x86 xfeature",
	.type		= CKPT_REC_X86_XFEATURE,
	.fixed		= sizeof(struct ckpt_x86_xfeature),
	.max_tail	= XFEATURE_BYTES_MAX,
	.validate	= validate_xfeature,
};

#if IS_ENABLED(CONFIG_CHECKPOINT_KUNIT_TEST)
#include "tests/regs_kunit.c"
#include "tests/xstate_kunit.c"
#endif
