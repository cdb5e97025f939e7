// SPDX-License-Identifier: GPL-2.0
/*
 * The image, written: metadata is gathered in chunks while the group is
 * held, then sealed and written in one go; contents, index and trailer follow.
 */
#include <linux/crc32c.h>
#include <linux/fs.h>
#include <linux/timekeeping.h>
#include <linux/uio.h>
#include <linux/utsname.h>
#include <linux/elf.h>

#include "internal.h"
#include "stream.h"

/* Metadata is kernel memory; an image of this much describes 10^6 tasks. */
#define META_MAX	SZ_1G
#define CHUNK_BYTES	SZ_64K

struct ckpt_chunk {
	struct list_head list;
	size_t size;
	size_t used;
	u8 data[] __aligned(8);
};

static void *reserve(struct ckpt_save *save, size_t bytes)
{
	struct ckpt_chunk *chunk = NULL;
	void *at;

	if (!list_empty(&save->chunks))
		chunk = list_last_entry(&save->chunks, struct ckpt_chunk, list);
	if (!chunk || chunk->size - chunk->used < bytes) {
		size_t size = max_t(size_t, bytes, CHUNK_BYTES - sizeof(*chunk));

		if (save->meta_bytes + size > META_MAX)
			return NULL;
		chunk = kvzalloc(sizeof(*chunk) + size, GFP_KERNEL_ACCOUNT);
		if (!chunk)
			return NULL;
		chunk->size = size;
		list_add_tail(&chunk->list, &save->chunks);
		save->meta_bytes += size;
	}
	at = chunk->data + chunk->used;
	chunk->used += bytes;
	return at;
}

/**
 * ckpt_emit - add a metadata record
 * @save: the call
 * @ops: the record's row
 * @tail: bytes of its tail
 *
 * Return: its struct, zeroed, with the tail behind it (ckpt_tail()); NULL
 * without memory, or when the tail is larger than a reader would take.
 */
void *ckpt_emit(struct ckpt_save *save, const struct ckpt_ops *ops, size_t tail)
{
	size_t len = ALIGN(ops->fixed, 8) + ALIGN(tail, 8);
	struct ckpt_record *rec;

	if (tail > ops->max_tail)
		return NULL;
	rec = reserve(save, sizeof(*rec) + len);
	if (!rec)
		return NULL;
	rec->type = cpu_to_le32(ops->type);
	rec->fixed = cpu_to_le16(ops->fixed);
	rec->len = cpu_to_le64(len);
	return rec + 1;
}

void ckpt_free_chunks(struct ckpt_save *save)
{
	struct ckpt_chunk *chunk, *next;

	list_for_each_entry_safe(chunk, next, &save->chunks, list)
		kvfree(chunk);
	INIT_LIST_HEAD(&save->chunks);
}

static int write_chunk(struct ckpt_stream *stream, struct ckpt_chunk *chunk)
{
	struct ckpt_record *rec;
	size_t at;

	for (at = 0; at < chunk->used; at += sizeof(*rec) + le64_to_cpu(rec->len)) {
		rec = (void *)chunk->data + at;
		ckpt_seal(stream, rec, rec + 1, le64_to_cpu(rec->len));
	}
	return ckpt_stream_write(stream, chunk->data, chunk->used);
}

static int write_record(struct ckpt_stream *stream, u32 type, size_t fixed,
			const void *data, size_t len)
{
	struct ckpt_record rec = {
		.type	= cpu_to_le32(type),
		.fixed	= cpu_to_le16(fixed),
		.len	= cpu_to_le64(len),
	};

	ckpt_seal(stream, &rec, data, len);
	return ckpt_stream_write(stream, &rec, sizeof(rec)) ?:
	       ckpt_stream_write(stream, data, len);
}

static u32 meta_bytes(const struct ckpt_save *save)
{
	struct ckpt_chunk *chunk;
	u32 bytes = 0;

	list_for_each_entry(chunk, &save->chunks, list)
		bytes += chunk->used;
	return bytes;
}

