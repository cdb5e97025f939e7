// SPDX-License-Identifier: GPL-2.0
/*
 * The caller's log: one line a message, "key=value" first, prose last.
 * Foreign strings are escaped; no kernel pointer is ever printed.
 */
#include <linux/string_helpers.h>
#include <linux/uaccess.h>

#include "internal.h"

/* More than this is counted in true_size, and lost. */
#define LOG_MAX		SZ_1M
/* Of a line, and of its prose before it is escaped. */
#define LINE_MAX	(2 * PATH_MAX + 512)

int ckpt_log_init(struct ckpt_call *call, u64 user_size)
{
	size_t size = min_t(u64, user_size, LOG_MAX);
	char *buf = NULL;

	mutex_init(&call->log.lock);
	/* at once: later there may be none to say that there is none */
	call->log.line = kvmalloc(2 * LINE_MAX, GFP_KERNEL_ACCOUNT);
	if (!call->log.line)
		return -ENOMEM;
	if (size) {
		buf = kvzalloc(size, GFP_KERNEL_ACCOUNT);
		if (!buf)
			return -ENOMEM;
	}
	call->log.buf.buffer = buf;
	call->log.buf.size = size;
	call->log.buf.len = 0;
	return 0;
}

/**
 * ckpt_log_copy - hand the log to the caller, always with a final NUL
 * @call: the call
 * @user_buf: address of its buffer
 * @user_size: bytes in it
 *
 * A fault is ignored: the call has its own result by now.
 */
void ckpt_log_copy(struct ckpt_call *call, u64 user_buf, u64 user_size)
{
	struct ckpt_log *log = &call->log;
	size_t len;

	if (!log->buf.size)
		return;
	len = min(log->true_size, log->buf.size - 1);
	log->buf.buffer[len] = 0;
	if (copy_to_user(u64_to_user_ptr(user_buf), log->buf.buffer, len + 1))
		return;
}

void ckpt_log_free(struct ckpt_call *call)
{
	kvfree(call->log.buf.buffer);
	kvfree(call->log.line);
	call->log.buf.buffer = NULL;
	call->log.line = NULL;
}

/* Printable ASCII as it is but for @also, all else escaped. */
static void put_escaped(struct seq_buf *line, const char *text, size_t len,
			const char *also)
{
	unsigned int how = ESCAPE_ANY | ESCAPE_NAP | (also ? ESCAPE_APPEND : 0);
	size_t room, need;
	char *to;

	room = seq_buf_get_buf(line, &to);
	need = string_escape_mem(text, len, to, room, how, also);
	seq_buf_commit(line, need < room ? need : -1);
}

static void put_where(struct seq_buf *line, const struct ckpt_where *where)
{
	if (where->pid)
		seq_buf_printf(line, " pid=%d", where->pid);
	if (where->comm) {
		seq_buf_puts(line, " comm=\"");
		put_escaped(line, where->comm,
			    strnlen(where->comm, TASK_COMM_LEN), "\"\\");
		seq_buf_putc(line, '"');
	}
	if (where->fd >= 0)
		seq_buf_printf(line, " fd=%d", where->fd);
	if (where->addr)
		seq_buf_printf(line, " addr=0x%lx", where->addr);
	if (where->rec)
		seq_buf_printf(line, " record=\"%s\" offset=%llu",
			       where->rec->ops->name, where->rec->offset);
}

/* Log one line: level, place, what it is about, and prose. */
static void log_line(struct ckpt_call *call, const char *level,
		     const struct ckpt_where *where, const char *about,
		     struct va_format *prose)
{
	struct ckpt_log *log = &call->log;
	size_t size = LINE_MAX, said;
	char *text = log->line;
	struct seq_buf line;
	size_t room;

	if (!text)
		return;
	guard(mutex)(&log->lock);
	seq_buf_init(&line, text, size);
	seq_buf_printf(&line, "level=%s", level);
	put_where(&line, where);
	if (about)
		seq_buf_printf(&line, " object=\"%s\"", about);
	seq_buf_puts(&line, ": ");
	/* names of files are in it, which may have a line of their own */
	said = scnprintf(text + size, size, "%pV", prose);
	put_escaped(&line, text + size, said, NULL);
	if (seq_buf_has_overflowed(&line))
		line.len = size - 1;
	text[line.len++] = '\n';

