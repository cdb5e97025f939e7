// SPDX-License-Identifier: GPL-2.0
/*
 * Changes to images that keep framing and checksums right, so that what is
 * hostile gets past the reader: fields, tails, records dropped, repeated, put
 * elsewhere, and taken from another image.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "mutate.h"

static uint64_t state;

void mutate_seed(uint64_t seed)
{
	state = seed * 2 + 1;
}

/* xorshift64*, after Marsaglia and Vigna */
static uint64_t next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
}

uint64_t mutate_below(uint64_t limit)
{
	return (next() >> 16) % limit;
}

/* ---- Taking apart ---- */

static struct mutate_rec clone_rec(const struct mutate_rec *from)
{
	struct mutate_rec to = *from;

	to.data = malloc(from->head.len ?: 1);
	memcpy(to.data, from->data, from->head.len);
	return to;
}

void mutate_take(struct mutate_image *to, const struct fail_image *from)
{
	int i;

	memcpy(&to->preamble, from->data, sizeof(to->preamble));
	to->nr = from->nr;
	to->rec = calloc(to->nr, sizeof(*to->rec));
	for (i = 0; i < to->nr; i++) {
		uint8_t *at = from->data + from->rec[i].at;
		struct mutate_rec rec = { .data = at + sizeof(rec.head) };

		memcpy(&rec.head, at, sizeof(rec.head));
		to->rec[i] = clone_rec(&rec);
	}
}

void mutate_copy(struct mutate_image *to, const struct mutate_image *from)
{
	int i;

	*to = *from;
	to->rec = calloc(to->nr, sizeof(*to->rec));
	for (i = 0; i < to->nr; i++)
		to->rec[i] = clone_rec(&from->rec[i]);
}

void mutate_free(struct mutate_image *image)
{
	int i;

	for (i = 0; i < image->nr; i++)
		free(image->rec[i].data);
	free(image->rec);
	memset(image, 0, sizeof(*image));
}

/* ---- Changes ---- */

static struct mutate_rec *any_rec(const struct mutate_image *image)
{
	return &image->rec[mutate_below(image->nr)];
}

/* Values at which something begins or ends. */
static uint64_t telling_value(uint64_t old)
{
	static const uint64_t values[] = {
		0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 63, 64, 65, 127, 128, 255, 256, 1000, 4095,
		4096, 4097, 0x7fff, 0x8000, 0xffff, 0x10000, 0x3fffff, 0x400000, 0x7fffffff,
		0x80000000, 0xfffffffe, 0xffffffff, 0x100000000, 0x7ffffffff000, 0x7fffffffffff,
		0x800000000000, 0xffff800000000000, 0xffffffff81000000, 0xffffffffff600000,
		0x7fffffffffffffff, 0x8000000000000000, ~0ULL, ~0ULL - 4095,
	};

	switch (mutate_below(6)) {
	case 0:
		return old + 1;
	case 1:
		return old - 1;
	case 2:
		return old ^ 1ULL << mutate_below(64);
	case 3:
		return old * 2;
	case 4:
		return next();
	default:
		return values[mutate_below(sizeof(values) / sizeof(*values))];
	}
}

static void change_field(struct mutate_rec *rec)
{
	size_t width = 1 << mutate_below(4), len = rec->head.len, at;
	uint64_t value = 0;

	/* contents: what describes them and the first runs, not the pages */
	if (rec->head.type == CKPT_REC_CONTENT && len > offsetof(struct ckpt_content, runs[4]))
		len = offsetof(struct ckpt_content, runs[4]);
	if (len < width)
		return;
	at = mutate_below(len / width) * width;
	memcpy(&value, rec->data + at, width);
	value = telling_value(value);
	memcpy(rec->data + at, &value, width);
}

/* The same place of another record of that type, or of any. */
static void borrow_field(struct mutate_rec *rec, const struct mutate_image *other)
{
	const struct mutate_rec *from = any_rec(other);
	size_t width = 4 << mutate_below(2), at, len;
	int i;

	for (i = 0; i < 32 && from->head.type != rec->head.type; i++)
		from = any_rec(other);
	len = from->head.len < rec->head.len ? from->head.len : rec->head.len;
	if (len < width)
		return;
	at = mutate_below(len / width) * width;
	memcpy(rec->data + at, from->data + at, width);
}

static void resize(struct mutate_rec *rec)
{
	size_t words = 1 + mutate_below(mutate_below(4) ? 4 : 600), old = rec->head.len;

	if (mutate_below(2)) {
		rec->head.len -= words * 8 < old ? words * 8 : old;
		return;
	}
	rec->data = realloc(rec->data, old + words * 8);
	memset(rec->data + old, mutate_below(2) ? 0 : mutate_below(256), words * 8);
	rec->head.len += words * 8;
}

static void change_head(struct mutate_rec *rec)
{
	switch (mutate_below(3)) {
	case 0:
		rec->head.type = mutate_below(90);
		break;
	case 1:
		rec->head.fixed = telling_value(rec->head.fixed);
		break;
	default:
		rec->head.flags ^= 1 << mutate_below(16);
	}
}

static void drop(struct mutate_image *image, int at)
{
	free(image->rec[at].data);
	image->nr--;
	memmove(image->rec + at, image->rec + at + 1, (image->nr - at) * sizeof(*image->rec));
}

