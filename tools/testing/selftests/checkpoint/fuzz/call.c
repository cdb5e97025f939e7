// SPDX-License-Identifier: GPL-2.0
/* A task that calls restart(2), with all that the call looks at. */
#include <linux/cred.h>
#include <linux/fs_struct.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/syscalls.h>

#include "../../../../../checkpoint/internal.h"
#include "kernel.h"

/* User space has a zero base of %gs: per-CPU variables are plain ones. */
struct pcpu_hot pcpu_hot;

static struct task_struct task;
static struct sighand_struct sighand;
static struct fs_struct fs;
static struct cred cred;
static struct vfsmount mnt;
static struct dentry dentry;

long __x64_sys_restart(const struct pt_regs *regs);

void fuzz_boot(void)
{
	spin_lock_init(&fs.lock);
	fs.root = (struct path){ .mnt = &mnt, .dentry = &dentry };
	atomic_long_set(&cred.usage, 1);
	task.fs = &fs;
	task.sighand = &sighand;
	task.cred = &cred;
	pcpu_hot.current_task = &task;
}

int fuzz_restart_check(struct fuzz_call *call)
{
	struct restart_args args = {
		.flags		= RESTART_CHECK,
		.log_buf	= (unsigned long)call->log,
		.log_size	= call->log_size,
		.result		= (unsigned long)call->result,
		.result_size	= sizeof(*call->result),
	};
	struct pt_regs regs = { .di = (unsigned long)&args, .si = sizeof(args) };
	int preempt = pcpu_hot.preempt_count;
	long err;

	fuzz_file_begin(call);
	fuzz_memory_begin(call->fail, call->fail_on);
	err = __x64_sys_restart(&regs);
	if (fuzz_memory_end())
		fuzz_complain("memory is left");
	if (fuzz_file_end())
		fuzz_complain("a reference to the file is left");
	if (fuzz_path_refs)
		fuzz_complain("a reference to the root directory is left");
	if (atomic_long_read(&cred.usage) != 1)
		fuzz_complain("a reference to the credentials is left");
	if (pcpu_hot.preempt_count != preempt || task.__state ||
	    task.rcu_read_lock_nesting)
		fuzz_complain("the task is in another state than before");
	return err;
}

/* What of a header depends on the kernel and the CPU is made right. */
void fuzz_fit_header(struct ckpt_header *header)
{
	static struct ckpt_save save;

	header->arch = cpu_to_le32(EM_X86_64);
	save.xfeatures = le64_to_cpu(header->xfeatures);
	ckpt_arch_header(&save, header);
}