	if (log->true_size < log->buf.size) {
		room = log->buf.size - log->true_size;
		memcpy(log->buf.buffer + log->true_size, text,
		       min(room, line.len));
	}
	log->true_size += line.len;
}

static __printf(2, 3) void log_error(struct ckpt_call *call, const char *fmt, ...)
{
	struct ckpt_where where = { .fd = -1 };
	struct va_format prose = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	prose.va = &args;
	log_line(call, "error", &where, NULL, &prose);
	va_end(args);
}

/**
 * ckpt_log_memory - say that there was no memory, unless something was said
 * @call: the call
 * @err: what it ends with
 *
 * Memory is asked for in many places; here all of them have their word.
 */
void ckpt_log_memory(struct ckpt_call *call, int err)
{
	if (err == -ENOMEM && !call->log.failed)
		log_error(call, "no memory for the call: the limit of the system or of the caller's group is reached");
}

/**
 * ckpt_warn - log that something is not quite as the user may think
 * @save: the call
 * @fmt: prose
 */
void ckpt_warn(struct ckpt_save *save, const char *fmt, ...)
{
	struct va_format prose = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	prose.va = &args;
	log_line(&save->call, "warn", &save->where, NULL, &prose);
	va_end(args);
}

/**
 * ckpt_err - log why a checkpoint fails
 * @save: the call
 * @err: errno, negative
 * @fmt: prose
 *
 * Return: @err.
 */
int ckpt_err(struct ckpt_save *save, int err, const char *fmt, ...)
{
	struct va_format prose = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	prose.va = &args;
	save->call.log.failed = true;
	log_line(&save->call, "error", &save->where, NULL, &prose);
	va_end(args);
	return err;
}

static void refuse(struct ckpt_save *save, const char *object, const char *fmt,
		   va_list *args)
{
	struct va_format prose = { .fmt = fmt, .va = args };

	save->call.result.blockers++;
	log_line(&save->call, "refuse", &save->where, object, &prose);
}

/**
 * ckpt_refuse - refuse to save something, and go on looking for more
 * @save: the call
 * @object: what it is
 * @fmt: why, and what the user can do about it
 *
 * Return: 0. The call ends with -EAGAIN once everything was looked at.
 */
int ckpt_refuse(struct ckpt_save *save, const char *object, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	refuse(save, object, fmt, &args);
	va_end(args);
	return 0;
}

/**
 * ckpt_refuse_outside - refuse what is shared with a task outside the group
 * @save: the call
 * @object: what it is
 * @fmt: with whom
 *
 * Return: 0. The call ends with -EXDEV if there is nothing else to refuse.
 */
int ckpt_refuse_outside(struct ckpt_save *save, const char *object, const char *fmt, ...)
{
	va_list args;

	save->nr_outside++;
	va_start(args, fmt);
	refuse(save, object, fmt, &args);
	va_end(args);
	return 0;
}

/**
 * ckpt_fail - log why a restart fails
 * @load: the call
 * @rec: the record that it fails at, or NULL
 * @err: errno, negative
 * @fmt: prose
 *
 * Return: @err.
 */
int ckpt_fail(struct ckpt_load *load, const struct ckpt_rec *rec, int err,
	      const char *fmt, ...)
{
	struct ckpt_where where = { .fd = -1, .rec = rec };
	struct va_format prose = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	prose.va = &args;
	WRITE_ONCE(load->call.log.failed, true);
	log_line(&load->call, "error", &where, NULL, &prose);
	va_end(args);
	return err;
}

/**
 * ckpt_axis - the image asks for more than the caller may give
 * @load: the call
 * @rec: the record that does
 * @axis: the axis of privilege
 * @fmt: what it asks for
 *
 * Return: -EPERM; 0 under RESTART_CLAMP, when the restarter gives less.
 */
int ckpt_axis(struct ckpt_load *load, const struct ckpt_rec *rec,
	      const char *axis, const char *fmt, ...)
{
	bool clamp = load->call.flags & RESTART_CLAMP;
	struct ckpt_where where = { .fd = -1, .rec = rec };
	struct va_format prose = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	prose.va = &args;
	log_line(&load->call, clamp ? "clamp" : "error", &where, axis, &prose);
	va_end(args);
	return clamp ? 0 : -EPERM;
}
