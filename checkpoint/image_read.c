// SPDX-License-Identifier: GPL-2.0
/*
 * The image, read: all metadata first, each record copied once, checked and
 * kept; then contents, straight to where they belong; then index and trailer.
 * Whatever a record says is checked before it is used.
 */
#include <linux/crc32c.h>
#include <linux/elf.h>
#include <linux/sched/signal.h>

#include "internal.h"
#include "stream.h"

/* Kernel memory for metadata, charged to the caller's memory cgroup too. */
#define META_MAX	SZ_1G
/* What a record that is skipped, or HEADER, may have at most. */
#define SKIP_MAX	SZ_64K

static int broken(struct ckpt_load *load, const char *what)
{
	int err = load->call.stream.err ?: -EBADMSG;

	if (err == -EBADMSG)
		return ckpt_fail(load, NULL, err, "the image is damaged or truncated at offset %llu: %s",
				 load->call.stream.offset, what);
	return ckpt_fail(load, NULL, err, "cannot read the image at offset %llu: errno %d",
			 load->call.stream.offset, -err);
}

static int read_preamble(struct ckpt_load *load)
{
	struct ckpt_preamble preamble;

	if (ckpt_stream_read(&load->call.stream, &preamble, sizeof(preamble))) {
		if (load->call.stream.err != -EBADMSG)
			return broken(load, "preamble");
		return ckpt_fail(load, NULL, -ENOEXEC, "not a checkpoint image: too short");
	}
	if (memcmp(preamble.magic, CKPT_MAGIC, sizeof(preamble.magic)) ||
	    preamble.__reserved)
		return ckpt_fail(load, NULL, -ENOEXEC, "not a checkpoint image");
	if (le32_to_cpu(preamble.framing) != CKPT_FRAMING)
		return ckpt_fail(load, NULL, -ENOEXEC, "image framing %u is not known",
				 le32_to_cpu(preamble.framing));
	return 0;
}

/* Read the header of the next record, over the zeros in front of a block. */
static int read_record(struct ckpt_load *load, struct ckpt_record *rec)
{
	struct ckpt_stream *stream = &load->call.stream;
	u64 first, zero;

	if (ckpt_stream_read(stream, &first, sizeof(first)))
		return broken(load, "no trailer");
	if (!first)
		ckpt_stream_ahead(stream, -stream->offset % CKPT_PAGE_SIZE);
	while (!first && stream->offset % CKPT_PAGE_SIZE) {
		if (ckpt_stream_read(stream, &zero, sizeof(zero)))
			return broken(load, "no trailer");
		if (zero && (stream->offset - sizeof(zero)) % CKPT_PAGE_SIZE)
			return broken(load, "padding is not zero");
		first = zero;
	}
	if (!first && ckpt_stream_read(stream, &first, sizeof(first)))
		return broken(load, "no trailer");
	memcpy(rec, &first, sizeof(first));
	if (ckpt_stream_read(stream, (void *)rec + sizeof(first),
			     sizeof(*rec) - sizeof(first)))
		return broken(load, "no trailer");

	if (le32_to_cpu(rec->seq) != stream->seq || rec->__reserved ||
	    le16_to_cpu(rec->flags) & ~CKPT_REC_F_SKIPPABLE ||
	    le64_to_cpu(rec->len) % 8 ||
	    le16_to_cpu(rec->fixed) > le64_to_cpu(rec->len))
		return broken(load, "bad record header");
	stream->seq++;
	return 0;
}

static int check_crc(struct ckpt_load *load, const struct ckpt_record *rec, u32 crc)
{
	struct ckpt_stream *stream = &load->call.stream;

	if (crc != le32_to_cpu(rec->crc))
		return broken(load, "wrong checksum");
	stream->crcs = crc32c(stream->crcs, &rec->crc, sizeof(rec->crc));
	return 0;
}

