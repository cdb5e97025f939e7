// SPDX-License-Identifier: GPL-2.0
/*
 * Values that restart(2) accepts, for the records of genimage, which give each
 * byte another value. References and most of the lengths are right there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reg.h>

#include "fit.h"

#define USER	0x400000	/* an address in user space */

static void fit_header(struct ckpt_header *h)
{
	memset(h->parent_uuid, 0, sizeof(h->parent_uuid));
	h->xfeatures = 7;
}

static void fit_uts(struct ckpt_uts_ns *uts)
{
	uts->nodename[sizeof(uts->nodename) - 1] = 0;
	uts->domainname[sizeof(uts->domainname) - 1] = 0;
}

static void fit_cred(struct ckpt_cred *cred)
{
	cred->securebits = 0;
	cred->cap_inheritable = 3;
	cred->cap_permitted = 3;
	cred->cap_effective = 1;
	cred->cap_bset = 7;
	cred->cap_ambient = 2;
}

static void fit_pipe(struct ckpt_pipe *pipe)
{
	pipe->size = 65536;
	pipe->bytes = 5;
}

static void fit_shmem(struct ckpt_shmem *shmem)
{
	static const char name[8] = "dev/zero";

	shmem->size = 8192;
	shmem->flags = CKPT_SHMEM_NORESERVE;
	shmem->mode = 0600;
	shmem->seals = F_SEAL_SEAL;
	shmem->huge_shift = 0;
	/* the padding of the shorter name is room for it */
	shmem->name_len = sizeof(name);
	memcpy(shmem + 1, name, sizeof(name));
}

static void fit_file(struct ckpt_file *file, uint32_t flags)
{
	file->flags = flags;
	file->how = 0;
	file->pos = 0;
}

static void fit_file_path(struct ckpt_file_path *path)
{
	fit_file(&path->file, O_RDONLY);
	path->file.how = CKPT_FILE_EXEC;
	path->file.pos = 5;
	path->mtime_nsec = 7;
}

static void fit_file_pipe(struct ckpt_file_pipe *end)
{
	fit_file(&end->file, O_WRONLY);
}

static void fit_file_shmem(struct ckpt_file_shmem *file)
{
	fit_file(&file->file, O_RDWR);
}

static void fit_external(struct ckpt_file_external *file)
{
	fit_file(&file->file, O_RDWR | O_NONBLOCK);
}

static void fit_eventfd(struct ckpt_file_eventfd *file)
{
	fit_file(&file->file, O_RDWR);
	file->count = 3;
	file->semaphore = 1;
}

static void fit_fs(struct ckpt_fs *fs)
{
	fs->umask = 022;
}

static void fit_sighand(struct ckpt_sighand *sighand)
{
	int i;

	for (i = 0; i < 64; i++) {
		struct ckpt_sigaction *sa = &sighand->action[i];

		sa->handler = i + 1 == SIGKILL || i + 1 == SIGSTOP ? 0 : USER;
		sa->restorer = USER;
	}
}

static void fit_mm(struct ckpt_mm *mm)
{
	mm->flags = CKPT_MM_DUMPABLE | CKPT_MM_VDSO;
	mm->coredump_filter = 0x33;
	mm->vdso = USER;
	mm->pkeys = 1;
	mm->exec_only_pkey = 0;
	mm->membarrier = 16;
}

static void fit_vma(struct ckpt_vma *vma)
{
	vma->offset = vma->file ? 8192 : 0;
	vma->prot = 3;
	vma->flags = CKPT_VMA_DONTDUMP | (vma->name_len ? CKPT_VMA_NAMED : 0);
	vma->pkey = 0;
}

static void fit_process(struct ckpt_process *process)
{
	process->pgid = process->tgid;
	process->sid = 0;
	process->exit_signal = SIGCHLD;
	process->flags = CKPT_PROCESS_SUBREAPER;
	process->oom_score_adj = 0;
	memset(process->rlimits, 0, sizeof(process->rlimits));
	if (process->tgid == 100)
		process->sid = 100;
}

static void fit_thread(struct ckpt_thread *thread)
{
	thread->flags = CKPT_THREAD_SAVED_MASK;
	thread->exit_code = 0;
	thread->policy = 0;
	thread->nice = 0;
	thread->pdeath_signal = 0;
	thread->altstack_sp = USER;
	thread->altstack_size = 8192;
	thread->altstack_flags = 0;
	thread->restart = CKPT_RESTART_NANOSLEEP;
	memset(thread->restart_args, 0, sizeof(thread->restart_args));
	thread->robust_list = USER;
	thread->clear_child_tid = USER;
	thread->rseq = USER;
	thread->rseq_len = 32;
}

