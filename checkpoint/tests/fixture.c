// SPDX-License-Identifier: GPL-2.0
/* See fixture.h; the calls themselves are made in {checkpoint,restart}_kunit.c. */
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/shmem_fs.h>

#include "fixture.h"

/* What the caller would get, with its final NUL. */
const char *ckpt_kunit_log(struct ckpt_call *call)
{
	struct ckpt_log *log = &call->log;

	log->buf.buffer[min(log->true_size, log->buf.size - 1)] = 0;
	return log->buf.buffer;
}

/* Empty the log, so that the next lines are those of the next step. */
void ckpt_kunit_forget(struct ckpt_call *call)
{
	call->log.true_size = 0;
}

/**
 * ckpt_kunit_rec - a record as if it had been read
 * @test: the case
 * @load: the call, which frees it
 * @ops: its row
 * @data: its struct, or NULL for zeros
 * @tail: its tail, or NULL for zeros
 * @tail_len: bytes of it
 */
struct ckpt_rec *ckpt_kunit_rec(struct kunit *test, struct ckpt_load *load,
				const struct ckpt_ops *ops, const void *data,
				const void *tail, size_t tail_len)
{
	size_t len = ALIGN(ops->fixed, 8) + ALIGN(tail_len, 8);
	struct ckpt_rec *rec = kvzalloc(struct_size(rec, data, len), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, rec);
	rec->ops = ops;
	rec->len = len;
	mutex_init(&rec->once);
	list_add_tail(&rec->list, &load->recs);
	if (data)
		memcpy(rec->data, data, ops->fixed);
	if (tail)
		memcpy(ckpt_rec_tail(rec), tail, tail_len);
	return rec;
}

/* The same for the next object, all zero but for its id. */
struct ckpt_rec *ckpt_kunit_object(struct kunit *test, struct ckpt_load *load,
				   const struct ckpt_ops *ops)
{
	struct ckpt_rec *rec = ckpt_kunit_rec(test, load, ops, NULL, NULL, 0);

	rec->id = ++load->nr_objects;
	*(__le32 *)rec->data = cpu_to_le32(rec->id);
	KUNIT_ASSERT_EQ(test, 0, xa_err(xa_store(&load->objects, rec->id, rec, GFP_KERNEL)));
	return rec;
}

static int never_runs(void *unused)
{
	return 0;
}

static void stop_task(void *task)
{
	kthread_stop(task);
}

/**
 * ckpt_kunit_task - a task off its CPU that never runs anything
 * @test: the case; at its end the task exits, so what a case changes in it
 *	must not be in the way of that
 *
 * A kernel thread has user registers, an FPU state and signals of its own
 * like any task, only that nobody uses them.
 */
struct task_struct *ckpt_kunit_task(struct kunit *test)
{
	struct task_struct *task = kthread_create(never_runs, NULL, "ckpt-kunit");

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, stop_task, task));
	KUNIT_ASSERT_NE(test, 0, wait_task_inactive(task, TASK_UNINTERRUPTIBLE));
	return task;
}

static void put_file(void *file)
{
	fput(file);
}

/* A file in memory, for an image. */
struct file *ckpt_kunit_file(struct kunit *test)
{
	struct file *file = shmem_kernel_file_setup("ckpt-kunit", 0, 0);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	/* shmem_kernel_file_setup() is for mappings, not for read and write */
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_file, file));
	return file;
}

/* Private memory of the current task, which gets an address space for it. */
u64 ckpt_kunit_map(struct kunit *test, size_t pages)
{
	unsigned long addr = kunit_vm_mmap(test, NULL, 0, pages * PAGE_SIZE,
					   PROT_READ | PROT_WRITE,
					   MAP_ANONYMOUS | MAP_PRIVATE, 0);

	KUNIT_ASSERT_NE(test, 0, addr);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	return addr;
}

/* Write what was emitted, and the contents, to a file. */
struct file *ckpt_kunit_write(struct kunit *test, struct ckpt_save *save)
{
	struct file *file = ckpt_kunit_file(test);

	save->call.stream.file = get_file(file);
	KUNIT_ASSERT_EQ_MSG(test, 0, ckpt_write_image(save), "%s", ckpt_kunit_log(&save->call));
	return file;
}

/* A call of restart(2) that is about to read the file. */
struct ckpt_load *ckpt_kunit_reader(struct kunit *test, struct file *file)
{
	struct ckpt_load *load = ckpt_kunit_load(test);

	load->call.stream.file = get_file(file);
	file->f_pos = 0;
	return load;
}

void ckpt_kunit_peek(struct kunit *test, struct file *file, loff_t pos,
		     void *data, size_t len)
{
	KUNIT_ASSERT_EQ(test, len, kernel_read(file, data, len, &pos));
}

void ckpt_kunit_poke(struct kunit *test, struct file *file, loff_t pos,
		     const void *data, size_t len)
{
	KUNIT_ASSERT_EQ(test, len, kernel_write(file, data, len, &pos));
}

/**
 * ckpt_kunit_next_record - go through an image without its reader
 * @test: the case
 * @file: the image
 * @pos: 0 at first; where the record is
 * @rec: its header; the one before, to go on
 *
 * Return: false after the trailer.
 */
bool ckpt_kunit_next_record(struct kunit *test, struct file *file, loff_t *pos,
			    struct ckpt_record *rec)
{
	if (*pos && rec->type == cpu_to_le32(CKPT_REC_TRAILER))
		return false;
	*pos += *pos ? sizeof(*rec) + le64_to_cpu(rec->len) : sizeof(struct ckpt_preamble);
	ckpt_kunit_peek(test, file, *pos, rec, sizeof(*rec));
	if (!rec->type) {
		*pos = ALIGN(*pos, CKPT_PAGE_SIZE);
		ckpt_kunit_peek(test, file, *pos, rec, sizeof(*rec));
	}
	return true;
}
