// SPDX-License-Identifier: GPL-2.0
/* The table of shared objects: ids, references, and who else has one. */
#include "fixture.h"

/* An object that counts what is done to it. */
struct thing {
	long refs;
	int captured;
	int err;	/* of capturing it */
	bool refused;
	struct thing *before;	/* the object that it refers to */
	int looks;	/* at its count */
	int falls_after;	/* looks: somebody else's reference goes away */
};

static const struct ckpt_ops thing_ops;

static void get_thing(void *ptr)
{
	((struct thing *)ptr)->refs++;
}

static void put_thing(void *ptr)
{
	((struct thing *)ptr)->refs--;
}

static long count_thing(void *ptr)
{
	struct thing *thing = ptr;

	if (thing->falls_after && ++thing->looks == thing->falls_after)
		thing->refs--;
	return thing->refs;
}

static int checkpoint_thing(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct thing *thing = obj->ptr;
	u32 id;
	int err = 0;

	thing->captured++;
	if (thing->before)
		err = ckpt_object(save, thing->before, &thing_ops, &id);
	if (err || thing->err)
		return err ?: thing->err;
	if (thing->refused)
		return ckpt_refuse(save, "thing", "is refused");
	return ckpt_emit_object(save, obj, 0) ? 0 : -ENOMEM;
}

static const struct ckpt_ops thing_ops = {
	.name		= "thing",
	.type		= CKPT_REC_UTS_NS,
	.fixed		= sizeof(struct ckpt_uts_ns),
	.object		= true,
	.get		= get_thing,
	.put		= put_thing,
	.count		= count_thing,
	.checkpoint	= checkpoint_thing,
};

/* The things outlive the table, which gives back its references to them. */
struct table {
	struct thing thing[20];
	struct ckpt_save *save;
};

static int object_init(struct kunit *test)
{
	struct table *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->save = ckpt_kunit_save(test);
	test->priv = t;
	return 0;
}

static void ids_are_dense_in_the_order_of_capture(struct kunit *test)
{
	struct table *t = test->priv;
	u32 id, i;

	for (i = 0; i < ARRAY_SIZE(t->thing); i++) {
		KUNIT_EXPECT_EQ(test, 0, ckpt_object(t->save, &t->thing[i], &thing_ops, &id));
		KUNIT_EXPECT_EQ(test, i + 1, id);
	}
	KUNIT_EXPECT_EQ(test, ARRAY_SIZE(t->thing), t->save->nr_objects);
}

static void an_object_met_twice_is_captured_once(struct kunit *test)
{
	struct table *t = test->priv;
	u32 first, second;

	KUNIT_EXPECT_EQ(test, 0, ckpt_object(t->save, &t->thing[0], &thing_ops, &first));
	KUNIT_EXPECT_EQ(test, 0, ckpt_object(t->save, &t->thing[1], &thing_ops, &second));
	KUNIT_EXPECT_NE(test, first, second);
	KUNIT_EXPECT_EQ(test, 0, ckpt_object(t->save, &t->thing[0], &thing_ops, &second));
	KUNIT_EXPECT_EQ(test, first, second);
	KUNIT_EXPECT_EQ(test, 1, t->thing[0].captured);
	KUNIT_EXPECT_EQ(test, 1, t->thing[0].refs);
}

/* A reader refuses a reference to a record that is still to come. */
static void an_object_follows_the_one_that_it_refers_to(struct kunit *test)
{
	struct table *t = test->priv;
	u32 id;

	t->thing[0].before = &t->thing[1];
	KUNIT_EXPECT_EQ(test, 0, ckpt_object(t->save, &t->thing[0], &thing_ops, &id));
	KUNIT_EXPECT_EQ(test, 2, id);
	KUNIT_EXPECT_EQ(test, 1, ckpt_object_find(t->save, &t->thing[1])->id);
}

static void a_refused_object_has_no_id_and_is_refused_once(struct kunit *test)
{
	struct table *t = test->priv;
	u32 id = 77;

	t->thing[0].refused = true;
	KUNIT_EXPECT_EQ(test, 0, ckpt_object(t->save, &t->thing[0], &thing_ops, &id));
	KUNIT_EXPECT_EQ(test, 0, id);
	KUNIT_EXPECT_EQ(test, 0, ckpt_object(t->save, &t->thing[0], &thing_ops, &id));
	KUNIT_EXPECT_EQ(test, 0, id);
	KUNIT_EXPECT_EQ(test, 1, t->save->call.result.blockers);
	KUNIT_EXPECT_EQ(test, 0, ckpt_object(t->save, &t->thing[1], &thing_ops, &id));
	KUNIT_EXPECT_EQ_MSG(test, 1, id, "a refused object took a number");
}

static void an_error_of_capture_ends_the_call(struct kunit *test)
{
	struct table *t = test->priv;
	u32 id;

	t->thing[0].before = &t->thing[1];
	t->thing[1].err = -EXDEV;
	KUNIT_EXPECT_EQ(test, -EXDEV, ckpt_object(t->save, &t->thing[0], &thing_ops, &id));
	KUNIT_EXPECT_EQ(test, 0, t->save->nr_objects);
}

