// SPDX-License-Identifier: GPL-2.0
/*
 * An image for people.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "info.h"

#define INDENT_MAX	32

static void put_free(const char *before, char *text, const char *after)
{
	printf("%s%s%s", before, text, after);
	free(text);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void put_header(const struct info *info)
{
	const struct image *im = &info->image;
	const struct ckpt_header *h = &im->header;
	char uuid[37], size[16];

	uuid_text(h->uuid, uuid);
	printf("image       %s\n", uuid);
	if (!all_zero(h->parent_uuid, sizeof(h->parent_uuid))) {
		uuid_text(h->parent_uuid, uuid);
		printf("builds on   %s\n", uuid);
	}
	put_free("taken       ", time_text(le64toh(h->clock_realtime)), "");
	printf(", %lu s after boot\n",
	       le64toh(h->clock_boottime) / 1000000000);
	put_free("kernel      ", padded_string(h->release, sizeof(h->release)), " ");
	put_free("", padded_string(h->version, sizeof(h->version)), "\n");
	printf("machine     %s, xfeatures 0x%lx\n",
	       le32toh(h->arch) == 62 ? "x86-64" : "unknown", le64toh(h->xfeatures));
	printf("holds       %u process%s, %u thread%s, %u object%s\n",
	       le32toh(h->nr_processes), le32toh(h->nr_processes) == 1 ? "" : "es",
	       le32toh(h->nr_threads), plural(le32toh(h->nr_threads)),
	       le32toh(h->nr_objects), plural(le32toh(h->nr_objects)));
	printf("metadata    %s in %zu records\n", human_size(im->metadata_end, size),
	       im->nr_metadata);
	if (!im->complete)
		return;
	printf("contents    %lu page%s of data, %lu shared, %lu byte%s in pipes\n",
	       im->contents.data_pages, plural(im->contents.data_pages),
	       im->contents.same_pages, im->contents.bytes, plural(im->contents.bytes));
	printf("size        %s (%lu bytes), complete and sound\n",
	       human_size(im->bytes, size), im->bytes);
}

static void put_threads(const struct info *info, const struct node *node, int indent)
{
	const struct record *rec = &info->image.records[node->record];
	struct ckpt_thread t;
	size_t i;

	for (i = 1; i < node->nr_records; i++) {
		if (rec[i].type != CKPT_REC_THREAD)
			continue;
		RECORD_GET(&rec[i], t);
		if (le32toh(t.tid) == node->tgid && !(le32toh(t.flags) & CKPT_THREAD_DEAD))
			continue;
		printf("%*s- thread %u ", indent + 2, "", le32toh(t.tid));
		put_free("", padded_string(t.comm, sizeof(t.comm)),
			 le32toh(t.flags) & CKPT_THREAD_DEAD ? ", dead\n" : "\n");
	}
}

/* Capabilities and ids are the leader's; threads rarely differ. */
static void put_ids(const struct info *info, const struct node *node)
{
	const struct record *rec = &info->image.records[node->record], *cred;
	struct ckpt_thread t;
	struct ckpt_cred c;
	size_t i;

	for (i = 1; i < node->nr_records; i++) {
		if (rec[i].type != CKPT_REC_THREAD)
			continue;
		RECORD_GET(&rec[i], t);
		cred = image_object(&info->image, le32toh(t.cred));
		if (!cred)
			return;
		RECORD_GET(cred, c);
		printf(", uid %u gid %u", le32toh(c.euid), le32toh(c.egid));
		return;
	}
}

static void put_process(const struct info *info, const struct node *node, unsigned int depth)
{
	int indent = 2 + 2 * (depth < INDENT_MAX ? depth : INDENT_MAX);
	struct ckpt_process p;

	RECORD_GET(&info->image.records[node->record], p);
	printf("%*s%u ", indent, "", node->tgid);
	put_free("", comm_of(info, node), ": ");
	put_free("", state_text(&p), "");
	printf(", %u thread%s", le32toh(p.nr_threads), plural(le32toh(p.nr_threads)));
	if (p.pgid)
		printf(", group %u", le32toh(p.pgid));
	if (p.sid)
		printf(", session %u", le32toh(p.sid));
	put_ids(info, node);
	if (le32toh(p.flags) & CKPT_PROCESS_NEW_PIDNS)
		printf(", pid namespace");
	putchar('\n');
	put_threads(info, node, indent);
}

static void put_forest(const struct info *info)
{
	const struct forest *f = &info->forest;
	unsigned int depth = 0;
	size_t i;

	printf("\nprocesses\n");
	for (i = f->root; i != NOBODY; i = forest_next(f, i, &depth))
		put_process(info, &f->nodes[i], depth);
}

