// SPDX-License-Identifier: GPL-2.0
/*
 * Do the records of an image make sense together? Lengths, references and
 * order; what the values mean to a kernel is restart(2)'s business.
 */
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "record-kinds.h"

/* Records that still belong to one seen before. */
struct walk {
	struct image *im;
	size_t at;
	uint32_t vmas;
	uint32_t process_siginfos;
	uint32_t threads;
	uint32_t thread_siginfos;
	uint32_t x86_threads;
	uint32_t xfeatures;
	uint64_t vma_end;
	uint32_t nr_processes;
	uint64_t nr_threads;
};

static int bad(const struct walk *w, const char *what)
{
	const struct record *rec = &w->im->records[w->at];

	w->im->error_seq = rec->seq;
	return image_fail(w->im, rec->offset, "%s: %s", record_name(rec->type), what);
}

static bool type_fits(const struct record *obj, uint32_t want)
{
	switch (want) {
	case REF_ANY_FILE:
		return obj->type >= CKPT_REC_FILE_PATH && obj->type < CKPT_REC_FS;
	case REF_MAPPED_FILE:
		return obj->type == CKPT_REC_FILE_PATH || obj->type == CKPT_REC_FILE_SHMEM;
	}
	return obj->type == want;
}

static int check_reference(const struct walk *w, uint32_t id, uint32_t want)
{
	const struct record *obj = image_object(w->im, id);

	if (!id)
		return 0;
	if (!obj || obj >= &w->im->records[w->at])
		return bad(w, "refers to an object that does not come before it");
	return type_fits(obj, want) ? 0 : bad(w, "refers to an object of the wrong type");
}

/* What this record's writer knew of a field is to be zero. */
static bool is_zero(const struct record *rec, const struct field *f)
{
	size_t len = f->width * f->nr;

	if (f->offset >= rec->fixed)
		return true;
	if (len > rec->fixed - f->offset)
		len = rec->fixed - f->offset;
	return all_zero(rec->data + f->offset, len);
}

static int check_fields(const struct walk *w, const struct record *rec)
{
	const struct field *f;

	for (f = record_kind(rec->type)->fields; f->name; f++) {
		if (f->want && check_reference(w, record_u32(rec, f->offset), f->want))
			return -1;
		if (f->how == FIELD_ZERO && !is_zero(rec, f))
			return bad(w, "reserved bytes are not zero");
	}
	return 0;
}

/* Bytes in the tail, by what the struct says. */
static uint64_t tail_len(const struct record *rec)
{
	const struct field *f = record_kind(rec->type)->tail;
	uint64_t len = 0;

	for (; f && f->name; f++)
		len += (uint64_t)record_u32(rec, f->count) * f->width;
	return len;
}

static int check_tail(const struct walk *w, const struct record *rec)
{
	uint64_t want = tail_len(rec);
	const unsigned char *tail;
	size_t len;

	tail = record_tail(rec, &len);
	if (len != ((want + 7) & ~7ULL))
		return bad(w, "is not as long as it says");
	return all_zero(tail + want, len - want) ? 0 : bad(w, "padding is not zero");
}

static int check_files(const struct walk *w, const struct record *rec)
{
	const unsigned char *tail;
	struct ckpt_fd fd;
	int64_t last = -1;
	size_t len;

	for (tail = record_tail(rec, &len); len; tail += sizeof(fd), len -= sizeof(fd)) {
		memcpy(&fd, tail, sizeof(fd));
		if (le32toh(fd.fd) <= last)
			return bad(w, "descriptors are not in ascending order");
		if (!fd.file || fd.__reserved)
			return bad(w, "a descriptor of nothing");
		if (check_reference(w, le32toh(fd.file), REF_ANY_FILE))
			return -1;
		last = le32toh(fd.fd);
	}
	return 0;
}

static int check_vma(struct walk *w, const struct record *rec)
{
	uint64_t start, end;
	struct ckpt_vma v;

	RECORD_GET(rec, v);
	start = le64toh(v.start);
	end = le64toh(v.end);
	if (start % CKPT_PAGE_SIZE || end % CKPT_PAGE_SIZE || start >= end || start < w->vma_end)
		return bad(w, "mappings are not in ascending order");
	w->vma_end = end;
	return 0;
}

