// SPDX-License-Identifier: GPL-2.0
/* Rows, and what the boot check finds missing in one. */
#include <kunit/test.h>

#define COUNT(type, ...)	+ 1

static void finds_a_row_for_every_type_and_none_for_others(struct kunit *test)
{
	unsigned int rows = 0;
	u32 type;

	for (type = 0; type < ARRAY_SIZE(registry) + 64; type++) {
		const struct ckpt_ops *ops = ckpt_ops_of(type);

		if (!ops)
			continue;
		KUNIT_EXPECT_EQ(test, type, ops->type);
		rows++;
	}
	KUNIT_EXPECT_EQ(test, 0 CKPT_ROWS(COUNT), rows);
	KUNIT_EXPECT_NULL(test, ckpt_ops_of(U32_MAX));
	KUNIT_EXPECT_NULL(test, ckpt_ops_of(BIT(31)));
}

/* The framing has its own readers: a row would take such a record first. */
static void has_no_row_for_the_framing(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, ckpt_ops_of(0));
	KUNIT_EXPECT_NULL(test, ckpt_ops_of(CKPT_REC_HEADER));
	KUNIT_EXPECT_NULL(test, ckpt_ops_of(CKPT_REC_TRAILER));
	KUNIT_EXPECT_NULL(test, ckpt_ops_of(CKPT_REC_CONTENT));
	KUNIT_EXPECT_NULL(test, ckpt_ops_of(CKPT_REC_INDEX));
}

static void rows_have_different_names(struct kunit *test)
{
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(registry); i++)
		for (j = i + 1; registry[i] && j < ARRAY_SIZE(registry); j++)
			if (registry[j])
				KUNIT_EXPECT_STRNEQ(test, registry[i]->name, registry[j]->name);
}

/* Is a copy of this row without the member still whole? */
#define whole_without(ops, member)		\
({						\
	struct ckpt_ops copy = *(ops);		\
						\
	memset(&copy.member, 0, sizeof(copy.member));	\
	whole(&copy, (ops)->type);		\
})

static void the_check_misses_no_member(struct kunit *test)
{
	u32 type;

	for (type = 0; type < ARRAY_SIZE(registry); type++) {
		const struct ckpt_ops *ops = registry[type];

		if (!ops)
			continue;
		KUNIT_EXPECT_TRUE_MSG(test, whole(ops, type), "%s", ops->name);
		KUNIT_EXPECT_FALSE_MSG(test, whole(ops, type + 1), "%s", ops->name);
		KUNIT_EXPECT_FALSE_MSG(test, whole_without(ops, name), "%s", ops->name);
		KUNIT_EXPECT_FALSE_MSG(test, whole_without(ops, fixed), "%s", ops->name);
		KUNIT_EXPECT_FALSE_MSG(test, whole_without(ops, validate), "%s", ops->name);
		if (!ops->object)
			continue;
		KUNIT_EXPECT_FALSE_MSG(test, whole_without(ops, object), "%s", ops->name);
		KUNIT_EXPECT_FALSE_MSG(test, whole_without(ops, get), "%s", ops->name);
		KUNIT_EXPECT_FALSE_MSG(test, whole_without(ops, put), "%s", ops->name);
		KUNIT_EXPECT_FALSE_MSG(test, whole_without(ops, count), "%s", ops->name);
		KUNIT_EXPECT_FALSE_MSG(test, whole_without(ops, checkpoint), "%s", ops->name);
	}
}

static void the_check_wants_both_directions(struct kunit *test)
{
	struct ckpt_ops copy = ckpt_file_path_ops;

	copy.restart = NULL;
	KUNIT_EXPECT_FALSE_MSG(test, whole(&copy, copy.type), "a file without a reader");
	copy = ckpt_uts_ns_ops;
	copy.install = NULL;
	KUNIT_EXPECT_FALSE_MSG(test, whole(&copy, copy.type), "an object without a reader");
	KUNIT_EXPECT_FALSE_MSG(test, whole_without(&ckpt_mm_ops, fill),
			       "contents without a reader");
	KUNIT_EXPECT_FALSE_MSG(test, whole_without(&ckpt_mm_ops, contents),
			       "contents without a writer");
}

static struct kunit_case registry_cases[] = {
	KUNIT_CASE(finds_a_row_for_every_type_and_none_for_others),
	KUNIT_CASE(has_no_row_for_the_framing),
	KUNIT_CASE(rows_have_different_names),
	KUNIT_CASE(the_check_misses_no_member),
	KUNIT_CASE(the_check_wants_both_directions),
	{}
};

static struct kunit_suite registry_suite = {
	.name = "checkpoint_registry",
	.test_cases = registry_cases,
};
kunit_test_suite(registry_suite);
