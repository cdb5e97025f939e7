// SPDX-License-Identifier: GPL-2.0
/* Images taken apart, changed and sealed again. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"

uint32_t fail_crc32c(uint32_t crc, const void *data, size_t len)
{
	static uint32_t table[256];
	const uint8_t *p = data;
	uint32_t i, k, c;

	if (!table[1]) {
		for (i = 0; i < 256; i++) {
			for (c = i, k = 0; k < 8; k++)
				c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0);
			table[i] = c;
		}
	}
	while (len--)
		crc = table[(crc ^ *p++) & 0xff] ^ crc >> 8;
	return crc;
}

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

/* XXH64 of a page. */
static uint64_t digest(const uint8_t *page)
{
	static const uint64_t p1 = 0x9e3779b185ebca87, p2 = 0xc2b2ae3d27d4eb4f;
	static const int bits[] = { 1, 7, 12, 18 };
	uint64_t lane[] = { p1 + p2, p2, 0, -p1 }, word, h = 0;
	int i;

	for (i = 0; i < 4096 / 8; i++) {
		memcpy(&word, page + 8 * i, sizeof(word));
		lane[i % 4] = rotate(lane[i % 4] + word * p2, 31) * p1;
	}
	for (i = 0; i < 4; i++)
		h += rotate(lane[i], bits[i]);
	for (i = 0; i < 4; i++)
		h = (h ^ rotate(lane[i] * p2, 31) * p1) * p1 + 0x85ebca77c2b2ae63;
	h += 4096;
	h = (h ^ h >> 33) * p2;
	h = (h ^ h >> 29) * 0x165667b19e3779f9;
	return h ^ h >> 32;
}

/* Make the checksum of a record right. The pages of a block have digests in it. */
void fail_record_seal(uint32_t seed, struct ckpt_record *rec, size_t len)
{
	size_t at = sizeof(*rec) + sizeof(struct ckpt_content);
	uint64_t of_page;

	if (rec->type != CKPT_REC_CONTENT || at > len)
		at = len;
	rec->crc = 0;
	rec->crc = fail_crc32c(seed, rec, at);
	for (; at + 4096 <= len; at += 4096) {
		of_page = digest((uint8_t *)rec + at);
		rec->crc = fail_crc32c(rec->crc, &of_page, sizeof(of_page));
	}
}

/* Read a whole image from a descriptor's start, and find its records. */
int fail_image_read(struct fail_image *image, int fd)
{
	struct stat st;

	memset(image, 0, sizeof(*image));
	if (fstat(fd, &st))
		return -errno;
	image->len = st.st_size;
	image->data = malloc(image->len);
	if (pread(fd, image->data, image->len, 0) != (ssize_t)image->len)
		return -EIO;
	return fail_image_parse(image);
}

int fail_image_parse(struct fail_image *image)
{
	size_t at = sizeof(struct ckpt_preamble);
	struct ckpt_record rec;

	free(image->rec);
	image->rec = NULL;
	image->nr = 0;
	while (at + sizeof(rec) <= image->len) {
		uint64_t first;

		memcpy(&first, image->data + at, sizeof(first));
		if (!first) {
			at += sizeof(first);
			continue;
		}
		memcpy(&rec, image->data + at, sizeof(rec));
		if (rec.len > image->len - at - sizeof(rec))
			return -EBADMSG;
		image->rec = realloc(image->rec, (image->nr + 1) * sizeof(*image->rec));
		image->rec[image->nr++] = (struct fail_rec){
			.at = at, .end = at + sizeof(rec) + rec.len, .type = rec.type,
		};
		at += sizeof(rec) + rec.len;
	}
	return image->nr && at == image->len ? 0 : -EBADMSG;
}

void fail_image_copy(struct fail_image *to, const struct fail_image *from)
{
	*to = *from;
	to->data = malloc(from->len);
	memcpy(to->data, from->data, from->len);
	to->rec = malloc(from->nr * sizeof(*from->rec));
	memcpy(to->rec, from->rec, from->nr * sizeof(*from->rec));
}

void fail_image_free(struct fail_image *image)
{
	free(image->data);
	free(image->rec);
	memset(image, 0, sizeof(*image));
}

/* Of a target, which is dead afterwards. Return: the image's file, or -errno. */
int fail_image_of(const struct fail_group *group, const char *target,
		  struct fail_image *image)
{
	pid_t pid = fail_start(group, target, NULL);
	int fd = pid > 0 ? fail_save(group) : pid, err;

