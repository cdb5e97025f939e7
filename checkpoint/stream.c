// SPDX-License-Identifier: GPL-2.0
/*
 * The bytes of an image: transfers that wait killably whatever O_NONBLOCK
 * says, checksums, padding. A regular file is read and written at its
 * position, which moves along as with read(2) and write(2).
 */
#include <linux/bvec.h>
#include <linux/crc32c.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/uio.h>

#include "stream.h"

/* A transfer costs about as much as copying some KiB. */
#define AHEAD_BYTES	SZ_64K

static bool is_image(struct file *file)
{
	umode_t mode = file_inode(file)->i_mode;

	return S_ISREG(mode) || S_ISFIFO(mode) || S_ISSOCK(mode);
}

/**
 * ckpt_stream_open - take the image's descriptor
 * @stream: the stream
 * @fd: the caller's descriptor
 * @mode: FMODE_READ or FMODE_WRITE
 *
 * Return: 0, -EBADF when it is not open that way, -EINVAL when it is no
 * regular file, pipe or socket.
 */
int ckpt_stream_open(struct ckpt_stream *stream, int fd, fmode_t mode)
{
	struct file *file __free(fput) = fget(fd);

	if (!file || !(file->f_mode & mode))
		return -EBADF;
	if (!is_image(file))
		return -EINVAL;
	stream->file = no_free_ptr(file);
	return 0;
}

void ckpt_stream_close(struct ckpt_stream *stream)
{
	if (stream->file)
		fput(stream->file);
	stream->file = NULL;
	kvfree(stream->buf);
	stream->buf = NULL;
}

/* A killable wait for a file that said -EAGAIN. */
struct ready {
	struct poll_table_struct pt;
	struct ready_wait {
		struct wait_queue_entry entry;
		struct wait_queue_head *head;
		struct ready *ready;
	} wait[2];		/* a pipe open for reading and writing has two */
	struct task_struct *task;
	bool woken;
};

static int ready_wake(struct wait_queue_entry *entry, unsigned int mode,
		      int flags, void *key)
{
	struct ready *ready =
		container_of(entry, struct ready_wait, entry)->ready;

	/* pairs with set_current_state() in wait_ready() */
	smp_store_mb(ready->woken, true);
	return wake_up_process(ready->task);
}

static void ready_queue(struct file *file, struct wait_queue_head *head,
			poll_table *pt)
{
	struct ready *ready = container_of(pt, struct ready, pt);
	struct ready_wait *wait = ready->wait;

	if (wait->head)
		wait++;
	if (wait->head)
		return;
	init_waitqueue_func_entry(&wait->entry, ready_wake);
	wait->ready = ready;
	wait->head = head;
	add_wait_queue(head, &wait->entry);
}

