// SPDX-License-Identifier: GPL-2.0
/* A call of checkpoint(2) without a caller, for the suites. */
#include "fixture.h"

static void free_save_action(void *save)
{
	free_save(save);
}

/* As the system call makes it, before it looks for tasks. */
struct ckpt_save *ckpt_kunit_save(struct kunit *test)
{
	struct ckpt_save *save = new_save(0);

	KUNIT_ASSERT_NOT_NULL(test, save);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_save_action, save));
	KUNIT_ASSERT_EQ(test, 0, ckpt_log_init(&save->call, CKPT_KUNIT_LOG));
	KUNIT_ASSERT_EQ(test, 0, ckpt_kin_init(save));
	KUNIT_ASSERT_EQ(test, 0, ckpt_objects_init(save));
	save->path = kmalloc(PATH_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, save->path);
	return save;
}