static int write_header(struct ckpt_save *save)
{
	struct ckpt_stream *stream = &save->call.stream;
	struct ckpt_preamble preamble = {
		.framing = cpu_to_le32(CKPT_FRAMING),
	};

	struct ckpt_header *h __free(kfree) = kzalloc(sizeof(*h), GFP_KERNEL);
	if (!h)
		return -ENOMEM;

	memcpy(preamble.magic, CKPT_MAGIC, sizeof(preamble.magic));
	memcpy(h->uuid, save->call.result.uuid, sizeof(h->uuid));
	h->arch = cpu_to_le32(ELF_ARCH);
	h->page_size = cpu_to_le32(PAGE_SIZE);
	h->clock_realtime = cpu_to_le64(save->clocks.realtime);
	h->clock_monotonic = cpu_to_le64(save->clocks.monotonic);
	h->clock_boottime = cpu_to_le64(save->clocks.boottime);
	h->nr_objects = cpu_to_le32(save->nr_objects);
	h->nr_processes = cpu_to_le32(save->call.result.processes);
	h->nr_threads = cpu_to_le32(save->call.result.threads);
	h->meta_bytes = cpu_to_le32(meta_bytes(save));
	strscpy((char *)h->release, init_utsname()->release, sizeof(h->release));
	strscpy((char *)h->version, init_utsname()->version, sizeof(h->version));
	ckpt_arch_header(save, h);

	return ckpt_stream_write(stream, &preamble, sizeof(preamble)) ?:
	       write_record(stream, CKPT_REC_HEADER, sizeof(*h), h, sizeof(*h));
}

/**
 * ckpt_write_metadata - write all that was captured, once
 * @save: the call, with its metadata complete
 *
 * Return: 0 or an errno; 0 if it was written before.
 */
int ckpt_write_metadata(struct ckpt_save *save)
{
	struct ckpt_stream *stream = &save->call.stream;
	struct ckpt_chunk *chunk;
	int err;

	if (stream->offset)
		return 0;
	ckpt_stream_seed(stream, save->call.result.uuid);
	err = write_header(save);
	list_for_each_entry(chunk, &save->chunks, list) {
		if (err)
			break;
		err = write_chunk(stream, chunk);
	}
	return err;
}

static int write_index(struct ckpt_save *save)
{
	struct ckpt_index_chunk *chunk;
	int err;

	list_for_each_entry(chunk, &save->index_list, list) {
		struct ckpt_record rec = {
			.type	= cpu_to_le32(CKPT_REC_INDEX),
			.flags	= cpu_to_le16(CKPT_REC_F_SKIPPABLE),
			.len	= cpu_to_le64(array_size(chunk->nr, sizeof(*chunk->entry))),
		};
		size_t len = le64_to_cpu(rec.len);

		ckpt_seal(&save->call.stream, &rec, chunk->entry, len);
		err = ckpt_stream_write(&save->call.stream, &rec, sizeof(rec)) ?:
		      ckpt_stream_write(&save->call.stream, chunk->entry, len);
		if (err)
			return err;
	}
	return 0;
}

static int write_trailer(struct ckpt_save *save)
{
	struct ckpt_stream *stream = &save->call.stream;
	struct ckpt_trailer t = {
		.nr_records = cpu_to_le64(stream->seq),
		.pages	= cpu_to_le64(save->call.result.pages),
		.bytes	= cpu_to_le64(stream->offset +
				      sizeof(struct ckpt_record) + sizeof(t)),
		.crc	= cpu_to_le32(stream->crcs),
	};

	memcpy(t.uuid, save->call.result.uuid, sizeof(t.uuid));
	return write_record(stream, CKPT_REC_TRAILER, sizeof(t), &t, sizeof(t));
}

/*
 * What changes when the group runs, because it has no snapshot. Such a thing
 * is rare with CHECKPOINT_COW; and if there is none, nothing is written yet.
 */
static int write_held(struct ckpt_save *save)
{
	int err = ckpt_write_contents(save, false);

	save->call.result.held_pages = save->call.result.pages;
	if (err || !(save->call.flags & CHECKPOINT_COW))
		return err;
	err = ckpt_collect_verify(save);
	if (err)
		return err;
	ckpt_objects_put(save);
	ckpt_hold_release(save);
	return 0;
}

/**
 * ckpt_write_image - write all that was captured, and the contents
 * @save: the call, with its metadata complete
 *
 * With CHECKPOINT_COW the hold ends as soon as all that is left to be written
 * is the call's own.
 *
 * Return: 0 or the error of the first write that failed, logged.
 */
int ckpt_write_image(struct ckpt_save *save)
{
	struct ckpt_stream *stream = &save->call.stream;
	int err;

	err = write_held(save) ?:
	      ckpt_write_contents(save, true) ?:
	      ckpt_write_metadata(save) ?:
	      write_index(save);
	/* without a trailer nobody takes it for an image */
	if (!err && !(save->call.flags & CHECKPOINT_COW))
		err = ckpt_collect_verify(save);
	if (!err)
		err = write_trailer(save);
	save->call.result.bytes = stream->offset;
	if (stream->err) {
		save->where = (struct ckpt_where){ .fd = -1 };
		return ckpt_err(save, stream->err,
				"cannot write the image at offset %llu: errno %d",
				stream->offset, -stream->err);
	}
	return err;
}

#if IS_ENABLED(CONFIG_CHECKPOINT_KUNIT_TEST)
#include "tests/image_write_kunit.c"
#endif
