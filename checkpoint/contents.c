// SPDX-License-Identifier: GPL-2.0
/*
 * Contents, gathered into blocks: a header page with up to 126 runs, then the
 * pages of the runs, written from where they are without a copy.
 *
 * There are two blocks. While one is written, a worker takes the digests of the
 * other's pages, which its checksum is made of: nothing changes them, as the
 * group is held, or they belong to a snapshot.
 */
#include <linux/bvec.h>
#include <linux/crc32c.h>

#include "digest.h"
#include "mm.h"
#include "stream.h"

#define INDEX_PER_CHUNK		1024

/**
 * struct ckpt_block - a content block
 * @header: its first page, with the record header
 * @nr_runs: runs so far
 * @pages: their pages
 */
struct ckpt_block {
	struct {
		struct ckpt_record rec;
		struct ckpt_content content;
	} *header;
	unsigned int nr_runs;
	struct ckpt_pages pages;
};

static struct ckpt_block *new_block(void)
{
	struct ckpt_block *block = kvzalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);

	if (!block)
		return NULL;
	BUILD_BUG_ON(sizeof(*block->header) != PAGE_SIZE);
	ckpt_pages_init(&block->pages);
	block->header = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (block->header)
		return block;
	kvfree(block);
	return NULL;
}

static void put_piece(struct page *page)
{
	folio_put(page_folio(page));
}

static void empty_block(struct ckpt_block *block)
{
	ckpt_pages_put(&block->pages);
	block->nr_runs = 0;
	memset(block->header, 0, PAGE_SIZE);
}

static void free_block(struct ckpt_block *block)
{
	if (!block)
		return;
	empty_block(block);
	free_page((unsigned long)block->header);
	kvfree(block);
}

/**
 * ckpt_free_contents - what is left of contents, written or not
 * @save: the call
 */
void ckpt_free_contents(struct ckpt_save *save)
{
	struct ckpt_index_chunk *chunk, *next;

	free_block(save->block);
	free_block(save->full_block);
	save->block = NULL;
	save->full_block = NULL;
	ckpt_put_shared_pages(save);
	list_for_each_entry_safe(chunk, next, &save->index_list, list)
		kvfree(chunk);
	INIT_LIST_HEAD(&save->index_list);
}

static int index_add(struct ckpt_save *save, const struct ckpt_run *run, u64 offset)
{
	struct ckpt_index_chunk *chunk = NULL;
	struct ckpt_index *entry;

	if (!list_empty(&save->index_list))
		chunk = list_last_entry(&save->index_list, struct ckpt_index_chunk, list);
	if (!chunk || chunk->nr == INDEX_PER_CHUNK) {
		chunk = kvzalloc(struct_size(chunk, entry, INDEX_PER_CHUNK),
				 GFP_KERNEL_ACCOUNT);
		if (!chunk)
			return -ENOMEM;
		list_add_tail(&chunk->list, &save->index_list);
	}
	entry = &chunk->entry[chunk->nr++];
	entry->object = run->object;
	entry->count = run->count;
	entry->index = run->index;
	entry->offset = cpu_to_le64(offset);
	return 0;
}

static int index_block(struct ckpt_save *save, struct ckpt_block *block)
{
	u64 offset = save->call.stream.offset + PAGE_SIZE;
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < block->nr_runs; i++) {
		const struct ckpt_run *run = &block->header->content.runs[i];

		switch (le16_to_cpu(run->kind)) {
		case CKPT_RUN_DATA:
			err = index_add(save, run, offset);
			offset += (u64)le32_to_cpu(run->count) * PAGE_SIZE;
			break;
		case CKPT_RUN_BYTES:
			offset += PAGE_ALIGN(le32_to_cpu(run->count));
			break;
		}
	}
	return err;
}

