// SPDX-License-Identifier: GPL-2.0
/*
 * Contents: pages and bytes of objects, and the index of where they are.
 */
#include <stdlib.h>
#include <string.h>

#include "image.h"

#define RUN_HEADER	(CKPT_PAGE_SIZE - sizeof(struct ckpt_record))

/* Runs of pages are of memory; runs of bytes are of a pipe's or file's. */
static bool has_pages(const struct image *im, uint32_t id)
{
	const struct record *obj = image_object(im, id);

	return obj && (obj->type == CKPT_REC_MM || obj->type == CKPT_REC_SHMEM);
}

static void add_run(struct image *im, const struct ckpt_run *run, uint64_t offset)
{
	if (!(im->nr_runs & (im->nr_runs - 1)))
		im->runs = xrealloc(im->runs, im->nr_runs ? 2 * im->nr_runs : 1,
				    sizeof(*im->runs));
	im->runs[im->nr_runs++] = (struct run){
		.object = le32toh(run->object),
		.count = le32toh(run->count),
		.index = le64toh(run->index),
		.offset = offset,
	};
}

/* Returns how many pages of data a run takes, or -1. */
static int64_t take_run(struct image *im, const struct record *rec, const struct ckpt_run *run,
			uint64_t offset)
{
	uint32_t object = le32toh(run->object), count = le32toh(run->count);
	uint64_t pages = 0;

	if (!image_object(im, object))
		return image_fail(im, rec->offset, "contents of object %u, which there is not",
				  object);
	if (!count || le64toh(run->index) > UINT64_MAX - count)
		return image_fail(im, rec->offset, "a run of %u pages at 0x%llx", count,
				  (unsigned long long)le64toh(run->index));
	if (le16toh(run->flags) & ~(CKPT_RUN_F_HUGE | CKPT_RUN_F_SHARED))
		return image_fail(im, rec->offset, "unknown flags 0x%x of a run",
				  le16toh(run->flags));
	if (le16toh(run->kind) != CKPT_RUN_SAME && (run->src_object || run->src_index))
		return image_fail(im, rec->offset, "a run has a source that it does not need");
	switch (le16toh(run->kind)) {
	case CKPT_RUN_DATA:
		if (!has_pages(im, object))
			break;
		pages = count;
		im->contents.data_pages += count;
		im->object_pages[object - 1] += count;
		add_run(im, run, offset);
		return pages;
	case CKPT_RUN_SAME:
		if (!has_pages(im, object) || !has_pages(im, le32toh(run->src_object)))
			break;
		im->contents.same_pages += count;
		return 0;
	case CKPT_RUN_BYTES:
		if (has_pages(im, object))
			break;
		im->contents.bytes += count;
		return ((uint64_t)count + CKPT_PAGE_SIZE - 1) / CKPT_PAGE_SIZE;
	default:
		return image_fail(im, rec->offset, "unknown kind of run %u", le16toh(run->kind));
	}
	return image_fail(im, rec->offset, "object %u cannot have contents of that kind", object);
}

static int take_runs(struct image *im, const struct record *rec, const struct ckpt_content *c)
{
	uint32_t nr = le32toh(c->nr_runs), i;
	uint64_t pages = 0;
	int64_t n;

	if (nr > CKPT_RUNS_PER_BLOCK || le32toh(c->nr_pages) > CKPT_BLOCK_MAX_PAGES)
		return image_fail(im, rec->offset, "a block of %u runs and %u pages", nr,
				  le32toh(c->nr_pages));
	if (rec->len != RUN_HEADER + (uint64_t)le32toh(c->nr_pages) * CKPT_PAGE_SIZE)
		return image_fail(im, rec->offset, "the block is not as long as its pages");
	for (i = 0; i < nr; i++) {
		n = take_run(im, rec, &c->runs[i],
			     rec->offset + CKPT_PAGE_SIZE + pages * CKPT_PAGE_SIZE);
		if (n < 0)
			return -1;
		pages += n;
	}
	if (pages != le32toh(c->nr_pages))
		return image_fail(im, rec->offset, "runs of %llu pages in a block of %u",
				  (unsigned long long)pages, le32toh(c->nr_pages));
	if (!all_zero(c->__reserved, sizeof(c->__reserved)) ||
	    !all_zero(&c->runs[nr], (CKPT_RUNS_PER_BLOCK - nr) * sizeof(c->runs[0])))
		return image_fail(im, rec->offset, "unused bytes of the block are not zero");
	im->contents.blocks++;
	im->contents.block_pages += pages;
	return 0;
}

