// SPDX-License-Identifier: GPL-2.0
/*
 * The pages of a content block, and their digests, which a worker takes while the
 * call writes or reads another block. Nothing changes the pages meanwhile.
 */
#include <linux/crc32c.h>
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/swap.h>
#include <linux/xxhash.h>

#include "../mm/internal.h"
#include "digest.h"

static __le64 digest_of(struct page *page)
{
	void *data = kmap_local_page(page);
	u64 digest = xxh64(data, PAGE_SIZE, 0);

	kunmap_local(data);
	return cpu_to_le64(digest);
}

static void take(struct work_struct *work)
{
	struct ckpt_pages *pages = container_of(work, struct ckpt_pages, work);
	unsigned int i, j, nr = 0;

	for (i = 0; i < pages->nr_pieces; i++)
		for (j = 0; j < pages->piece[i].bv_len / PAGE_SIZE; j++)
			pages->digest[nr++] = digest_of(pages->piece[i].bv_page + j);
}

void ckpt_pages_init(struct ckpt_pages *pages)
{
	INIT_WORK(&pages->work, take);
}

/**
 * ckpt_pages_add - add pages of one folio
 * @pages: the block's pages, with room for them
 * @page: the first; a reference to its folio is taken over
 * @nr: how many
 */
void ckpt_pages_add(struct ckpt_pages *pages, struct page *page, unsigned int nr)
{
	bvec_set_page(&pages->piece[pages->nr_pieces++], page, nr * PAGE_SIZE, 0);
	pages->nr += nr;
}

/* Take the digests from now on; no page is added any more. */
void ckpt_pages_start(struct ckpt_pages *pages)
{
	queue_work(system_unbound_wq, &pages->work);
}

/**
 * ckpt_pages_crc - go on with a checksum over the digests
 * @pages: the pages, started
 * @crc: the checksum so far
 *
 * Context: waits until all digests are taken.
 */
u32 ckpt_pages_crc(struct ckpt_pages *pages, u32 crc)
{
	flush_work(&pages->work);
	return crc32c(crc, pages->digest, pages->nr * sizeof(*pages->digest));
}

/* Take a folio out of the swap cache, if nobody uses it; it is off the LRU lists. */
static bool forget_swapped(struct folio *folio)
{
	bool gone = false;

	if (!folio_trylock(folio))
		return false;
	if (folio_test_swapcache(folio) && !folio_mapped(folio))
		gone = remove_mapping(folio_mapping(folio), folio);
	folio_unlock(folio);
	return gone;
}

/*
 * A page that was read from swap for us alone goes from the swap cache at once. If its
 * group's swap is used up, reclaim would not look at it, and what is charged for it
 * would be missing for the next one.
 */
static void put_folio(struct folio *folio)
{
	bool isolated = folio_test_swapcache(folio) && !folio_mapped(folio) &&
			folio_isolate_lru(folio);

	folio_put(folio);
	if (!isolated)
		return;
	if (forget_swapped(folio)) {
		folio_clear_active(folio);
		folio_put(folio);
	} else {
		folio_putback_lru(folio);
	}
}

/**
 * ckpt_pages_put - let go of all pages, started or not
 * @pages: the pages; it can be used again
 */
void ckpt_pages_put(struct ckpt_pages *pages)
{
	flush_work(&pages->work);
	while (pages->nr_pieces)
		put_folio(page_folio(pages->piece[--pages->nr_pieces].bv_page));
	pages->nr = 0;
}
