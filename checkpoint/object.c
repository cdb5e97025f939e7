// SPDX-License-Identifier: GPL-2.0
/*
 * The table of shared objects of a checkpoint: from pointer to id. It holds
 * one reference to each, so that a task killed meanwhile cannot make an
 * address mean something else, and counts the references met, so that an
 * object that is shared with the outside is noticed.
 */
#include <linux/delay.h>
#include <linux/sched/signal.h>

#include "internal.h"

static const struct rhashtable_params params = {
	.key_len	= sizeof(void *),
	.key_offset	= offsetof(struct ckpt_obj, ptr),
	.head_offset	= offsetof(struct ckpt_obj, node),
};

int ckpt_objects_init(struct ckpt_save *save)
{
	INIT_LIST_HEAD(&save->object_list);
	return rhashtable_init(&save->objects, &params);
}

static void put_object(struct ckpt_obj *obj)
{
	if (!obj->put)
		obj->survey->put(obj->ptr);
	obj->put = true;
}

/**
 * ckpt_objects_put - let go of the group's objects, but not of their snapshots
 * @save: the call, which looks at no object any more
 *
 * While the group is held nobody notices. A file that is closed later, a process
 * that ends or changes its rights must not find that somebody else has it, too.
 */
void ckpt_objects_put(struct ckpt_save *save)
{
	struct ckpt_obj *obj;

	list_for_each_entry(obj, &save->object_list, list)
		put_object(obj);
}

void ckpt_objects_free(struct ckpt_save *save)
{
	struct ckpt_obj *obj, *next;

	rhashtable_destroy(&save->objects);
	list_for_each_entry_safe(obj, next, &save->object_list, list) {
		ckpt_drop_snapshot(obj);
		put_object(obj);
		kfree(obj);
	}
}

struct ckpt_obj *ckpt_object_find(struct ckpt_save *save, void *ptr)
{
	return rhashtable_lookup_fast(&save->objects, &ptr, params);
}

static struct ckpt_obj *add_object(struct ckpt_save *save, void *ptr,
				   const struct ckpt_ops *ops)
{
	struct ckpt_obj *obj __free(kfree) = kzalloc(sizeof(*obj),
						     GFP_KERNEL_ACCOUNT);
	int err;

	if (!obj)
		return ERR_PTR(-ENOMEM);
	obj->ptr = ptr;
	obj->survey = ops;
	obj->pid = save->where.pid;
	err = rhashtable_insert_fast(&save->objects, &obj->node, params);
	if (err)
		return ERR_PTR(err);
	ops->get(ptr);
	list_add_tail(&obj->list, &save->object_list);
	return no_free_ptr(obj);
}

/**
 * ckpt_object_see - count a reference to an object
 * @save: the call
 * @ptr: the object
 * @ops: its row
 *
 * Return: the object's entry, or an ERR_PTR.
 */
struct ckpt_obj *ckpt_object_see(struct ckpt_save *save, void *ptr,
				 const struct ckpt_ops *ops)
{
	struct ckpt_obj *obj = ckpt_object_find(save, ptr);

	if (!obj)
		obj = add_object(save, ptr, ops);
	if (!IS_ERR(obj))
		obj->seen++;
	return obj;
}

/**
 * ckpt_object - the id of an object; capture it first if that was not done
 * @save: the call
 * @ptr: the object
 * @ops: its row
 * @id: its id; 0 when it was refused
 *
 * Return: 0 or an errno.
 */
int ckpt_object(struct ckpt_save *save, void *ptr, const struct ckpt_ops *ops,
		u32 *id)
{
	struct ckpt_obj *obj = ckpt_object_find(save, ptr);
	int err;

	if (!obj) {
		obj = add_object(save, ptr, ops);
		if (IS_ERR(obj))
			return PTR_ERR(obj);
	}
	if (!obj->captured) {
		obj->captured = true;
		obj->ops = ops;
		err = ops->checkpoint(save, obj);
		if (err)
			return err;
	}
	*id = obj->id;
	return 0;
}

/**
 * ckpt_emit_object - add the record of an object, and give it its id
 * @save: the call
 * @obj: the object; those that it refers to were captured before
 * @tail: bytes of the record's tail
 *
 * Return: as ckpt_emit().
 */
void *ckpt_emit_object(struct ckpt_save *save, struct ckpt_obj *obj, size_t tail)
{
	__le32 *data = ckpt_emit(save, obj->ops, tail);

	if (data) {
		obj->id = ++save->nr_objects;
		*data = cpu_to_le32(obj->id);
	}
	return data;
}

/* A reference that goes away by itself is waited for this often, and in all so long. */
#define SURPLUS_TRIES	5
#define SURPLUS_US	USEC_PER_SEC

/**
 * ckpt_object_surplus - do more hold an object than were seen in the group?
 * @save: the call
 * @obj: the object, after the survey
 *
 * Readers of /proc and closes under way hold references for a moment, so a
 * surplus is looked at again a few times, for 31 ms, or a second for all objects of
 * a call: how many are shared is for others to say.
 *
 * Return: how many references are not the group's.
 */
long ckpt_object_surplus(struct ckpt_save *save, struct ckpt_obj *obj)
{
	long surplus;
	int i;

	for (i = 0; ; i++) {
		/* one reference is the table's */
		surplus = obj->survey->count(obj->ptr) - obj->seen - 1;
		if (surplus <= 0 || i == SURPLUS_TRIES || save->waited_us > SURPLUS_US ||
		    fatal_signal_pending(current))
			return surplus;
		fsleep(USEC_PER_MSEC << i);
		save->waited_us += USEC_PER_MSEC << i;
	}
}

/**
 * ckpt_take_snapshots - keep objects as they are now, apart from the group
 * @save: the call, with all captured, the group held
 *
 * Return: 0 or an errno. An object that cannot have one has none, and that is
 * logged.
 */
int ckpt_take_snapshots(struct ckpt_save *save)
{
	struct ckpt_obj *obj;
	int err;

	list_for_each_entry(obj, &save->object_list, list) {
		if (!obj->id || !obj->ops->snapshot)
			continue;
		if (fatal_signal_pending(current))
			return -EINTR;
		save->where = (struct ckpt_where){ .pid = obj->pid, .fd = -1 };
		err = obj->ops->snapshot(save, obj);
		if (err)
			return err;
	}
	return 0;
}

void ckpt_drop_snapshot(struct ckpt_obj *obj)
{
	if (obj->snapshot)
		obj->ops->put_snapshot(obj->snapshot);
	obj->snapshot = NULL;
}
