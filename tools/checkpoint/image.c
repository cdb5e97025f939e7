// SPDX-License-Identifier: GPL-2.0
/*
 * The framing of an image: preamble, records, padding, checksums, trailer.
 * What the records say is image-check.c's business.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"

/* Buffers grow as bytes arrive: a length in an image buys nothing by itself. */
#define CHUNK		(1024 * 1024)

/* Remembers the first fault; always returns -1. */
int image_fail(struct image *im, uint64_t offset, const char *fmt, ...)
{
	char text[512];
	va_list args;

	if (im->error)
		return -1;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	im->error = xasprintf("%s", text);
	im->error_offset = offset;
	return -1;
}

/* From the file's position on; that position stays when it can be sought. */
void source_init(struct source *src, int fd)
{
	struct stat st;

	*src = (struct source){ .fd = fd };
	src->base = lseek(fd, 0, SEEK_CUR);
	src->seekable = src->base >= 0 && !fstat(fd, &st) &&
			(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

static void keep_copy(struct buffer *b, const void *data, size_t len)
{
	if (b->room - b->len < len) {
		b->room = 2 * b->room + len + 4096;
		b->data = xrealloc(b->data, b->room, 1);
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static ssize_t read_file(struct source *src, void *buf, size_t len)
{
	ssize_t n;

	do {
		if (src->seekable)
			n = pread(src->fd, buf, len, src->base + src->offset);
		else
			n = read(src->fd, buf, len);
	} while (n < 0 && errno == EINTR);
	if (n > 0 && src->copy)
		keep_copy(src->copy, buf, n);
	return n;
}

/* How much to read at once: of a stream not a byte that is not the image's. */
static size_t may_read(const struct source *src)
{
	uint64_t left = src->limit > src->offset ? src->limit - src->offset : 0;

	return src->seekable || left > SOURCE_AHEAD ? SOURCE_AHEAD : left;
}

static ssize_t read_some(struct source *src, void *buf, size_t len)
{
	size_t most = may_read(src);
	ssize_t n;

	if (src->at == src->end) {
		if (len >= most)
			return read_file(src, buf, len);
		n = read_file(src, src->ahead, most);
		if (n <= 0)
			return n;
		src->at = 0;
		src->end = n;
	}
	n = len < src->end - src->at ? len : src->end - src->at;
	memcpy(buf, src->ahead + src->at, n);
	src->at += n;
	return n;
}

/* 0 when all was read, 1 at an early end, -1 on errors. */
int source_read(struct source *src, void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n = 1;

	while (done < len && n > 0) {
		n = read_some(src, (char *)buf + done, len - done);
		if (n < 0)
			return -1;
		src->offset += n;
		done += n;
	}
	return done < len;
}

int image_get(struct image *im, struct source *src, void *buf, size_t len)
{
	switch (source_read(src, buf, len)) {
	case 0:
		return 0;
	case 1:
		return image_fail(im, src->offset, "the image is truncated");
	}
	im->io_error = errno;
	return image_fail(im, src->offset, "cannot read: %s", strerror(errno));
}

static int read_preamble(struct image *im, struct source *src)
{
	struct ckpt_preamble *pre = &im->preamble;

	if (image_get(im, src, pre, sizeof(*pre)) && im->io_error)
		return -1;
	if (memcmp(pre->magic, CKPT_MAGIC, sizeof(pre->magic))) {
		/* also what a file shorter than a preamble gets told */
		free(im->error);
		im->error = NULL;
		im->not_image = true;
		return image_fail(im, 0, "not a checkpoint image");
	}
	if (im->error)
		return -1;
	if (le32toh(pre->framing) != CKPT_FRAMING)
		return image_fail(im, 8, "framing version %u is not known; use a newer ckpt",
				  le32toh(pre->framing));
	if (pre->__reserved)
		return image_fail(im, 12, "reserved bytes of the preamble are not zero");
	return 0;
}

static int check_header(struct image *im, const struct record *rec)
{
	if (rec->raw.__reserved)
		return image_fail(im, rec->offset + 24, "reserved bytes are not zero");
	if (rec->seq != im->next_seq)
		return image_fail(im, rec->offset, "record number %u where %u is due", rec->seq,
				  im->next_seq);
	if (rec->flags & ~CKPT_REC_F_SKIPPABLE)
		return image_fail(im, rec->offset, "unknown record flags 0x%x", rec->flags);
	if (rec->len % 8)
		return image_fail(im, rec->offset, "record length %llu is not a multiple of 8",
				  (unsigned long long)rec->len);
	if (rec->fixed > rec->len)
		return image_fail(im, rec->offset, "the struct is longer than its record");
	if (!record_known(rec->type) && !(rec->flags & CKPT_REC_F_SKIPPABLE))
		return image_fail(im, rec->offset, "unknown record type %u; use a newer ckpt",
				  rec->type);
	return 0;
}

/*
 * Zero bytes instead of a record's type are padding up to the next page, which
 * only a CONTENT record may ask for. Eight bytes always fit: the stream is
 * aligned to eight.
 */
static int skip_padding(struct image *im, struct source *src, unsigned char head[8],
			bool *padded)
{
	unsigned char pad[CKPT_PAGE_SIZE];
	uint64_t start = src->offset - 8;
	size_t left = -src->offset % CKPT_PAGE_SIZE;

	*padded = false;
	if (!all_zero(head, 8))
		return 0;
	if (start % CKPT_PAGE_SIZE == 0)
		return image_fail(im, start, "zero bytes where a record is due");
	if (image_get(im, src, pad, left))
		return -1;
	if (!all_zero(pad, left))
		return image_fail(im, start, "padding is not zero");
	*padded = true;
	return image_get(im, src, head, 8);
}

/* Reads the next record's header and none of its payload. */
int image_next(struct image *im, struct source *src, struct record *rec)
{
	unsigned char head[sizeof(struct ckpt_record)];
	bool padded;

	memset(rec, 0, sizeof(*rec));
	im->error_seq = im->next_seq;
	if (image_get(im, src, head, 8) || skip_padding(im, src, head, &padded) ||
	    image_get(im, src, head + 8, sizeof(head) - 8))
		return -1;
	memcpy(&rec->raw, head, sizeof(head));
	rec->type = le32toh(rec->raw.type);
	rec->flags = le16toh(rec->raw.flags);
	rec->fixed = le16toh(rec->raw.fixed);
	rec->len = le64toh(rec->raw.len);
	rec->seq = le32toh(rec->raw.seq);
	rec->crc = le32toh(rec->raw.crc);
	rec->offset = src->offset - sizeof(head);
	if (check_header(im, rec))
		return -1;
	if (padded && rec->type != CKPT_REC_CONTENT)
		return image_fail(im, rec->offset, "padding before a record that needs none");
	im->next_seq++;
	return 0;
}

int read_payload(struct image *im, struct source *src, struct record *rec)
{
	size_t done = 0, step, len = rec->len;

	if (rec->len > record_max(rec->type))
		return image_fail(im, rec->offset, "record of %llu bytes is too long",
				  (unsigned long long)rec->len);
	while (done < len) {
		step = len - done < CHUNK ? len - done : CHUNK;
		rec->data = xrealloc(rec->data, done + step, 1);
		if (image_get(im, src, rec->data + done, step)) {
			free(rec->data);
			rec->data = NULL;
			return -1;
		}
		done += step;
	}
	return 0;
}

/* The checksum of a record's header, to be gone on with over its payload. */
uint32_t record_crc(const struct image *im, const struct record *rec)
{
	struct ckpt_record raw = rec->raw;

	raw.crc = 0;
	return crc32c(im->seed, &raw, sizeof(raw));
}

/* @crc: that of the payload, begun with the header's */
int check_crc(struct image *im, const struct record *rec, uint32_t crc)
{
	uint32_t sum = htole32(rec->crc);

	if (crc != rec->crc)
		return image_fail(im, rec->offset, "checksum is 0x%08x, the record says 0x%08x",
				  crc, rec->crc);
	im->crcs = crc32c(im->crcs, &sum, sizeof(sum));
	return 0;
}

/* Skips an unknown record that may be skipped, but not its checksum. */
static int skip_record(struct image *im, struct source *src, const struct record *rec)
{
	uint32_t crc = record_crc(im, rec);
	unsigned char buf[SKIP_MAX];

	if (rec->len > SKIP_MAX)
		return image_fail(im, rec->offset, "a record of %llu bytes is too long to be skipped",
				  (unsigned long long)rec->len);
	if (image_get(im, src, buf, rec->len))
		return -1;
	return check_crc(im, rec, crc32c(crc, buf, rec->len));
}

/* What a newer writer appended has to be zero for us to understand it. */
static int check_size(struct image *im, const struct record *rec)
{
	size_t size = record_size(rec->type), start = (rec->fixed + 7) & ~7UL;

	if (rec->fixed > size && !all_zero(rec->data + size, rec->fixed - size))
		return image_fail(im, rec->offset, "%s has unknown fields; use a newer ckpt",
				  record_name(rec->type));
	if (start > rec->len)
		start = rec->len;
	if (!all_zero(rec->data + rec->fixed, start - rec->fixed))
		return image_fail(im, rec->offset, "padding of %s is not zero",
				  record_name(rec->type));
	return 0;
}

void add_record(struct image *im, const struct record *rec)
{
	/* powers of two */
	if (!(im->nr_records & (im->nr_records - 1)))
		im->records = xrealloc(im->records, im->nr_records ? 2 * im->nr_records : 1,
				       sizeof(*rec));
	im->records[im->nr_records++] = *rec;
}

static int add_object(struct image *im, const struct record *rec)
{
	__le32 id = 0;

	record_get(rec, &id, sizeof(id));
	if (le32toh(id) != im->nr_objects + 1)
		return image_fail(im, rec->offset, "%s is object %u where %zu is due",
				  record_name(rec->type), le32toh(id), im->nr_objects + 1);
	if (!(im->nr_objects & (im->nr_objects - 1)))
		im->objects = xrealloc(im->objects, im->nr_objects ? 2 * im->nr_objects : 1,
				       sizeof(*im->objects));
	im->objects[im->nr_objects++] = im->nr_records;
	return 0;
}

/* HEADER comes first: without its uuid no checksum can be looked at. */
static int take_header(struct image *im, const struct record *rec)
{
	if (im->next_seq != 1)
		return image_fail(im, rec->offset, "a second HEADER");
	RECORD_GET(rec, im->header);
	im->seed = crc32c(~0U, im->header.uuid, sizeof(im->header.uuid));
	return 0;
}

static int read_record(struct image *im, struct source *src, struct record *rec)
{
	uint32_t crc;

	if (read_payload(im, src, rec))
		return -1;
	if (rec->type == CKPT_REC_HEADER && take_header(im, rec))
		goto bad;
	crc = record_crc(im, rec);
	if (check_crc(im, rec, crc32c(crc, rec->data, rec->len)) || check_size(im, rec) ||
	    (record_is_object(rec->type) && add_object(im, rec)))
		goto bad;
	add_record(im, rec);
	return 0;
bad:
	free(rec->data);
	rec->data = NULL;
	return -1;
}

static bool is_metadata(const struct record *rec)
{
	return rec->type != CKPT_REC_CONTENT && rec->type != CKPT_REC_INDEX &&
	       rec->type != CKPT_REC_TRAILER;
}

/* Reads all metadata, and the header of the record that follows it. */
int image_read_metadata(struct image *im, struct source *src, struct record *next)
{
	memset(im, 0, sizeof(*im));
	im->error_seq = UINT32_MAX;
	im->crcs = ~0U;
	if (read_preamble(im, src))
		return -1;
	for (;;) {
		im->metadata_end = src->offset;
		im->nr_metadata = im->nr_records;
		if (image_next(im, src, next))
			return -1;
		if (im->next_seq == 1 && next->type != CKPT_REC_HEADER)
			return image_fail(im, next->offset, "the first record is not a HEADER");
		if (!is_metadata(next))
			return 0;
		if (src->offset + next->len > META_MAX)
			return image_fail(im, next->offset, "more than %u bytes of metadata",
					  META_MAX);
		if (!record_known(next->type) ? skip_record(im, src, next) :
						read_record(im, src, next))
			return -1;
		if (next->type == CKPT_REC_HEADER)
			src->limit = src->offset + le32toh(im->header.meta_bytes);
	}
}

static int check_trailer(struct image *im, const struct record *rec, uint32_t crcs)
{
	struct ckpt_trailer t;

	RECORD_GET(rec, t);
	if (memcmp(t.uuid, im->header.uuid, sizeof(t.uuid)))
		return image_fail(im, rec->offset, "the trailer is another image's");
	if (le64toh(t.nr_records) != rec->seq)
		return image_fail(im, rec->offset, "%u records, the trailer says %llu",
				  rec->seq, (unsigned long long)le64toh(t.nr_records));
	if (le64toh(t.bytes) != im->bytes)
		return image_fail(im, rec->offset, "%llu bytes, the trailer says %llu",
				  (unsigned long long)im->bytes,
				  (unsigned long long)le64toh(t.bytes));
	if (le32toh(t.crc) != crcs)
		return image_fail(im, rec->offset, "checksums give 0x%08x, the trailer says 0x%08x",
				  crcs, le32toh(t.crc));
	if (le64toh(t.pages) != im->contents.block_pages)
		return image_fail(im, rec->offset, "%llu pages, the trailer says %llu",
				  (unsigned long long)im->contents.block_pages,
				  (unsigned long long)le64toh(t.pages));
	if (t.__reserved || rec->len != sizeof(t))
		return image_fail(im, rec->offset, "the trailer holds more than it should");
	im->complete = true;
	return 0;
}

static int read_rest(struct image *im, struct source *src, struct record *rec)
{
	uint32_t crcs;

	for (;;) {
		if (rec->type == CKPT_REC_TRAILER)
			break;
		if (rec->type == CKPT_REC_CONTENT ? read_content(im, src, rec) :
		    rec->type == CKPT_REC_INDEX ? read_index(im, src, rec) :
		    record_known(rec->type) ?
		    image_fail(im, rec->offset, "%s after the metadata", record_name(rec->type)) :
		    skip_record(im, src, rec))
			return -1;
		if (image_next(im, src, rec))
			return -1;
	}
	crcs = im->crcs;
	if (read_record(im, src, rec))
		return -1;
	im->bytes = src->offset;
	return check_index(im, rec) || check_trailer(im, rec, crcs) ? -1 : 0;
}

/*
 * Reads and verifies the rest, down to the trailer. @rec is the record that
 * image_read_metadata() found last; image_check() has been content with those
 * before it. @keep: what the blocks and the index say is kept among the records.
 */
int image_read_contents(struct image *im, struct source *src, struct record *rec, bool keep)
{
	im->keep_contents = keep;
	im->object_pages = xrealloc(NULL, im->nr_objects, sizeof(*im->object_pages));
	memset(im->object_pages, 0, im->nr_objects * sizeof(*im->object_pages));
	return read_rest(im, src, rec);
}

void image_free(struct image *im)
{
	size_t i;

	for (i = 0; i < im->nr_records; i++)
		free(im->records[i].data);
	free(im->records);
	free(im->objects);
	free(im->runs);
	free(im->object_pages);
	free(im->error);
}
