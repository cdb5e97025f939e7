// SPDX-License-Identifier: GPL-2.0
/* A call of restart(2) without a caller, for the suites. */
#include "fixture.h"

static void free_load_action(void *load)
{
	free_load(load);
}

/* As the system call makes it, before it reads anything. */
struct ckpt_load *ckpt_kunit_load(struct kunit *test)
{
	struct ckpt_load *load = new_load(0);

	KUNIT_ASSERT_NOT_NULL(test, load);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_load_action, load));
	KUNIT_ASSERT_EQ(test, 0, ckpt_log_init(&load->call, CKPT_KUNIT_LOG));
	return load;
}
