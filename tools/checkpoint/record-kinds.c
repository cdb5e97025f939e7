// SPDX-License-Identifier: GPL-2.0
/*
 * The records, one row each; a new type of record needs a row here and nothing
 * else to be read, checked and shown as JSON. tests/fields.py compares the
 * rows with that header.
 */
#include <linux/checkpoint_image.h>

#include "record-kinds.h"

#define MEMBER(s, m)	(((struct s *)0)->m)

#define ONE(s, m, shown)							\
	{ .name = #m, .how = shown, .offset = offsetof(struct s, m),		\
	  .width = sizeof(MEMBER(s, m)), .nr = 1, .count = NOT_COUNTED }
#define NUMBER(s, m)	ONE(s, m, FIELD_NUMBER)
#define SIGNED(s, m)	ONE(s, m, FIELD_SIGNED)
#define HEX(s, m)	ONE(s, m, FIELD_HEX)
#define TEXT(s, m)	ONE(s, m, FIELD_TEXT)
#define UUID(s, m)	ONE(s, m, FIELD_UUID)
#define BYTES(s, m)	ONE(s, m, FIELD_BYTES)
#define ZERO(s, m)	ONE(s, m, FIELD_ZERO)

/* The id of an object. */
#define REF(s, m, type)								\
	{ .name = #m, .how = FIELD_NUMBER, .offset = offsetof(struct s, m),	\
	  .width = sizeof(MEMBER(s, m)), .nr = 1, .count = NOT_COUNTED, .want = type }

#define HEX_ARRAY(s, m)								\
	{ .name = #m, .how = FIELD_HEX, .offset = offsetof(struct s, m),	\
	  .width = sizeof(MEMBER(s, m)[0]), .nr = ARRAY_SIZE(MEMBER(s, m)),	\
	  .count = NOT_COUNTED }
#define HEX_ROWS(s, m)								\
	{ .name = #m, .how = FIELD_HEX, .offset = offsetof(struct s, m),	\
	  .width = sizeof(MEMBER(s, m)[0][0]),					\
	  .nr = sizeof(MEMBER(s, m)) / sizeof(MEMBER(s, m)[0][0]),		\
	  .row = ARRAY_SIZE(MEMBER(s, m)[0]), .count = NOT_COUNTED }
#define HEX_COUNTED(s, m, c)							\
	{ .name = #m, .how = FIELD_HEX, .offset = offsetof(struct s, m),	\
	  .width = sizeof(MEMBER(s, m)[0]), .nr = ARRAY_SIZE(MEMBER(s, m)),	\
	  .count = offsetof(struct s, c) }
#define STRUCTS(s, m, of)							\
	{ .name = #m, .how = FIELD_STRUCT, .offset = offsetof(struct s, m),	\
	  .width = sizeof(MEMBER(s, m)[0]), .nr = ARRAY_SIZE(MEMBER(s, m)),	\
	  .count = NOT_COUNTED, .members = of }
#define STRUCTS_COUNTED(s, m, c, of)						\
	{ .name = #m, .how = FIELD_STRUCT, .offset = offsetof(struct s, m),	\
	  .width = sizeof(MEMBER(s, m)[0]), .nr = ARRAY_SIZE(MEMBER(s, m)),	\
	  .count = offsetof(struct s, c), .members = of }

/* Parts of a tail have names of ours. */
#define TAIL(s, c, shown, n, bytes)						\
	{ .name = n, .how = shown, .width = bytes, .count = offsetof(struct s, c) }
#define TAIL_TEXT(s, c, n)	TAIL(s, c, FIELD_TEXT, n, 1)
#define TAIL_BYTES(s, c, n)	TAIL(s, c, FIELD_BYTES, n, 1)
#define TAIL_STRUCTS(s, c, n, t, of)						\
	{ .name = n, .how = FIELD_STRUCT, .width = sizeof(struct t),		\
	  .count = offsetof(struct s, c), .members = of }

