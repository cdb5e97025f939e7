// SPDX-License-Identifier: GPL-2.0
/*
 * The processes of an image as a forest. Parents are named by thread, and may
 * be forged: nothing here recurses or follows a cycle.
 */
#include <stdlib.h>
#include <string.h>

#include "forest.h"

struct tid {
	uint32_t tid;
	size_t node;
};

static int compare_tids(const void *a, const void *b)
{
	uint32_t x = ((const struct tid *)a)->tid, y = ((const struct tid *)b)->tid;

	return (x > y) - (x < y);
}

static void add_node(struct forest *f, const struct image *im, size_t at)
{
	struct ckpt_process p;

	RECORD_GET(&im->records[at], p);
	if (!(f->nr & (f->nr - 1)))
		f->nodes = xrealloc(f->nodes, f->nr ? 2 * f->nr : 1, sizeof(*f->nodes));
	f->nodes[f->nr++] = (struct node){
		.record = at,
		.parent = NOBODY,
		.child = NOBODY,
		.next = NOBODY,
		.tgid = le32toh(p.tgid),
		.parent_tid = le32toh(p.parent),
	};
}

static void add_tid(struct tid **tids, size_t *nr, uint32_t tid, size_t node)
{
	if (!(*nr & (*nr - 1)))
		*tids = xrealloc(*tids, *nr ? 2 * *nr : 1, sizeof(**tids));
	(*tids)[(*nr)++] = (struct tid){ tid, node };
}

/* Every thread may be a parent; a zombie may come without a thread. */
static struct tid *collect(struct forest *f, const struct image *im, size_t *nr)
{
	struct tid *tids = NULL;
	struct ckpt_thread t;
	size_t i;

	*nr = 0;
	for (i = 0; i < im->nr_records; i++) {
		if (im->records[i].type == CKPT_REC_PROCESS) {
			add_node(f, im, i);
			add_tid(&tids, nr, f->nodes[f->nr - 1].tgid, f->nr - 1);
		}
		if (!f->nr)
			continue;
		f->nodes[f->nr - 1].nr_records++;
		if (im->records[i].type != CKPT_REC_THREAD)
			continue;
		RECORD_GET(&im->records[i], t);
		if (le32toh(t.tid) != f->nodes[f->nr - 1].tgid)
			add_tid(&tids, nr, le32toh(t.tid), f->nr - 1);
	}
	if (*nr)
		qsort(tids, *nr, sizeof(*tids), compare_tids);
	return tids;
}

static int link_nodes(struct forest *f, struct image *im, const struct tid *tids, size_t nr)
{
	const struct tid *parent;
	struct tid key;
	size_t i, *list;

	/* from the last: lists come out in the order of the image */
	for (i = f->nr; i-- > 0;) {
		list = &f->root;
		if (f->nodes[i].parent_tid) {
			key.tid = f->nodes[i].parent_tid;
			parent = bsearch(&key, tids, nr, sizeof(*tids), compare_tids);
			if (!parent)
				return image_fail(im, im->records[f->nodes[i].record].offset,
						  "process %u is the child of %u, which is not there",
						  f->nodes[i].tgid, key.tid);
			f->nodes[i].parent = parent->node;
			list = &f->nodes[parent->node].child;
		}
		f->nodes[i].next = *list;
		*list = i;
	}
	return 0;
}

static int check_tids(struct image *im, const struct tid *tids, size_t nr)
{
	size_t i;

	for (i = 1; i < nr; i++)
		if (tids[i].tid == tids[i - 1].tid)
			return image_fail(im, 0, "two tasks have the pid %u", tids[i].tid);
	return 0;
}

/* Those in a cycle cannot be reached from a root. */
static int check_reached(struct forest *f, struct image *im)
{
	unsigned int depth = 0;
	size_t i;

	for (i = f->root; i != NOBODY; i = forest_next(f, i, &depth))
		f->nodes[i].seen = true;
	for (i = 0; i < f->nr; i++)
		if (!f->nodes[i].seen)
			return image_fail(im, im->records[f->nodes[i].record].offset,
					  "process %u is its own ancestor", f->nodes[i].tgid);
	return 0;
}

int forest_build(struct forest *f, struct image *im)
{
	struct tid *tids;
	size_t nr;
	int err;

	*f = (struct forest){ .root = NOBODY };
	tids = collect(f, im, &nr);
	err = check_tids(im, tids, nr) || link_nodes(f, im, tids, nr) || check_reached(f, im);
	free(tids);
	return err ? -1 : 0;
}

/* The next one, parents before their children; NOBODY after the last. */
size_t forest_next(const struct forest *f, size_t node, unsigned int *depth)
{
	if (f->nodes[node].child != NOBODY) {
		++*depth;
		return f->nodes[node].child;
	}
	while (node != NOBODY && f->nodes[node].next == NOBODY) {
		node = f->nodes[node].parent;
		--*depth;
	}
	return node == NOBODY ? NOBODY : f->nodes[node].next;
}

void forest_free(struct forest *f)
{
	free(f->nodes);
}
