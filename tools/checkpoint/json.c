// SPDX-License-Identifier: GPL-2.0
/*
 * Writing JSON. Addresses and keys go out as strings of hex digits: readers
 * that keep numbers as doubles would lose their low bits.
 */
#include "json.h"

static void json_quote(struct json *j, const char *s)
{
	putc('"', j->f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			putc('\\', j->f);
		putc(*s, j->f);
	}
	putc('"', j->f);
}

static void json_key(struct json *j, const char *key)
{
	unsigned int i;

	if (j->comma)
		putc(',', j->f);
	if (j->depth)
		putc('\n', j->f);
	for (i = 0; i < j->depth; i++)
		putc('\t', j->f);
	if (key) {
		json_quote(j, key);
		fputs(": ", j->f);
	}
	j->comma = true;
}

void json_begin(struct json *j, const char *key, char bracket)
{
	json_key(j, key);
	putc(bracket, j->f);
	j->depth++;
	j->comma = false;
}

void json_end(struct json *j, char bracket)
{
	unsigned int i;

	j->depth--;
	if (j->comma) {
		putc('\n', j->f);
		for (i = 0; i < j->depth; i++)
			putc('\t', j->f);
	}
	putc(bracket, j->f);
	if (!j->depth)
		putc('\n', j->f);
	j->comma = true;
}

/* @escaped: printable ASCII, as escape() makes it */
void json_string(struct json *j, const char *key, const char *escaped)
{
	json_key(j, key);
	json_quote(j, escaped);
}

void json_number(struct json *j, const char *key, uint64_t value)
{
	json_key(j, key);
	fprintf(j->f, "%llu", (unsigned long long)value);
}

void json_signed(struct json *j, const char *key, int64_t value)
{
	json_key(j, key);
	fprintf(j->f, "%lld", (long long)value);
}

void json_hex(struct json *j, const char *key, uint64_t value)
{
	json_key(j, key);
	fprintf(j->f, "\"0x%llx\"", (unsigned long long)value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	json_key(j, key);
	fputs(value ? "true" : "false", j->f);
}