#define END		{ }
#define FIELDS(...)	((const struct field[]){ __VA_ARGS__, END })

/* The common part of each FILE_* struct, which begins them. */
#define FILE_FIELDS		NUMBER(ckpt_file, id),				\
				REF(ckpt_file, cred, CKPT_REC_CRED),		\
				HEX(ckpt_file, flags),				\
				HEX(ckpt_file, how),				\
				NUMBER(ckpt_file, pos)

#define KIND(t, s, ...)								\
	{ .type = CKPT_REC_##t, .name = #t, .size = sizeof(struct s), __VA_ARGS__ }

static const struct field run_fields[] = {
	NUMBER(ckpt_run, object),
	NUMBER(ckpt_run, kind),
	HEX(ckpt_run, flags),
	NUMBER(ckpt_run, index),
	NUMBER(ckpt_run, count),
	NUMBER(ckpt_run, src_object),
	NUMBER(ckpt_run, src_index),
	END
};

static const struct field index_fields[] = {
	NUMBER(ckpt_index, object),
	NUMBER(ckpt_index, count),
	NUMBER(ckpt_index, index),
	NUMBER(ckpt_index, offset),
	END
};

static const struct field fd_fields[] = {
	NUMBER(ckpt_fd, fd),
	REF(ckpt_fd, file, REF_ANY_FILE),
	HEX(ckpt_fd, flags),
	ZERO(ckpt_fd, __reserved),
	END
};

static const struct field sigaction_fields[] = {
	HEX(ckpt_sigaction, handler),
	HEX(ckpt_sigaction, flags),
	HEX(ckpt_sigaction, restorer),
	HEX(ckpt_sigaction, mask),
	END
};

static const struct record_kind kinds[] = {
	KIND(HEADER, ckpt_header,
	     .fields = FIELDS(UUID(ckpt_header, uuid),
			      UUID(ckpt_header, parent_uuid),
			      NUMBER(ckpt_header, arch),
			      NUMBER(ckpt_header, page_size),
			      HEX(ckpt_header, features),
			      NUMBER(ckpt_header, clock_realtime),
			      NUMBER(ckpt_header, clock_monotonic),
			      NUMBER(ckpt_header, clock_boottime),
			      NUMBER(ckpt_header, nr_objects),
			      NUMBER(ckpt_header, nr_processes),
			      NUMBER(ckpt_header, nr_threads),
			      NUMBER(ckpt_header, nr_cpucaps),
			      HEX(ckpt_header, xfeatures),
			      HEX_COUNTED(ckpt_header, cpucaps, nr_cpucaps),
			      BYTES(ckpt_header, vdso_build_id),
			      NUMBER(ckpt_header, meta_bytes),
			      TEXT(ckpt_header, release),
			      TEXT(ckpt_header, version))),
	KIND(TRAILER, ckpt_trailer,
	     .fields = FIELDS(UUID(ckpt_trailer, uuid),
			      NUMBER(ckpt_trailer, nr_records),
			      NUMBER(ckpt_trailer, pages),
			      NUMBER(ckpt_trailer, bytes),
			      HEX(ckpt_trailer, crc),
			      ZERO(ckpt_trailer, __reserved))),
	KIND(CONTENT, ckpt_content,
	     .fields = FIELDS(NUMBER(ckpt_content, nr_runs),
			      NUMBER(ckpt_content, nr_pages),
			      ZERO(ckpt_content, __reserved),
			      STRUCTS_COUNTED(ckpt_content, runs, nr_runs, run_fields))),
	{ .type = CKPT_REC_INDEX, .name = "INDEX", .fields = FIELDS(END),
	  .tail = FIELDS({ .name = "entries", .how = FIELD_STRUCT,
			   .width = sizeof(struct ckpt_index), .count = NOT_COUNTED,
			   .members = index_fields }) },

	KIND(UTS_NS, ckpt_uts_ns,
	     .fields = FIELDS(NUMBER(ckpt_uts_ns, id),
			      ZERO(ckpt_uts_ns, __reserved),
			      TEXT(ckpt_uts_ns, nodename),
			      TEXT(ckpt_uts_ns, domainname),
			      ZERO(ckpt_uts_ns, __reserved2))),
	KIND(CRED, ckpt_cred,
	     .fields = FIELDS(NUMBER(ckpt_cred, id),
			      NUMBER(ckpt_cred, uid),
			      NUMBER(ckpt_cred, gid),
			      NUMBER(ckpt_cred, suid),
			      NUMBER(ckpt_cred, sgid),
			      NUMBER(ckpt_cred, euid),
			      NUMBER(ckpt_cred, egid),
			      NUMBER(ckpt_cred, fsuid),
			      NUMBER(ckpt_cred, fsgid),
			      HEX(ckpt_cred, securebits),
			      NUMBER(ckpt_cred, nr_groups),
			      ZERO(ckpt_cred, __reserved),
			      HEX(ckpt_cred, cap_inheritable),
			      HEX(ckpt_cred, cap_permitted),
			      HEX(ckpt_cred, cap_effective),
			      HEX(ckpt_cred, cap_bset),
			      HEX(ckpt_cred, cap_ambient)),
	     .tail = FIELDS(TAIL(ckpt_cred, nr_groups, FIELD_NUMBER, "groups", sizeof(__le32)))),
	KIND(PIPE, ckpt_pipe,
	     .fields = FIELDS(NUMBER(ckpt_pipe, id),
			      REF(ckpt_pipe, cred, CKPT_REC_CRED),
			      NUMBER(ckpt_pipe, size),
			      NUMBER(ckpt_pipe, bytes))),
	KIND(SHMEM, ckpt_shmem,
	     .fields = FIELDS(NUMBER(ckpt_shmem, id),
			      REF(ckpt_shmem, cred, CKPT_REC_CRED),
			      NUMBER(ckpt_shmem, size),
			      HEX(ckpt_shmem, flags),
			      NUMBER(ckpt_shmem, mode),
			      NUMBER(ckpt_shmem, name_len),
			      HEX(ckpt_shmem, seals),
			      NUMBER(ckpt_shmem, huge_shift),
			      ZERO(ckpt_shmem, __reserved)),
	     .tail = FIELDS(TAIL_TEXT(ckpt_shmem, name_len, "name"))),
	KIND(FILE_PATH, ckpt_file_path,
	     .fields = FIELDS(FILE_FIELDS,
			      NUMBER(ckpt_file_path, mode),
			      NUMBER(ckpt_file_path, path_len),
			      HEX(ckpt_file_path, dev),
			      NUMBER(ckpt_file_path, ino),
			      NUMBER(ckpt_file_path, size),
			      SIGNED(ckpt_file_path, mtime_sec),
			      NUMBER(ckpt_file_path, mtime_nsec),
			      HEX(ckpt_file_path, rdev)),
	     .tail = FIELDS(TAIL_TEXT(ckpt_file_path, path_len, "path"))),
	KIND(FILE_PIPE, ckpt_file_pipe,
	     .fields = FIELDS(FILE_FIELDS,
			      REF(ckpt_file_pipe, pipe, CKPT_REC_PIPE),
			      ZERO(ckpt_file_pipe, __reserved))),
	KIND(FILE_SHMEM, ckpt_file_shmem,
	     .fields = FIELDS(FILE_FIELDS,
			      REF(ckpt_file_shmem, shmem, CKPT_REC_SHMEM),
			      ZERO(ckpt_file_shmem, __reserved))),
	KIND(FILE_EXTERNAL, ckpt_file_external,
	     .fields = FIELDS(FILE_FIELDS,
			      HEX(ckpt_file_external, key),
			      NUMBER(ckpt_file_external, kind),
			      NUMBER(ckpt_file_external, name_len)),
	     .tail = FIELDS(TAIL_TEXT(ckpt_file_external, name_len, "name"))),
	KIND(FILE_EVENTFD, ckpt_file_eventfd,
	     .fields = FIELDS(FILE_FIELDS,
			      NUMBER(ckpt_file_eventfd, count),
			      NUMBER(ckpt_file_eventfd, semaphore),
			      ZERO(ckpt_file_eventfd, __reserved))),
	KIND(FS, ckpt_fs,
	     .fields = FIELDS(NUMBER(ckpt_fs, id),
			      REF(ckpt_fs, cred, CKPT_REC_CRED),
			      NUMBER(ckpt_fs, umask),
			      NUMBER(ckpt_fs, root_len),
			      NUMBER(ckpt_fs, pwd_len),
			      ZERO(ckpt_fs, __reserved)),
	     .tail = FIELDS(TAIL_TEXT(ckpt_fs, root_len, "root"),
			    TAIL_TEXT(ckpt_fs, pwd_len, "cwd"))),
	KIND(FILES, ckpt_files,
	     .fields = FIELDS(NUMBER(ckpt_files, id),
			      NUMBER(ckpt_files, nr_fds)),
	     .tail = FIELDS(TAIL_STRUCTS(ckpt_files, nr_fds, "fds", ckpt_fd, fd_fields))),
	KIND(SIGHAND, ckpt_sighand,
	     .fields = FIELDS(NUMBER(ckpt_sighand, id),
			      ZERO(ckpt_sighand, __reserved),
			      STRUCTS(ckpt_sighand, action, sigaction_fields))),
	KIND(MM, ckpt_mm,
	     .fields = FIELDS(NUMBER(ckpt_mm, id),
			      REF(ckpt_mm, exe, CKPT_REC_FILE_PATH),
			      HEX(ckpt_mm, flags),
			      HEX(ckpt_mm, coredump_filter),
			      NUMBER(ckpt_mm, nr_vmas),
			      NUMBER(ckpt_mm, auxv_len),
			      HEX(ckpt_mm, start_code),
			      HEX(ckpt_mm, end_code),
			      HEX(ckpt_mm, start_data),
			      HEX(ckpt_mm, end_data),
			      HEX(ckpt_mm, start_brk),
			      HEX(ckpt_mm, brk),
			      HEX(ckpt_mm, start_stack),
			      HEX(ckpt_mm, arg_start),
			      HEX(ckpt_mm, arg_end),
			      HEX(ckpt_mm, env_start),
			      HEX(ckpt_mm, env_end),
			      HEX(ckpt_mm, vdso),
			      HEX(ckpt_mm, pkeys),
			      NUMBER(ckpt_mm, exec_only_pkey),
			      HEX(ckpt_mm, membarrier),
			      ZERO(ckpt_mm, __reserved)),
	     .tail = FIELDS(TAIL_BYTES(ckpt_mm, auxv_len, "auxv"))),

	KIND(VMA, ckpt_vma,
	     .fields = FIELDS(HEX(ckpt_vma, start),
			      HEX(ckpt_vma, end),
			      HEX(ckpt_vma, offset),
			      REF(ckpt_vma, file, REF_MAPPED_FILE),
			      NUMBER(ckpt_vma, kind),
			      HEX(ckpt_vma, prot),
			      HEX(ckpt_vma, flags),
			      NUMBER(ckpt_vma, name_len),
			      NUMBER(ckpt_vma, pkey),
			      NUMBER(ckpt_vma, kin),
			      ZERO(ckpt_vma, __reserved)),
	     .tail = FIELDS(TAIL_TEXT(ckpt_vma, name_len, "name"))),
	KIND(PROCESS, ckpt_process,
	     .fields = FIELDS(NUMBER(ckpt_process, tgid),
			      NUMBER(ckpt_process, parent),
			      NUMBER(ckpt_process, pgid),
			      NUMBER(ckpt_process, sid),
			      NUMBER(ckpt_process, exit_signal),
			      NUMBER(ckpt_process, state),
			      NUMBER(ckpt_process, exit_code),
			      HEX(ckpt_process, flags),
			      REF(ckpt_process, mm, CKPT_REC_MM),
			      REF(ckpt_process, sighand, CKPT_REC_SIGHAND),
			      REF(ckpt_process, uts_ns, CKPT_REC_UTS_NS),
			      SIGNED(ckpt_process, oom_score_adj),
			      NUMBER(ckpt_process, nr_threads),
			      NUMBER(ckpt_process, nr_siginfos),
			      HEX_ROWS(ckpt_process, rlimits))),
	KIND(THREAD, ckpt_thread,
	     .fields = FIELDS(NUMBER(ckpt_thread, tid),
			      HEX(ckpt_thread, flags),
			      NUMBER(ckpt_thread, exit_code),
			      REF(ckpt_thread, files, CKPT_REC_FILES),
			      REF(ckpt_thread, fs, CKPT_REC_FS),
			      REF(ckpt_thread, cred, CKPT_REC_CRED),
			      NUMBER(ckpt_thread, nr_siginfos),
			      NUMBER(ckpt_thread, policy),
			      SIGNED(ckpt_thread, nice),
			      HEX(ckpt_thread, personality),
			      NUMBER(ckpt_thread, pdeath_signal),
			      NUMBER(ckpt_thread, cpus_len),
			      NUMBER(ckpt_thread, timer_slack_ns),
			      NUMBER(ckpt_thread, default_timer_slack_ns),
			      HEX(ckpt_thread, blocked),
			      HEX(ckpt_thread, saved_mask),
			      HEX(ckpt_thread, altstack_sp),
			      HEX(ckpt_thread, altstack_size),
			      HEX(ckpt_thread, altstack_flags),
			      NUMBER(ckpt_thread, restart),
			      HEX_ARRAY(ckpt_thread, restart_args),
			      HEX(ckpt_thread, robust_list),
			      HEX(ckpt_thread, clear_child_tid),
			      HEX(ckpt_thread, rseq),
			      NUMBER(ckpt_thread, rseq_len),
			      HEX(ckpt_thread, rseq_sig),
			      TEXT(ckpt_thread, comm)),
	     .tail = FIELDS(TAIL_BYTES(ckpt_thread, cpus_len, "cpus"))),
	KIND(SIGINFO, ckpt_siginfo,
	     .fields = FIELDS(NUMBER(ckpt_siginfo, signo),
			      SIGNED(ckpt_siginfo, code),
			      SIGNED(ckpt_siginfo, err),
			      NUMBER(ckpt_siginfo, queued),
			      BYTES(ckpt_siginfo, raw),
			      ZERO(ckpt_siginfo, __reserved))),
	KIND(X86_THREAD, ckpt_x86_thread,
	     .fields = FIELDS(HEX_ARRAY(ckpt_x86_thread, regs),
			      HEX_ROWS(ckpt_x86_thread, tls),
			      HEX(ckpt_x86_thread, trap_nr),
			      HEX(ckpt_x86_thread, error_code),
			      HEX(ckpt_x86_thread, cr2),
			      NUMBER(ckpt_x86_thread, nr_xfeatures),
			      ZERO(ckpt_x86_thread, __reserved))),
	KIND(X86_XFEATURE, ckpt_x86_xfeature,
	     .fields = FIELDS(NUMBER(ckpt_x86_xfeature, nr),
			      NUMBER(ckpt_x86_xfeature, size)),
	     .tail = FIELDS(TAIL_BYTES(ckpt_x86_xfeature, size, "data"))),
};

const struct record_kind *record_kind(uint32_t type)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}