static int read_header(struct ckpt_load *load)
{
	struct ckpt_stream *stream = &load->call.stream;
	struct ckpt_header *h;
	struct ckpt_record rec;
	int err;

	err = read_record(load, &rec);
	if (err)
		return err;
	if (le32_to_cpu(rec.type) != CKPT_REC_HEADER ||
	    le64_to_cpu(rec.len) != sizeof(*h) || le16_to_cpu(rec.fixed) != sizeof(*h))
		return broken(load, "no HEADER");
	h = kzalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);
	if (!h)
		return -ENOMEM;
	load->header = h;
	if (ckpt_stream_read(stream, h, sizeof(*h)))
		return broken(load, "HEADER");
	ckpt_stream_seed(stream, h->uuid);
	err = check_crc(load, &rec, crc32c(ckpt_record_crc(stream, &rec), h, sizeof(*h)));
	if (err)
		return err;
	memcpy(load->call.result.uuid, h->uuid, sizeof(h->uuid));

	if (le32_to_cpu(h->arch) != ELF_ARCH || le32_to_cpu(h->page_size) != PAGE_SIZE)
		return ckpt_fail(load, NULL, -EOPNOTSUPP, "the image is of another architecture");
	if (h->features)
		return ckpt_fail(load, NULL, -EOPNOTSUPP, "the image needs features 0x%llx that are not known",
				 le64_to_cpu(h->features));
	if (memchr_inv(h->parent_uuid, 0, sizeof(h->parent_uuid)))
		return ckpt_fail(load, NULL, -EOPNOTSUPP, "the image builds on another one");
	return ckpt_arch_validate_header(load, h);
}

static int skip_record(struct ckpt_load *load, const struct ckpt_record *rec)
{
	struct ckpt_stream *stream = &load->call.stream;
	size_t len = le64_to_cpu(rec->len);

	if (le64_to_cpu(rec->len) > SKIP_MAX)
		return broken(load, "record too long");
	void *data __free(kvfree) = kvmalloc(len, GFP_KERNEL_ACCOUNT);
	if (!data)
		return -ENOMEM;
	if (ckpt_stream_read(stream, data, len))
		return broken(load, "record");
	return check_crc(load, rec, crc32c(ckpt_record_crc(stream, rec), data, len));
}

static int unknown_record(struct ckpt_load *load, const struct ckpt_record *rec)
{
	int err = skip_record(load, rec);

	if (err || le16_to_cpu(rec->flags) & CKPT_REC_F_SKIPPABLE)
		return err;
	return ckpt_fail(load, NULL, -EOPNOTSUPP, "record type %u before offset %llu is not known",
			 le32_to_cpu(rec->type), load->call.stream.offset);
}

static int add_object(struct ckpt_load *load, struct ckpt_rec *rec)
{
	rec->id = le32_to_cpup((__le32 *)rec->data);
	if (rec->id != load->nr_objects + 1)
		return ckpt_fail(load, rec, -EBADMSG, "object id %u is out of order", rec->id);
	load->nr_objects++;
	return xa_err(xa_store(&load->objects, rec->id, rec, GFP_KERNEL_ACCOUNT));
}

static int keep_record(struct ckpt_load *load, const struct ckpt_record *hdr)
{
	const struct ckpt_ops *ops = ckpt_ops_of(le32_to_cpu(hdr->type));
	struct ckpt_stream *stream = &load->call.stream;
	u64 len = le64_to_cpu(hdr->len), fixed;
	struct ckpt_rec *rec;
	int err;

	if (!ops)
		return unknown_record(load, hdr);
	fixed = ALIGN(ops->fixed, 8);
	/* a struct that grew has a longer one; that is for a later version */
	if (le16_to_cpu(hdr->fixed) != ops->fixed || len < fixed ||
	    len - fixed > ALIGN(ops->max_tail, 8))
		return broken(load, "bad length of a record");
	load->meta_bytes += sizeof(*rec) + len;
	if (load->meta_bytes > META_MAX)
		return ckpt_fail(load, NULL, -E2BIG, "more than %u bytes of metadata", META_MAX);
	rec = kvzalloc(struct_size(rec, data, len), GFP_KERNEL_ACCOUNT);
	if (!rec)
		return -ENOMEM;
	rec->ops = ops;
	rec->offset = stream->offset - sizeof(*hdr);
	rec->len = len;
	mutex_init(&rec->once);
	list_add_tail(&rec->list, &load->recs);

	if (ckpt_stream_read(stream, rec->data, len))
		return broken(load, ops->name);
	err = check_crc(load, hdr, crc32c(ckpt_record_crc(stream, hdr), rec->data, len));
	if (err)
		return err;
	if (memchr_inv(rec->data + ops->fixed, 0, fixed - ops->fixed))
		return broken(load, "padding is not zero");
	return ops->validate(load, rec) ?: (ops->object ? add_object(load, rec) : 0);
}

