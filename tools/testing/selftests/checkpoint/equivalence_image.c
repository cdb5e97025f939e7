// SPDX-License-Identifier: GPL-2.0
/* An image made the caller's own, and changes of it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "equivalence.h"

#define PADDED(len)	(((len) + 7) & ~(size_t)7)

/* Take out @drop records at @at and put one with this header and body there. */
static void put_record(struct fail_image *image, int at, int drop, struct ckpt_record head,
		       const void *body, size_t len)
{
	struct fail_image from = *image, to;
	size_t end = from.len + sizeof(head) + PADDED(len);
	int *order = calloc(from.nr + 1, sizeof(int)), i, nr = 0;

	head.len = PADDED(len);
	from.data = realloc(from.data, end);
	memset(from.data + from.len, 0, end - from.len);
	memcpy(from.data + from.len, &head, sizeof(head));
	memcpy(from.data + from.len + sizeof(head), body, len);
	from.rec = realloc(from.rec, (from.nr + 1) * sizeof(*from.rec));
	from.rec[from.nr] = (struct fail_rec){ from.len, end, head.type };
	for (i = 0; i < from.nr; i++) {
		if (i == at)
			order[nr++] = from.nr;
		if (i < at || i >= at + drop)
			order[nr++] = i;
	}
	fail_image_build(&to, &from, order, nr);
	fail_image_free(&from);
	free(order);
	*image = to;
}

static struct ckpt_record head_of(const struct fail_image *image, int rec)
{
	struct ckpt_record head;

	memcpy(&head, image->data + image->rec[rec].at, sizeof(head));
	return head;
}

/* Another struct and tail for a record. */
void eq_set_body(struct fail_image *image, int rec, const void *body, size_t len)
{
	put_record(image, rec, 1, head_of(image, rec), body, len);
}

void eq_insert(struct fail_image *image, int before, uint32_t type, uint16_t fixed,
	       const void *body, size_t len)
{
	struct ckpt_record head = { .type = type, .fixed = fixed };

	put_record(image, before, 0, head, body, len);
}

void *eq_record(struct fail_image *image, uint32_t type)
{
	int rec = fail_image_find(image, type, 0);

	if (rec < 0)
		abort();
	return fail_image_data(image, rec);
}

static uint64_t change(uint64_t old, const struct eq_edit *edit)
{
	switch (edit->op) {
	case EQ_ADD:
		return old | edit->value;
	case EQ_DROP:
		return old & ~edit->value;
	default:
		return edit->value;
	}
}

static void edit_data(void *data, const struct eq_edit *edit)
{
	uint64_t value = 0;

	memcpy(&value, (char *)data + edit->at, edit->size);
	value = change(value, edit);
	memcpy((char *)data + edit->at, &value, edit->size);
}

void eq_edit(struct fail_image *image, const struct eq_edit *edit)
{
	for (; edit->type; edit++)
		edit_data(eq_record(image, edit->type), edit);
}

/* The same changes, of credentials, by ordinary calls. */
int eq_ask_cred(const struct eq_case *c)
{
	const struct eq_edit *edit;
	struct eq_cred want;

	eq_own_cred(&want);
	for (edit = c->edit; edit->type; edit++)
		edit_data(&want.c, edit);
	return eq_reach(&want);
}

static void own_limits(struct ckpt_process *process)
{
	struct rlimit limit;
	char text[32] = "";
	int i, fd;

	for (i = 0; i < RLIM_NLIMITS; i++) {
		getrlimit(i, &limit);
		process->rlimits[i][0] = limit.rlim_cur;
		process->rlimits[i][1] = limit.rlim_max;
	}
	fd = open("/proc/self/oom_score_adj", O_RDONLY);
	if (read(fd, text, sizeof(text) - 1) > 0)
		process->oom_score_adj = atoi(text);
	close(fd);
}

/* In all that a caller might not give, the image asks for what the caller has. */
void eq_make_own(struct fail_image *image)
{
	int rec = fail_image_find(image, CKPT_REC_CRED, 0);
	struct ckpt_process *process;
	struct ckpt_thread *thread;
	struct eq_cred own;

	eq_own_cred(&own);
	own.c.id = ((struct ckpt_cred *)fail_image_data(image, rec))->id;
	eq_set_body(image, rec, &own, sizeof(own.c) + 4 * own.c.nr_groups);
	process = eq_record(image, CKPT_REC_PROCESS);
	process->tgid = EQ_PID;
	own_limits(process);
	thread = eq_record(image, CKPT_REC_THREAD);
	thread->tid = EQ_PID;
	thread->nice = getpriority(PRIO_PROCESS, 0);
	thread->policy = sched_getscheduler(0);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))
		thread->flags |= CKPT_THREAD_NO_NEW_PRIVS;
}

/* ---- Files ---- */

/* The FILE_PATH of a path. */
int eq_find_path(struct fail_image *image, const char *path)
{
	struct ckpt_file_path *file;
	int i, rec;

	for (i = 0; (rec = fail_image_find(image, CKPT_REC_FILE_PATH, i)) >= 0; i++) {
		file = fail_image_data(image, rec);
		if (file->path_len == strlen(path) && !memcmp(file + 1, path, strlen(path)))
			return rec;
	}
	abort();
}

/* Make a FILE_PATH that of another file, by somebody who knows all about it. */
void eq_set_path(struct fail_image *image, int rec, const char *path)
{
	struct ckpt_file_path *file;
	size_t len = strlen(path);
	struct stat st = {};

	if (stat(path, &st))
		st.st_mode = S_IFREG;
	file = calloc(1, sizeof(*file) + len);
	memcpy(file, fail_image_data(image, rec), sizeof(*file));
	memcpy(file + 1, path, len);
	file->path_len = len;
	file->mode = st.st_mode;
	file->ino = st.st_ino;
	file->size = S_ISREG(st.st_mode) ? st.st_size : 0;
	file->mtime_sec = S_ISREG(st.st_mode) ? st.st_mtim.tv_sec : 0;
	file->mtime_nsec = S_ISREG(st.st_mode) ? st.st_mtim.tv_nsec : 0;
	file->rdev = minor(st.st_rdev) | major(st.st_rdev) << 8;
	eq_set_body(image, rec, file, sizeof(*file) + len);
	free(file);
}

/* One more mapping of nothing but memory. */
void eq_insert_vma(struct fail_image *image, const char *start, size_t len, uint32_t prot)
{
	struct ckpt_vma vma = {
		.start = (uintptr_t)start, .end = (uintptr_t)start + len,
		.kind = CKPT_VMA_ANON, .prot = prot,
	};
	struct ckpt_mm *mm = eq_record(image, CKPT_REC_MM);
	int at = fail_image_find(image, CKPT_REC_VMA, 0);

	mm->nr_vmas++;
	while (image->rec[at].type == CKPT_REC_VMA &&
	       ((struct ckpt_vma *)fail_image_data(image, at))->start < vma.start)
		at++;
	eq_insert(image, at, CKPT_REC_VMA, sizeof(vma), &vma, sizeof(vma));
}
