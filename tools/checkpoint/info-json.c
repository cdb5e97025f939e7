// SPDX-License-Identifier: GPL-2.0
/*
 * An image for programs.
 */
#include <stdlib.h>
#include <string.h>

#include "info.h"
#include "json.h"

static void put_free(struct json *j, const char *key, char *text)
{
	json_string(j, key, text);
	free(text);
}

static void put_uuid(struct json *j, const char *key, const uint8_t uuid[16])
{
	char text[37];

	uuid_text(uuid, text);
	json_string(j, key, text);
}

static void put_error(struct json *j, const struct image *im)
{
	if (!im->error)
		return;
	json_begin(j, "error", '{');
	put_free(j, "text", escape_str(im->error));
	json_number(j, "offset", im->error_offset);
	if (im->error_seq != UINT32_MAX)
		json_number(j, "record", im->error_seq);
	json_end(j, '}');
}

static void put_header(struct json *j, const struct ckpt_header *h)
{
	uint32_t i;

	json_begin(j, "header", '{');
	put_uuid(j, "uuid", h->uuid);
	if (!all_zero(h->parent_uuid, sizeof(h->parent_uuid)))
		put_uuid(j, "parent_uuid", h->parent_uuid);
	json_number(j, "arch", le32toh(h->arch));
	json_number(j, "page_size", le32toh(h->page_size));
	json_hex(j, "features", le64toh(h->features));
	put_free(j, "release", padded_string(h->release, sizeof(h->release)));
	put_free(j, "version", padded_string(h->version, sizeof(h->version)));
	put_free(j, "taken", time_text(le64toh(h->clock_realtime)));
	json_number(j, "clock_realtime_ns", le64toh(h->clock_realtime));
	json_number(j, "clock_monotonic_ns", le64toh(h->clock_monotonic));
	json_number(j, "clock_boottime_ns", le64toh(h->clock_boottime));
	json_number(j, "objects", le32toh(h->nr_objects));
	json_number(j, "processes", le32toh(h->nr_processes));
	json_number(j, "threads", le32toh(h->nr_threads));
	json_hex(j, "xfeatures", le64toh(h->xfeatures));
	json_begin(j, "cpucaps", '[');
	for (i = 0; i < le32toh(h->nr_cpucaps) && i < ARRAY_SIZE(h->cpucaps); i++)
		json_hex(j, NULL, le32toh(h->cpucaps[i]));
	json_end(j, ']');
	json_end(j, '}');
}

static void put_sizes(struct json *j, const struct image *im)
{
	json_begin(j, "sizes", '{');
	json_number(j, "metadata_bytes", im->metadata_end);
	json_number(j, "metadata_records", im->nr_records);
	if (im->complete) {
		json_number(j, "bytes", im->bytes);
		json_number(j, "content_blocks", im->contents.blocks);
		json_number(j, "data_pages", im->contents.data_pages);
		json_number(j, "same_pages", im->contents.same_pages);
		json_number(j, "pipe_bytes", im->contents.bytes);
		json_number(j, "index_entries", im->contents.index_entries);
	}
	json_end(j, '}');
}

static void put_thread(struct json *j, const struct record *rec)
{
	struct ckpt_thread t;

	RECORD_GET(rec, t);
	json_begin(j, NULL, '{');
	json_number(j, "tid", le32toh(t.tid));
	put_free(j, "comm", padded_string(t.comm, sizeof(t.comm)));
	json_bool(j, "dead", le32toh(t.flags) & CKPT_THREAD_DEAD);
	json_number(j, "files", le32toh(t.files));
	json_number(j, "fs", le32toh(t.fs));
	json_number(j, "cred", le32toh(t.cred));
	json_hex(j, "blocked", le64toh(t.blocked));
	json_signed(j, "nice", (int32_t)le32toh(t.nice));
	json_end(j, '}');
}

