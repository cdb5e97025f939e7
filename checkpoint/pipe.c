// SPDX-License-Identifier: GPL-2.0
/*
 * Pipes whose ends are all in the group, with the bytes queued in them.
 *
 * Refused: named FIFOs, packet mode (O_DIRECT), notification queues. A pipe
 * with an end outside is an external object.
 */
#include <linux/cred.h>
#include <linux/fcntl.h>
#include <linux/highmem.h>
#include <linux/magic.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched/mm.h>

#include "internal.h"

/* Flags of an end, besides the mode: F_SETFL and an open by /proc/PID/fd set them. */
#define END_FLAGS	(O_NONBLOCK | O_LARGEFILE | O_APPEND | O_NOATIME | O_DSYNC | __O_SYNC)

/* What F_SETPIPE_SZ can ask for at most. */
#define PIPE_SIZE_MAX	BIT(30)

static void get_pipe(void *inode)
{
	ihold(inode);
}

static void put_pipe(void *inode)
{
	iput(inode);
}

/* The survey tells by the ends who else has the pipe, not by the inode. */
static long count_pipe(void *inode)
{
	return 0;
}

static u32 queued_bytes(struct ckpt_save *save, struct pipe_inode_info *pipe)
{
	unsigned int mask = pipe->ring_size - 1, i;
	u32 bytes = 0;

	for (i = pipe->tail; i != pipe->head; i++) {
		if (pipe->bufs[i & mask].flags & PIPE_BUF_FLAG_PACKET) {
			ckpt_refuse(save, "pipe", "holds packets (O_DIRECT), not saved yet");
			break;
		}
		bytes += pipe->bufs[i & mask].len;
	}
	if (bytes > pipe->max_usage * PAGE_SIZE)
		ckpt_refuse(save, "pipe", "holds more bytes than its capacity, by splice(2)");
	return bytes;
}

static int checkpoint_pipe(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct inode *inode = obj->ptr;
	struct pipe_inode_info *pipe = inode->i_pipe;
	struct ckpt_pipe *out;

	if (!uid_eq(inode->i_uid, save->fsuid) || !gid_eq(inode->i_gid, save->fsgid) ||
	    (inode->i_mode & 07777) != 0600)
		ckpt_warn(save, "a pipe has another owner or mode than this process would give it, and will have this one's");
	out = ckpt_emit_object(save, obj, 0);
	if (!out)
		return -ENOMEM;
	out->cred = cpu_to_le32(save->cred_id);

	pipe_lock(pipe);
	out->size = cpu_to_le32(pipe->max_usage * PAGE_SIZE);
	out->bytes = cpu_to_le32(queued_bytes(save, pipe));
	pipe_unlock(pipe);
	return 0;
}

/*
 * Copy the queue into whole pages, for splice() leaves bits of them. The lock
 * is not held while they are written: a task killed meanwhile takes it.
 */
static int copy_queue(struct pipe_inode_info *pipe, struct page **pages,
		      size_t room)
{
	unsigned int mask = pipe->ring_size - 1, i;
	size_t at = 0;
	int err;

	for (i = pipe->tail; i != pipe->head; i++) {
		struct pipe_buffer *buf = &pipe->bufs[i & mask];
		unsigned int done = 0, n;

		err = pipe_buf_confirm(pipe, buf);
		if (err)
			return err;
		if (buf->len > room - at)
			return -EBUSY;
		for (; done < buf->len; done += n, at += n) {
			n = min_t(unsigned int, buf->len - done,
				  PAGE_SIZE - offset_in_page(at));
			memcpy_page(pages[at / PAGE_SIZE], offset_in_page(at),
				    buf->page, buf->offset + done, n);
		}
	}
	return at == room ? 0 : -EBUSY;
}