	fail_group_clear(group);
	if (fd < 0)
		return fd;
	err = fail_image_read(image, fd);
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Let the header say how much metadata there is. */
static void measure(struct fail_image *image)
{
	struct ckpt_header *h = fail_image_data(image, 0);
	int i = 0;

	if (image->rec[0].type != CKPT_REC_HEADER ||
	    image->rec[0].end - image->rec[0].at < sizeof(struct ckpt_record) + sizeof(*h))
		return;
	while (i < image->nr - 1 && image->rec[i + 1].type != CKPT_REC_CONTENT &&
	       image->rec[i + 1].type != CKPT_REC_INDEX &&
	       image->rec[i + 1].type != CKPT_REC_TRAILER)
		i++;
	h->meta_bytes = image->rec[i].end - image->rec[0].end;
}

/* Make the checksum of one record right, and the trailer's. -1: of all. */
void fail_image_seal_one(struct fail_image *image, int one)
{
	struct ckpt_header *h = fail_image_data(image, 0);
	uint32_t seed = fail_crc32c(~0, h->uuid, sizeof(h->uuid)), crcs = ~0;
	int i;

	for (i = 0; i < image->nr; i++) {
		struct ckpt_record *rec = (void *)(image->data + image->rec[i].at);

		if (image->rec[i].type == CKPT_REC_TRAILER &&
		    rec->len >= sizeof(struct ckpt_trailer))
			((struct ckpt_trailer *)(rec + 1))->crc = crcs;
		if (one < 0 || i == one || i == image->nr - 1)
			fail_record_seal(seed, rec, image->rec[i].end - image->rec[i].at);
		crcs = fail_crc32c(crcs, &rec->crc, sizeof(rec->crc));
	}
}

/* Make all checksums right. Numbers and lengths stay as they are. */
void fail_image_seal(struct fail_image *image)
{
	fail_image_seal_one(image, -1);
}

/*
 * Put an image together from records of another, in any order, numbered anew,
 * with a trailer that fits. The header's counts are the caller's business, but for
 * the bytes of metadata.
 */
void fail_image_build(struct fail_image *to, const struct fail_image *from,
		      const int *order, int nr)
{
	uint64_t pages = 0;
	size_t at, room;
	int i;

	room = sizeof(struct ckpt_preamble);
	for (i = 0; i < nr; i++)
		room += from->rec[order[i]].end - from->rec[order[i]].at + CKPT_PAGE_SIZE;
	to->data = calloc(1, room);
	to->rec = calloc(nr, sizeof(*to->rec));
	to->nr = nr;
	at = sizeof(struct ckpt_preamble);
	memcpy(to->data, from->data, at);
	for (i = 0; i < nr; i++) {
		const struct fail_rec *src = &from->rec[order[i]];
		struct ckpt_record *rec;

		if (src->type == CKPT_REC_CONTENT)
			at = (at + CKPT_PAGE_SIZE - 1) & ~(size_t)(CKPT_PAGE_SIZE - 1);
		rec = (void *)(to->data + at);
		memcpy(rec, from->data + src->at, src->end - src->at);
		rec->seq = i;
		to->rec[i] = (struct fail_rec){ at, at + src->end - src->at, src->type };
		at = to->rec[i].end;
		if (src->type == CKPT_REC_CONTENT)
			pages += ((struct ckpt_content *)(rec + 1))->nr_pages;
		if (src->type == CKPT_REC_TRAILER) {
			struct ckpt_trailer *t = (void *)(rec + 1);

			t->nr_records = i;
			t->pages = pages;
			t->bytes = at;
		}
	}
	to->len = at;
	measure(to);
	fail_image_seal(to);
}

/* Return: the number of the @nth record of a type, -1 if there is none. */
int fail_image_find(const struct fail_image *image, uint32_t type, int nth)
{
	int i;

	for (i = 0; i < image->nr; i++)
		if (image->rec[i].type == type && !nth--)
			return i;
	return -1;
}

/* The struct of a record, behind its header. */
void *fail_image_data(const struct fail_image *image, int rec)
{
	return image->data + image->rec[rec].at + sizeof(struct ckpt_record);
}

int fail_image_fd(const void *data, size_t len)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET))
		abort();
	return fd;
}

int fail_image_restart(const struct fail_image *image, const struct fail_group *into,
		       uint64_t flags, struct fail_report *report)
{
	int fd = fail_image_fd(image->data, image->len);
	int err = fail_restart(fd, into, flags, report);

	close(fd);
	return err;
}

/* Numbers of the threads in an image. */
int fail_image_pids(const struct fail_image *image, pid_t *pids, int max)
{
	int i, nr = 0;

	for (i = 0; i < image->nr && nr < max; i++)
		if (image->rec[i].type == CKPT_REC_THREAD)
			pids[nr++] = ((struct ckpt_thread *)fail_image_data(image, i))->tid;
	return nr;
}

/* Is nothing left of an image that was being restarted? What there was is reaped. */
bool fail_image_is_gone(const struct fail_image *image, const struct fail_group *group)
{
	pid_t pids[64];
	int nr = fail_image_pids(image, pids, 64);

	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
	while (nr--)
		if (!fail_is_gone(pids[nr]))
			return false;
	return fail_group_empty(group);
}
