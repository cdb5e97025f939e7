// SPDX-License-Identifier: GPL-2.0
/*
 * Feeding restart(2) with a stream whose beginning was read already: a child
 * writes that again, and passes on the rest record by record, so that nothing
 * after the trailer is taken from the stream.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"
#include "restart.h"

#define STEP	(1024 * 1024)

static ssize_t pass_some(int in, int out, size_t len)
{
	static char buf[65536];
	ssize_t n;

	n = splice(in, NULL, out, NULL, len, SPLICE_F_MOVE);
	if (n >= 0 || errno != EINVAL)
		return n;
	n = read(in, buf, len < sizeof(buf) ? len : sizeof(buf));
	if (n > 0 && write_full(out, buf, n))
		return -1;
	return n;
}

static int pass(int in, int out, uint64_t len)
{
	ssize_t n;

	while (len) {
		n = pass_some(in, out, len < STEP ? len : STEP);
		if (n < 0 && errno == EINTR)
			continue;
		/* restart(2) sees no more than an early end; when it has gone there is EPIPE */
		if (n < 0 && errno != EPIPE)
			say("cannot read the image: %s", strerror(errno));
		if (n <= 0)
			return -1;
		len -= n;
	}
	return 0;
}

static void feed(struct image *im, struct source *src, struct record next, bool sound, int out)
{
	struct buffer *b = src->copy;

	if (write_full(out, b->data, b->len))
		return;
	while (sound) {
		if (pass(src->fd, out, next.len))
			return;
		src->offset += next.len;
		if (next.type == CKPT_REC_TRAILER)
			return;
		b->len = 0;
		sound = !image_next(im, src, &next);
		if (write_full(out, b->data, b->len))
			return;
	}
	/* not understood here: restart(2) may, and says what is wrong if not */
	pass(src->fd, out, UINT64_MAX);
}

/* From now on @p->fd is a pipe with the whole image. */
int feed_start(struct preview *p, struct image *im, struct source *src, const struct record *next)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC)) {
		say("cannot make a pipe: %s", strerror(errno));
		return -1;
	}
	/* as few steps as possible; not being allowed to does not matter */
	fcntl(fds[1], F_SETPIPE_SZ, STEP);
	p->feeder = clone_avoiding(0, &p->pids);
	if (!p->feeder) {
		close(fds[0]);
		signal(SIGPIPE, SIG_DFL);
		feed(im, src, *next, p->sound, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	if (p->feeder < 0) {
		say("cannot fork: %s", strerror(errno));
		close(fds[0]);
		return -1;
	}
	p->fd = fds[0];
	return 0;
}