static void put_process(struct json *j, const struct info *info, const struct node *node)
{
	const struct record *rec = &info->image.records[node->record];
	struct ckpt_process p;
	size_t i;

	RECORD_GET(rec, p);
	json_begin(j, NULL, '{');
	json_number(j, "pid", node->tgid);
	json_number(j, "parent", node->parent_tid);
	json_number(j, "pgid", le32toh(p.pgid));
	json_number(j, "sid", le32toh(p.sid));
	put_free(j, "comm", comm_of(info, node));
	put_free(j, "state", state_text(&p));
	json_bool(j, "new_pidns", le32toh(p.flags) & CKPT_PROCESS_NEW_PIDNS);
	json_bool(j, "subreaper", le32toh(p.flags) & CKPT_PROCESS_SUBREAPER);
	json_number(j, "mm", le32toh(p.mm));
	json_signed(j, "oom_score_adj", (int32_t)le32toh(p.oom_score_adj));
	json_begin(j, "threads", '[');
	for (i = 1; i < node->nr_records; i++)
		if (rec[i].type == CKPT_REC_THREAD)
			put_thread(j, &rec[i]);
	json_end(j, ']');
	json_end(j, '}');
}

static void put_forest(struct json *j, const struct info *info)
{
	const struct forest *f = &info->forest;
	unsigned int depth = 0;
	size_t i;

	json_begin(j, "processes", '[');
	for (i = f->root; i != NOBODY; i = forest_next(f, i, &depth))
		put_process(j, info, &f->nodes[i]);
	json_end(j, ']');
}

static void put_vmas(struct json *j, const struct image *im, const struct record *rec)
{
	struct ckpt_vma v;
	struct ckpt_mm mm;
	char prot[5];
	uint32_t i;

	RECORD_GET(rec, mm);
	json_number(j, "exe", le32toh(mm.exe));
	json_begin(j, "mappings", '[');
	for (i = 1; i <= le32toh(mm.nr_vmas); i++) {
		RECORD_GET(&rec[i], v);
		vma_prot(&v, prot);
		json_begin(j, NULL, '{');
		json_hex(j, "start", le64toh(v.start));
		json_hex(j, "end", le64toh(v.end));
		json_string(j, "prot", prot);
		json_hex(j, "offset", le64toh(v.offset));
		json_hex(j, "flags", le32toh(v.flags));
		json_number(j, "file", le32toh(v.file));
		put_free(j, "name", vma_name(im, &v, &mm));
		json_end(j, '}');
	}
	json_end(j, ']');
}

static void put_fds(struct json *j, const struct record *rec)
{
	const unsigned char *tail;
	struct ckpt_fd fd;
	size_t len;

	json_begin(j, "fds", '[');
	for (tail = record_tail(rec, &len); len; tail += sizeof(fd), len -= sizeof(fd)) {
		memcpy(&fd, tail, sizeof(fd));
		json_begin(j, NULL, '{');
		json_number(j, "fd", le32toh(fd.fd));
		json_number(j, "file", le32toh(fd.file));
		json_bool(j, "cloexec", le32toh(fd.flags) & CKPT_FD_CLOEXEC);
		json_end(j, '}');
	}
	json_end(j, ']');
}

static void put_file(struct json *j, const struct image *im, const struct record *rec)
{
	struct ckpt_file_external e;
	struct ckpt_file file;

	RECORD_GET(rec, file);
	json_string(j, "kind", file_kind(rec));
	put_free(j, "name", file_name(im, rec));
	json_string(j, "access", access_name(le32toh(file.flags)));
	json_hex(j, "flags", le32toh(file.flags));
	json_number(j, "pos", le64toh(file.pos));
	if (rec->type != CKPT_REC_FILE_EXTERNAL)
		return;
	RECORD_GET(rec, e);
	json_hex(j, "key", le64toh(e.key));
}

