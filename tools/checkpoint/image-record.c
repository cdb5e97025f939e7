// SPDX-License-Identifier: GPL-2.0
/*
 * The kinds of records, and getting at what is in one.
 */
#include <string.h>

#include "image.h"

static const struct {
	uint32_t type;
	const char *name;
	size_t size;
} kinds[] = {
	{ CKPT_REC_HEADER,	  "HEADER",	   sizeof(struct ckpt_header) },
	{ CKPT_REC_TRAILER,	  "TRAILER",	   sizeof(struct ckpt_trailer) },
	{ CKPT_REC_CONTENT,	  "CONTENT",	   sizeof(struct ckpt_content) },
	{ CKPT_REC_INDEX,	  "INDEX",	   0 },
	{ CKPT_REC_UTS_NS,	  "UTS_NS",	   sizeof(struct ckpt_uts_ns) },
	{ CKPT_REC_CRED,	  "CRED",	   sizeof(struct ckpt_cred) },
	{ CKPT_REC_PIPE,	  "PIPE",	   sizeof(struct ckpt_pipe) },
	{ CKPT_REC_SHMEM,	  "SHMEM",	   sizeof(struct ckpt_shmem) },
	{ CKPT_REC_FILE_PATH,	  "FILE_PATH",	   sizeof(struct ckpt_file_path) },
	{ CKPT_REC_FILE_PIPE,	  "FILE_PIPE",	   sizeof(struct ckpt_file_pipe) },
	{ CKPT_REC_FILE_SHMEM,	  "FILE_SHMEM",	   sizeof(struct ckpt_file_shmem) },
	{ CKPT_REC_FILE_EXTERNAL, "FILE_EXTERNAL", sizeof(struct ckpt_file_external) },
	{ CKPT_REC_FILE_EVENTFD,  "FILE_EVENTFD",  sizeof(struct ckpt_file_eventfd) },
	{ CKPT_REC_FS,		  "FS",		   sizeof(struct ckpt_fs) },
	{ CKPT_REC_FILES,	  "FILES",	   sizeof(struct ckpt_files) },
	{ CKPT_REC_SIGHAND,	  "SIGHAND",	   sizeof(struct ckpt_sighand) },
	{ CKPT_REC_MM,		  "MM",		   sizeof(struct ckpt_mm) },
	{ CKPT_REC_VMA,		  "VMA",	   sizeof(struct ckpt_vma) },
	{ CKPT_REC_PROCESS,	  "PROCESS",	   sizeof(struct ckpt_process) },
	{ CKPT_REC_THREAD,	  "THREAD",	   sizeof(struct ckpt_thread) },
	{ CKPT_REC_SIGINFO,	  "SIGINFO",	   sizeof(struct ckpt_siginfo) },
	{ CKPT_REC_X86_THREAD,	  "X86_THREAD",	   sizeof(struct ckpt_x86_thread) },
	{ CKPT_REC_X86_XFEATURE,  "X86_XFEATURE",  sizeof(struct ckpt_x86_xfeature) },
};

static int find_kind(uint32_t type)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == type)
			return i;
	return -1;
}

bool record_known(uint32_t type)
{
	return find_kind(type) >= 0;
}

const char *record_name(uint32_t type)
{
	int i = find_kind(type);

	return i < 0 ? "unknown" : kinds[i].name;
}

size_t record_size(uint32_t type)
{
	int i = find_kind(type);

	return i < 0 ? 0 : kinds[i].size;
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