static void insert(struct mutate_image *image, int at, const struct mutate_rec *rec)
{
	struct mutate_rec copy = clone_rec(rec);

	image->rec = realloc(image->rec, (image->nr + 1) * sizeof(*image->rec));
	memmove(image->rec + at + 1, image->rec + at, (image->nr - at) * sizeof(*image->rec));
	image->rec[at] = copy;
	image->nr++;
}

static void exchange(struct mutate_image *image)
{
	struct mutate_rec *a = any_rec(image), *b = any_rec(image), old = *a;

	*a = *b;
	*b = old;
}

static void splice(struct mutate_image *image, const struct mutate_image *other)
{
	int from = mutate_below(other->nr), nr = 1 + mutate_below(4), at = mutate_below(image->nr);

	while (nr-- && from < other->nr)
		insert(image, at++, &other->rec[from++]);
}

static void change_once(struct mutate_image *image, const struct mutate_image *other)
{
	switch (mutate_below(16)) {
	case 0 ... 6:
		change_field(any_rec(image));
		break;
	case 7 ... 9:
		borrow_field(any_rec(image), other);
		break;
	case 10:
		resize(any_rec(image));
		break;
	case 11:
		change_head(any_rec(image));
		break;
	case 12:
		if (image->nr > 1)
			drop(image, mutate_below(image->nr));
		break;
	case 13:
		insert(image, mutate_below(image->nr), any_rec(image));
		break;
	case 14:
		exchange(image);
		break;
	default:
		splice(image, other);
	}
}

void mutate(struct mutate_image *image, const struct mutate_image *other)
{
	int changes = 1 + mutate_below(3);

	while (changes--)
		change_once(image, other);
}

/* ---- Putting together ---- */

static bool is_object(uint32_t type)
{
	return type >= CKPT_REC_UTS_NS && type < CKPT_REC_VMA;
}

/* Numbers of records and objects, and the header's counts. */
void mutate_fit(struct mutate_image *image)
{
	struct ckpt_header *header = (void *)image->rec[0].data;
	uint32_t objects = 0, processes = 0, threads = 0, bytes = 0;
	bool meta = true;
	int i;

	for (i = 0; i < image->nr; i++) {
		struct mutate_rec *rec = &image->rec[i];

		rec->head.seq = i;
		meta &= rec->head.type != CKPT_REC_CONTENT && rec->head.type != CKPT_REC_INDEX &&
			rec->head.type != CKPT_REC_TRAILER;
		if (i && meta)
			bytes += sizeof(rec->head) + rec->head.len;
		if (is_object(rec->head.type) && rec->head.len >= 4) {
			uint32_t id = ++objects;

			memcpy(rec->data, &id, sizeof(id));
		}
		processes += rec->head.type == CKPT_REC_PROCESS;
		threads += rec->head.type == CKPT_REC_THREAD;
	}
	if (image->rec[0].head.type != CKPT_REC_HEADER ||
	    image->rec[0].head.len < sizeof(*header))
		return;
	header->nr_objects = objects;
	header->nr_processes = processes;
	header->nr_threads = threads;
	header->meta_bytes = bytes;
}

static size_t place(const struct mutate_rec *rec, size_t at)
{
	return rec->head.type == CKPT_REC_CONTENT ?
	       (at + CKPT_PAGE_SIZE - 1) & ~(size_t)(CKPT_PAGE_SIZE - 1) : at;
}

void mutate_join(struct fail_image *to, struct mutate_image *image)
{
	size_t at = sizeof(image->preamble), room = at;
	struct mutate_rec *last;
	uint64_t pages = 0;
	int i;

	if (mutate_below(16))
		mutate_fit(image);
	for (i = 0; i < image->nr; i++)
		room = place(&image->rec[i], room) + sizeof(struct ckpt_record) +
		       image->rec[i].head.len;
	*to = (struct fail_image){
		.data	= calloc(1, room),
		.rec	= calloc(image->nr, sizeof(*to->rec)),
		.nr	= image->nr,
	};
	memcpy(to->data, &image->preamble, sizeof(image->preamble));
	last = &image->rec[image->nr - 1];
	for (i = 0; i < image->nr; i++) {
		struct mutate_rec *rec = &image->rec[i];

		at = place(rec, at);
		to->rec[i] = (struct fail_rec){
			.at = at, .end = at + sizeof(rec->head) + rec->head.len,
			.type = rec->head.type,
		};
		if (rec->head.type == CKPT_REC_CONTENT &&
		    rec->head.len >= sizeof(struct ckpt_content))
			pages += ((struct ckpt_content *)rec->data)->nr_pages;
		if (rec == last && rec->head.type == CKPT_REC_TRAILER &&
		    rec->head.len >= sizeof(struct ckpt_trailer)) {
			struct ckpt_trailer *trailer = (void *)rec->data;

			trailer->nr_records = i;
			trailer->pages = pages;
			trailer->bytes = to->rec[i].end;
		}
		memcpy(to->data + at, &rec->head, sizeof(rec->head));
		memcpy(to->data + at + sizeof(rec->head), rec->data, rec->head.len);
		at = to->rec[i].end;
	}
	to->len = at;
	if (image->rec[0].head.type == CKPT_REC_HEADER &&
	    image->rec[0].head.len >= sizeof(struct ckpt_header))
		fail_image_seal(to);
}
