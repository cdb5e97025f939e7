// SPDX-License-Identifier: GPL-2.0
/*
 * Makes images without a kernel, for tests of the reader.
 *
 *   genimage new             a small sound image, with every kind of record and
 *                            another value in each field
 *   genimage flip AT         flips a bit of the byte at AT of what comes in
 *   genimage reseal SEED N   damages N bytes of what comes in, then makes all
 *                            checksums right again
 *
 * The checksum here is bit by bit, on purpose: not the one under test.
 */
#include <endian.h>
#include <fcntl.h>
#include <linux/checkpoint_image.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static unsigned char out[1 << 22];
static size_t len;
static uint32_t seq, seed, crcs = ~0U, next_id;

static uint32_t crc_bits(uint32_t crc, const void *data, size_t n)
{
	const unsigned char *p = data;
	int i;

	while (n--) {
		crc ^= *p++;
		for (i = 0; i < 8; i++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return crc;
}

#include "../digest.c"

/* The pages of a block take part by their digests. */
static void seal(struct ckpt_record *rec)
{
	size_t n = le64toh(rec->len), header = sizeof(struct ckpt_content);
	const char *data = (void *)(rec + 1);
	uint64_t digest;
	uint32_t crc;

	if (le32toh(rec->type) != CKPT_REC_CONTENT || n < header)
		header = n;
	rec->crc = 0;
	crc = crc_bits(crc_bits(seed, rec, sizeof(*rec)), data, header);
	for (; header + CKPT_PAGE_SIZE <= n; header += CKPT_PAGE_SIZE) {
		digest = page_digest(data + header);
		crc = crc_bits(crc, &digest, sizeof(digest));
	}
	rec->crc = htole32(crc);
	crcs = crc_bits(crcs, &rec->crc, 4);
}

static void put(uint32_t type, const void *fixed, size_t size, const void *tail, size_t tail_len)
{
	struct ckpt_record *rec = (void *)(out + len);
	size_t start = (size + 7) & ~7UL;

	rec->type = htole32(type);
	rec->fixed = htole16(size);
	rec->len = htole64(start + ((tail_len + 7) & ~7UL));
	rec->seq = htole32(seq++);
	memcpy(rec + 1, fixed, size);
	memcpy((char *)(rec + 1) + start, tail, tail_len);
	if (type == CKPT_REC_INDEX)
		rec->flags = htole16(CKPT_REC_F_SKIPPABLE);
	seal(rec);
	len += sizeof(*rec) + le64toh(rec->len);
}

#define PUT(type, s, ...)	put(type, &(s), sizeof(s), __VA_ARGS__)

/* No byte is zero, so that a field that is taken from elsewhere shows. */
static void *fill(void *at, size_t n)
{
	static unsigned char last;
	unsigned char *p = at;

	for (; n--; p++)
		*p = last = last % 251 + 1;
	return at;
}

/* What has to be something else is set afterwards. */
#define FILLED(s)	(*(struct s *)fill(&(struct s){ }, sizeof(struct s)))
#define ZERO(field)	memset(&(field), 0, sizeof(field))

static uint32_t object(void)
{
	return htole32(++next_id);
}

static void put_content(uint32_t mm, uint32_t pipe)
{
	struct ckpt_content c = { .nr_runs = htole32(3), .nr_pages = htole32(3) };
	static unsigned char pages[3 * 4096];
	struct ckpt_index e[1];

	memset(pages, 'A', 4096);
	memset(pages + 4096, 'B', 4096);
	memcpy(pages + 8192, "hello", 5);
	c.runs[0] = (struct ckpt_run){ mm, htole16(CKPT_RUN_DATA), 0, htole64(0x400), htole32(2),
				       0, 0 };
	c.runs[1] = (struct ckpt_run){ mm, htole16(CKPT_RUN_SAME), 0, htole64(0x600), htole32(1),
				       mm, htole64(0x400) };
	c.runs[2] = (struct ckpt_run){ pipe, htole16(CKPT_RUN_BYTES), 0, 0, htole32(5), 0, 0 };
	len = (len + 4095) & ~4095UL;
	e[0] = (struct ckpt_index){ mm, htole32(2), htole64(0x400), htole64(len + 4096) };
	PUT(CKPT_REC_CONTENT, c, pages, sizeof(pages));
	put(CKPT_REC_INDEX, NULL, 0, e, sizeof(e));
}

static void put_siginfo(uint32_t signo)
{
	struct ckpt_siginfo si = FILLED(ckpt_siginfo);

	si.signo = htole32(signo);
	ZERO(si.__reserved);
	PUT(CKPT_REC_SIGINFO, si, "", 0);
}

static void put_registers(void)
{
	struct ckpt_x86_xfeature xf = { .nr = htole32(2), .size = htole32(256) };
	struct ckpt_x86_thread x = FILLED(ckpt_x86_thread);
	unsigned char ymm[256];

	x.nr_xfeatures = htole32(1);
	ZERO(x.__reserved);
	PUT(CKPT_REC_X86_THREAD, x, "", 0);
	PUT(CKPT_REC_X86_XFEATURE, xf, fill(ymm, sizeof(ymm)), sizeof(ymm));
}

static void put_threads(uint32_t tgid, uint32_t nr, uint32_t files, uint32_t fs, uint32_t cred)
{
	struct ckpt_thread t = FILLED(ckpt_thread);
	uint32_t i;

	t.files = files;
	t.fs = fs;
	t.cred = cred;
	t.cpus_len = htole32(8);
	ZERO(t.comm);
	for (i = 0; i < nr; i++) {
		t.tid = htole32(tgid + i);
		t.nr_siginfos = htole32(i == 0);
		snprintf((char *)t.comm, sizeof(t.comm), i ? "thr \033[31m%u" : "sh%u", i % 10);
		PUT(CKPT_REC_THREAD, t, "\3\0\0\0\0\0\0\0", 8);
		if (i == 0)
			put_siginfo(10);
		put_registers();
	}
}

static void put_process(uint32_t tgid, uint32_t parent, uint32_t mm, uint32_t sighand,
			uint32_t uts, uint32_t nr_threads, uint32_t nr_siginfos)
{
	struct ckpt_process p = FILLED(ckpt_process);

	p.tgid = htole32(tgid);
	p.parent = htole32(parent);
	p.mm = mm;
	p.sighand = sighand;
	p.uts_ns = uts;
	p.state = htole32(mm ? CKPT_PROCESS_LIVE : CKPT_PROCESS_ZOMBIE);
	p.exit_code = htole32(7 << 8);
	p.nr_threads = htole32(nr_threads);
	p.nr_siginfos = htole32(nr_siginfos);
	PUT(CKPT_REC_PROCESS, p, "", 0);
	while (nr_siginfos--)
		put_siginfo(12);
}

static uint32_t put_mm(uint32_t exe)
{
	struct ckpt_mm mm = FILLED(ckpt_mm);
	struct ckpt_vma vma = FILLED(ckpt_vma);

	mm.id = object();
	mm.exe = exe;
	mm.nr_vmas = htole32(2);
	mm.auxv_len = htole32(16);
	ZERO(mm.__reserved);
	PUT(CKPT_REC_MM, mm, "auxvauxvauxvauxv", 16);
	vma.kin = htole32(1);
	vma.__reserved = 0;
	vma.start = htole64(0x400000);
	vma.end = htole64(0x402000);
	vma.file = exe;
	vma.kind = htole32(CKPT_VMA_FILE);
	vma.name_len = 0;
	PUT(CKPT_REC_VMA, vma, "", 0);
	vma.start = htole64(0x600000);
	vma.end = htole64(0x602000);
	vma.file = 0;
	vma.kind = htole32(CKPT_VMA_ANON);
	vma.name_len = htole32(4);
	PUT(CKPT_REC_VMA, vma, "name", 4);
	return mm.id;
}

static struct ckpt_file file_common(uint32_t cred)
{
	struct ckpt_file file = FILLED(ckpt_file);

	file.id = object();
	file.cred = cred;
	return file;
}

/* One open file of each kind; the first of them is a path. */
static uint32_t put_open_files(uint32_t cred, uint32_t pipe, uint32_t shmem)
{
	struct ckpt_file_path path = FILLED(ckpt_file_path);
	struct ckpt_file_pipe fpipe = { .file = file_common(cred), .pipe = pipe };
	struct ckpt_file_shmem fshm = { .file = file_common(cred), .shmem = shmem };
	struct ckpt_file_external ext = { .file = file_common(cred), .name_len = htole32(10),
		.key = htole64(0x100000000008801), .kind = htole32(CKPT_EXTERNAL_TTY) };
	struct ckpt_file_eventfd event = FILLED(ckpt_file_eventfd);

	PUT(CKPT_REC_FILE_PIPE, fpipe, "", 0);
	PUT(CKPT_REC_FILE_SHMEM, fshm, "", 0);
	PUT(CKPT_REC_FILE_EXTERNAL, ext, "/dev/pts/7", 10);
	event.file = file_common(cred);
	ZERO(event.__reserved);
	PUT(CKPT_REC_FILE_EVENTFD, event, "", 0);
	path.file = file_common(cred);
	path.mode = htole32(S_IFREG | 0755);
	path.path_len = htole32(8);
	PUT(CKPT_REC_FILE_PATH, path, "/bin/\n\"x", 8);
	return path.file.id;
}

static uint32_t put_fds(uint32_t last_file)
{
	struct ckpt_files files = { .id = object(), .nr_fds = htole32(5) };
	struct ckpt_fd fds[5];
	uint32_t i;

	for (i = 0; i < 5; i++)
		fds[i] = (struct ckpt_fd){ .fd = htole32(i * 3), .flags = htole32(i % 2),
					   .file = htole32(le32toh(last_file) - i) };
	PUT(CKPT_REC_FILES, files, fds, sizeof(fds));
	return files.id;
}

static void put_header(void)
{
	struct ckpt_header h = FILLED(ckpt_header);

	memcpy(h.uuid, "0123456789abcdef", sizeof(h.uuid));
	h.arch = htole32(62);
	h.page_size = htole32(4096);
	h.features = 0;
	h.clock_realtime = htole64(1800000000ULL * 1000000000);
	h.nr_processes = htole32(3);
	h.nr_threads = htole32(4);
	h.nr_cpucaps = htole32(16);
	ZERO(h.release);
	ZERO(h.version);
	strcpy((char *)h.release, "6.12.0");
	strcpy((char *)h.version, "#1 SMP \033]0;x\007");
	seed = crc_bits(~0U, h.uuid, sizeof(h.uuid));
	PUT(CKPT_REC_HEADER, h, "", 0);
}

static void new_image(void)
{
	struct ckpt_preamble pre = { .magic = CKPT_MAGIC };
	struct ckpt_header *h = (void *)(out + sizeof(pre) + sizeof(struct ckpt_record));
	struct ckpt_uts_ns uts = FILLED(ckpt_uts_ns);
	struct ckpt_cred cred = FILLED(ckpt_cred);
	struct ckpt_pipe pipe = FILLED(ckpt_pipe);
	struct ckpt_shmem shm = FILLED(ckpt_shmem);
	struct ckpt_fs fs = FILLED(ckpt_fs);
	struct ckpt_sighand sig = FILLED(ckpt_sighand);
	struct ckpt_trailer t = { };
	uint32_t file, files, mm;
	size_t meta;

	memcpy(out, &pre, sizeof(pre));
	len = sizeof(pre);
	/* sealed again by reseal(): what it counts is known at the end */
	put_header();
	meta = len;

	uts.id = object();
	ZERO(uts.__reserved);
	ZERO(uts.__reserved2);
	PUT(CKPT_REC_UTS_NS, uts, "", 0);
	cred.id = object();
	cred.nr_groups = htole32(1);
	ZERO(cred.__reserved);
	PUT(CKPT_REC_CRED, cred, "\1\0\0\0", 4);
	pipe.id = object();
	pipe.cred = cred.id;
	PUT(CKPT_REC_PIPE, pipe, "", 0);
	shm.id = object();
	shm.cred = cred.id;
	shm.name_len = htole32(3);
	ZERO(shm.__reserved);
	PUT(CKPT_REC_SHMEM, shm, "abc", 3);
	file = put_open_files(cred.id, pipe.id, shm.id);
	fs.id = object();
	fs.cred = cred.id;
	fs.root_len = htole32(1);
	fs.pwd_len = htole32(4);
	ZERO(fs.__reserved);
	PUT(CKPT_REC_FS, fs, "//tmp", 5);
	files = put_fds(file);
	sig.id = object();
	ZERO(sig.__reserved);
	PUT(CKPT_REC_SIGHAND, sig, "", 0);
	mm = put_mm(file);

	put_process(100, 0, mm, sig.id, uts.id, 2, 1);
	put_threads(100, 2, files, fs.id, cred.id);
	put_process(200, 101, mm, sig.id, 0, 1, 0);
	put_threads(200, 1, files, fs.id, cred.id);
	put_process(300, 101, 0, 0, 0, 1, 0);
	put_threads(300, 1, 0, 0, 0);
	h->nr_objects = htole32(next_id);
	h->meta_bytes = htole32(len - meta);
	put_content(mm, pipe.id);

	memcpy(t.uuid, h->uuid, sizeof(t.uuid));
	t.nr_records = htole64(seq);
	t.pages = htole64(3);
	t.bytes = htole64(len + sizeof(struct ckpt_record) + sizeof(t));
	PUT(CKPT_REC_TRAILER, t, "", 0);
}

/* Walks the records as far as they go, and makes their checksums right. */
static void reseal(void)
{
	struct ckpt_record *rec;
	struct ckpt_trailer *t;
	uint32_t before;
	size_t at = 16;

	if (len < 16 + sizeof(*rec) + 16)
		return;
	seed = crc_bits(~0U, out + 16 + sizeof(*rec), 16);
	crcs = ~0U;
	while (at + sizeof(*rec) <= len) {
		rec = (void *)(out + at);
		if (!rec->type && at % 4096) {
			at = (at + 4095) & ~4095UL;
			continue;
		}
		if (le64toh(rec->len) > len - at - sizeof(*rec))
			return;
		before = crcs;
		if (le32toh(rec->type) == CKPT_REC_TRAILER && le64toh(rec->len) >= sizeof(*t)) {
			t = (void *)(rec + 1);
			t->crc = htole32(before);
		}
		seal(rec);
		at += sizeof(*rec) + le64toh(rec->len);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "new")) {
		new_image();
		reseal();
	} else if (argc == 3 && !strcmp(argv[1], "flip")) {
		size_t at = strtoul(argv[2], NULL, 0);

		len = fread(out, 1, sizeof(out), stdin);
		if (at < len)
			out[at] ^= 1 << at % 8;
	} else if (argc == 4 && !strcmp(argv[1], "reseal")) {
		int n = atoi(argv[3]);

		srandom(atoi(argv[2]));
		len = fread(out, 1, sizeof(out), stdin);
		while (n-- && len)
			out[random() % len] = random() % 3 ? 1 << random() % 8 : random();
		reseal();
	} else {
		fprintf(stderr, "usage: genimage new | flip AT | reseal SEED N\n");
		return 2;
	}
	return fwrite(out, 1, len, stdout) != len;
}
