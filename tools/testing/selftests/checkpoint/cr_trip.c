// SPDX-License-Identifier: GPL-2.0
/* Whole round trips, and a look into images. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cr.h"

int cr_stop(struct cr *cr)
{
	return cr_checkpoint(cr) ?: cr_kill(cr);
}

int cr_move(struct cr *cr)
{
	return cr_stop(cr) ?: cr_restart(cr);
}

int cr_round_trips(struct cr *cr, const char *program, const char *arg, int generations)
{
	int err = cr_start_ready(cr, program, arg);

	while (!err && generations--)
		err = cr_move(cr);
	if (err)
		return err;
	cr_go(cr);
	return cr_wait_exit(cr);
}

int cr_round_trip(struct cr *cr, const char *program, const char *arg)
{
	return cr_round_trips(cr, program, arg, 1);
}

bool cr_logged(struct cr *cr, const char *text)
{
	return strstr(cr->log, text);
}

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

struct ckpt_record *cr_image_next(struct cr_image *image, struct ckpt_record *prev, __u32 type)
{
	char *at = image->data + sizeof(struct ckpt_preamble);

	if (prev)
		at = (char *)(prev + 1) + prev->len;
	while (at + sizeof(*prev) <= image->data + image->size) {
		prev = (struct ckpt_record *)at;
		if (prev->type == type)
			return prev;
		at += sizeof(*prev) + prev->len;
	}
	return NULL;
}