static int pipe_contents(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct pipe_inode_info *pipe = ((struct inode *)obj->ptr)->i_pipe;
	unsigned int nr, got, i;
	u32 bytes;
	int err;

	pipe_lock(pipe);
	bytes = queued_bytes(save, pipe);
	pipe_unlock(pipe);

	nr = DIV_ROUND_UP(bytes, PAGE_SIZE);
	if (!nr)
		return 0;
	struct page **pages __free(kvfree) =
		kvcalloc(nr, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return -ENOMEM;

	for (got = 0; got < nr; got++) {
		pages[got] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!pages[got])
			break;
	}
	err = got < nr ? -ENOMEM : 0;
	if (!err) {
		pipe_lock(pipe);
		err = copy_queue(pipe, pages, bytes);
		pipe_unlock(pipe);
	}
	for (i = 0; !err && i < nr; i++)
		err = ckpt_contents_bytes(save, obj->id, (u64)i * PAGE_SIZE,
					  pages[i],
					  min_t(size_t, PAGE_SIZE, bytes - i * PAGE_SIZE));
	while (got--)
		put_page(pages[got]);
	return err;
}

static int validate_pipe(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_pipe *in = ckpt_data(rec, ckpt_pipe);
	u32 size = le32_to_cpu(in->size);

	if (size < PAGE_SIZE || size > PIPE_SIZE_MAX || size % PAGE_SIZE ||
	    !is_power_of_2(size))
		return ckpt_fail(load, rec, -EBADMSG, "bad capacity %u", size);
	if (le32_to_cpu(in->bytes) > size)
		return ckpt_fail(load, rec, -EBADMSG, "more bytes queued than fit");
	if (!ckpt_ref(load, rec, le32_to_cpu(in->cred), CKPT_REC_CRED))
		return -EBADMSG;
	return 0;
}

/* What a PIPE is until all files are made. */
struct ends {
	struct file *file[2];	/* to read from, to write to */
	bool used[2];		/* given to a FILE_PIPE */
	u32 filled;
};

static void drop_pipe(struct ckpt_load *load, struct ckpt_rec *rec)
{
	struct ends *ends = rec->live;

	fput(ends->file[0]);
	fput(ends->file[1]);
	kfree(ends);
}

static int restart_pipe(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_pipe *in = ckpt_data(rec, ckpt_pipe);
	u32 size = le32_to_cpu(in->size);
	const struct cred *old;
	long ret;

	struct ends *ends __free(kfree) = kzalloc(sizeof(*ends), GFP_KERNEL_ACCOUNT);
	if (!ends)
		return -ENOMEM;

	old = override_creds(ckpt_cred(load, le32_to_cpu(in->cred)));
	ret = create_pipe_files(ends->file, 0);
	if (!ret) {
		ret = pipe_fcntl(ends->file[0], F_SETPIPE_SZ, size);
		rec->live = no_free_ptr(ends);
	}
	revert_creds(old);
	if (ret < 0)
		return ckpt_fail(load, rec, ret, "cannot make a pipe of %u bytes: errno %ld",
				 size, -ret);
	return 0;
}

static int fill_pipe(struct ckpt_load *load, struct ckpt_rec *rec,
		     const struct ckpt_run *run)
{
	const struct ckpt_pipe *in = ckpt_data(rec, ckpt_pipe);
	u32 bytes = le32_to_cpu(run->count);
	struct ends *ends = rec->live;
	struct mem_cgroup *memcg;
	struct page *page;
	ssize_t n;
	int err;

	if (le16_to_cpu(run->kind) != CKPT_RUN_BYTES || run->flags || !bytes ||
	    bytes > PAGE_SIZE || le64_to_cpu(run->index) != ends->filled ||
	    bytes > le32_to_cpu(in->bytes) - ends->filled)
		return ckpt_fail(load, rec, -EBADMSG, "contents do not fit the pipe");

	page = alloc_page(GFP_KERNEL_ACCOUNT);
	if (!page)
		return -ENOMEM;
	err = ckpt_read_pages(load, &page, 1);
	if (!err) {
		/* it has room for all of its bytes: this does not block */
		memcg = set_active_memcg(load->memcg);
		n = kernel_write(ends->file[1], page_address(page), bytes, NULL);
		set_active_memcg(memcg);
		if (n != bytes)
			err = n < 0 ? n : -EIO;
		ends->filled += bytes;
	}
	put_page(page);
	return err;
}

