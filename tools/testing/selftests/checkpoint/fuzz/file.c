// SPDX-License-Identifier: GPL-2.0
/* The image's file: it moves bytes as the kernel's own iterators say. */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "kernel.h"

static struct fuzz_call *call;
static unsigned long reads;
static long refs;

static struct inode inode;
static struct file file = { .f_inode = &inode };
static bool ready;

struct file *fget(unsigned int fd)
{
	refs++;
	return &file;
}

void fput(struct file *file)
{
	refs--;
}

/* Asked for no root_fd. */
struct fd fdget_raw(unsigned int fd)
{
	return EMPTY_FD;
}

static __poll_t poll(struct file *file, struct poll_table_struct *table)
{
	ready = true;
	return EPOLLIN;
}

static const struct file_operations pipe_ops = { .poll = poll };
static const struct file_operations regular_ops;

/* A pipe has nothing to give until it was polled. */
ssize_t vfs_iter_read(struct file *file, struct iov_iter *iter, loff_t *pos, rwf_t flags)
{
	size_t nr = min(iov_iter_count(iter), call->len - call->bytes);

	if (++reads == call->error)
		return -EIO;
	if (reads == call->kill) {
		sigaddset(&current->pending.signal, SIGKILL);
		set_tsk_thread_flag(current, TIF_SIGPENDING);
	}
	if (call->chunk) {
		if (!ready)
			return -EAGAIN;
		ready = false;
		nr = min(nr, call->chunk);
	}
	nr = copy_to_iter(call->image + call->bytes, nr, iter);
	call->bytes += nr;
	return nr;
}

void fuzz_file_begin(struct fuzz_call *new)
{
	call = new;
	call->bytes = 0;
	reads = 0;
	refs = 0;
	ready = true;
	inode.i_mode = call->chunk ? S_IFIFO : S_IFREG;
	file.f_op = call->chunk ? &pipe_ops : &regular_ops;
	file.f_mode = FMODE_READ | FMODE_NOWAIT;
	file.f_pos = 0;
}

long fuzz_file_end(void)
{
	clear_tsk_thread_flag(current, TIF_SIGPENDING);
	sigemptyset(&current->pending.signal);
	return refs;
}