/* The bytes after the end of a run of bytes, up to its page's end. */
static int check_bytes_padding(struct image *im, const struct record *rec,
			       const struct ckpt_content *c, const unsigned char *data)
{
	uint32_t i, count;
	size_t pad;

	for (i = 0; i < le32toh(c->nr_runs); i++) {
		count = le32toh(c->runs[i].count);
		if (le16toh(c->runs[i].kind) == CKPT_RUN_DATA)
			data += (size_t)count * CKPT_PAGE_SIZE;
		if (le16toh(c->runs[i].kind) != CKPT_RUN_BYTES)
			continue;
		pad = -(size_t)count % CKPT_PAGE_SIZE;
		data += count;
		if (!all_zero(data, pad))
			return image_fail(im, rec->offset, "padding of a run is not zero");
		data += pad;
	}
	return 0;
}

static int read_pages(struct image *im, struct source *src, const struct record *rec,
		      const struct ckpt_content *c, uint32_t crc)
{
	static unsigned char buf[CKPT_BLOCK_MAX_PAGES * CKPT_PAGE_SIZE];
	size_t len = (size_t)le32toh(c->nr_pages) * CKPT_PAGE_SIZE, at;
	uint64_t digest;

	if (image_get(im, src, buf, len))
		return -1;
	for (at = 0; at < len; at += CKPT_PAGE_SIZE) {
		digest = page_digest(buf + at);
		crc = crc32c(crc, &digest, sizeof(digest));
	}
	if (check_crc(im, rec, crc))
		return -1;
	return check_bytes_padding(im, rec, c, buf);
}

/* Of a block its header is kept, and none of its pages. */
static void keep_header(struct image *im, const struct record *rec, const struct ckpt_content *c)
{
	struct record copy = *rec;

	copy.data = xmalloc(sizeof(*c));
	memcpy(copy.data, c, sizeof(*c));
	copy.len = sizeof(*c);
	add_record(im, &copy);
}

int read_content(struct image *im, struct source *src, const struct record *rec)
{
	struct ckpt_content c;
	uint32_t crc;

	if (rec->offset % CKPT_PAGE_SIZE)
		return image_fail(im, rec->offset, "the block does not begin a page");
	if (im->contents.index_entries)
		return image_fail(im, rec->offset, "contents behind the index");
	if (rec->fixed != sizeof(c) || rec->len < sizeof(c))
		return image_fail(im, rec->offset, "the block's header has %u bytes", rec->fixed);
	if (image_get(im, src, &c, sizeof(c)))
		return -1;
	crc = crc32c(record_crc(im, rec), &c, sizeof(c));
	if (take_runs(im, rec, &c) || read_pages(im, src, rec, &c, crc))
		return -1;
	if (im->keep_contents)
		keep_header(im, rec, &c);
	return 0;
}

static int compare_offset(const void *key, const void *run)
{
	uint64_t a = *(const uint64_t *)key, b = ((const struct run *)run)->offset;

	return (a > b) - (a < b);
}

static int check_entry(struct image *im, const struct record *rec, const struct ckpt_index *e)
{
	uint64_t offset = le64toh(e->offset);
	const struct run *run;

	run = im->nr_runs ? bsearch(&offset, im->runs, im->nr_runs, sizeof(*run),
				    compare_offset) : NULL;
	if (run && run->object == le32toh(e->object) && run->count == le32toh(e->count) &&
	    run->index == le64toh(e->index))
		return 0;
	return image_fail(im, rec->offset, "the index names contents at %llu that are not there",
			  (unsigned long long)offset);
}

static int check_entries(struct image *im, const struct record *rec)
{
	const unsigned char *at = rec->data, *end = at + rec->len;
	struct ckpt_index e;

	for (; at < end; at += sizeof(e)) {
		memcpy(&e, at, sizeof(e));
		if (check_entry(im, rec, &e))
			return -1;
		im->contents.index_entries++;
	}
	return 0;
}

/* There may be several INDEX records, one after the other. */
int read_index(struct image *im, struct source *src, struct record *rec)
{
	int err;

	if (rec->fixed)
		return image_fail(im, rec->offset, "INDEX has unknown fields; use a newer ckpt");
	if (rec->len % sizeof(struct ckpt_index))
		return image_fail(im, rec->offset, "the index has a part of an entry");
	if (rec->len > SKIP_MAX)
		return image_fail(im, rec->offset, "an index of %llu bytes is too long to be skipped",
				  (unsigned long long)rec->len);
	if (read_payload(im, src, rec))
		return -1;
	err = check_crc(im, rec, crc32c(record_crc(im, rec), rec->data, rec->len)) ||
	      check_entries(im, rec);
	if (!err && im->keep_contents)
		add_record(im, rec);
	else
		free(rec->data);
	rec->data = NULL;
	return err ? -1 : 0;
}

/* Images without an index are fine, those with a part of one are not. */
int check_index(struct image *im, const struct record *trailer)
{
	uint64_t nr = im->contents.index_entries;

	if (!nr || nr == im->nr_runs)
		return 0;
	return image_fail(im, trailer->offset, "%llu entries in the index of %zu runs",
			  (unsigned long long)nr, im->nr_runs);
}
