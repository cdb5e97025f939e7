// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's allocators on top of malloc(), to the byte, so that
 * AddressSanitizer knows the bounds of each object. They are counted, and one of
 * them can fail, or all from one on: an xarray tries twice. What a call
 * allocates must be charged to its caller.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "kernel.h"

void *malloc(size_t size);
void *calloc(size_t nr, size_t size);
void free(void *mem);

kmem_buckets kmalloc_caches[NR_KMALLOC_TYPES];
struct kmem_cache *radix_tree_node_cachep;

static long live;
static unsigned long until_failure, again;
static struct rcu_head *later;

static void *get(size_t size, gfp_t gfp)
{
	void *mem;

	if (!(gfp & __GFP_ACCOUNT))
		fuzz_complain("memory is not charged to the caller");
	if (until_failure && !--until_failure) {
		until_failure = again;
		return NULL;
	}
	if (!size)
		return ZERO_SIZE_PTR;
	mem = gfp & __GFP_ZERO ? calloc(1, size) : malloc(size);
	if (!mem)
		fuzz_complain("malloc() failed");
	live++;
	return mem;
}

static void put(const void *mem)
{
	if (ZERO_OR_NULL_PTR(mem))
		return;
	live--;
	free((void *)mem);
}

/* ---- Slab ---- */

void *__kmalloc_noprof(size_t size, gfp_t flags)
{
	return get(size, flags);
}

void *__kmalloc_large_noprof(size_t size, gfp_t flags)
{
	return get(size, flags);
}

void *__kmalloc_cache_noprof(struct kmem_cache *cache, gfp_t flags, size_t size)
{
	return get(size, flags);
}

void *__kvmalloc_node_noprof(DECL_BUCKET_PARAMS(size, b), gfp_t flags, int node)
{
	return get(size, flags);
}

void kfree(const void *mem)
{
	put(mem);
}

void kvfree(const void *mem)
{
	put(mem);
}

/* The only cache is that of the xarray, whose objects come out clean. */
void *kmem_cache_alloc_lru_noprof(struct kmem_cache *cache, struct list_lru *lru, gfp_t flags)
{
	struct xa_node *node = get(sizeof(*node), flags | __GFP_ZERO);

	if (node)
		INIT_LIST_HEAD(&node->private_list);
	return node;
}

void radix_tree_node_rcu_free(struct rcu_head *head)
{
	put(container_of(head, struct xa_node, rcu_head));
}

/* A grace period is over when the call is. */
void call_rcu(struct rcu_head *head, rcu_callback_t func)
{
	head->func = func;
	head->next = later;
	later = head;
}

/* ---- Pages ---- */

/* put_page() asks whether tail pages of huge pages have a page struct. */
DEFINE_STATIC_KEY_FALSE(hugetlb_optimize_vmemmap_key);

void *fuzz_page_memory(const struct page *page)
{
	return (void *)page->private;
}

struct page *alloc_pages_noprof(gfp_t gfp, unsigned int order)
{
	struct page *page = get(sizeof(*page), gfp | __GFP_ZERO);

	if (!page)
		return NULL;
	page->private = (unsigned long)malloc(PAGE_SIZE << order);
	page_ref_inc(page);
	return page;
}

void __folio_put(struct folio *folio)
{
	free((void *)folio->page.private);
	put(folio);
}

/* ---- A call ---- */

void fuzz_memory_begin(unsigned long fail, bool fail_on)
{
	until_failure = fail;
	again = fail_on;
	live = 0;
}

long fuzz_memory_end(void)
{
	while (later) {
		struct rcu_head *head = later;

		later = head->next;
		head->func(head);
	}
	return live;
}
