// SPDX-License-Identifier: GPL-2.0
/*
 * The same as image_fields_test.c for memory, processes, threads, registers,
 * signals and contents.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_rich.h"

const struct fail_target fail_targets[] = {
	{ "rich", fail_rich },
	{ }
};

#define ANY	1	/* any failure */
#define KERNEL	0xffff800000000000ULL

/* Write @value into a field of the @nth record of a type. */
struct change {
	uint32_t type;
	int nth;
	size_t at, size;
	uint64_t value;
	int err;
	const char *what;
};

#define C_(TYPE, NTH, S, FIELD, VALUE, ERR) { \
	CKPT_REC_##TYPE, NTH, offsetof(struct S, FIELD), \
	sizeof(((struct S *)0)->FIELD), VALUE, ERR, #TYPE "." #FIELD " = " #VALUE }

FIXTURE(field) {
	struct fail_group group;
	struct fail_report report;
	struct fail_image image;
};

FIXTURE_SETUP(field)
{
	pid_t pid;
	int fd;

	fail_become_reaper();
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, fail_group_make(&self->group));
	pid = fail_start(&self->group, "rich", NULL);
	ASSERT_LT(0, pid);
	fd = fail_save(&self->group);
	fail_group_clear(&self->group);
	ASSERT_LT(0, fd);
	ASSERT_EQ(0, fail_image_read(&self->image, fd));
	close(fd);
}

FIXTURE_TEARDOWN(field)
{
	fail_image_free(&self->image);
	fail_group_end(&self->group);
}

static int try(FIXTURE_DATA(field) *self, struct fail_image *image)
{
	int err;

	fail_image_seal(image);
	err = fail_image_restart(image, &self->group, 0, &self->report);
	if (!err)
		fail_group_clear(&self->group);
	return err;
}

static void each(struct __test_metadata *_metadata, FIXTURE_DATA(field) *self,
		 const struct change *change, int nr)
{
	struct fail_image bad;
	int rec, err;

	for (; nr--; change++) {
		fail_image_copy(&bad, &self->image);
		rec = fail_image_find(&bad, change->type, change->nth);
		ASSERT_LE(0, rec) {
			TH_LOG("no record for %s", change->what);
		}
		memcpy(fail_image_data(&bad, rec) + change->at, &change->value, change->size);
		err = try(self, &bad);
		EXPECT_TRUE(change->err == ANY ? err < 0 : err == change->err) {
			TH_LOG("%s: %d: %s", change->what, err, self->report.log);
		}
		ASSERT_TRUE(fail_no_children() && fail_group_empty(&self->group)) {
			TH_LOG("%s: a task was left", change->what);
		}
		ASSERT_TRUE(!err || self->report.log[0]) {
			TH_LOG("%s: nothing in the log", change->what);
		}
		fail_image_free(&bad);
	}
}

#define EACH(changes) \
	each(_metadata, self, changes, sizeof(changes) / sizeof(changes[0]))


TEST_F(field, of_an_address_space_is_looked_at)
{
#define C(FIELD, VALUE, ERR) C_(MM, 0, ckpt_mm, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(flags, 1U << 31, -EBADMSG), C(flags, ~0, -EBADMSG),
		C(flags, CKPT_MM_LOCK_ONFAULT, -EBADMSG),
		C(flags, CKPT_MM_MDWE_NO_INHERIT, -EBADMSG), C(auxv_len, 1 << 20, -EBADMSG),
		C(auxv_len, ~0, -EBADMSG), C(auxv_len, 12, -EBADMSG),
		C(coredump_filter, 1 << 30, -EBADMSG),
		C(vdso, KERNEL, -EBADMSG), C(vdso, 4097, -EBADMSG),
		C(vdso, 0x7ffffffff000, ANY), C(vdso, 0x400000, ANY),
		C(exe, 1, -EBADMSG), C(exe, ~0, -EBADMSG),
		C(nr_vmas, 0, -EBADMSG), C(nr_vmas, ~0, -EBADMSG),
		C(start_code, KERNEL, ANY), C(end_data, ~0ULL, ANY), C(brk, 0, ANY),
		C(arg_end, KERNEL, ANY), C(env_start, 1, ANY), C(start_stack, 1, ANY),
	};
#undef C
	EACH(changes);
}