static bool ends_metadata(const struct ckpt_record *rec)
{
	u32 type = le32_to_cpu(rec->type);

	return type == CKPT_REC_CONTENT || type == CKPT_REC_INDEX ||
	       type == CKPT_REC_TRAILER;
}

/**
 * ckpt_read_metadata - read and check everything in front of the contents
 * @load: the call
 *
 * Nothing is made yet. The header of the record after it is kept.
 */
int ckpt_read_metadata(struct ckpt_load *load)
{
	struct ckpt_stream *stream = &load->call.stream;
	u64 begin, end;
	u32 bytes;
	int err;

	err = read_preamble(load) ?: read_header(load);
	if (err)
		return err;
	bytes = le32_to_cpu(load->header->meta_bytes);
	ckpt_stream_ahead(stream, bytes);
	for (begin = stream->offset; !err;) {
		if (fatal_signal_pending(current))
			return -EINTR;
		end = stream->offset;
		err = read_record(load, &load->next);
		if (err || ends_metadata(&load->next))
			break;
		err = keep_record(load, &load->next);
		cond_resched();
	}
	if (!err && end - begin != bytes)
		err = ckpt_fail(load, NULL, -EBADMSG, "HEADER counts %u bytes of metadata, there are %llu",
				bytes, end - begin);
	if (!err && le32_to_cpu(load->header->nr_objects) != load->nr_objects)
		err = ckpt_fail(load, NULL, -EBADMSG, "HEADER counts %u objects, there are %u",
				le32_to_cpu(load->header->nr_objects), load->nr_objects);
	return err;
}

/* Are there so many pages to come, and is there room for them? */
static int take_from_block(struct ckpt_load *load, unsigned int nr)
{
	if (nr > load->block_left || nr > CKPT_BLOCK_MAX_PAGES - load->block->pages.nr)
		return broken(load, "a run has more pages than its block");
	load->block_left -= nr;
	return 0;
}

/* Into what was added to the block's pages from entry @first on. */
static int read_pieces(struct ckpt_load *load, unsigned int first, unsigned int nr)
{
	struct ckpt_pages *block = &load->block->pages;

	if (ckpt_stream_read_bvec(&load->call.stream, block->piece + first,
				  block->nr_pieces - first, (size_t)nr * PAGE_SIZE))
		return broken(load, "contents");
	load->call.result.pages += nr;
	return 0;
}

/**
 * ckpt_read_pages - read pages of the run being filled
 * @load: the call
 * @pages: where to; they must not change before all contents are read
 * @nr: how many
 *
 * Return: 0 or an errno, logged.
 */
int ckpt_read_pages(struct ckpt_load *load, struct page **pages, unsigned int nr)
{
	unsigned int first = load->block->pages.nr_pieces, i;
	int err = take_from_block(load, nr);

	if (err)
		return err;
	for (i = 0; i < nr; i++) {
		get_page(pages[i]);
		ckpt_pages_add(&load->block->pages, pages[i], 1);
	}
	return read_pieces(load, first, nr);
}

/* The same, into all pages of one folio. */
int ckpt_read_folio(struct ckpt_load *load, struct folio *folio)
{
	unsigned int first = load->block->pages.nr_pieces, nr = folio_nr_pages(folio);
	int err = take_from_block(load, nr);

	if (err)
		return err;
	folio_get(folio);
	ckpt_pages_add(&load->block->pages, &folio->page, nr);
	return read_pieces(load, first, nr);
}

/* Is a block what it was when it was written? It is empty afterwards. */
static int check_block(struct ckpt_load *load, struct ckpt_block_read *block)
{
	int err = 0;

	if (ckpt_pages_crc(&block->pages, block->seen) != block->crc)
		err = ckpt_fail(load, NULL, -EBADMSG, "the image is damaged: wrong checksum of the contents at offset %llu",
				block->offset);
	ckpt_pages_put(&block->pages);
	block->seen = 0;
	block->crc = 0;
	return err;
}

