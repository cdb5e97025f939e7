// SPDX-License-Identifier: GPL-2.0
/*
 * Records of an image in words.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "info.h"

char *padded_string(const uint8_t *text, size_t size)
{
	return escape(text, strnlen((const char *)text, size));
}

/* A part of a record's tail; image_check() has seen that it is there. */
char *tail_string(const struct record *rec, size_t from, size_t len)
{
	const unsigned char *tail;
	size_t have;

	tail = record_tail(rec, &have);
	if (from > have)
		from = have;
	if (len > have - from)
		len = have - from;
	return escape(tail + from, len);
}

/* The leader's name. */
char *comm_of(const struct info *info, const struct node *node)
{
	struct ckpt_thread t;
	size_t i;

	for (i = node->record; i < node->record + node->nr_records; i++) {
		if (info->image.records[i].type != CKPT_REC_THREAD)
			continue;
		RECORD_GET(&info->image.records[i], t);
		return padded_string(t.comm, sizeof(t.comm));
	}
	return xasprintf("-");
}

const char *file_kind(const struct record *rec)
{
	struct ckpt_file_external e;
	struct ckpt_file_path p;

	switch (rec->type) {
	case CKPT_REC_FILE_PATH:
		RECORD_GET(rec, p);
		switch (le32toh(p.mode) & S_IFMT) {
		case S_IFREG:
			return "file";
		case S_IFDIR:
			return "directory";
		case S_IFCHR:
			return "device";
		}
		return "path";
	case CKPT_REC_FILE_PIPE:
		return "pipe";
	case CKPT_REC_FILE_SHMEM:
		return "memory";
	case CKPT_REC_FILE_EXTERNAL:
		RECORD_GET(rec, e);
		return external_kind(le32toh(e.kind));
	case CKPT_REC_FILE_EVENTFD:
		return "eventfd";
	}
	return "unknown";
}

static char *shmem_name(const struct image *im, uint32_t id)
{
	const struct record *rec = image_object(im, id);
	struct ckpt_shmem s;
	char *name, *text;

	if (!rec || rec->type != CKPT_REC_SHMEM)
		return xasprintf("object %u", id);
	RECORD_GET(rec, s);
	name = tail_string(rec, 0, le32toh(s.name_len));
	text = xasprintf("%s (object %u)", name, id);
	free(name);
	return text;
}

char *file_name(const struct image *im, const struct record *rec)
{
	struct ckpt_file_external e;
	struct ckpt_file_eventfd v;
	struct ckpt_file_shmem s;
	struct ckpt_file_path p;
	struct ckpt_file_pipe q;

	switch (rec->type) {
	case CKPT_REC_FILE_PATH:
		RECORD_GET(rec, p);
		return tail_string(rec, 0, le32toh(p.path_len));
	case CKPT_REC_FILE_PIPE:
		RECORD_GET(rec, q);
		return xasprintf("object %u", le32toh(q.pipe));
	case CKPT_REC_FILE_SHMEM:
		RECORD_GET(rec, s);
		return shmem_name(im, le32toh(s.shmem));
	case CKPT_REC_FILE_EXTERNAL:
		RECORD_GET(rec, e);
		return tail_string(rec, 0, le32toh(e.name_len));
	case CKPT_REC_FILE_EVENTFD:
		RECORD_GET(rec, v);
		return xasprintf("count %llu%s", (unsigned long long)le64toh(v.count),
				 v.semaphore ? ", semaphore" : "");
	}
	return xasprintf("?");
}

const char *access_name(uint32_t flags)
{
	static const char *const names[] = { "r", "w", "rw", "-" };

	return names[flags & O_ACCMODE];
}

/* As /proc/PID/maps shows it. */
char *vma_name(const struct image *im, const struct ckpt_vma *vma, const struct ckpt_mm *mm)
{
	const struct record *file = image_object(im, le32toh(vma->file));
	uint64_t start = le64toh(vma->start), end = le64toh(vma->end);

	if (file)
		return file_name(im, file);
	if (le32toh(vma->kind) == CKPT_VMA_VDSO)
		return xasprintf(start == le64toh(mm->vdso) ? "[vdso]" : "[vvar]");
	if (start <= le64toh(mm->brk) && end >= le64toh(mm->start_brk))
		return xasprintf("[heap]");
	if (start <= le64toh(mm->start_stack) && end >= le64toh(mm->start_stack))
		return xasprintf("[stack]");
	return xasprintf("%s", "");
}

void vma_prot(const struct ckpt_vma *vma, char buf[5])
{
	uint32_t prot = le32toh(vma->prot);

	buf[0] = prot & PROT_READ ? 'r' : '-';
	buf[1] = prot & PROT_WRITE ? 'w' : '-';
	buf[2] = prot & PROT_EXEC ? 'x' : '-';
	buf[3] = le32toh(vma->flags) & CKPT_VMA_SHARED ? 's' : 'p';
	buf[4] = 0;
}

char *time_text(uint64_t ns)
{
	time_t sec = ns / 1000000000;
	char text[64];
	struct tm tm;

	if (!gmtime_r(&sec, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return xasprintf("an unknown time");
	return xasprintf("%s", text);
}

char *state_text(const struct ckpt_process *p)
{
	int status = le32toh(p->exit_code);

	if (le32toh(p->state) == CKPT_PROCESS_ZOMBIE) {
		if (WIFEXITED(status))
			return xasprintf("zombie, exit %d", WEXITSTATUS(status));
		return xasprintf("zombie, signal %d", WTERMSIG(status));
	}
	if (le32toh(p->state) != CKPT_PROCESS_LIVE)
		return xasprintf("unknown");
	if (le32toh(p->flags) & CKPT_PROCESS_STOPPED)
		return xasprintf("stopped, signal %d", status);
	if (le32toh(p->flags) & CKPT_PROCESS_CONTINUED)
		return xasprintf("live, continued");
	return xasprintf("live");
}

static void add_user(struct info *info, __le32 id, uint32_t tgid)
{
	if (!id)
		return;
	if (!(info->nr_users & (info->nr_users - 1)))
		info->users = xrealloc(info->users, info->nr_users ? 2 * info->nr_users : 1,
				       sizeof(*info->users));
	info->users[info->nr_users++] = (struct user){ le32toh(id), tgid };
}

static int compare_users(const void *a, const void *b)
{
	const struct user *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->tgid > y->tgid) - (x->tgid < y->tgid);
}

/* Which processes have which MM and FILES. */
void users_build(struct info *info)
{
	const struct record *rec;
	struct ckpt_process p;
	struct ckpt_thread t;
	size_t i, k;

	for (i = 0; i < info->forest.nr; i++) {
		rec = &info->image.records[info->forest.nodes[i].record];
		RECORD_GET(rec, p);
		add_user(info, p.mm, le32toh(p.tgid));
		for (k = 1; k < info->forest.nodes[i].nr_records; k++) {
			if (rec[k].type != CKPT_REC_THREAD)
				continue;
			RECORD_GET(&rec[k], t);
			add_user(info, t.files, le32toh(p.tgid));
		}
	}
	if (info->nr_users)
		qsort(info->users, info->nr_users, sizeof(*info->users), compare_users);
}