TEST_F(field, of_a_mapping_is_looked_at)
{
#define C(FIELD, VALUE, ERR) C_(VMA, 0, ckpt_vma, FIELD, VALUE, ERR)
#define D(FIELD, VALUE, ERR) C_(VMA, 1, ckpt_vma, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(start, 0x400001, -EBADMSG), C(start, KERNEL, -EBADMSG),
		C(start, ~0ULL << 12, -EBADMSG), C(end, 0, -EBADMSG),
		C(end, 0x400000, -EBADMSG), C(end, 0x7ffffffff001, -EBADMSG),
		C(end, 0x800000000000, -EBADMSG), C(end, ~0ULL << 12, -EBADMSG),
		C(end, 0x7ffffffff000, -EBADMSG), D(start, 0x400000, -EBADMSG),
		D(start, 0, -EBADMSG),
		C(offset, 1, -EBADMSG), C(offset, ~0ULL << 12, ANY),
		C(kind, 0, -EBADMSG), C(kind, 4, -EBADMSG), C(kind, CKPT_VMA_ANON, -EBADMSG),
		C(prot, 8, -EBADMSG), C(prot, 1 << 24, -EBADMSG), C(flags, 1U << 31, -EBADMSG),
		C(flags, ~0, -EBADMSG), C(flags, CKPT_VMA_DROPPABLE, -EBADMSG),
		C(flags, CKPT_VMA_LOCKONFAULT, -EBADMSG),
		C(file, 0, -EBADMSG), C(file, 1, -EBADMSG), C(file, ~0, -EBADMSG),
	};
#undef C
#undef D
	EACH(changes);
}

TEST_F(field, of_a_process_is_looked_at)
{
#define C(FIELD, VALUE, ERR) C_(PROCESS, 0, ckpt_process, FIELD, VALUE, ERR)
#define D(FIELD, VALUE, ERR) C_(PROCESS, 1, ckpt_process, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(state, 0, -EBADMSG), C(state, 3, -EBADMSG),
		C(state, CKPT_PROCESS_ZOMBIE, -EBADMSG), C(flags, 1U << 31, -EBADMSG),
		C(flags, CKPT_PROCESS_STOPPED, -EBADMSG),
		C(flags, CKPT_PROCESS_NEW_PIDNS, -EBADMSG),
		D(flags, CKPT_PROCESS_NEW_PIDNS, -EBADMSG),
		C(exit_signal, 65, -EBADMSG), C(exit_signal, ~0, -EBADMSG),
		C(exit_code, 1 << 16, -EBADMSG),
		C(oom_score_adj, 1001, -EBADMSG), C(oom_score_adj, 1 << 31, -EBADMSG),
		C(nr_siginfos, 0, -EBADMSG), C(nr_siginfos, ~0, -EBADMSG),
		C(nr_siginfos, 2, -EBADMSG),
		C(nr_threads, 0, -EBADMSG), C(nr_threads, ~0, -EBADMSG),
		C(nr_threads, 1, -EBADMSG), C(nr_threads, 3, -EBADMSG),
		C(rlimits[7][0], ~0ULL, -EBADMSG), C(rlimits[15][1], 0, ANY),
		C(mm, 0, -EBADMSG), C(mm, 1, -EBADMSG), C(mm, ~0, -EBADMSG),
		C(sighand, 0, -EBADMSG), C(sighand, 1, -EBADMSG),
		C(uts_ns, 1, -EBADMSG), C(uts_ns, ~0, -EBADMSG),
		C(tgid, 1, -EBADMSG), C(tgid, 0, -EBADMSG), C(tgid, ~0, -EBADMSG),
		C(parent, 1, -EBADMSG), C(parent, ~0, -EBADMSG),
		D(parent, ~0, -EBADMSG),
		C(sid, ~0, -EBADMSG), C(pgid, ~0, -EBADMSG), C(sid, 5, -EBADMSG),
		C(pgid, 1, -EEXIST),
	};
#undef C
#undef D
	EACH(changes);
}

TEST_F(field, of_a_thread_is_looked_at)
{
#define C(FIELD, VALUE, ERR) C_(THREAD, 0, ckpt_thread, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(tid, 0, -EBADMSG), C(tid, ~0, -EBADMSG), C(tid, 1 << 23, -EBADMSG),
		C(flags, 1U << 31, -EBADMSG), C(flags, CKPT_THREAD_DEAD, -EBADMSG),
		C(exit_code, 1, -EBADMSG),
		C(policy, 1, -EBADMSG), C(policy, 2, -EBADMSG), C(policy, 6, -EBADMSG),
		C(nice, 20, -EBADMSG), C(nice, -21, -EBADMSG), C(nice, 1 << 31, -EBADMSG),
		C(pdeath_signal, 65, -EBADMSG), C(cpus_len, 4, -EBADMSG),
		C(cpus_len, 8, -EBADMSG), C(cpus_len, ~0, -EBADMSG),
		C(nr_siginfos, 0, -EBADMSG), C(nr_siginfos, 1 << 21, -EBADMSG),
		C(robust_list, KERNEL, -EBADMSG), C(clear_child_tid, KERNEL, -EBADMSG),
		C(rseq, KERNEL, -EBADMSG), C(rseq, 8, -EBADMSG), C(rseq_len, 8, -EBADMSG),
		C(rseq_len, ~0, -EBADMSG),
		C(altstack_sp, KERNEL, -EBADMSG), C(altstack_size, ~0ULL, -EBADMSG),
		C(altstack_flags, 4, -EBADMSG), C(altstack_flags, 1 << 30, -EBADMSG),
		C(restart, 4, -EBADMSG), C(restart, ~0, -EBADMSG),
		C(restart, CKPT_RESTART_FUTEX, -EBADMSG),
		C(restart_args[0], KERNEL, -EBADMSG),
		C(files, 0, -EBADMSG), C(files, 1, -EBADMSG), C(files, ~0, -EBADMSG),
		C(fs, 0, -EBADMSG), C(fs, 1, -EBADMSG), C(cred, 0, -EBADMSG),
		C(cred, ~0, -EBADMSG),
	};