static void begin_block(struct ckpt_load *load, const struct ckpt_record *rec,
			const struct ckpt_content *content)
{
	struct ckpt_stream *stream = &load->call.stream;
	struct ckpt_block_read *block = load->block;

	block->offset = stream->offset - sizeof(*rec) - sizeof(*content);
	block->crc = le32_to_cpu(rec->crc);
	block->seen = crc32c(ckpt_record_crc(stream, rec), content, sizeof(*content));
	stream->crcs = crc32c(stream->crcs, &rec->crc, sizeof(rec->crc));
	load->block_left = le32_to_cpu(content->nr_pages);
}

/* Its digests are taken while the next one is read; those of the last one are. */
static int end_block(struct ckpt_load *load)
{
	if (load->block_left)
		return broken(load, "a block has more pages than its runs");
	ckpt_pages_start(&load->block->pages);
	swap(load->block, load->last_block);
	return check_block(load, load->block);
}

static int fill_run(struct ckpt_load *load, const struct ckpt_run *run)
{
	struct ckpt_rec *rec = ckpt_rec(load, le32_to_cpu(run->object));
	int err;

	if (!rec || !rec->ops->fill || !run->count)
		return broken(load, "contents of no object");
	if (le16_to_cpu(run->kind) != CKPT_RUN_SAME &&
	    (run->src_object || run->src_index))
		return broken(load, "bad run");
	if (load->call.flags & RESTART_CHECK)
		return 0;
	if (!rec->live)
		return broken(load, "contents of an object that is not in use");
	err = rec->ops->fill(load, rec, run);
	if (err == -ENOMEM && !load->call.stream.err)
		ckpt_fail(load, rec, err, "no memory for the contents: the system's or the group's limit is reached");
	return err;
}

/* Pages that are read at once if there is nowhere to put them. */
#define PAST_MAX	64

/* RESTART_CHECK has nowhere to put pages: new ones are read for their digests. */
static int read_past(struct ckpt_load *load)
{
	struct page *pages[PAST_MAX];
	unsigned int nr, i;
	int err = 0;

	while (!err && load->block_left) {
		for (nr = 0; nr < min(load->block_left, PAST_MAX); nr++) {
			pages[nr] = alloc_page(GFP_KERNEL_ACCOUNT);
			if (!pages[nr])
				break;
		}
		err = nr ? ckpt_read_pages(load, pages, nr) : -ENOMEM;
		for (i = 0; i < nr; i++)
			put_page(pages[i]);
	}
	return err;
}

/* Pages that the runs of a block say follow. */
static u64 pages_of(const struct ckpt_content *content, u32 nr_runs)
{
	u64 pages = 0;
	u32 i;

	for (i = 0; i < nr_runs; i++) {
		u64 count = le32_to_cpu(content->runs[i].count);

		if (le16_to_cpu(content->runs[i].kind) == CKPT_RUN_DATA)
			pages += count;
		else if (le16_to_cpu(content->runs[i].kind) == CKPT_RUN_BYTES)
			pages += DIV_ROUND_UP(count, PAGE_SIZE);
	}
	return pages;
}

static int read_block(struct ckpt_load *load, const struct ckpt_record *rec)
{
	struct ckpt_stream *stream = &load->call.stream;
	u32 nr_runs, nr_pages, i;
	int err = 0;

	struct ckpt_content *content __free(kfree) =
		kmalloc(sizeof(*content), GFP_KERNEL_ACCOUNT);
	if (!content)
		return -ENOMEM;
	if ((stream->offset - sizeof(*rec)) % CKPT_PAGE_SIZE ||
	    le16_to_cpu(rec->fixed) != sizeof(*content))
		return broken(load, "content block");
	if (ckpt_stream_read(stream, content, sizeof(*content)))
		return broken(load, "content block");

	nr_runs = le32_to_cpu(content->nr_runs);
	nr_pages = le32_to_cpu(content->nr_pages);
	if (nr_runs > CKPT_RUNS_PER_BLOCK || nr_pages > CKPT_BLOCK_MAX_PAGES ||
	    le64_to_cpu(rec->len) != sizeof(*content) + (u64)nr_pages * PAGE_SIZE ||
	    pages_of(content, nr_runs) != nr_pages ||
	    memchr_inv(content->__reserved, 0, sizeof(content->__reserved)) ||
	    memchr_inv(&content->runs[nr_runs], 0,
		       (CKPT_RUNS_PER_BLOCK - nr_runs) * sizeof(content->runs[0])))
		return broken(load, "content block");

	begin_block(load, rec, content);
	if (!(load->call.flags & RESTART_CHECK))
		err = ckpt_forest_lives(load);
	for (i = 0; !err && i < nr_runs; i++)
		err = fill_run(load, &content->runs[i]);
	if (!err && load->call.flags & RESTART_CHECK)
		err = read_past(load);
	return err ?: end_block(load);
}