static void put_users(const struct info *info, uint32_t id)
{
	size_t low = 0, high = info->nr_users, mid;
	const char *before = " of ";

	while (low < high) {
		mid = low + (high - low) / 2;
		if (info->users[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < info->nr_users && info->users[low].id == id; low++) {
		/* once for all threads */
		if (low && !memcmp(&info->users[low], &info->users[low - 1],
				   sizeof(info->users[low])))
			continue;
		printf("%s%u", before, info->users[low].tgid);
		before = ", ";
	}
}

/* What a mapping has beside, if there is something. */
static void put_marks(const struct record *rec, const struct ckpt_vma *v)
{
	uint32_t flags = le32toh(v->flags);

	if (flags & CKPT_VMA_NAMED)
		put_free(" [anon:", tail_string(rec, 0, le32toh(v->name_len)), "]");
	if (v->pkey)
		printf(", key %u", le32toh(v->pkey));
	if (flags & CKPT_VMA_LOCKED)
		printf(", locked");
	if (flags & CKPT_VMA_SEALED)
		printf(", sealed");
	printf("\n");
}

static void put_vmas(const struct info *info, const struct record *rec)
{
	const struct image *im = &info->image;
	struct ckpt_vma v;
	struct ckpt_mm mm;
	uint32_t i;
	char prot[5];

	RECORD_GET(rec, mm);
	for (i = 1; i <= le32toh(mm.nr_vmas); i++) {
		RECORD_GET(&rec[i], v);
		vma_prot(&v, prot);
		printf("  %012lx-%012lx %s %08lx ",
		       le64toh(v.start), le64toh(v.end), prot,
		       le64toh(v.offset));
		put_free("", vma_name(im, &v, &mm), "");
		put_marks(&rec[i], &v);
	}
}

static void put_mm(const struct info *info, uint32_t id)
{
	const struct image *im = &info->image;
	const struct record *rec = image_object(im, id), *exe;
	struct ckpt_mm mm;

	RECORD_GET(rec, mm);
	printf("\nmappings");
	put_users(info, id);
	printf(" (object %u", id);
	if (im->complete)
		printf(", %lu page%s of data", im->object_pages[id - 1],
		       plural(im->object_pages[id - 1]));
	exe = image_object(im, le32toh(mm.exe));
	if (exe)
		put_free(", running ", file_name(im, exe), "");
	printf(")\n");
	put_vmas(info, rec);
}

static void put_fd(const struct info *info, const struct ckpt_fd *fd)
{
	const struct record *rec = image_object(&info->image, le32toh(fd->file));
	struct ckpt_file file;

	RECORD_GET(rec, file);
	printf("  %4u %-2s %s ", le32toh(fd->fd), access_name(le32toh(file.flags)),
	       file_kind(rec));
	put_free("", file_name(&info->image, rec), "");
	if (file.pos)
		printf(" at %lu", le64toh(file.pos));
	printf("%s\n", le32toh(fd->flags) & CKPT_FD_CLOEXEC ? ", close-on-exec" : "");
}

static void put_files(const struct info *info, uint32_t id)
{
	const unsigned char *tail;
	struct ckpt_fd fd;
	size_t len;

	printf("\ndescriptors");
	put_users(info, id);
	printf(" (object %u)\n", id);
	tail = record_tail(image_object(&info->image, id), &len);
	for (; len; tail += sizeof(fd), len -= sizeof(fd)) {
		memcpy(&fd, tail, sizeof(fd));
		put_fd(info, &fd);
	}
}

static void put_shmem(const struct info *info, uint32_t id)
{
	const struct image *im = &info->image;
	const struct record *rec = image_object(im, id);
	struct ckpt_shmem s;
	char size[16];

	RECORD_GET(rec, s);
	printf("\nshared memory (object %u", id);
	if (im->complete)
		printf(", %lu page%s of data", im->object_pages[id - 1],
		       plural(im->object_pages[id - 1]));
	printf("), %s ", human_size(le64toh(s.size), size));
	put_free("", tail_string(rec, 0, le32toh(s.name_len)), "");
	if (s.huge_shift)
		printf(", huge pages of 2^%u bytes", le32toh(s.huge_shift));
	if (le32toh(s.seals) & ~F_SEAL_SEAL)
		printf(", seals 0x%x", le32toh(s.seals));
	printf("\n");
}

static void put_objects(const struct info *info)
{
	uint32_t id;

	for (id = 1; id <= info->image.nr_objects; id++) {
		switch (image_object(&info->image, id)->type) {
		case CKPT_REC_MM:
			put_mm(info, id);
			break;
		case CKPT_REC_FILES:
			put_files(info, id);
			break;
		case CKPT_REC_SHMEM:
			put_shmem(info, id);
			break;
		}
	}
}

static void put_externals(const struct info *info)
{
	struct external *ext;
	size_t nr, i;

	ext = image_externals(&info->image, &nr);
	if (nr)
		printf("\nexternal objects, for --inherit KEY=FD\n");
	for (i = 0; i < nr; i++)
		printf("  0x%lx %s %s (%s)\n", ext[i].key, external_kind(ext[i].kind),
		       ext[i].name, access_name(ext[i].access));
	externals_free(ext, nr);
}

void info_text(const struct info *info)
{
	if (!info->readable)
		return;
	put_header(info);
	put_externals(info);
	put_forest(info);
	put_objects(info);
}
