// SPDX-License-Identifier: GPL-2.0
/*
 * External objects of an image.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "forest.h"

const char *external_kind(uint32_t kind)
{
	switch (kind) {
	case CKPT_EXTERNAL_TTY:
		return "terminal";
	case CKPT_EXTERNAL_PIPE:
		return "pipe";
	case CKPT_EXTERNAL_SOCKET:
		return "socket";
	}
	return "object of unknown kind";
}

static int add_access(int a, int b)
{
	a &= O_ACCMODE;
	b &= O_ACCMODE;
	return a == b ? a : O_RDWR;
}

static char *name_of(const struct record *rec, const struct ckpt_file_external *e)
{
	const unsigned char *tail;
	size_t len, want = le32toh(e->name_len);

	tail = record_tail(rec, &len);
	return escape(tail, want < len ? want : len);
}

static int compare_keys(const void *a, const void *b)
{
	uint64_t x = ((const struct external *)a)->key, y = ((const struct external *)b)->key;

	return (x > y) - (x < y);
}

/* One for each key, however many files share it. */
struct external *image_externals(const struct image *im, size_t *nr)
{
	struct external *ext = NULL;
	struct ckpt_file_external e;
	size_t i, all = 0;

	for (i = 0; i < im->nr_records; i++) {
		if (im->records[i].type != CKPT_REC_FILE_EXTERNAL)
			continue;
		RECORD_GET(&im->records[i], e);
		if (!(all & (all - 1)))
			ext = xrealloc(ext, all ? 2 * all : 1, sizeof(*ext));
		ext[all++] = (struct external){
			.key = le64toh(e.key),
			.kind = le32toh(e.kind),
			.access = le32toh(e.file.flags) & O_ACCMODE,
			.name = name_of(&im->records[i], &e),
		};
	}
	if (all)
		qsort(ext, all, sizeof(*ext), compare_keys);
	*nr = 0;
	for (i = 0; i < all; i++) {
		if (*nr && ext[*nr - 1].key == ext[i].key) {
			ext[*nr - 1].access = add_access(ext[*nr - 1].access, ext[i].access);
			free(ext[i].name);
		} else {
			ext[(*nr)++] = ext[i];
		}
	}
	return ext;
}

void externals_free(struct external *ext, size_t nr)
{
	while (nr)
		free(ext[--nr].name);
	free(ext);
}
