// SPDX-License-Identifier: GPL-2.0
/*
 * From a record type, or an open file, to the row that handles it.
 */
#include <linux/init.h>
#include <linux/nospec.h>

#include "internal.h"

#define ROW(type, ops) [type] = &ops,
static const struct ckpt_ops *const registry[] = {
	CKPT_ROWS(ROW)
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

#if IS_ENABLED(CONFIG_CHECKPOINT_KUNIT_TEST)
#include "tests/registry_kunit.c"
#endif
