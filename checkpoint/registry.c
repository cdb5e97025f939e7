// SPDX-License-Identifier: GPL-2.0
/*
 * Every record type, once. A resource is added by a row here, a struct in
 * the uapi header, and a file that exports the row's ops.
 */
#include <linux/init.h>
#include <linux/nospec.h>

#include "internal.h"

static const struct ckpt_ops *const registry[] = {
	[CKPT_REC_UTS_NS]		= &ckpt_uts_ns_ops,
	[CKPT_REC_CRED]			= &ckpt_cred_ops,
	[CKPT_REC_PIPE]			= &ckpt_pipe_ops,
	[CKPT_REC_SHMEM]		= &ckpt_shmem_ops,
	[CKPT_REC_FILE_PATH]		= &ckpt_file_path_ops,
	[CKPT_REC_FILE_PIPE]		= &ckpt_file_pipe_ops,
	[CKPT_REC_FILE_SHMEM]		= &ckpt_file_shmem_ops,
	[CKPT_REC_FILE_EXTERNAL]	= &ckpt_file_external_ops,
	[CKPT_REC_FS]			= &ckpt_fs_ops,
	[CKPT_REC_FILES]		= &ckpt_files_ops,
	[CKPT_REC_SIGHAND]		= &ckpt_sighand_ops,
	[CKPT_REC_MM]			= &ckpt_mm_ops,
	[CKPT_REC_VMA]			= &ckpt_vma_ops,
	[CKPT_REC_PROCESS]		= &ckpt_process_ops,
	[CKPT_REC_THREAD]		= &ckpt_thread_ops,
	[CKPT_REC_SIGINFO]		= &ckpt_siginfo_ops,
	[CKPT_REC_X86_THREAD]		= &ckpt_x86_thread_ops,
	[CKPT_REC_X86_XFEATURE]		= &ckpt_x86_xfeature_ops,
};

/**
 * ckpt_ops_of - the row of a record type
 * @type: CKPT_REC_*, perhaps from an image
 *
 * Return: the row, NULL if there is none.
 */
const struct ckpt_ops *ckpt_ops_of(u32 type)
{
	if (type >= ARRAY_SIZE(registry))
		return NULL;
	return registry[array_index_nospec(type, ARRAY_SIZE(registry))];
}

/**
 * ckpt_ops_of_file - the row that saves an open file
 * @save: the call
 * @file: the file
 *
 * Return: the row, NULL if none does.
 */
const struct ckpt_ops *ckpt_ops_of_file(struct ckpt_save *save, struct file *file)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(registry); i++)
		if (registry[i] && registry[i]->match && registry[i]->match(save, file))
			return registry[i];
	return NULL;
}

/* A record with a writer and no reader, or the other way round, is a bug. */
static bool whole(const struct ckpt_ops *ops, u32 type)
{
	if (!ops->name || ops->type != type || !ops->fixed || !ops->validate)
		return false;
	if (ops->object != (ops->checkpoint && ops->get && ops->put && ops->count))
		return false;
	if (ops->object && !ops->restart && !ops->install)
		return false;
	if (ops->match && !ops->restart)
		return false;
	return !ops->contents == !ops->fill;
}

static int __init check_registry(void)
{
	u32 type;

	for (type = 0; type < ARRAY_SIZE(registry); type++)
		WARN(registry[type] && !whole(registry[type], type),
		     "checkpoint: row %u is not whole\n", type);
	return 0;
}
late_initcall(check_registry);
