// SPDX-License-Identifier: GPL-2.0
/*
 * Contents, gathered into blocks: a header page with up to 126 runs, then the
 * pages of the runs, written from where they are without a copy. The checksum
 * is taken just before: the group is held, so that they do not change.
 */
#include <linux/bvec.h>
#include <linux/crc32c.h>
#include <linux/highmem.h>

#include "mm.h"
#include "stream.h"

#define INDEX_PER_CHUNK		1024

/**
 * struct ckpt_block - a content block being gathered
 * @header: its first page, with the record header
 * @nr_runs: runs so far
 * @nr_pages: pages so far
 * @pages: the pages, referenced
 * @bvec: room to write them from
 */
struct ckpt_block {
	struct {
		struct ckpt_record rec;
		struct ckpt_content content;
	} *header;
	unsigned int nr_runs;
	unsigned int nr_pages;
	struct page *pages[CKPT_BLOCK_MAX_PAGES];
	struct bio_vec bvec[CKPT_BLOCK_MAX_PAGES];
};

static struct ckpt_block *new_block(void)
{
	struct ckpt_block *block __free(kvfree) =
		kvzalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);

	if (!block)
		return NULL;
	BUILD_BUG_ON(sizeof(*block->header) != PAGE_SIZE);
	block->header = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return block->header ? no_free_ptr(block) : NULL;
}

static void drop_pages(struct ckpt_block *block)
{
	while (block->nr_pages)
		put_page(block->pages[--block->nr_pages]);
	block->nr_runs = 0;
}

void ckpt_free_contents(struct ckpt_save *save)
{
	struct ckpt_index_chunk *chunk, *next;

	if (save->block) {
		drop_pages(save->block);
		free_page((unsigned long)save->block->header);
		kvfree(save->block);
		save->block = NULL;
	}
	ckpt_put_shared_pages(save);
	list_for_each_entry_safe(chunk, next, &save->index_list, list)
		kvfree(chunk);
	INIT_LIST_HEAD(&save->index_list);
}

static u32 crc_pages(u32 crc, struct ckpt_block *block)
{
	unsigned int i;
	void *data;

	for (i = 0; i < block->nr_pages; i++) {
		data = kmap_local_page(block->pages[i]);
		crc = crc32c(crc, data, PAGE_SIZE);
		kunmap_local(data);
	}
	return crc;
}