static int wait_ready(struct file *file, __poll_t events)
{
	struct ready ready = { .task = current };
	int i;

	init_poll_funcptr(&ready.pt, ready_queue);
	ready.pt._key = events | EPOLLERR | EPOLLHUP;
	if (!(vfs_poll(file, &ready.pt) & ready.pt._key)) {
		set_current_state(TASK_KILLABLE);
		if (!READ_ONCE(ready.woken) && !fatal_signal_pending(current))
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	for (i = 0; i < ARRAY_SIZE(ready.wait); i++)
		if (ready.wait[i].head)
			remove_wait_queue(ready.wait[i].head,
					  &ready.wait[i].entry);
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/*
 * Block all signals but those that just kill the caller: these are turned into
 * SIGKILL when they are sent, unless they are blocked. Say whether SIGPIPE is
 * pending already.
 */
static bool block_signals(sigset_t *old)
{
	struct sighand_struct *sighand = rcu_dereference_protected(current->sighand, true);
	sigset_t set = current->blocked;
	bool pending;
	int sig;

	*old = set;
	spin_lock_irq(&sighand->siglock);
	for (sig = 1; sig <= _NSIG; sig++)
		if (sighand->action[sig - 1].sa.sa_handler != SIG_DFL || sig == SIGPIPE ||
		    sig_kernel_ignore(sig) || sig_kernel_stop(sig) || sig_kernel_coredump(sig))
			sigaddset(&set, sig);
	pending = sigismember(&current->pending.signal, SIGPIPE);
	spin_unlock_irq(&sighand->siglock);
	set_current_blocked(&set);
	return pending;
}

static void drop_sigpipe(void)
{
	kernel_siginfo_t info;
	enum pid_type type;
	sigset_t others;

	siginitsetinv(&others, sigmask(SIGPIPE));
	guard(spinlock_irq)(&current->sighand->siglock);
	dequeue_signal(&others, &info, &type);
}

/*
 * Pipes and sockets block in an interruptible wait, which any signal would
 * end; so they are asked not to block, and waited for in wait_ready().
 */
static ssize_t move_some(struct ckpt_stream *stream, struct iov_iter *iter)
{
	struct file *file = stream->file;
	rwf_t flags = file->f_mode & FMODE_NOWAIT ? RWF_NOWAIT : 0;
	loff_t *pos = NULL;

	if (S_ISREG(file_inode(file)->i_mode)) {
		flags = 0;
		pos = &file->f_pos;
	}
	return iov_iter_rw(iter) == READ ? vfs_iter_read(file, iter, pos, flags) :
					   vfs_iter_write(file, iter, pos, flags);
}

/*
 * A file that a daemon serves may be told of any signal, and give up each
 * time; so signals that the caller would survive wait. -EPIPE comes without
 * its own, which would kill a caller at once.
 */
static ssize_t transfer(struct ckpt_stream *stream, struct iov_iter *iter)
{
	bool was_pending;
	sigset_t old;
	ssize_t n;

	was_pending = block_signals(&old);
	n = move_some(stream, iter);
	if (n == -EPIPE && !was_pending)
		drop_sigpipe();
	set_current_blocked(&old);
	return n;
}

/*
 * A regular file is always ready, so that there is nothing to wait for: one
 * that would have us come back fails. SIGSTOP and a freezer cannot be blocked.
 */
static int wait_to_retry(struct file *file, int err, __poll_t events)
{
	if (!S_ISREG(file_inode(file)->i_mode))
		return wait_ready(file, events);
	if (err == -EAGAIN)
		return -EIO;
	schedule_timeout_killable(1);
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* An error of the file comes when all before it was taken. */
static ssize_t read_ahead(struct ckpt_stream *stream, size_t len)
{
	struct kvec kvec = { .iov_base = stream->buf, .iov_len = len };
	struct iov_iter iter;
	ssize_t n;

	iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, len);
	n = transfer(stream, &iter);
	stream->buf_at = 0;
	stream->buf_end = max_t(ssize_t, n, 0);
	return n;
}

static ssize_t read_some(struct ckpt_stream *stream, struct iov_iter *iter)
{
	size_t n, len = 0;
	ssize_t got;

	if (stream->buf_at == stream->buf_end) {
		if (stream->ahead > stream->offset)
			len = min_t(u64, stream->ahead - stream->offset, AHEAD_BYTES);
		if (iov_iter_count(iter) >= len)
			return transfer(stream, iter);
		got = read_ahead(stream, len);
		if (got <= 0)
			return got;
	}
	n = copy_to_iter(stream->buf + stream->buf_at, stream->buf_end - stream->buf_at, iter);
	stream->buf_at += n;
	return n;
}

static int move_all(struct ckpt_stream *stream, struct iov_iter *iter)
{
	bool write = iov_iter_rw(iter) == WRITE;
	ssize_t n;

	if (stream->err)
		return stream->err;

	while (iov_iter_count(iter)) {
		if (fatal_signal_pending(current)) {
			stream->err = -EINTR;
			break;
		}
		n = write ? transfer(stream, iter) : read_some(stream, iter);
		if (n == -EAGAIN || n == -ERESTARTSYS || n == -EINTR) {
			stream->err = wait_to_retry(stream->file, n,
						    write ? EPOLLOUT : EPOLLIN);
			if (stream->err)
				break;
			continue;
		}
		if (n <= 0) {
			stream->err = n ?: (write ? -EIO : -EBADMSG);
			break;
		}
		stream->offset += n;
		cond_resched();
	}
	return stream->err;
}

int ckpt_stream_write(struct ckpt_stream *stream, const void *data, size_t len)
{
	struct kvec kvec = { .iov_base = (void *)data, .iov_len = len };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, len);
	return move_all(stream, &iter);
}

int ckpt_stream_write_bvec(struct ckpt_stream *stream, struct bio_vec *bvec,
			   unsigned int nr, size_t len)
{
	struct iov_iter iter;

	iov_iter_bvec(&iter, ITER_SOURCE, bvec, nr, len);
	return move_all(stream, &iter);
}

/* Return: 0, -EBADMSG at a premature end, -EINTR when killed, or an I/O error. */
int ckpt_stream_read(struct ckpt_stream *stream, void *data, size_t len)
{
	struct kvec kvec = { .iov_base = data, .iov_len = len };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, len);
	return move_all(stream, &iter);
}

int ckpt_stream_read_bvec(struct ckpt_stream *stream, struct bio_vec *bvec,
			  unsigned int nr, size_t len)
{
	struct iov_iter iter;

	iov_iter_bvec(&iter, ITER_DEST, bvec, nr, len);
	return move_all(stream, &iter);
}

/**
 * ckpt_stream_ahead - say how much will be read
 * @stream: the stream
 * @len: bytes from here on that are this call's to take, in whatever pieces
 *
 * They are read together then. Without memory for that they are read as they are
 * asked for.
 */
void ckpt_stream_ahead(struct ckpt_stream *stream, size_t len)
{
	if (!stream->buf)
		stream->buf = kvmalloc(AHEAD_BYTES, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	stream->ahead = stream->buf ? stream->offset + len : 0;
}

/* Write zeros up to the next page of the stream. */
int ckpt_stream_pad(struct ckpt_stream *stream)
{
	size_t pad = ALIGN(stream->offset, CKPT_PAGE_SIZE) - stream->offset;

	return ckpt_stream_write(stream, page_address(ZERO_PAGE(0)), pad);
}

void ckpt_stream_seed(struct ckpt_stream *stream, const u8 *uuid)
{
	stream->seed = crc32c(~0, uuid, 16);
	stream->crcs = ~0;
}

/* The checksum of a record's header, to be gone on with over its data. */
u32 ckpt_record_crc(struct ckpt_stream *stream, const struct ckpt_record *rec)
{
	struct ckpt_record copy = *rec;

	copy.crc = 0;
	return crc32c(stream->seed, &copy, sizeof(copy));
}

void ckpt_seal_crc(struct ckpt_stream *stream, struct ckpt_record *rec, u32 crc)
{
	rec->crc = cpu_to_le32(crc);
	stream->crcs = crc32c(stream->crcs, &rec->crc, sizeof(rec->crc));
}

/* Number a record and give it its checksum. */
void ckpt_seal(struct ckpt_stream *stream, struct ckpt_record *rec,
	       const void *data, size_t len)
{
	rec->seq = cpu_to_le32(stream->seq++);
	ckpt_seal_crc(stream, rec,
		      crc32c(ckpt_record_crc(stream, rec), data, len));
}