static void references_are_counted_before_capture(struct kunit *test)
{
	struct table *t = test->priv;
	struct ckpt_obj *obj;

	t->save->where.pid = 41;
	obj = ckpt_object_see(t->save, &t->thing[0], &thing_ops);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	t->save->where.pid = 42;
	KUNIT_EXPECT_PTR_EQ(test, obj, ckpt_object_see(t->save, &t->thing[0], &thing_ops));
	KUNIT_EXPECT_EQ(test, 2, obj->seen);
	KUNIT_EXPECT_EQ(test, 41, obj->pid);
	KUNIT_EXPECT_EQ(test, 0, t->thing[0].captured);
	KUNIT_EXPECT_EQ(test, 1, t->thing[0].refs);
	KUNIT_EXPECT_NULL(test, ckpt_object_find(t->save, &t->thing[1]));
}

static void free_objects(void *save)
{
	ckpt_free_chunks(save);
	ckpt_objects_free(save);
}

static void every_reference_is_given_back(struct kunit *test)
{
	struct ckpt_save *save = kunit_kzalloc(test, sizeof(*save), GFP_KERNEL);
	struct table *t = test->priv;
	u32 id, i;

	KUNIT_ASSERT_NOT_NULL(test, save);
	INIT_LIST_HEAD(&save->chunks);
	KUNIT_ASSERT_EQ(test, 0, ckpt_objects_init(save));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_objects, save));
	for (i = 0; i < ARRAY_SIZE(t->thing); i++) {
		t->thing[i].err = i == 7 ? -EIO : 0;
		ckpt_object_see(save, &t->thing[i], &thing_ops);
		ckpt_object(save, &t->thing[i], &thing_ops, &id);
		KUNIT_EXPECT_EQ(test, 1, t->thing[i].refs);
	}
	kunit_release_action(test, free_objects, save);
	for (i = 0; i < ARRAY_SIZE(t->thing); i++)
		KUNIT_EXPECT_EQ_MSG(test, 0, t->thing[i].refs, "thing %u", i);
}

/* One reference is the table's, those seen are the group's. */
static void a_surplus_is_what_others_hold(struct kunit *test)
{
	struct table *t = test->priv;
	struct thing *thing = &t->thing[0];
	struct ckpt_obj *obj;

	thing->refs = 2;
	ckpt_object_see(t->save, thing, &thing_ops);
	obj = ckpt_object_see(t->save, thing, &thing_ops);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, 0, ckpt_object_surplus(t->save, obj));
	thing->refs += 3;
	KUNIT_EXPECT_EQ(test, 3, ckpt_object_surplus(t->save, obj));
}

static void a_surplus_that_goes_away_is_waited_for(struct kunit *test)
{
	struct table *t = test->priv;
	struct thing *thing = &t->thing[0];
	struct ckpt_obj *obj;

	/* the group's, and one that falls when its count is taken again */
	thing->refs = 2;
	thing->falls_after = 3;
	obj = ckpt_object_see(t->save, thing, &thing_ops);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, 0, ckpt_object_surplus(t->save, obj));
	KUNIT_EXPECT_EQ(test, 3, thing->looks);
}

/* That many are shared is for others to say: all are waited for no longer than a second. */
static void surpluses_are_waited_for_a_second_in_all(struct kunit *test)
{
	struct table *t = test->priv;
	struct ckpt_obj *obj;
	struct thing *thing;
	int i;

	/* of which little is left, so that the case is short: it is enough for three */
	t->save->waited_us = USEC_PER_SEC - 100 * USEC_PER_MSEC;
	for (i = 0; i < ARRAY_SIZE(t->thing); i++) {
		thing = &t->thing[i];
		thing->refs = 2;
		thing->falls_after = INT_MAX;
		obj = ckpt_object_see(t->save, thing, &thing_ops);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
		KUNIT_EXPECT_EQ_MSG(test, 1, ckpt_object_surplus(t->save, obj), "thing %d", i);
		if (i < 3)
			KUNIT_EXPECT_EQ_MSG(test, 6, thing->looks, "thing %d", i);
		if (i > 3)
			KUNIT_EXPECT_EQ_MSG(test, 1, thing->looks, "thing %d", i);
	}
}

static struct kunit_case object_cases[] = {
	KUNIT_CASE(ids_are_dense_in_the_order_of_capture),
	KUNIT_CASE(an_object_met_twice_is_captured_once),
	KUNIT_CASE(an_object_follows_the_one_that_it_refers_to),
	KUNIT_CASE(a_refused_object_has_no_id_and_is_refused_once),
	KUNIT_CASE(an_error_of_capture_ends_the_call),
	KUNIT_CASE(references_are_counted_before_capture),
	KUNIT_CASE(every_reference_is_given_back),
	KUNIT_CASE(a_surplus_is_what_others_hold),
	KUNIT_CASE(a_surplus_that_goes_away_is_waited_for),
	KUNIT_CASE(surpluses_are_waited_for_a_second_in_all),
	{}
};

static struct kunit_suite object_suite = {
	.name = "checkpoint_object",
	.init = object_init,
	.test_cases = object_cases,
};
kunit_test_suite(object_suite);
