/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the KUnit suites share: calls without a caller, records without an
 * image, and a task to be looked at and changed. All of it goes with the case.
 */
#ifndef _CHECKPOINT_TESTS_FIXTURE_H
#define _CHECKPOINT_TESTS_FIXTURE_H

#include <kunit/test.h>

#include "../internal.h"

/* Bytes that a test's log has room for. */
#define CKPT_KUNIT_LOG	SZ_64K

struct ckpt_save *ckpt_kunit_save(struct kunit *test);
struct ckpt_load *ckpt_kunit_load(struct kunit *test);

const char *ckpt_kunit_log(struct ckpt_call *call);
void ckpt_kunit_forget(struct ckpt_call *call);

struct ckpt_rec *ckpt_kunit_rec(struct kunit *test, struct ckpt_load *load,
				const struct ckpt_ops *ops, const void *data,
				const void *tail, size_t tail_len);
struct ckpt_rec *ckpt_kunit_object(struct kunit *test, struct ckpt_load *load,
				   const struct ckpt_ops *ops);

struct ckpt_rec *ckpt_kunit_hand_over(struct kunit *test, struct ckpt_save *save,
				      struct ckpt_load *load);

struct task_struct *ckpt_kunit_task(struct kunit *test);
struct file *ckpt_kunit_file(struct kunit *test);
u64 ckpt_kunit_map(struct kunit *test, size_t pages);

struct file *ckpt_kunit_write(struct kunit *test, struct ckpt_save *save);
struct ckpt_load *ckpt_kunit_reader(struct kunit *test, struct file *file);
void ckpt_kunit_peek(struct kunit *test, struct file *file, loff_t pos,
		     void *data, size_t len);
void ckpt_kunit_poke(struct kunit *test, struct file *file, loff_t pos,
		     const void *data, size_t len);
bool ckpt_kunit_next_record(struct kunit *test, struct file *file, loff_t *pos,
			    struct ckpt_record *rec);

/* The log has this text: a refusal is one only if it says why. */
#define CKPT_EXPECT_LOGGED(test, call, text)					\
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(ckpt_kunit_log(call), text),	\
				  "\"%s\" is not in the log:\n%s", text,	\
				  ckpt_kunit_log(call))

#define CKPT_EXPECT_NOT_LOGGED(test, call, text)				\
	KUNIT_EXPECT_NULL_MSG(test, strstr(ckpt_kunit_log(call), text),		\
			      "\"%s\" is in the log:\n%s", text,		\
			      ckpt_kunit_log(call))

#endif /* _CHECKPOINT_TESTS_FIXTURE_H */