#undef C
	struct fail_image bad;
	struct ckpt_thread *t;

	EACH(changes);
	/* a name without an end, and a number that is there twice */
	fail_image_copy(&bad, &self->image);
	t = fail_image_data(&bad, fail_image_find(&bad, CKPT_REC_THREAD, 0));
	memset(t->comm, 'x', sizeof(t->comm));
	EXPECT_EQ(-EBADMSG, try(self, &bad));
	fail_image_free(&bad);
	fail_image_copy(&bad, &self->image);
	t = fail_image_data(&bad, fail_image_find(&bad, CKPT_REC_THREAD, 1));
	t->tid = ((struct ckpt_thread *)fail_image_data(&bad,
			fail_image_find(&bad, CKPT_REC_THREAD, 0)))->tid;
	EXPECT_EQ(-EBADMSG, try(self, &bad));
	fail_image_free(&bad);
}

TEST_F(field, of_a_dead_thread_is_looked_at)
{
/* the zombie is the last process, behind three live threads */
#define C(FIELD, VALUE, ERR) C_(THREAD, 3, ckpt_thread, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(exit_code, 1 << 16, -EBADMSG), C(nr_siginfos, 1, -EBADMSG),
		C(flags, CKPT_THREAD_DEAD | CKPT_THREAD_SAVED_MASK, -EBADMSG),
		C(flags, 0, -EBADMSG), C(cpus_len, 8, -EBADMSG),
	};
#undef C

	EACH(changes);
}

TEST_F(field, of_registers_is_looked_at)
{
/* numbers as in struct user_regs_struct */
#define C(FIELD, VALUE, ERR) C_(X86_THREAD, 0, ckpt_x86_thread, FIELD, VALUE, ERR)
#define D(FIELD, VALUE, ERR) C_(X86_XFEATURE, 0, ckpt_x86_xfeature, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(regs[16], KERNEL, -EBADMSG), C(regs[16], 0xffffffffff600000, -EBADMSG),
		C(regs[16], 1ULL << 56, -EBADMSG), C(regs[19], KERNEL, -EBADMSG),
		C(regs[21], KERNEL, -EBADMSG), C(regs[21], 1ULL << 63, -EBADMSG),
		C(regs[22], KERNEL, -EBADMSG),
		C(regs[17], 0x10, -EBADMSG), C(regs[17], 0x23, -EBADMSG),
		C(regs[17], 0, -EBADMSG), C(regs[20], 0x18, -EBADMSG), C(regs[20], 0, -EBADMSG),
		C(regs[23], 0x18, ANY), C(regs[26], 0x10, ANY),
		C(nr_xfeatures, 0, -EBADMSG), C(nr_xfeatures, 63, -EBADMSG),
		C(nr_xfeatures, ~0, -EBADMSG), C(nr_xfeatures, 30, -EBADMSG),
		C(__reserved, 1, -EBADMSG),
		D(size, 0, -EBADMSG), D(size, 513, -EBADMSG), D(size, ~0, -EBADMSG),
		D(nr, 1, -EBADMSG), D(nr, 2, -EBADMSG), D(nr, 63, -EBADMSG),
		D(nr, 64, -EBADMSG), D(nr, ~0, -EBADMSG),
		/* reserved bits of MXCSR */
		{ CKPT_REC_X86_XFEATURE, 0, 8 + 24, 4, ~0U, ANY, "MXCSR" },
	};
#undef C
#undef D
	EACH(changes);
}

TEST_F(field, of_a_pending_signal_is_looked_at)
{
#define C(FIELD, VALUE, ERR) C_(SIGINFO, 0, ckpt_siginfo, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(signo, 0, -EBADMSG), C(signo, 65, -EBADMSG), C(signo, ~0, -EBADMSG),
		C(signo, SIGKILL, -EBADMSG), C(queued, 2, -EBADMSG),
		C(code, -2, -EBADMSG), C(raw[100], 1, -EBADMSG),
		C(__reserved[0], 1, -EBADMSG),
	};
