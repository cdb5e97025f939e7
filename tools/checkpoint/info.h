/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Showing an image.
 */
#ifndef CKPT_INFO_H
#define CKPT_INFO_H

#include "forest.h"

/**
 * struct info - what is to be shown
 * @name: the file, escaped
 * @image: its image
 * @forest: the processes
 * @readable: the metadata is sound, @forest and the records may be shown
 * @users: processes that use an object, by object
 * @nr_users: how many
 * @trailing: bytes in the file after the image
 */
struct info {
	char *name;
	struct image image;
	struct forest forest;
	bool readable;
	struct user {
		uint32_t id;
		uint32_t tgid;
	} *users;
	size_t nr_users;
	uint64_t trailing;
};

void info_text(const struct info *info);
void info_json(const struct info *info);

/* describe.c; strings are escaped, and the caller's to free */
char *padded_string(const uint8_t *text, size_t size);
char *tail_string(const struct record *rec, size_t from, size_t len);
char *comm_of(const struct info *info, const struct node *node);
char *file_name(const struct image *im, const struct record *rec);
const char *file_kind(const struct record *rec);
const char *access_name(uint32_t flags);
char *vma_name(const struct image *im, const struct ckpt_vma *vma, const struct ckpt_mm *mm);
void vma_prot(const struct ckpt_vma *vma, char buf[5]);
char *time_text(uint64_t ns);
char *state_text(const struct ckpt_process *p);
void users_build(struct info *info);

#endif
