/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading and verifying images. Every byte of one is hostile.
 */
#ifndef CKPT_IMAGE_H
#define CKPT_IMAGE_H

#include <endian.h>
#include <linux/checkpoint_image.h>

#include "ckpt.h"

/* Records that are read into memory: the kernel's own are far smaller. */
#define RECORD_MAX	(64 << 20)

/* Of metadata in all, as for the kernel. */
#define META_MAX	(1 << 30)

/* An INDEX, or a record that is not known and may be skipped, has at most: */
#define SKIP_MAX	(64 << 10)

/**
 * struct source - the bytes of an image
 * @fd: where they come from
 * @base: position of the image in the file, for @seekable
 * @seekable: read with pread(2), the file's position stays
 * @offset: bytes read so far
 * @limit: up to which offset a stream may be read before it is asked for
 * @ahead: what was read and not asked for yet
 * @at: the next byte of it
 * @end: behind its last one
 * @copy: keeps all that was read, or NULL
 */
#define SOURCE_AHEAD	(64 * 1024)

struct source {
	int fd;
	off_t base;
	bool seekable;
	uint64_t offset;
	uint64_t limit;
	unsigned char ahead[SOURCE_AHEAD];
	size_t at;
	size_t end;
	struct buffer {
		unsigned char *data;
		size_t len;
		size_t room;
	} *copy;
};

/**
 * struct record - a record; of CONTENT only the struct is kept, if that
 * @type: CKPT_REC_*
 * @flags: CKPT_REC_F_*
 * @fixed: bytes of the struct
 * @len: bytes of payload
 * @seq: its number
 * @crc: its checksum
 * @offset: of its header from the start of the image
 * @raw: its header as it was read, for the checksum
 * @data: its payload, or NULL
 */
struct record {
	uint32_t type;
	uint16_t flags;
	uint16_t fixed;
	uint64_t len;
	uint32_t seq;
	uint32_t crc;
	uint64_t offset;
	struct ckpt_record raw;
	unsigned char *data;
};

/**
 * struct run - a run of pages whose data is in the image
 * @object: object id
 * @count: as in struct ckpt_run
 * @index: as in struct ckpt_run
 * @offset: of its data from the start of the image
 */
struct run {
	uint32_t object;
	uint32_t count;
	uint64_t index;
	uint64_t offset;
};

/**
 * struct image - what is known of an image
 * @preamble: its first bytes
 * @header: its HEADER
 * @records: all records, in order; without CONTENT and INDEX unless
 *	@keep_contents, and never those that were skipped
 * @nr_records: how many
 * @nr_metadata: how many of them are metadata
 * @keep_contents: CONTENT and INDEX are wanted
 * @objects: records of objects, by id - 1
 * @nr_objects: how many
 * @seed: of all checksums
 * @crcs: checksum of the checksums so far
 * @next_seq: number of the next record
 * @metadata_end: offset of the first byte after the metadata
 * @bytes: bytes from the start to the end of the trailer
 * @contents: what its CONTENT records hold
 * @runs: runs of pages with data, by offset
 * @nr_runs: how many
 * @object_pages: pages of data, by id - 1
 * @complete: the trailer was there and right
 * @error: first fault, or NULL
 * @error_offset: where
 * @error_seq: number of the record, UINT32_MAX for none
 * @not_image: the fault is that this is no image at all
 * @io_error: errno when the file could not be read, else 0
 */
struct image {
	struct ckpt_preamble preamble;
	struct ckpt_header header;
	struct record *records;
	size_t nr_records;
	size_t nr_metadata;
	bool keep_contents;
	size_t *objects;
	size_t nr_objects;
	uint32_t seed;
	uint32_t crcs;
	uint32_t next_seq;
	uint64_t metadata_end;
	uint64_t bytes;
	struct {
		uint64_t blocks;
		uint64_t block_pages;
		uint64_t data_pages;
		uint64_t same_pages;
		uint64_t bytes;
		uint64_t index_entries;
	} contents;
	struct run *runs;
	size_t nr_runs;
	uint64_t *object_pages;
	bool complete;
	char *error;
	uint64_t error_offset;
	uint32_t error_seq;
	bool not_image;
	int io_error;
};

/* image.c */
void source_init(struct source *src, int fd);
int source_read(struct source *src, void *buf, size_t len);
int image_next(struct image *im, struct source *src, struct record *rec);
int image_read_metadata(struct image *im, struct source *src, struct record *next);
int image_read_contents(struct image *im, struct source *src, struct record *rec, bool keep);
void image_free(struct image *im);
int __printf(3, 4) image_fail(struct image *im, uint64_t offset, const char *fmt, ...);
int image_get(struct image *im, struct source *src, void *buf, size_t len);
int read_payload(struct image *im, struct source *src, struct record *rec);
uint32_t record_crc(const struct image *im, const struct record *rec);
int check_crc(struct image *im, const struct record *rec, uint32_t crc);
void add_record(struct image *im, const struct record *rec);

/* image-content.c */
int read_content(struct image *im, struct source *src, const struct record *rec);
int read_index(struct image *im, struct source *src, struct record *rec);
int check_index(struct image *im, const struct record *trailer);

/* image-check.c */
int image_check(struct image *im);

/* image-record.c */
const char *record_name(uint32_t type);
bool record_known(uint32_t type);
size_t record_size(uint32_t type);
size_t record_max(uint32_t type);
bool record_is_object(uint32_t type);
void record_get(const struct record *rec, void *buf, size_t size);
uint32_t record_u32(const struct record *rec, size_t offset);
const unsigned char *record_tail(const struct record *rec, size_t *len);
const struct record *image_object(const struct image *im, uint32_t id);
bool all_zero(const void *data, size_t len);

/* Reads the struct at the start of a record, whatever its size there. */
#define RECORD_GET(rec, s)	record_get(rec, &(s), sizeof(s))

#endif
