// SPDX-License-Identifier: GPL-2.0
/*
 * An image for programs: what is worked out of it, then every record with every
 * field, in the order of the image.
 */
#include <stdlib.h>
#include <string.h>

#include "info.h"
#include "json.h"
#include "record-kinds.h"

static void put_free(struct json *j, const char *key, char *text)
{
	json_string(j, key, text);
	free(text);
}

static void put_error(struct json *j, const struct image *im)
{
	if (!im->error)
		return;
	json_begin(j, "error", '{');
	put_free(j, "text", escape_str(im->error));
	json_number(j, "offset", im->error_offset);
	if (im->error_seq != UINT32_MAX)
		json_number(j, "record", im->error_seq);
	json_end(j, '}');
}

static void put_sizes(struct json *j, const struct image *im)
{
	json_begin(j, "sizes", '{');
	json_number(j, "metadata_bytes", im->metadata_end);
	json_number(j, "metadata_records", im->nr_metadata);
	if (im->complete) {
		json_number(j, "bytes", im->bytes);
		json_number(j, "content_blocks", im->contents.blocks);
		json_number(j, "data_pages", im->contents.data_pages);
		json_number(j, "same_pages", im->contents.same_pages);
		json_number(j, "pipe_bytes", im->contents.bytes);
		json_number(j, "index_entries", im->contents.index_entries);
	}
	json_end(j, '}');
}

static void put_externals(struct json *j, const struct image *im)
{
	struct external *ext;
	size_t nr, i;

	ext = image_externals(im, &nr);
	json_begin(j, "external", '[');
	for (i = 0; i < nr; i++) {
		json_begin(j, NULL, '{');
		json_hex(j, "key", ext[i].key);
		json_string(j, "kind", external_kind(ext[i].kind));
		json_string(j, "name", ext[i].name);
		json_string(j, "access", access_name(ext[i].access));
		json_end(j, '}');
	}
	json_end(j, ']');
	externals_free(ext, nr);
}

static void put_process(struct json *j, const struct info *info, const struct node *node)
{
	struct ckpt_process p;

	RECORD_GET(&info->image.records[node->record], p);
	json_begin(j, NULL, '{');
	json_number(j, "pid", node->tgid);
	json_number(j, "parent", node->parent_tid);
	put_free(j, "comm", comm_of(info, node));
	put_free(j, "state", state_text(&p));
	json_number(j, "record", info->image.records[node->record].seq);
	json_end(j, '}');
}

static void put_forest(struct json *j, const struct info *info)
{
	const struct forest *f = &info->forest;
	unsigned int depth = 0;
	size_t i;

	json_begin(j, "processes", '[');
	for (i = f->root; i != NOBODY; i = forest_next(f, i, &depth))
		put_process(j, info, &f->nodes[i]);
	json_end(j, ']');
}

static uint64_t get_le(const unsigned char *p, size_t width)
{
	uint64_t value = 0;

	while (width--)
		value = value << 8 | p[width];
	return value;
}

static int64_t get_signed(const unsigned char *p, size_t width)
{
	unsigned int unused = 64 - 8 * width;

	return (int64_t)(get_le(p, width) << unused) >> unused;
}

static void put_uuid(struct json *j, const char *key, const unsigned char *p)
{
	char text[37];

	uuid_text(p, text);
	json_string(j, key, text);
}

static void put_bytes(struct json *j, const char *key, const unsigned char *p, size_t len)
{
	char *text = xrealloc(NULL, 2, len + 1);
	size_t i;

	for (i = 0; i < len; i++)
		sprintf(text + 2 * i, "%02x", p[i]);
	text[2 * len] = 0;
	put_free(j, key, text);
}

static void put_fields(struct json *j, const struct field *f, const unsigned char *p);

static void put_element(struct json *j, const char *key, const struct field *f,
			const unsigned char *p)
{
	switch (f->how) {
	case FIELD_SIGNED:
		json_signed(j, key, get_signed(p, f->width));
		break;
	case FIELD_HEX:
		json_hex(j, key, get_le(p, f->width));
		break;
	case FIELD_STRUCT:
		json_begin(j, key, '{');
		put_fields(j, f->members, p);
		json_end(j, '}');
		break;
	default:
		json_number(j, key, get_le(p, f->width));
	}
}