static void put_fs(struct json *j, const struct record *rec)
{
	struct ckpt_fs fs;

	RECORD_GET(rec, fs);
	put_free(j, "root", tail_string(rec, 0, le32toh(fs.root_len)));
	put_free(j, "cwd", tail_string(rec, le32toh(fs.root_len), le32toh(fs.pwd_len)));
	json_number(j, "umask", le32toh(fs.umask));
}

static void put_cred(struct json *j, const struct record *rec)
{
	struct ckpt_cred c;

	RECORD_GET(rec, c);
	json_number(j, "uid", le32toh(c.uid));
	json_number(j, "gid", le32toh(c.gid));
	json_number(j, "euid", le32toh(c.euid));
	json_number(j, "egid", le32toh(c.egid));
	json_hex(j, "cap_effective", le64toh(c.cap_effective));
	json_hex(j, "cap_permitted", le64toh(c.cap_permitted));
}

static void put_pipe(struct json *j, const struct record *rec)
{
	struct ckpt_pipe p;

	RECORD_GET(rec, p);
	json_number(j, "size", le32toh(p.size));
	json_number(j, "bytes", le32toh(p.bytes));
}

static void put_shmem(struct json *j, const struct record *rec)
{
	struct ckpt_shmem s;

	RECORD_GET(rec, s);
	json_number(j, "size", le64toh(s.size));
	put_free(j, "name", tail_string(rec, 0, le32toh(s.name_len)));
}

static void put_object(struct json *j, const struct image *im, uint32_t id)
{
	const struct record *rec = image_object(im, id);

	json_begin(j, NULL, '{');
	json_number(j, "id", id);
	json_string(j, "type", record_name(rec->type));
	switch (rec->type) {
	case CKPT_REC_CRED:
		put_cred(j, rec);
		break;
	case CKPT_REC_PIPE:
		put_pipe(j, rec);
		break;
	case CKPT_REC_SHMEM:
		put_shmem(j, rec);
		break;
	case CKPT_REC_FILE_PATH:
	case CKPT_REC_FILE_PIPE:
	case CKPT_REC_FILE_SHMEM:
	case CKPT_REC_FILE_EXTERNAL:
	case CKPT_REC_FILE_EVENTFD:
		put_file(j, im, rec);
		break;
	case CKPT_REC_FS:
		put_fs(j, rec);
		break;
	case CKPT_REC_FILES:
		put_fds(j, rec);
		break;
	case CKPT_REC_MM:
		put_vmas(j, im, rec);
		break;
	}
	if (im->complete && im->object_pages[id - 1])
		json_number(j, "data_pages", im->object_pages[id - 1]);
	json_end(j, '}');
}

static void put_objects(struct json *j, const struct image *im)
{
	uint32_t id;

	json_begin(j, "objects", '[');
	for (id = 1; id <= im->nr_objects; id++)
		put_object(j, im, id);
	json_end(j, ']');
}

static void put_externals(struct json *j, const struct image *im)
{
	struct external *ext;
	size_t nr, i;

	ext = image_externals(im, &nr);
	json_begin(j, "external", '[');
	for (i = 0; i < nr; i++) {
		json_begin(j, NULL, '{');
		json_hex(j, "key", ext[i].key);
		json_string(j, "kind", external_kind(ext[i].kind));
		json_string(j, "name", ext[i].name);
		json_string(j, "access", access_name(ext[i].access));
		json_end(j, '}');
	}
	json_end(j, ']');
	externals_free(ext, nr);
}

void info_json(const struct info *info)
{
	struct json j = { .f = stdout };

	json_begin(&j, NULL, '{');
	json_string(&j, "file", info->name);
	json_bool(&j, "valid", info->image.complete && info->readable);
	put_error(&j, &info->image);
	if (info->readable) {
		put_header(&j, &info->image.header);
		put_sizes(&j, &info->image);
		json_number(&j, "trailing_bytes", info->trailing);
		put_externals(&j, &info->image);
		put_forest(&j, info);
		put_objects(&j, &info->image);
	}
	json_end(&j, '}');
}
