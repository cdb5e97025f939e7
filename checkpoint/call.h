/* SPDX-License-Identifier: GPL-2.0 */
/* Checkpoint/restart: what both system calls have, and what a record type is. */
#ifndef _CHECKPOINT_CALL_H
#define _CHECKPOINT_CALL_H

#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/seq_buf.h>
#include <linux/types.h>
#include <uapi/linux/checkpoint.h>
#include <uapi/linux/checkpoint_image.h>

#include "registry.h"

struct ckpt_load;
struct ckpt_obj;
struct ckpt_rec;
struct ckpt_save;

/* ---- log.c ---- */

/**
 * struct ckpt_where - what is being looked at, for the log
 * @pid: task, in the caller's pid namespace; 0 for none
 * @comm: its name, or NULL
 * @fd: descriptor, -1 for none
 * @addr: user address, 0 for none
 * @rec: record being restarted, or NULL
 */
struct ckpt_where {
	pid_t pid;
	const char *comm;
	int fd;
	unsigned long addr;
	const struct ckpt_rec *rec;
};

/**
 * struct ckpt_log - the caller's log
 * @lock: serializes restarted tasks
 * @buf: what was logged so far
 * @true_size: bytes that the whole log needs, without its NUL
 * @line: room for a line, and for its prose
 * @failed: some line says why the call fails
 */
struct ckpt_log {
	struct mutex lock;	/* of all fields but @failed */
	struct seq_buf buf;
	size_t true_size;
	char *line;		/* room for a line, and for its prose */
	bool failed;		/* some line says why the call fails */
};

/* ---- stream.c ---- */

/**
 * struct ckpt_stream - the image, written or read from front to back
 * @file: where it is
 * @offset: bytes from its start
 * @ahead: up to which offset bytes may be read before they are asked for
 * @buf: where such bytes are
 * @buf_at: the next of them
 * @buf_end: behind the last one
 * @seed: of all checksums
 * @seq: number of the next record
 * @crcs: checksum of the checksums so far
 * @err: first error, sticky
 */
struct ckpt_stream {
	struct file *file;
	u64 offset;
	u64 ahead;
	u8 *buf;
	u32 buf_at;
	u32 buf_end;
	u32 seed;
	u32 seq;
	u32 crcs;
	int err;
};

/**
 * struct ckpt_call - what both system calls have
 * @flags: CHECKPOINT_* or RESTART_*
 * @log: the caller's log
 * @result: what is reported
 * @stream: the image
 */
struct ckpt_call {
	u64 flags;
	struct ckpt_log log;
	struct ckpt_result result;
	struct ckpt_stream stream;
};

int ckpt_log_init(struct ckpt_call *call, u64 user_size);
void ckpt_log_copy(struct ckpt_call *call, u64 user_buf, u64 user_size);
void ckpt_log_memory(struct ckpt_call *call, int err);
void ckpt_log_free(struct ckpt_call *call);
__printf(2, 3) void ckpt_warn(struct ckpt_save *save, const char *fmt, ...);
__printf(3, 4) int ckpt_err(struct ckpt_save *save, int err, const char *fmt, ...);
__printf(3, 4) int ckpt_refuse_outside(struct ckpt_save *save, const char *object,
				       const char *fmt, ...);
__printf(3, 4) int ckpt_refuse(struct ckpt_save *save, const char *object,
			       const char *fmt, ...);
__printf(4, 5) int ckpt_fail(struct ckpt_load *load, const struct ckpt_rec *rec,
			     int err, const char *fmt, ...);
__printf(4, 5) int ckpt_axis(struct ckpt_load *load, const struct ckpt_rec *rec,
			     const char *axis, const char *fmt, ...);

/* checkpoint.c */
void ckpt_copy_result(struct ckpt_call *call, u64 user_result, u64 user_size);
bool ckpt_bad_buffer(u64 addr, u64 size);

/* ---- registry.c ---- */

/**
 * struct ckpt_ops - one record type, both directions
 * @name: the kernel's noun for it
 * @type: CKPT_REC_*
 * @fixed: bytes of its struct
 * @max_tail: most bytes that its tail may have
 * @object: its struct begins with an object id
 * @match: for open files: is this file of the type? NULL for other records
 * @get: take a reference to the object
 * @put: drop it
 * @count: how many references to the object exist
 * @checkpoint: capture the objects that the object refers to, then emit its
 *	record
 * @snapshot: keep the object as it is now in obj->snapshot
 * @put_snapshot: let go of that
 * @contents: write what belongs in content blocks, of the snapshot if there is
 *	one
 * @validate: check a record read, changing nothing outside @load
 * @restart: make the object from its record, as the caller of restart(2)
 * @install: make it part of the current, new task
 * @fill: take a run of contents
 * @settle: what must wait until all tasks are made and memory is filled
 * @drop: release what @restart made
 */
struct ckpt_ops {
	const char *name;
	u32 type;
	u16 fixed;
	u32 max_tail;
	bool object;

	bool (*match)(struct ckpt_save *save, struct file *file);
	void (*get)(void *obj);
	void (*put)(void *obj);
	long (*count)(void *obj);
	int (*checkpoint)(struct ckpt_save *save, struct ckpt_obj *obj);
	int (*snapshot)(struct ckpt_save *save, struct ckpt_obj *obj);
	void (*put_snapshot)(void *snapshot);
	int (*contents)(struct ckpt_save *save, struct ckpt_obj *obj);

	int (*validate)(struct ckpt_load *load, struct ckpt_rec *rec);
	int (*restart)(struct ckpt_load *load, struct ckpt_rec *rec);
	int (*install)(struct ckpt_load *load, struct ckpt_rec *rec);
	int (*fill)(struct ckpt_load *load, struct ckpt_rec *rec,
		    const struct ckpt_run *run);
	int (*settle)(struct ckpt_load *load, struct ckpt_rec *rec);
	void (*drop)(struct ckpt_load *load, struct ckpt_rec *rec);
};

const struct ckpt_ops *ckpt_ops_of(u32 type);
const struct ckpt_ops *ckpt_ops_of_file(struct ckpt_save *save, struct file *file);

#define CKPT_DECLARE_ROW(type, ops) extern const struct ckpt_ops ops;
CKPT_ROWS(CKPT_DECLARE_ROW)

#endif /* _CHECKPOINT_CALL_H */
