// SPDX-License-Identifier: GPL-2.0
/*
 * A file that does as it is told. It is the root of a FUSE file system of its
 * own, so that there is nothing to look up, and is not cached: each transfer is
 * a request, and the answer is the caller's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fail.h"
#include "fail_file.h"

#define TRANSFER_MAX	(128 * 1024)
#define REQUEST_MAX	(TRANSFER_MAX + 4096)

static void answer(struct fail_file *file, const struct fuse_in_header *in, int err,
		   const void *data, size_t len)
{
	struct fuse_out_header out = {
		.len	= sizeof(out) + len,
		.error	= -err,
		.unique	= in->unique,
	};
	struct iovec parts[] = { { &out, sizeof(out) }, { (void *)data, len } };

	/* fails when the caller is gone, which is its own business */
	if (writev(file->dev, parts, len ? 2 : 1) < 0)
		return;
}

static void answer_init(struct fail_file *file, const struct fuse_in_header *in)
{
	struct fuse_init_out out = {
		.major		= FUSE_KERNEL_VERSION,
		.minor		= 31,
		.max_readahead	= TRANSFER_MAX,
		.flags		= FUSE_BIG_WRITES | FUSE_MAX_PAGES,
		.max_write	= TRANSFER_MAX,
		.max_pages	= TRANSFER_MAX / 4096,
	};

	answer(file, in, 0, &out, sizeof(out));
}

static void answer_attr(struct fail_file *file, const struct fuse_in_header *in)
{
	struct fuse_attr_out out = {
		.attr = {
			.ino = FUSE_ROOT_ID, .size = file->len, .mode = S_IFREG | 0600,
			.nlink = 1, .blksize = 4096,
		},
	};

	answer(file, in, 0, &out, sizeof(out));
}

static void answer_open(struct fail_file *file, const struct fuse_in_header *in)
{
	/* who closes it is not to wait for one who writes */
	struct fuse_open_out out = { .open_flags = FOPEN_DIRECT_IO | FOPEN_NOFLUSH };

	answer(file, in, 0, &out, sizeof(out));
}

static void stall(struct fail_file *file)
{
	file->goes_on = false;
	file->stalls = true;
	while (!file->goes_on)
		fail_nap(1);
	file->stalls = false;
}

/* Does the kernel ask, soon, to interrupt this request? */
static bool is_interrupted(struct fail_file *file, const struct fuse_in_header *in)
{
	struct pollfd poll_dev = { .fd = file->dev, .events = POLLIN };
	uint8_t *next = aligned_alloc(4096, REQUEST_MAX);
	const struct fuse_in_header *head = (void *)next;
	bool asked = false;

	if (poll(&poll_dev, 1, 50) > 0 && read(file->dev, next, REQUEST_MAX) > 0)
		asked = head->opcode == FUSE_INTERRUPT &&
			((struct fuse_interrupt_in *)(head + 1))->unique == in->unique;
	free(next);
	return asked;
}

/*
 * What is to happen to a transfer at @offset of up to @len bytes?
 * Return: the bytes of it that are moved, or -1 when it was answered.
 */
static ssize_t plan(struct fail_file *file, const struct fuse_in_header *in, uint64_t offset,
		    size_t len)
{
	size_t moved = file->step && file->step < len ? file->step : len;

	if (offset < file->at)
		return moved < file->at - offset ? moved : file->at - offset;
	switch (file->how) {
	case FAIL_FILE_ERROR:
		if (!file->err)
			return 0;
		answer(file, in, file->err, NULL, 0);
		return -1;
	case FAIL_FILE_SIGNAL:
		file->at = FAIL_FILE_WHOLE;
		file->signals++;
		syscall(SYS_tkill, file->signalled, SIGUSR1);
		answer(file, in, EINTR, NULL, 0);
		return -1;
	case FAIL_FILE_INTERRUPTIBLE:
		if (!file->signals)
			syscall(SYS_tkill, file->signalled, SIGUSR1);
		if (file->signals < FAIL_FILE_PATIENCE && is_interrupted(file, in)) {
			file->signals++;
			answer(file, in, EINTR, NULL, 0);
			return -1;
		}
		file->at = FAIL_FILE_WHOLE;
		return moved;
	default:
		stall(file);
		return moved;
	}
}