const struct ckpt_ops ckpt_pipe_ops = {
	.name		= "pipe",
	.type		= CKPT_REC_PIPE,
	.fixed		= sizeof(struct ckpt_pipe),
	.object		= true,
	.get		= get_pipe,
	.put		= put_pipe,
	.count		= count_pipe,
	.checkpoint	= checkpoint_pipe,
	.contents	= pipe_contents,
	.validate	= validate_pipe,
	.restart	= restart_pipe,
	.fill		= fill_pipe,
	.drop		= drop_pipe,
};

/* ---- An end of a pipe ---- */

static bool match_end(struct ckpt_save *save, struct file *file)
{
	struct ckpt_obj *pipe;

	if (!get_pipe_info(file, false) ||
	    file_inode(file)->i_sb->s_magic != PIPEFS_MAGIC)
		return false;
	pipe = ckpt_object_find(save, file_inode(file));
	return pipe && !pipe->outside;
}

static int checkpoint_end(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct file *file = obj->ptr;
	struct ckpt_file_pipe *out;
	u32 pipe;
	int err;

	if (file->f_flags & ~(O_ACCMODE | END_FLAGS | O_DIRECT))
		ckpt_refuse(save, "pipe", "has flags 0%o, not saved yet", file->f_flags);
	if (file->f_flags & O_DIRECT)
		return ckpt_refuse(save, "pipe", "is in packet mode (O_DIRECT), not saved yet");
	if (pipe_has_watch_queue(get_pipe_info(file, false)))
		return ckpt_refuse(save, "pipe", "is a notification queue, not saved yet");
	err = ckpt_object(save, file_inode(file), &ckpt_pipe_ops, &pipe);
	if (err)
		return err;

	out = ckpt_emit_object(save, obj, 0);
	if (!out)
		return -ENOMEM;
	checkpoint_file_common(save, file, &out->file);
	out->file.pos = 0;
	out->pipe = cpu_to_le32(pipe);
	return 0;
}

static int validate_end(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_file_pipe *in = ckpt_data(rec, ckpt_file_pipe);

	if (in->__reserved || in->file.pos || in->file.how ||
	    le32_to_cpu(in->file.flags) & ~(O_ACCMODE | END_FLAGS))
		return ckpt_fail(load, rec, -EBADMSG, "flags that no pipe has");
	if (!ckpt_ref(load, rec, le32_to_cpu(in->pipe), CKPT_REC_PIPE))
		return -EBADMSG;
	return ckpt_file_validate(load, rec, &in->file);
}

static struct file *open_end(struct ckpt_load *load, struct ends *ends,
			     const struct ckpt_file *in)
{
	u32 flags = le32_to_cpu(in->flags), mode = flags & O_ACCMODE;
	struct file *file = ends->file[mode == O_WRONLY];
	const struct cred *cred = ckpt_cred(load, le32_to_cpu(in->cred));

	/* the first of each kind is as pipe2() made it, others as by /proc */
	if (mode == O_RDWR || ends->used[mode == O_WRONLY])
		return dentry_open(&file->f_path, flags, cred);
	ends->used[mode == O_WRONLY] = true;
	spin_lock(&file->f_lock);
	file->f_flags |= flags & END_FLAGS;
	file->f_iocb_flags = iocb_flags(file);
	spin_unlock(&file->f_lock);
	return get_file(file);
}

static int restart_end(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_file_pipe *in = ckpt_data(rec, ckpt_file_pipe);
	struct ends *ends = ckpt_rec(load, le32_to_cpu(in->pipe))->live;
	struct file *file = open_end(load, ends, &in->file);

	if (IS_ERR(file))
		return ckpt_fail(load, rec, PTR_ERR(file), "cannot open the pipe again: errno %d",
				 -(int)PTR_ERR(file));
	rec->live = file;
	return 0;
}

const struct ckpt_ops ckpt_file_pipe_ops = {
	.name		= "pipe end",
	.type		= CKPT_REC_FILE_PIPE,
	.fixed		= sizeof(struct ckpt_file_pipe),
	.object		= true,
	.match		= match_end,
	.get		= ckpt_file_get,
	.put		= ckpt_file_put,
	.count		= ckpt_file_count,
	.checkpoint	= checkpoint_end,
	.validate	= validate_end,
	.restart	= restart_end,
	.drop		= ckpt_file_drop,
};