static void put_array(struct json *j, const struct field *f, const unsigned char *p, size_t nr)
{
	size_t i;

	json_begin(j, f->name, '[');
	for (i = 0; i < nr; i++) {
		if (f->row && i % f->row == 0)
			json_begin(j, NULL, '[');
		put_element(j, NULL, f, p + i * f->width);
		if (f->row && i % f->row == f->row - 1)
			json_end(j, ']');
	}
	json_end(j, ']');
}

static void put_field(struct json *j, const struct field *f, const unsigned char *p, size_t nr)
{
	switch (f->how) {
	case FIELD_ZERO:
		break;
	case FIELD_TEXT:
		put_free(j, f->name, f->width > 1 ? padded_string(p, f->width) : escape(p, nr));
		break;
	case FIELD_UUID:
		put_uuid(j, f->name, p);
		break;
	case FIELD_BYTES:
		put_bytes(j, f->name, p, nr * f->width);
		break;
	default:
		if (f->nr == 1)
			put_element(j, f->name, f, p);
		else
			put_array(j, f, p, nr);
	}
}

/* @p: a whole struct */
static void put_fields(struct json *j, const struct field *f, const unsigned char *p)
{
	size_t nr;

	for (; f->name; f++) {
		nr = f->nr;
		if (f->count != NOT_COUNTED && get_le(p + f->count, 4) < nr)
			nr = get_le(p + f->count, 4);
		put_field(j, f, p + f->offset, nr);
	}
}

/* image_check() has seen that the parts fill the tail. */
static void put_tail(struct json *j, const struct record *rec, const struct field *f)
{
	const unsigned char *tail;
	size_t len, nr, most;

	tail = record_tail(rec, &len);
	for (; f && f->name; f++) {
		most = len / f->width;
		nr = f->count == NOT_COUNTED ? most : record_u32(rec, f->count);
		if (nr > most)
			nr = most;
		put_field(j, f, tail, nr);
		tail += nr * f->width;
		len -= nr * f->width;
	}
}

static void put_framing(struct json *j, const struct record *rec)
{
	json_begin(j, "framing", '{');
	json_number(j, "offset", rec->offset);
	json_number(j, "type", rec->type);
	json_hex(j, "flags", rec->flags);
	json_number(j, "fixed", rec->fixed);
	json_number(j, "len", le64toh(rec->raw.len));
	json_number(j, "seq", rec->seq);
	json_hex(j, "crc", rec->crc);
	json_end(j, '}');
}

static void put_record(struct json *j, const struct image *im, const struct record *rec)
{
	const struct record_kind *kind = record_kind(rec->type);
	unsigned char *fixed = xmalloc(kind->size);

	record_get(rec, fixed, kind->size);
	json_begin(j, NULL, '{');
	json_string(j, "record", kind->name);
	put_framing(j, rec);
	put_fields(j, kind->fields, fixed);
	put_tail(j, rec, kind->tail);
	if (im->complete && (rec->type == CKPT_REC_MM || rec->type == CKPT_REC_SHMEM))
		json_number(j, "data_pages", im->object_pages[get_le(fixed, 4) - 1]);
	json_end(j, '}');
	free(fixed);
}

static void put_records(struct json *j, const struct image *im)
{
	size_t i;

	json_begin(j, "records", '[');
	for (i = 0; i < im->nr_records; i++)
		put_record(j, im, &im->records[i]);
	json_end(j, ']');
}

static void put_preamble(struct json *j, const struct ckpt_preamble *pre)
{
	json_begin(j, "preamble", '{');
	put_bytes(j, "magic", pre->magic, sizeof(pre->magic));
	json_number(j, "framing", le32toh(pre->framing));
	json_end(j, '}');
}

void info_json(const struct info *info)
{
	struct json j = { .f = stdout };
	const struct image *im = &info->image;

	json_begin(&j, NULL, '{');
	json_string(&j, "file", info->name);
	json_bool(&j, "valid", im->complete && info->readable);
	put_error(&j, im);
	if (info->readable) {
		put_free(&j, "taken", time_text(le64toh(im->header.clock_realtime)));
		put_sizes(&j, im);
		json_number(&j, "trailing_bytes", info->trailing);
		put_externals(&j, im);
		put_forest(&j, info);
		put_preamble(&j, &im->preamble);
		put_records(&j, im);
	}
	json_end(&j, '}');
}
