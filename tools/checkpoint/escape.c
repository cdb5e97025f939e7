// SPDX-License-Identifier: GPL-2.0
/*
 * Strings from images, programs and the kernel's log are foreign: nothing in
 * them may reach a terminal as anything but plain text.
 */
#include <stdlib.h>
#include <string.h>

#include "ckpt.h"

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f;
}

static char *put_hex(char *p, unsigned char c)
{
	return p + sprintf(p, "\\x%02x", c);
}

/* Printable ASCII as it is, a backslash doubled, every other byte as \xHH. */
char *escape(const void *text, size_t len)
{
	const unsigned char *s = text;
	char *out = xrealloc(NULL, len + 1, 4);
	char *p = out;
	size_t i;

	for (i = 0; i < len; i++) {
		if (!is_plain(s[i])) {
			p = put_hex(p, s[i]);
			continue;
		}
		if (s[i] == '\\')
			*p++ = '\\';
		*p++ = s[i];
	}
	*p = 0;
	return out;
}

char *escape_str(const char *text)
{
	return escape(text, strlen(text));
}

/* A line of the kernel's log: its strings are escaped already. In one write. */
void put_escaped_line(FILE *f, const char *head, const char *line, size_t len)
{
	char *out = xrealloc(NULL, strlen(head) + 4 * len + 2, 1);
	char *p = stpcpy(out, head);
	size_t i;

	for (i = 0; i < len; i++) {
		if (is_plain(line[i]))
			*p++ = line[i];
		else
			p = put_hex(p, line[i]);
	}
	*p++ = '\n';
	fwrite(out, 1, p - out, f);
	free(out);
}