static void answer_read(struct fail_file *file, const struct fuse_in_header *in)
{
	const struct fuse_read_in *arg = (void *)(in + 1);
	size_t len = arg->offset < file->len ? file->len - arg->offset : 0;
	ssize_t moved = plan(file, in, arg->offset, arg->size < len ? arg->size : len);

	if (moved < 0)
		return;
	answer(file, in, 0, file->data + arg->offset, moved);
	if (file->how == FAIL_FILE_UNREAD && arg->offset + moved == file->at)
		stall(file);
}

static void answer_write(struct fail_file *file, const struct fuse_in_header *in)
{
	const struct fuse_write_in *arg = (void *)(in + 1);
	struct fuse_write_out out = {};
	ssize_t moved = plan(file, in, arg->offset, arg->size);

	if (moved < 0)
		return;
	if (arg->offset + moved > file->room) {
		answer(file, in, EFBIG, NULL, 0);
		return;
	}
	memcpy(file->data + arg->offset, arg + 1, moved);
	if (file->len < arg->offset + moved)
		file->len = arg->offset + moved;
	out.size = moved;
	answer(file, in, 0, &out, sizeof(out));
	if (file->how == FAIL_FILE_UNREAD && arg->offset + moved == file->at)
		stall(file);
}

static void serve_one(struct fail_file *file)
{
	const struct fuse_in_header *in = (void *)file->request;

	switch (in->opcode) {
	case FUSE_INIT:
		return answer_init(file, in);
	case FUSE_GETATTR:
		return answer_attr(file, in);
	case FUSE_OPEN:
		return answer_open(file, in);
	case FUSE_READ:
		return answer_read(file, in);
	case FUSE_WRITE:
		return answer_write(file, in);
	case FUSE_RELEASE:
		return answer(file, in, 0, NULL, 0);
	case FUSE_INTERRUPT:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
		return;
	default:
		return answer(file, in, ENOSYS, NULL, 0);
	}
}

static void *serve(void *arg)
{
	struct fail_file *file = arg;

	for (;;) {
		if (read(file->dev, file->request, REQUEST_MAX) > 0)
			serve_one(file);
		/* ENOENT: the request was taken back */
		else if (errno != ENOENT && errno != EINTR)
			return NULL;
	}
}

/* Server and caller take turns: another processor would have to be woken each time. */
static void stay_here(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	sched_setaffinity(0, sizeof(here), &here);
}

/* Return: 0 or -errno. */
int fail_file_make(struct fail_file *file, size_t room)
{
	sigset_t all, old;
	char options[96];
	int fd;

	memset(file, 0, sizeof(*file));
	file->at = FAIL_FILE_WHOLE;
	file->room = room;
	file->data = calloc(1, room);
	file->request = aligned_alloc(4096, REQUEST_MAX);
	file->dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (!file->data || !file->request || file->dev < 0)
		return -errno;
	strcpy(file->path, "/tmp/fail-file-XXXXXX");
	fd = mkstemp(file->path);
	if (fd < 0)
		return -errno;
	close(fd);
	snprintf(options, sizeof(options), "fd=%d,rootmode=100600,user_id=0,group_id=0", file->dev);
	if (mount("fail", file->path, "fuse", 0, options))
		return -errno;
	stay_here();
	/* signals are for those who make the calls */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	fd = pthread_create(&file->thread, NULL, serve, file);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -fd;
}

int fail_file_open(struct fail_file *file, int flags)
{
	return open(file->path, flags | O_CLOEXEC);
}

void fail_file_plan(struct fail_file *file, size_t at, enum fail_file_how how, int err)
{
	file->at = at;
	file->how = how;
	file->err = err;
	file->signalled = gettid();
	file->signals = 0;
}

/* A server that stalls takes up its work again. */
void fail_file_go_on(struct fail_file *file)
{
	file->at = FAIL_FILE_WHOLE;
	file->goes_on = true;
}

/* What an administrator does about a server that stands still. */
int fail_file_abort(struct fail_file *file)
{
	return umount2(file->path, MNT_FORCE | MNT_DETACH) ? -errno : 0;
}

void fail_file_end(struct fail_file *file)
{
	if (!file->thread)
		return;
	fail_file_go_on(file);
	umount2(file->path, MNT_FORCE | MNT_DETACH);
	pthread_join(file->thread, NULL);
	unlink(file->path);
	close(file->dev);
	free(file->data);
	free(file->request);
}
