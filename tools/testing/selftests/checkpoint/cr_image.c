// SPDX-License-Identifier: GPL-2.0
/* A look into images, and what is true of every image. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cr_fault.h"
#include "cr_image.h"

int cr_image_read(struct cr *cr, struct cr_image *image)
{
	int fd = open(cr->image, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	image->size = st.st_size;
	image->data = err ? NULL : malloc(image->size);
	if (!err && (!image->data || read(fd, image->data, image->size) != (ssize_t)image->size))
		err = -EIO;
	close(fd);
	return err;
}

void cr_image_free(struct cr_image *image)
{
	free(image->data);
}

int cr_image_map(struct cr_image *image, int fd)
{
	image->size = lseek(fd, 0, SEEK_CUR);
	image->data = mmap(NULL, image->size ?: 1, PROT_READ, MAP_SHARED, fd, 0);
	return image->data == MAP_FAILED ? -errno : 0;
}

void cr_image_unmap(struct cr_image *image)
{
	if (image->data != MAP_FAILED)
		munmap(image->data, image->size ?: 1);
}

struct ckpt_record *cr_image_step(const struct cr_image *image, const struct ckpt_record *prev)
{
	size_t at = sizeof(struct ckpt_preamble);
	struct ckpt_record *record;

	if (prev)
		at = (const char *)(prev + 1) + prev->len - image->data;
	for (; at + sizeof(*record) <= image->size; at = (at | (CKPT_PAGE_SIZE - 1)) + 1) {
		record = (struct ckpt_record *)(image->data + at);
		/* a content block begins on a page of the stream, behind zeros */
		if (record->type || record->len)
			return at + sizeof(*record) + record->len <= image->size ? record : NULL;
	}
	return NULL;
}

struct ckpt_record *cr_image_next(const struct cr_image *image, const struct ckpt_record *prev,
				  __u32 type)
{
	struct ckpt_record *record = cr_image_step(image, prev);

	while (record && record->type != type)
		record = cr_image_step(image, record);
	return record;
}

/* ---- Nothing of the kernel's own ---- */

/* What SLUB and the page allocator fill with what is free, or not yet written. */
static bool is_poison(__u64 value)
{
	static const unsigned char fill[] = { 0x6b, 0x5a, 0xaa, 0xbb, 0xcc };
	size_t i;

	for (i = 0; i < sizeof(fill); i++)
		if (value == fill[i] * 0x0101010101010101ULL)
			return true;
	return false;
}

/*
 * From the beginning of the direct map to the end of what KASAN has, and from the
 * kernel's text to the end of the fixmap: Documentation/arch/x86/x86_64/mm.rst. In
 * between are signal masks and the like, above are error numbers.
 */
static bool is_kernel_address(__u64 value)
{
#ifdef __x86_64__
	return (value >= 0xffff888000000000 && value < 0xfffffc0000000000) ||
	       (value >= 0xffffffff80000000 && value < 0xffffffffff000000);
#else
#error "where are this architecture's kernel addresses?"
#endif
}

/* Of a content block only what describes its pages, which are the program's. */
static size_t described(const struct ckpt_record *record)
{
	return record->type == CKPT_REC_CONTENT ? sizeof(struct ckpt_content) : record->len;
}

static int find_foreign(const struct ckpt_record *record, size_t place)
{
	const __u64 *words = (const __u64 *)(record + 1);
	size_t i;

	for (i = 0; i < described(record) / 8; i++) {
		if (!is_poison(words[i]) && !is_kernel_address(words[i]))
			continue;
		fprintf(stderr, "# record of type %u at %zu: the kernel's own at %zu: %llx\n",
			record->type, place, i * 8, (unsigned long long)words[i]);
		return -EPROTO;
	}
	return 0;
}

/* ---- Two images of one frozen group ---- */

/* HEADER has identity and moment; TRAILER repeats the one, all checksums begin with it. */
static bool is_twin(const struct ckpt_record *a, const struct ckpt_record *b)
{
	struct ckpt_record head = *a;

	head.crc = b->crc;
	if (memcmp(&head, b, sizeof(head)))
		return false;
	if (a->type == CKPT_REC_HEADER)
		return true;
	if (a->type == CKPT_REC_TRAILER) {
		const struct ckpt_trailer *other = (const void *)(b + 1);
		struct ckpt_trailer trailer = *(const struct ckpt_trailer *)(a + 1);

		memcpy(trailer.uuid, other->uuid, sizeof(trailer.uuid));
		trailer.crc = other->crc;
		return !memcmp(&trailer, other, sizeof(trailer));
	}
	return !memcmp(a + 1, b + 1, a->len);
}

static int compare(const struct cr_image *one, const struct cr_image *other)
{
	const struct ckpt_record *a = NULL, *b = NULL;
	size_t place = 0;
	int err = 0;

	while (!err) {
		a = cr_image_step(one, a);
		b = cr_image_step(other, b);
		if (!a || !b)
			break;
		place = (const char *)a - one->data;
		if (!is_twin(a, b)) {
			fprintf(stderr, "# images differ in a record of type %u at %zu\n",
				a->type, place);
			return -EPROTO;
		}
		err = find_foreign(a, place);
	}
	if (!err && (a || b || !place || one->size != other->size)) {
		fprintf(stderr, "# images of %zu and %zu bytes differ behind %zu\n", one->size,
			other->size, place);
		err = -EPROTO;
	}
	return err;
}

int cr_image_twins(struct cr *cr)
{
	int fds[2] = { memfd_create("one", MFD_CLOEXEC), memfd_create("other", MFD_CLOEXEC) };
	struct cr_image one = { .data = MAP_FAILED }, other = { .data = MAP_FAILED };
	bool frozen = cr_has_event(cr, "frozen 1");
	struct cr twin = *cr;
	int err;

	twin.log = calloc(1, CR_LOG_SIZE);
	err = twin.log ? cr_freeze(cr, 1) : -ENOMEM;
	if (!err)
		err = cr_checkpoint_fd(&twin, fds[0]) ?: cr_checkpoint_fd(&twin, fds[1]);
	if (!frozen)
		cr_freeze(cr, 0);
	if (!err)
		err = cr_image_map(&one, fds[0]) ?: cr_image_map(&other, fds[1]) ?:
		      compare(&one, &other);
	cr_image_unmap(&one);
	cr_image_unmap(&other);
	close(fds[0]);
	close(fds[1]);
	free(twin.log);
	return err;
}