/* As few segments as the pages allow. */
static unsigned int fill_bvec(struct ckpt_block *block)
{
	struct bio_vec *bvec = block->bvec;
	unsigned int nr = 0, i;

	for (i = 0; i < block->nr_pages; i++) {
		if (nr && block->pages[i] == block->pages[i - 1] + 1 &&
		    page_folio(block->pages[i]) == page_folio(block->pages[i - 1]))
			bvec[nr - 1].bv_len += PAGE_SIZE;
		else
			bvec_set_page(&bvec[nr++], block->pages[i], PAGE_SIZE, 0);
	}
	return nr;
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

static int index_block(struct ckpt_save *save)
{
	struct ckpt_block *block = save->block;
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

static int flush(struct ckpt_save *save)
{
	struct ckpt_stream *stream = &save->call.stream;
	struct ckpt_block *block = save->block;
	struct ckpt_record *rec = &block->header->rec;
	struct ckpt_content *content = &block->header->content;
	size_t len = (size_t)block->nr_pages * PAGE_SIZE;
	int err;

	if (!block->nr_runs)
		return 0;
	err = ckpt_stream_pad(stream) ?: index_block(save);
	if (err)
		return err;

	rec->type = cpu_to_le32(CKPT_REC_CONTENT);
	rec->fixed = cpu_to_le16(sizeof(*content));
	rec->len = cpu_to_le64(sizeof(*content) + len);
	rec->seq = cpu_to_le32(stream->seq++);
	content->nr_runs = cpu_to_le32(block->nr_runs);
	content->nr_pages = cpu_to_le32(block->nr_pages);
	ckpt_seal_crc(stream, rec,
		      crc_pages(crc32c(ckpt_record_crc(stream, rec), content,
				       sizeof(*content)), block));

	err = ckpt_stream_write(stream, block->header, PAGE_SIZE);
	if (!err && len)
		err = ckpt_stream_write_bvec(stream, block->bvec,
					     fill_bvec(block), len);
	save->call.result.pages += block->nr_pages;
	drop_pages(block);
	memset(block->header, 0, PAGE_SIZE);
	return err;
}

static struct ckpt_run *last_run(struct ckpt_block *block)
{
	return block->nr_runs ?
	       &block->header->content.runs[block->nr_runs - 1] : NULL;
}

/* Can this page go on the last run? */
static bool continues(const struct ckpt_run *run, u32 id, u16 kind, u64 index)
{
	return run && le32_to_cpu(run->object) == id &&
	       le16_to_cpu(run->kind) == kind &&
	       le64_to_cpu(run->index) + le32_to_cpu(run->count) == index;
}

static int new_run(struct ckpt_save *save, u32 id, u16 kind, u64 index,
		   struct ckpt_run **run)
{
	struct ckpt_block *block = save->block;
	int err = 0;

	if (block->nr_runs == CKPT_RUNS_PER_BLOCK)
		err = flush(save);
	if (err)
		return err;
	*run = &block->header->content.runs[block->nr_runs++];
	(*run)->object = cpu_to_le32(id);
	(*run)->kind = cpu_to_le16(kind);
	(*run)->index = cpu_to_le64(index);
	return 0;
}

static int add_page(struct ckpt_save *save, u32 id, u64 index, struct page *page)
{
	struct ckpt_block *block = save->block;
	struct ckpt_run *run;
	int err = 0;

	if (block->nr_pages == CKPT_BLOCK_MAX_PAGES)
		err = flush(save);
	run = last_run(block);
	if (!err && !continues(run, id, CKPT_RUN_DATA, index))
		err = new_run(save, id, CKPT_RUN_DATA, index, &run);
	if (err)
		return err;
	le32_add_cpu(&run->count, 1);
	get_page(page);
	block->pages[block->nr_pages++] = page;
	return 0;
}

/**
 * ckpt_contents_pages - add pages to the contents of an object
 * @save: the call
 * @id: the object
 * @index: page of the object that the first one is
 * @pages: the pages; a reference is taken to each
 * @nr: how many
 *
 * Return: 0 or the error of writing a full block.
 */
int ckpt_contents_pages(struct ckpt_save *save, u32 id, u64 index,
			struct page **pages, unsigned int nr)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < nr; i++)
		err = add_page(save, id, index + i, pages[i]);
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

	if (!continues(run, id, CKPT_RUN_SAME, index) ||
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
	struct ckpt_block *block = save->block;
	struct ckpt_run *run;
	int err = 0;

	if (block->nr_pages == CKPT_BLOCK_MAX_PAGES)
		err = flush(save);
	if (!err)
		err = new_run(save, id, CKPT_RUN_BYTES, offset, &run);
	if (err)
		return err;
	run->count = cpu_to_le32(bytes);
	get_page(page);
	block->pages[block->nr_pages++] = page;
	return 0;
}

/**
 * ckpt_write_contents - write the contents of all objects that have some
 * @save: the call, its metadata written
 */
int ckpt_write_contents(struct ckpt_save *save)
{
	struct ckpt_obj *obj;
	int err;

	save->block = new_block();
	if (!save->block)
		return -ENOMEM;
	list_for_each_entry(obj, &save->object_list, list) {
		if (!obj->id || !obj->ops->contents)
			continue;
		save->where = (struct ckpt_where){ .pid = obj->pid, .fd = -1 };
		err = obj->ops->contents(save, obj);
		if (err)
			return err;
	}
	return flush(save);
}
