// SPDX-License-Identifier: GPL-2.0
/*
 * Reading an image's metadata before restart(2) does. A file is looked at
 * without moving its position; a stream is read, and fed to restart(2) again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "restart.h"

static int open_image(const char *name)
{
	int fd;

	if (strcmp(name, "-")) {
		fd = open(name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			say("cannot open %s: %s", escape_str(name), strerror(errno));
		return fd;
	}
	if (isatty(STDIN_FILENO)) {
		say("will not read an image from a terminal; give -i FILE, or redirect the input");
		return -1;
	}
	return STDIN_FILENO;
}

static void want_pid(struct preview *p, __le32 pid)
{
	if (pid)
		pidset_add(&p->pids, le32toh(pid));
}

static void look_at_process(struct preview *p, const struct record *rec)
{
	struct ckpt_process proc;

	RECORD_GET(rec, proc);
	want_pid(p, proc.tgid);
	want_pid(p, proc.pgid);
	want_pid(p, proc.sid);
	if (proc.parent)
		return;
	if (!p->nr_roots++)
		p->root_is_init = le32toh(proc.flags) & CKPT_PROCESS_NEW_PIDNS;
}

static void look_at(struct preview *p, const struct image *im)
{
	struct ckpt_thread thread;
	size_t i;

	for (i = 0; i < im->nr_records; i++) {
		if (im->records[i].type == CKPT_REC_PROCESS)
			look_at_process(p, &im->records[i]);
		if (im->records[i].type != CKPT_REC_THREAD)
			continue;
		RECORD_GET(&im->records[i], thread);
		want_pid(p, thread.tid);
	}
	pidset_sort(&p->pids);
	p->externals = image_externals(im, &p->nr_externals);
}

/* Pids count only where they have to be free: not in a namespace to be made. */
int preview_image(struct preview *p, const char *name, bool new_pidns)
{
	struct buffer copy = { 0 };
	struct record next;
	struct source src;
	struct image im;
	int err = 0;

	*p = (struct preview){ .fd = open_image(name) };
	if (p->fd < 0)
		return -1;
	source_init(&src, p->fd);
	if (!src.seekable)
		src.copy = &copy;
	p->sound = !image_read_metadata(&im, &src, &next);
	if (p->sound) {
		look_at(p, &im);
	} else if (im.not_image || im.io_error) {
		say("%s: %s", strcmp(name, "-") ? escape_str(name) : "standard input", im.error);
		err = -1;
	}
	if (new_pidns || p->root_is_init)
		p->pids.nr = 0;
	if (!err && !src.seekable)
		err = feed_start(p, &im, &src, &next);
	image_free(&im);
	free(copy.data);
	return err;
}