#undef C
	EACH(changes);
}

/* Contents come when the tasks are there: what fails then must undo most. */
TEST_F(field, of_contents_is_looked_at)
{
#define C(FIELD, VALUE, ERR) C_(CONTENT, 0, ckpt_content, FIELD, VALUE, ERR)
	static const struct change changes[] = {
		C(nr_runs, 127, -EBADMSG), C(nr_runs, ~0, -EBADMSG), C(nr_runs, 0, -EBADMSG),
		C(nr_pages, ~0, -EBADMSG), C(nr_pages, 0, -EBADMSG),
		C(__reserved[3], 1, -EBADMSG),
		C(runs[0].object, 0, -EBADMSG), C(runs[0].object, ~0, -EBADMSG),
		C(runs[0].object, 1, -EBADMSG), C(runs[0].kind, 0, -EBADMSG),
		C(runs[0].kind, 9, -EBADMSG), C(runs[0].flags, 4, -EBADMSG),
		C(runs[0].kind, CKPT_RUN_SAME, -EBADMSG),
		C(runs[0].count, 0, -EBADMSG), C(runs[0].count, ~0, -EBADMSG),
		C(runs[0].src_object, 1, -EBADMSG), C(runs[0].src_index, 1, -EBADMSG),
		C(runs[0].index, ~0ULL, -EBADMSG), C(runs[0].index, 1ULL << 52, -EBADMSG),
		C(runs[0].index, 0x7fffffffe, -EBADMSG),
		C(runs[0].index, 1, -EBADMSG), C(runs[0].index, KERNEL >> 12, -EBADMSG),
		C(runs[125].count, 1, -EBADMSG),
		C_(TRAILER, 0, ckpt_trailer, uuid[0], 0, ANY),
		C_(TRAILER, 0, ckpt_trailer, nr_records, 0, -EBADMSG),
		C_(TRAILER, 0, ckpt_trailer, pages, 0, -EBADMSG),
		C_(TRAILER, 0, ckpt_trailer, bytes, 0, -EBADMSG),
		C_(TRAILER, 0, ckpt_trailer, __reserved, 1, -EBADMSG),
	};
#undef C
	EACH(changes);
}

/* The first run of a kind for any object. */
static struct ckpt_run *find_run(struct fail_image *image, uint16_t kind)
{
	struct ckpt_content *content;
	int i, nth, rec;

	for (nth = 0; (rec = fail_image_find(image, CKPT_REC_CONTENT, nth)) >= 0; nth++) {
		content = fail_image_data(image, rec);
		for (i = 0; i < content->nr_runs; i++)
			if (content->runs[i].kind == kind)
				return &content->runs[i];
	}
	return NULL;
}

TEST_F(field, of_bytes_for_a_pipe_is_looked_at)
{
	static const struct { uint64_t index; uint32_t count; } bad[] = {
		{ 1, 10 }, { 0, 11 }, { 0, 4096 }, { ~0ULL, 10 }, { 1ULL << 32, 10 },
	};
	struct fail_image image;
	struct ckpt_run *run;
	int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fail_image_copy(&image, &self->image);
		run = find_run(&image, CKPT_RUN_BYTES);
		ASSERT_NE(NULL, run);
		run->index = bad[i].index;
		run->count = bad[i].count;
		EXPECT_EQ(-EBADMSG, try(self, &image));
		EXPECT_TRUE(fail_no_children() && fail_group_empty(&self->group));
		fail_image_free(&image);
	}
}

TEST_F(field, of_pages_as_elsewhere_is_looked_at)
{
	struct ckpt_run *run, *good;
	struct fail_image image;
	int i;

	good = find_run(&self->image, CKPT_RUN_SAME);
	ASSERT_NE(NULL, good);
	for (i = 0; i < 6; i++) {
		fail_image_copy(&image, &self->image);
		run = find_run(&image, CKPT_RUN_SAME);
		if (i == 0)
			run->src_object = 0;
		else if (i == 1)
			run->src_object = ~0;
		else if (i == 2)
			run->src_object = 1;
		else if (i == 3)
			run->src_index = ~0ULL;
		else if (i == 4)
			run->src_index = 1;
		else
			run->count = ~0;
		EXPECT_EQ(-EBADMSG, try(self, &image)) {
			TH_LOG("change %d", i);
		}
		EXPECT_TRUE(fail_no_children() && fail_group_empty(&self->group));
		fail_image_free(&image);
	}
}

TEST_HARNESS_MAIN