static int check_header(struct walk *w, const struct record *rec)
{
	struct ckpt_header h;

	RECORD_GET(rec, h);
	if (le32toh(h.page_size) != CKPT_PAGE_SIZE)
		return bad(w, "pages are not of 4096 bytes");
	if (h.features)
		return bad(w, "has features that this ckpt does not know; use a newer one");
	if (le32toh(h.nr_cpucaps) > ARRAY_SIZE(h.cpucaps))
		return bad(w, "has too many words of CPU capabilities");
	return 0;
}

/* A record that begins something new: is the last thing whole? */
static int check_whole(const struct walk *w)
{
	if (w->vmas)
		return bad(w, "comes before the last mappings of the address space before it");
	if (w->process_siginfos || w->thread_siginfos || w->xfeatures)
		return bad(w, "comes before the last records of the task before it");
	return 0;
}

static int begin_process(struct walk *w, const struct record *rec)
{
	struct ckpt_process p;

	RECORD_GET(rec, p);
	if (check_whole(w))
		return -1;
	if (w->threads)
		return bad(w, "comes before the last thread of the process before it");
	if (!p.tgid)
		return bad(w, "has no process id");
	w->nr_processes++;
	w->threads = le32toh(p.nr_threads);
	w->process_siginfos = le32toh(p.nr_siginfos);
	w->x86_threads = 0;
	return 0;
}

static int begin_thread(struct walk *w, const struct record *rec)
{
	struct ckpt_thread t;

	RECORD_GET(rec, t);
	if (check_whole(w))
		return -1;
	if (!w->threads)
		return bad(w, "belongs to no process");
	w->threads--;
	w->nr_threads++;
	w->thread_siginfos = le32toh(t.nr_siginfos);
	w->x86_threads = 1;
	return 0;
}

static int take(struct walk *w, uint32_t *left)
{
	if (!*left)
		return bad(w, "belongs to nothing");
	(*left)--;
	return 0;
}

static int check_order(struct walk *w, const struct record *rec)
{
	struct ckpt_x86_thread x;
	struct ckpt_mm mm;

	switch (rec->type) {
	case CKPT_REC_HEADER:
		return check_header(w, rec);
	case CKPT_REC_VMA:
		return take(w, &w->vmas) || check_vma(w, rec) ? -1 : 0;
	case CKPT_REC_PROCESS:
		return begin_process(w, rec);
	case CKPT_REC_THREAD:
		return begin_thread(w, rec);
	case CKPT_REC_SIGINFO:
		return take(w, w->process_siginfos ? &w->process_siginfos :
						     &w->thread_siginfos);
	case CKPT_REC_X86_THREAD:
		if (w->thread_siginfos || take(w, &w->x86_threads))
			return bad(w, "is out of place");
		RECORD_GET(rec, x);
		w->xfeatures = le32toh(x.nr_xfeatures);
		return 0;
	case CKPT_REC_X86_XFEATURE:
		return take(w, &w->xfeatures);
	}
	/* an object */
	if (check_whole(w))
		return -1;
	if (w->nr_processes)
		return bad(w, "an object after the first process");
	if (rec->type == CKPT_REC_MM) {
		RECORD_GET(rec, mm);
		w->vmas = le32toh(mm.nr_vmas);
		w->vma_end = 0;
	}
	return rec->type == CKPT_REC_FILES ? check_files(w, rec) : 0;
}

static uint64_t meta_bytes(const struct image *im)
{
	const struct record *header = im->records;

	return im->metadata_end - header->offset - sizeof(struct ckpt_record) - header->len;
}

static int check_counts(struct walk *w)
{
	const struct ckpt_header *h = &w->im->header;

	if (!w->im->nr_records)
		return image_fail(w->im, 0, "the image is empty");
	w->at = w->im->nr_records - 1;
	if (check_whole(w) || w->threads)
		return bad(w, "the records that belong to the last task are not all there");
	w->at = 0;
	if (le32toh(h->meta_bytes) != meta_bytes(w->im))
		return bad(w, "says another number of bytes of metadata");
	if (le32toh(h->nr_objects) != w->im->nr_objects)
		return bad(w, "says another number of objects");
	if (le32toh(h->nr_processes) != w->nr_processes)
		return bad(w, "says another number of processes");
	if (le32toh(h->nr_threads) != w->nr_threads)
		return bad(w, "says another number of threads");
	return 0;
}

int image_check(struct image *im)
{
	struct walk w = { .im = im };

	for (w.at = 0; w.at < im->nr_records; w.at++)
		if (check_tail(&w, &im->records[w.at]) ||
		    check_fields(&w, &im->records[w.at]) ||
		    check_order(&w, &im->records[w.at]))
			return -1;
	return check_counts(&w);
}
