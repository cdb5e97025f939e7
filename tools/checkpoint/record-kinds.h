/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the records of an image are made of: the one place that knows their
 * members. Checking and showing go by it.
 */
#ifndef CKPT_RECORD_KINDS_H
#define CKPT_RECORD_KINDS_H

#include "ckpt.h"

/* How a member is shown. */
enum field_how {
	FIELD_NUMBER,
	FIELD_SIGNED,
	FIELD_HEX,	/* addresses, keys, sets of bits */
	FIELD_TEXT,	/* bytes, with NULs behind the text */
	FIELD_UUID,
	FIELD_BYTES,
	FIELD_STRUCT,
	FIELD_ZERO,	/* reserved: not shown, but looked at */
};

/* What an id may be of, beside one CKPT_REC_*. */
#define REF_ANY_FILE	1
#define REF_MAPPED_FILE	2

/* For a member that is not counted by another one. */
#define NOT_COUNTED	SIZE_MAX

/**
 * struct field - a member of a struct, or a part of the tail behind it
 * @name: as the header has it
 * @how: FIELD_*
 * @offset: in the struct; parts of a tail have none and follow each other
 * @width: bytes of one element
 * @nr: elements; of a part of a tail none
 * @row: elements in a row of an array of arrays, 0 for another array
 * @count: offset of the __le32 in the struct that says how many elements
 *	there are, or NOT_COUNTED
 * @want: CKPT_REC_* or REF_* of the object that it is the id of, 0 for no id
 * @members: of a FIELD_STRUCT, ended by one without a name
 */
struct field {
	const char *name;
	enum field_how how;
	size_t offset;
	size_t width;
	size_t nr;
	size_t row;
	size_t count;
	uint32_t want;
	const struct field *members;
};

/**
 * struct record_kind - a type of record
 * @type: CKPT_REC_*
 * @name: without CKPT_REC_
 * @size: bytes of its struct
 * @fields: members of the struct, ended by one without a name
 * @tail: what follows it, ended likewise, or NULL
 */
struct record_kind {
	uint32_t type;
	const char *name;
	size_t size;
	const struct field *fields;
	const struct field *tail;
};

/* NULL for types that are not known. */
const struct record_kind *record_kind(uint32_t type);

#endif