static void seal_block(struct ckpt_stream *stream, struct ckpt_block *block)
{
	struct ckpt_content *content = &block->header->content;
	struct ckpt_record *rec = &block->header->rec;
	unsigned int nr = block->pages.nr;
	u32 crc;

	rec->type = cpu_to_le32(CKPT_REC_CONTENT);
	rec->fixed = cpu_to_le16(sizeof(*content));
	rec->len = cpu_to_le64(sizeof(*content) + (u64)nr * PAGE_SIZE);
	rec->seq = cpu_to_le32(stream->seq++);
	content->nr_runs = cpu_to_le32(block->nr_runs);
	content->nr_pages = cpu_to_le32(nr);

	crc = crc32c(ckpt_record_crc(stream, rec), content, sizeof(*content));
	ckpt_seal_crc(stream, rec, ckpt_pages_crc(&block->pages, crc));
}

static int write_block(struct ckpt_save *save, struct ckpt_block *block)
{
	struct ckpt_stream *stream = &save->call.stream;
	struct ckpt_pages *pages = &block->pages;
	size_t len = (size_t)pages->nr * PAGE_SIZE;
	int err;

	if (!block->nr_runs)
		return 0;
	err = ckpt_write_metadata(save) ?:
	      ckpt_stream_pad(stream) ?:
	      index_block(save, block);
	if (err)
		return err;
	seal_block(stream, block);
	err = ckpt_stream_write(stream, block->header, PAGE_SIZE);
	if (!err && len)
		err = ckpt_stream_write_bvec(stream, pages->piece, pages->nr_pieces, len);
	save->call.result.pages += pages->nr;
	empty_block(block);
	return err;
}

/* The block is full: have its digests taken, and write the one before it. */
static int turn(struct ckpt_save *save)
{
	if (save->block->nr_runs)
		ckpt_pages_start(&save->block->pages);
	swap(save->block, save->full_block);
	return write_block(save, save->block);
}

/**
 * ckpt_flush_contents - write what is in the blocks, which let go of its pages
 * @save: the call
 */
int ckpt_flush_contents(struct ckpt_save *save)
{
	return turn(save) ?: turn(save);
}

static struct ckpt_run *last_run(struct ckpt_block *block)
{
	return block->nr_runs ?
	       &block->header->content.runs[block->nr_runs - 1] : NULL;
}

/* Can this page go on the last run? */
static bool continues(const struct ckpt_run *run, u32 id, u16 kind, u16 flags, u64 index)
{
	return run && le32_to_cpu(run->object) == id &&
	       le16_to_cpu(run->kind) == kind && le16_to_cpu(run->flags) == flags &&
	       le64_to_cpu(run->index) + le32_to_cpu(run->count) == index;
}

static int new_run(struct ckpt_save *save, u32 id, u16 kind, u64 index,
		   struct ckpt_run **run)
{
	int err = 0;

	if (save->block->nr_runs == CKPT_RUNS_PER_BLOCK)
		err = turn(save);
	if (err)
		return err;
	*run = &save->block->header->content.runs[save->block->nr_runs++];
	(*run)->object = cpu_to_le32(id);
	(*run)->kind = cpu_to_le16(kind);
	(*run)->index = cpu_to_le64(index);
	return 0;
}

/* The reference goes to the block, also when it fails. */
static int add_piece(struct ckpt_save *save, u32 id, u16 flags, u64 index,
		     struct page *page, unsigned int nr)
{
	struct ckpt_run *run = last_run(save->block);
	int err = 0;

	if (!continues(run, id, CKPT_RUN_DATA, flags, index))
		err = new_run(save, id, CKPT_RUN_DATA, index, &run);
	if (err) {
		put_piece(page);
		return err;
	}
	run->flags = cpu_to_le16(flags);
	le32_add_cpu(&run->count, nr);
	ckpt_pages_add(&save->block->pages, page, nr);
	return 0;
}

/* What fills a page table is kept in one block, so that it may come back as a huge page. */
static bool has_room(const struct ckpt_block *block, u64 index)
{
	unsigned int left = CKPT_BLOCK_MAX_PAGES - block->pages.nr;

	return left >= (index % PTRS_PER_PTE ? 1 : PTRS_PER_PTE);
}

