// SPDX-License-Identifier: GPL-2.0
/*
 * Getting at what is in a record.
 */
#include <limits.h>
#include <string.h>

#include "image.h"
#include "record-kinds.h"

bool record_known(uint32_t type)
{
	return record_kind(type);
}

const char *record_name(uint32_t type)
{
	const struct record_kind *kind = record_kind(type);

	return kind ? kind->name : "unknown";
}

size_t record_size(uint32_t type)
{
	const struct record_kind *kind = record_kind(type);

	return kind ? kind->size : 0;
}

/* Bytes that it may have: what is but text behind the struct is paths. */
size_t record_max(uint32_t type)
{
	const struct record_kind *kind = record_kind(type);
	size_t max = UINT16_MAX + 1;
	const struct field *part;

	for (part = kind ? kind->tail : NULL; part && part->name; part++) {
		if (part->how != FIELD_TEXT)
			return RECORD_MAX;
		max += PATH_MAX;
	}
	return max;
}

bool record_is_object(uint32_t type)
{
	return type >= CKPT_REC_UTS_NS && type < CKPT_REC_VMA && record_known(type);
}

/* An older writer's struct is shorter: the rest reads as zero. */
void record_get(const struct record *rec, void *buf, size_t size)
{
	size_t have = rec->fixed < size ? rec->fixed : size;

	memset(buf, 0, size);
	if (rec->data)
		memcpy(buf, rec->data, have);
}

/* A __le32 of the struct, zero when this record's writer did not know it. */
uint32_t record_u32(const struct record *rec, size_t offset)
{
	__le32 value = 0;

	if (rec->data && rec->fixed >= offset + sizeof(value))
		memcpy(&value, rec->data + offset, sizeof(value));
	return le32toh(value);
}

const unsigned char *record_tail(const struct record *rec, size_t *len)
{
	size_t start = (rec->fixed + 7) & ~7UL;

	*len = rec->data && rec->len > start ? rec->len - start : 0;
	return rec->data + (*len ? start : 0);
}

/* NULL for 0 and for ids that there are not. */
const struct record *image_object(const struct image *im, uint32_t id)
{
	if (!id || id > im->nr_objects)
		return NULL;
	return &im->records[im->objects[id - 1]];
}

bool all_zero(const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len--)
		if (*p++)
			return false;
	return true;
}