static void fit_siginfo(struct ckpt_siginfo *info)
{
	info->code = SI_USER;
	info->err = 0;
	info->queued = 1;
	memset(info->raw, 0, sizeof(info->raw));
}

static void fit_registers(struct ckpt_x86_thread *thread)
{
	thread->regs[RIP] = USER;
	thread->regs[RSP] = USER;
	thread->regs[FS_BASE] = USER;
	thread->regs[GS_BASE] = 0;
	thread->regs[CS] = 0x33;
	thread->regs[SS] = 0x2b;
	thread->regs[DS] = 0;
	thread->regs[ES] = 0;
	thread->regs[FS] = 0;
	thread->regs[GS] = 0;
}

#define FIT(type, fn)	[type] = (void (*)(void *))fn
static void (*const fits[])(void *) = {
	FIT(CKPT_REC_HEADER, fit_header),
	FIT(CKPT_REC_UTS_NS, fit_uts),
	FIT(CKPT_REC_CRED, fit_cred),
	FIT(CKPT_REC_PIPE, fit_pipe),
	FIT(CKPT_REC_SHMEM, fit_shmem),
	FIT(CKPT_REC_FILE_PATH, fit_file_path),
	FIT(CKPT_REC_FILE_PIPE, fit_file_pipe),
	FIT(CKPT_REC_FILE_SHMEM, fit_file_shmem),
	FIT(CKPT_REC_FILE_EXTERNAL, fit_external),
	FIT(CKPT_REC_FILE_EVENTFD, fit_eventfd),
	FIT(CKPT_REC_FS, fit_fs),
	FIT(CKPT_REC_SIGHAND, fit_sighand),
	FIT(CKPT_REC_MM, fit_mm),
	FIT(CKPT_REC_VMA, fit_vma),
	FIT(CKPT_REC_PROCESS, fit_process),
	FIT(CKPT_REC_THREAD, fit_thread),
	FIT(CKPT_REC_SIGINFO, fit_siginfo),
	FIT(CKPT_REC_X86_THREAD, fit_registers),
};

static struct mutate_rec clone_rec(const struct mutate_rec *from)
{
	struct mutate_rec to = *from;

	to.data = malloc(from->head.len);
	memcpy(to.data, from->data, from->head.len);
	return to;
}

static bool in_memory(uint32_t type)
{
	return type == CKPT_REC_SIGHAND || type == CKPT_REC_MM || type == CKPT_REC_VMA;
}

/* Append address space and handlers again, for the second process. */
static void repeat_memory(struct mutate_image *to, const struct mutate_image *from)
{
	int i;

	for (i = 0; i < from->nr; i++)
		if (in_memory(from->rec[i].head.type))
			to->rec[to->nr++] = clone_rec(&from->rec[i]);
}

/* A zombie's only thread is dead, and has neither signals nor registers. */
static void bury(struct mutate_rec *rec)
{
	struct ckpt_thread *thread = (void *)rec->data;

	thread->flags = CKPT_THREAD_DEAD;
	thread->nr_siginfos = 0;
	thread->cpus_len = 0;
	rec->head.len = sizeof(*thread);
}

void fit_image(struct mutate_image *image)
{
	struct mutate_image to = { .preamble = image->preamble };
	struct ckpt_process *process = NULL;
	uint32_t last[256] = {}, id = 0;
	int i;

	to.rec = calloc(2 * image->nr, sizeof(*to.rec));
	for (i = 0; i < image->nr; i++) {
		struct mutate_rec *rec = &image->rec[i];
		uint32_t type = rec->head.type;

		if (type < sizeof(fits) / sizeof(*fits) && fits[type])
			fits[type](rec->data);
		if (type == CKPT_REC_PROCESS) {
			if (!process)
				repeat_memory(&to, image);
			process = (void *)rec->data;
		}
		if (process && process->state == CKPT_PROCESS_ZOMBIE && type > CKPT_REC_THREAD)
			continue;
		if (process && process->state == CKPT_PROCESS_ZOMBIE && type == CKPT_REC_THREAD)
			bury(rec);
		to.rec[to.nr++] = clone_rec(rec);
	}
	mutate_fit(&to);
	for (i = 0; i < to.nr; i++) {
		uint32_t type = to.rec[i].head.type;

		if (type == CKPT_REC_SIGHAND || type == CKPT_REC_MM) {
			memcpy(&id, to.rec[i].data, sizeof(id));
			last[type] = id;
		}
		process = (void *)to.rec[i].data;
		if (type == CKPT_REC_PROCESS && process->parent && process->mm) {
			process->mm = last[CKPT_REC_MM];
			process->sighand = last[CKPT_REC_SIGHAND];
		}
	}
	mutate_free(image);
	*image = to;
}
