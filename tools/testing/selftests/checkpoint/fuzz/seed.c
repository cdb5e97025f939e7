// SPDX-License-Identifier: GPL-2.0
/*
 * Seeds: images that restart(2) accepts, with contents and without, in a pid
 * namespace, with huge pages. An image that it refuses, such as that of genimage, which has
 * another value in each field, gets values that it accepts.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../mutate.h"
#include "fit.h"
#include "fuzz.h"
#include "kernel.h"

static struct mutate_image take(const char *name)
{
	int fd = open(name, O_RDONLY);
	struct fail_image file;
	struct mutate_image image = {};

	if (fd < 0 || fail_image_read(&file, fd))
		fuzz_complain(name);
	close(fd);
	mutate_take(&image, &file);
	fail_image_free(&file);
	fuzz_fit_header((void *)image.rec[0].data);
	return image;
}

static void drop_contents(struct mutate_image *image)
{
	int i, nr = 0;

	for (i = 0; i < image->nr; i++) {
		uint32_t type = image->rec[i].head.type;

		if (type == CKPT_REC_CONTENT || type == CKPT_REC_INDEX)
			free(image->rec[i].data);
		else
			image->rec[nr++] = image->rec[i];
	}
	image->nr = nr;
}

/* Beyond that there are only more pages, for which nothing waits longer. */
#define SEED_MAX	(64 * 1024)

/* Is it accepted? Then it is a seed. */
static int write_seed(struct mutate_image *image, const char *dir, int nr)
{
	struct fail_image out;
	char name[4096];
	size_t len;
	FILE *file;
	int err;

	mutate_seed(nr);
	mutate_fit(image);
	mutate_join(&out, image);
	len = out.len + FUZZ_CONTROL;
	out.data = realloc(out.data, len);
	memset(out.data + out.len, 0, FUZZ_CONTROL);
	err = fuzz_one(out.data, len);
	if (!err && out.len <= SEED_MAX) {
		snprintf(name, sizeof(name), "%s/seed-%d", dir, nr);
		file = fopen(name, "w");
		if (!file || fwrite(out.data, 1, len, file) != len || fclose(file))
			fuzz_complain(name);
	}
	fail_image_free(&out);
	return err;
}

static void renumber(__le32 *nr, uint32_t from)
{
	if (*nr == from)
		*nr = 1;
}

/* As if the first process were pid 1 of a pid namespace. */
static void into_pid_ns(struct mutate_image *image)
{
	uint32_t first = 0;
	int i;

	for (i = 0; i < image->nr; i++) {
		struct ckpt_process *process = (void *)image->rec[i].data;
		struct ckpt_thread *thread = (void *)image->rec[i].data;

		if (image->rec[i].head.type == CKPT_REC_THREAD)
			renumber(&thread->tid, first);
		if (image->rec[i].head.type != CKPT_REC_PROCESS)
			continue;
		if (!first) {
			first = process->tgid;
			process->flags |= CKPT_PROCESS_NEW_PIDNS;
		}
		renumber(&process->tgid, first);
		renumber(&process->parent, first);
		renumber(&process->pgid, first);
		renumber(&process->sid, first);
	}
}

/* As if shared memory were memfds of huge pages. Names are that long or longer. */
static void of_huge_pages(struct mutate_image *image)
{
	int i;

	for (i = 0; i < image->nr; i++) {
		struct ckpt_shmem *shmem = (void *)image->rec[i].data;

		if (image->rec[i].head.type != CKPT_REC_SHMEM)
			continue;
		shmem->huge_shift = 21;
		shmem->size = 4 << 20;
		shmem->flags = CKPT_SHMEM_MEMFD;
		memcpy(shmem + 1, "memfd:", 6);
	}
}

static void must_be_seed(struct mutate_image *image, const char *dir, int nr)
{
	if (write_seed(image, dir, nr))
		fuzz_complain(fuzz_log);
}

void fuzz_write_seeds(const char *dir, char **images, int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		struct mutate_image image = take(images[i]);

		if (write_seed(&image, dir, 4 * i)) {
			fit_image(&image);
			must_be_seed(&image, dir, 4 * i);
		}
		drop_contents(&image);
		must_be_seed(&image, dir, 4 * i + 1);
		into_pid_ns(&image);
		must_be_seed(&image, dir, 4 * i + 2);
		of_huge_pages(&image);
		must_be_seed(&image, dir, 4 * i + 3);
		mutate_free(&image);
	}
}
