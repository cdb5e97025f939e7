/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writing JSON.
 */
#ifndef CKPT_JSON_H
#define CKPT_JSON_H

#include "ckpt.h"

struct json {
	FILE *f;
	unsigned int depth;
	bool comma;
};

/* @key is NULL for elements of an array. */
void json_begin(struct json *j, const char *key, char bracket);
void json_end(struct json *j, char bracket);
void json_string(struct json *j, const char *key, const char *escaped);
void json_number(struct json *j, const char *key, uint64_t value);
void json_signed(struct json *j, const char *key, int64_t value);
void json_hex(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);

#endif