/**
 * ckpt_contents_pages - add pages to the contents of an object
 * @save: the call
 * @id: the object
 * @flags: CKPT_RUN_F_*
 * @index: page of the object that the first one is
 * @page: the first; the others follow it in its folio
 * @nr: how many
 *
 * Takes over a reference to the folio, also when it fails.
 *
 * Return: 0 or the error of writing a full block.
 */
int ckpt_contents_pages(struct ckpt_save *save, u32 id, u16 flags, u64 index,
			struct page *page, unsigned int nr)
{
	unsigned int n;
	int err = 0;

	save->live |= !save->from_snapshots;
	for (; nr; index += n, page += n, nr -= n) {
		if (!has_room(save->block, index))
			err = turn(save);
		n = min(nr, CKPT_BLOCK_MAX_PAGES - save->block->pages.nr);
		if (err)
			break;
		if (n < nr)
			folio_get(page_folio(page));
		err = add_piece(save, id, flags, index, page, n);
		if (err && n == nr)
			return err;
		if (err)
			break;
	}
	if (err)
		put_piece(page);
	return err;
}

/**
 * ckpt_contents_same - a page that is the same as one written before
 * @save: the call
 * @id: the object
 * @index: page of the object
 * @src_id: the object that has the page too
 * @src_index: and where
 */
int ckpt_contents_same(struct ckpt_save *save, u32 id, u64 index,
		       u32 src_id, u64 src_index)
{
	struct ckpt_run *run = last_run(save->block);
	int err;

	if (!continues(run, id, CKPT_RUN_SAME, 0, index) ||
	    le32_to_cpu(run->src_object) != src_id ||
	    le64_to_cpu(run->src_index) + le32_to_cpu(run->count) != src_index) {
		err = new_run(save, id, CKPT_RUN_SAME, index, &run);
		if (err)
			return err;
		run->src_object = cpu_to_le32(src_id);
		run->src_index = cpu_to_le64(src_index);
	}
	le32_add_cpu(&run->count, 1);
	return 0;
}

/**
 * ckpt_contents_bytes - add bytes to the contents of an object
 * @save: the call
 * @id: the object
 * @offset: offset of the first byte in the object
 * @page: the bytes, and zeros to its end; a reference is taken
 * @bytes: how many, at most a page
 */
int ckpt_contents_bytes(struct ckpt_save *save, u32 id, u64 offset,
			struct page *page, size_t bytes)
{
	struct ckpt_run *run;
	int err = 0;

	if (save->block->pages.nr == CKPT_BLOCK_MAX_PAGES)
		err = turn(save);
	if (!err)
		err = new_run(save, id, CKPT_RUN_BYTES, offset, &run);
	if (err)
		return err;
	run->count = cpu_to_le32(bytes);
	get_page(page);
	ckpt_pages_add(&save->block->pages, page, 1);
	return 0;
}

static int new_blocks(struct ckpt_save *save)
{
	if (!save->block)
		save->block = new_block();
	if (!save->full_block)
		save->full_block = new_block();
	return save->block && save->full_block ? 0 : -ENOMEM;
}

/**
 * ckpt_write_contents - write contents of objects
 * @save: the call
 * @from_snapshots: of those that have a snapshot, or of the others
 *
 * The first of them that are written come after the metadata, which is written
 * then. Some may be in a block yet when this returns, if nothing changes them.
 *
 * Return: 0 or an errno.
 */
int ckpt_write_contents(struct ckpt_save *save, bool from_snapshots)
{
	struct ckpt_obj *obj;
	int err;

	err = new_blocks(save);
	if (err)
		return err;
	save->from_snapshots = from_snapshots;
	list_for_each_entry(obj, &save->object_list, list) {
		if (!obj->id || !obj->ops->contents || !obj->snapshot == from_snapshots)
			continue;
		save->where = (struct ckpt_where){ .pid = obj->pid, .fd = -1 };
		err = obj->ops->contents(save, obj);
		if (err)
			return err;
		/* those of its pages that are to be written have references */
		ckpt_drop_snapshot(obj);
		cond_resched();
	}
	return from_snapshots || save->live ? ckpt_flush_contents(save) : 0;
}
