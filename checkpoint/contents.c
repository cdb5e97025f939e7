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
#include <linux/highmem.h>
#include <linux/workqueue.h>

#include "mm.h"
#include "stream.h"

#define INDEX_PER_CHUNK		1024

/**
 * struct ckpt_block - a content block
 * @digest: takes @digests, from the moment the block is full
 * @header: its first page, with the record header
 * @nr_runs: runs so far
 * @nr_pages: pages so far
 * @nr_pieces: entries of @piece in use
 * @piece: pages that follow each other in a folio, one reference to each piece
 * @digests: of all pages
 */
struct ckpt_block {
	struct work_struct digest;
	struct {
		struct ckpt_record rec;
		struct ckpt_content content;
	} *header;
	unsigned int nr_runs;
	unsigned int nr_pages;
	unsigned int nr_pieces;
	struct bio_vec piece[CKPT_BLOCK_MAX_PAGES];
	__le64 digests[CKPT_BLOCK_MAX_PAGES];
};

static void take_digests(struct work_struct *work)
{
	struct ckpt_block *block = container_of(work, struct ckpt_block, digest);
	unsigned int i, j, nr = 0;

	for (i = 0; i < block->nr_pieces; i++)
		for (j = 0; j < block->piece[i].bv_len / PAGE_SIZE; j++)
			block->digests[nr++] = ckpt_page_digest(block->piece[i].bv_page + j);
}

static void free_block(struct ckpt_block *block);

static struct ckpt_block *new_block(void)
{
	struct ckpt_block *block = kvzalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);

	if (!block)
		return NULL;
	BUILD_BUG_ON(sizeof(*block->header) != PAGE_SIZE);
	INIT_WORK(&block->digest, take_digests);
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
	while (block->nr_pieces)
		put_piece(block->piece[--block->nr_pieces].bv_page);
	block->nr_pages = 0;
	block->nr_runs = 0;
	memset(block->header, 0, PAGE_SIZE);
}

static void free_block(struct ckpt_block *block)
{
	if (!block)
		return;
	flush_work(&block->digest);
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
	u32 crc;

	rec->type = cpu_to_le32(CKPT_REC_CONTENT);
	rec->fixed = cpu_to_le16(sizeof(*content));
	rec->len = cpu_to_le64(sizeof(*content) + (u64)block->nr_pages * PAGE_SIZE);
	rec->seq = cpu_to_le32(stream->seq++);
	content->nr_runs = cpu_to_le32(block->nr_runs);
	content->nr_pages = cpu_to_le32(block->nr_pages);

	flush_work(&block->digest);
	crc = crc32c(ckpt_record_crc(stream, rec), content, sizeof(*content));
	ckpt_seal_crc(stream, rec, crc32c(crc, block->digests,
					  block->nr_pages * sizeof(*block->digests)));
}

static int write_block(struct ckpt_save *save, struct ckpt_block *block)
{
	struct ckpt_stream *stream = &save->call.stream;
	size_t len = (size_t)block->nr_pages * PAGE_SIZE;
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
		err = ckpt_stream_write_bvec(stream, block->piece, block->nr_pieces, len);
	save->call.result.pages += block->nr_pages;
	empty_block(block);
	return err;
}

/* The block is full: have its digests taken, and write the one before it. */
static int turn(struct ckpt_save *save)
{
	if (save->block->nr_runs)
		queue_work(system_unbound_wq, &save->block->digest);
	swap(save->block, save->full_block);
	return write_block(save, save->block);
}

static int flush(struct ckpt_save *save)
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
	struct ckpt_block *block;
	int err = 0;

	if (!continues(run, id, CKPT_RUN_DATA, flags, index))
		err = new_run(save, id, CKPT_RUN_DATA, index, &run);
	if (err) {
		put_piece(page);
		return err;
	}
	block = save->block;
	run->flags = cpu_to_le16(flags);
	le32_add_cpu(&run->count, nr);
	bvec_set_page(&block->piece[block->nr_pieces++], page, nr * PAGE_SIZE, 0);
	block->nr_pages += nr;
	return 0;
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
		if (save->block->nr_pages == CKPT_BLOCK_MAX_PAGES)
			err = turn(save);
		n = min(nr, CKPT_BLOCK_MAX_PAGES - save->block->nr_pages);
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
	struct ckpt_block *block;
	struct ckpt_run *run;
	int err = 0;

	if (save->block->nr_pages == CKPT_BLOCK_MAX_PAGES)
		err = turn(save);
	if (!err)
		err = new_run(save, id, CKPT_RUN_BYTES, offset, &run);
	if (err)
		return err;
	block = save->block;
	run->count = cpu_to_le32(bytes);
	get_page(page);
	bvec_set_page(&block->piece[block->nr_pieces++], page, PAGE_SIZE, 0);
	block->nr_pages++;
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
	return from_snapshots || save->live ? flush(save) : 0;
}
