// SPDX-License-Identifier: GPL-2.0
/*
 * What a process registered for with membarrier(2), as the commands that do it.
 */
#include <linux/membarrier.h>
#include <linux/sched/mm.h>

#include "mm.h"

static int register_global(int flags)
{
	return membarrier_register_global_expedited();
}

/* A private registration sets another's bit as well: what is ready tells. */
static const struct {
	u32 command;
	int ready;
	int (*again)(int flags);
	int flags;
} registrations[] = {
	{ MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED,
	  MEMBARRIER_STATE_GLOBAL_EXPEDITED_READY, register_global, 0 },
	{ MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
	  MEMBARRIER_STATE_PRIVATE_EXPEDITED_READY,
	  membarrier_register_private_expedited, 0 },
	{ MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
	  MEMBARRIER_STATE_PRIVATE_EXPEDITED_SYNC_CORE_READY,
	  membarrier_register_private_expedited, MEMBARRIER_FLAG_SYNC_CORE },
	{ MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
	  MEMBARRIER_STATE_PRIVATE_EXPEDITED_RSEQ_READY,
	  membarrier_register_private_expedited, MEMBARRIER_FLAG_RSEQ },
};

/**
 * checkpoint_membarrier - capture registrations
 * @mm: the address space
 *
 * Return: MEMBARRIER_CMD_REGISTER_* bits.
 */
u32 checkpoint_membarrier(struct mm_struct *mm)
{
	int i, state = atomic_read(&mm->membarrier_state);
	u32 commands = 0;

	for (i = 0; i < ARRAY_SIZE(registrations); i++)
		if (state & registrations[i].ready)
			commands |= registrations[i].command;
	return commands;
}

/**
 * restart_membarrier - register again, in the new task
 * @load: the call
 * @rec: the MM record
 */
int restart_membarrier(struct ckpt_load *load, struct ckpt_rec *rec)
{
	u32 commands = le32_to_cpu(ckpt_data(rec, ckpt_mm)->membarrier);
	int i, err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(registrations); i++)
		if (commands & registrations[i].command)
			err = registrations[i].again(registrations[i].flags);
	if (err)
		return ckpt_fail(load, rec, err, "cannot register for membarrier(2): errno %d",
				 -err);
	return 0;
}