static int read_trailer(struct ckpt_load *load, const struct ckpt_record *rec)
{
	struct ckpt_stream *stream = &load->call.stream;
	u32 crcs = stream->crcs, seq = stream->seq - 1;
	struct ckpt_trailer t;
	int err;

	if (le64_to_cpu(rec->len) != sizeof(t) || le16_to_cpu(rec->fixed) != sizeof(t))
		return broken(load, "trailer");
	if (ckpt_stream_read(stream, &t, sizeof(t)))
		return broken(load, "trailer");
	err = check_crc(load, rec, crc32c(ckpt_record_crc(stream, rec), &t, sizeof(t)));
	if (err)
		return err;
	if (memcmp(t.uuid, load->header->uuid, sizeof(t.uuid)) || t.__reserved ||
	    le64_to_cpu(t.nr_records) != seq || le32_to_cpu(t.crc) != crcs ||
	    le64_to_cpu(t.pages) != load->call.result.pages ||
	    le64_to_cpu(t.bytes) != stream->offset)
		return broken(load, "the trailer is of another image");
	load->call.result.bytes = stream->offset;
	return 0;
}

/**
 * ckpt_read_contents - read the rest of the image, into the objects made
 * @load: the call
 *
 * Return: 0 after the trailer was found right; it is the last byte read.
 */
int ckpt_read_contents(struct ckpt_load *load)
{
	bool index = false;
	int err = 0;

	for (;;) {
		switch (le32_to_cpu(load->next.type)) {
		case CKPT_REC_TRAILER:
			return check_block(load, load->last_block) ?:
			       read_trailer(load, &load->next);
		case CKPT_REC_CONTENT:
			if (index)
				return broken(load, "contents behind the index");
			err = read_block(load, &load->next);
			break;
		case CKPT_REC_INDEX:
			index = true;
			err = skip_record(load, &load->next);
			break;
		default:
			err = unknown_record(load, &load->next);
		}
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		err = read_record(load, &load->next);
		if (err)
			return err;
	}
}

/* The record of an object, or NULL. */
struct ckpt_rec *ckpt_rec(struct ckpt_load *load, u32 id)
{
	return id ? xa_load(&load->objects, id) : NULL;
}

/**
 * ckpt_ref - check a reference to an object
 * @load: the call
 * @from: the record that refers to it
 * @id: the object's id
 * @type: what it must be
 *
 * Return: its record, which came earlier; NULL, logged, if there is none.
 */
struct ckpt_rec *ckpt_ref(struct ckpt_load *load, const struct ckpt_rec *from,
			  u32 id, u32 type)
{
	struct ckpt_rec *rec = ckpt_rec(load, id);

	if (rec && rec->ops->type == type)
		return rec;
	ckpt_fail(load, from, -EBADMSG, "object %u is no %s", id,
		  ckpt_ops_of(type)->name);
	return NULL;
}

/* The same for an open file of any type. */
struct ckpt_rec *ckpt_ref_file(struct ckpt_load *load, const struct ckpt_rec *from,
			       u32 id)
{
	struct ckpt_rec *rec = ckpt_rec(load, id);

	if (rec && rec->ops->match)
		return rec;
	ckpt_fail(load, from, -EBADMSG, "object %u is no file", id);
	return NULL;
}

/* Release what was made, last first; the new tasks have their own references. */
void ckpt_drop_objects(struct ckpt_load *load)
{
	struct ckpt_rec *rec;

	list_for_each_entry_reverse(rec, &load->recs, list) {
		if (rec->ops->drop && (rec->live || rec->extra))
			rec->ops->drop(load, rec);
		rec->live = NULL;
		rec->extra = NULL;
	}
}

void ckpt_free_recs(struct ckpt_load *load)
{
	struct ckpt_rec *rec, *next;

	ckpt_drop_objects(load);
	list_for_each_entry_safe(rec, next, &load->recs, list)
		kvfree(rec);
	xa_destroy(&load->objects);
	kfree(load->header);
}
