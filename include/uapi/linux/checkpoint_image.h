/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The image that checkpoint(2) writes and restart(2) reads.
 *
 * An image is one stream: a preamble, then records. Each record begins with
 * struct ckpt_record. Metadata records come first, every object before its
 * first reference; content blocks follow, then the index, and the trailer is
 * the last byte of the image. All integers are little-endian.
 *
 * All checksums are CRC32C (polynomial 0x1edc6f41, reflected), which begins
 * with ~0 unless said otherwise and is not inverted at the end: what the
 * kernel's crc32c(~0, ...) gives. A page of contents has a digest: its XXH64 with
 * seed 0, a __le64.
 */
#ifndef _UAPI_LINUX_CHECKPOINT_IMAGE_H
#define _UAPI_LINUX_CHECKPOINT_IMAGE_H

#include <linux/types.h>

/* ---- Framing ---- */

#define CKPT_MAGIC		"\211CKPT\r\n\032"	/* 8 bytes, no final NUL */
#define CKPT_FRAMING		0
#define CKPT_PAGE_SIZE		4096

/**
 * struct ckpt_preamble - the first 16 bytes of an image
 * @magic: CKPT_MAGIC
 * @framing: version of the framing, CKPT_FRAMING
 * @__reserved: zero
 */
struct ckpt_preamble {
	__u8   magic[8];
	__le32 framing;
	__le32 __reserved;
};

/**
 * struct ckpt_record - begins every record
 * @type: CKPT_REC_*
 * @flags: CKPT_REC_F_*
 * @fixed: bytes of the struct that follows; the tail begins at the next
 *	multiple of 8
 * @len: bytes that follow this header, a multiple of 8
 * @seq: number of the record in the image, from 0
 * @crc: CRC32C of this header with @crc zero and of all that follows it, begun
 *	with the CRC32C of the image's uuid instead of ~0; of the pages in a
 *	content block, their digests take part instead
 * @__reserved: zero
 */
struct ckpt_record {
	__le32 type;
	__le16 flags;
	__le16 fixed;
	__le64 len;
	__le32 seq;
	__le32 crc;
	__le64 __reserved;
};

#define CKPT_REC_F_SKIPPABLE	1	/* a reader that does not know it skips it */

enum ckpt_record_type {
	CKPT_REC_HEADER		= 1,
	CKPT_REC_TRAILER	= 2,
	CKPT_REC_CONTENT	= 3,
	CKPT_REC_INDEX		= 4,

	/* objects: these begin with their __le32 id, dense from 1 */
	CKPT_REC_UTS_NS		= 16,
	CKPT_REC_CRED		= 17,
	CKPT_REC_PIPE		= 18,
	CKPT_REC_SHMEM		= 19,
	CKPT_REC_FILE_PATH	= 32,
	CKPT_REC_FILE_PIPE	= 33,
	CKPT_REC_FILE_SHMEM	= 34,
	CKPT_REC_FILE_EXTERNAL	= 35,
	CKPT_REC_FILE_EVENTFD	= 36,
	CKPT_REC_FS		= 64,
	CKPT_REC_FILES		= 65,
	CKPT_REC_SIGHAND	= 66,
	CKPT_REC_MM		= 67,

	/* the forest: these belong to the record they follow */
	CKPT_REC_VMA		= 80,	/* follows its MM */
	CKPT_REC_PROCESS	= 81,
	CKPT_REC_THREAD		= 82,	/* follows its PROCESS */
	CKPT_REC_SIGINFO	= 83,	/* follows its PROCESS or THREAD */
	CKPT_REC_X86_THREAD	= 84,	/* follows its THREAD */
	CKPT_REC_X86_XFEATURE	= 85,	/* follows its X86_THREAD */
};

/**
 * struct ckpt_header - what the image needs of its reader
 * @uuid: identity of the image; the checksums of all records begin with its own
 * @parent_uuid: image that this one builds on, zero for none
 * @arch: EM_X86_64
 * @page_size: bytes in a page
 * @features: features a reader must know, none yet
 * @clock_realtime: CLOCK_REALTIME at capture, ns
 * @clock_monotonic: CLOCK_MONOTONIC at capture, ns
 * @clock_boottime: CLOCK_BOOTTIME at capture, ns
 * @nr_objects: objects in the image
 * @nr_processes: processes in the image, zombies included
 * @nr_threads: threads in the image
 * @nr_cpucaps: words of @cpucaps in use
 * @xfeatures: xfeatures that some thread has in use
 * @cpucaps: CPUID capability words that programs may rely on
 * @vdso_build_id: build id of the vDSO
 * @meta_bytes: bytes of the records between HEADER and contents, index or trailer
 * @release: kernel release, as uname -r, NUL-padded
 * @version: kernel version, as uname -v, NUL-padded
 */
struct ckpt_header {
	__u8   uuid[16];
	__u8   parent_uuid[16];
	__le32 arch;
	__le32 page_size;
	__le64 features;
	__le64 clock_realtime;
	__le64 clock_monotonic;
	__le64 clock_boottime;
	__le32 nr_objects;
	__le32 nr_processes;
	__le32 nr_threads;
	__le32 nr_cpucaps;
	__le64 xfeatures;
	__le32 cpucaps[16];
	__u8   vdso_build_id[20];
	__le32 meta_bytes;
	__u8   release[64];
	__u8   version[64];
};

/* ckpt_run.kind */
enum {
	CKPT_RUN_DATA		= 1,	/* count pages follow, for index, index + 1, ... */
	CKPT_RUN_SAME		= 2,	/* count pages as src_object has from src_index */
	CKPT_RUN_BYTES		= 3,	/* count bytes follow, padded to a page */
};

/* ckpt_run.flags, of DATA runs of private memory */
#define CKPT_RUN_F_HUGE		1	/* they were mapped as a huge page */
#define CKPT_RUN_F_SHARED	2	/* others may have them, too: see RUN_SAME */

/**
 * struct ckpt_run - a run of contents
 * @object: object that they belong to
 * @kind: CKPT_RUN_*
 * @flags: CKPT_RUN_F_*
 * @index: first page of the object; first byte for CKPT_RUN_BYTES
 * @count: pages, or bytes
 * @src_object: for CKPT_RUN_SAME, the object with the same pages
 * @src_index: and the first of them
 */
struct ckpt_run {
	__le32 object;
	__le16 kind;
	__le16 flags;
	__le64 index;
	__le32 count;
	__le32 src_object;
	__le64 src_index;
};

#define CKPT_RUNS_PER_BLOCK	126
#define CKPT_BLOCK_MAX_PAGES	1024

/**
 * struct ckpt_content - begins a content block
 * @nr_runs: entries of @runs in use
 * @nr_pages: pages of data that follow this header page
 * @__reserved: zero
 * @runs: what the pages are, in order
 *
 * With its struct ckpt_record the block header fills one page, aligned to a
 * page in the stream; the pages of all its data and byte runs follow.
 */
struct ckpt_content {
	__le32 nr_runs;
	__le32 nr_pages;
	__u8   __reserved[24];
	struct ckpt_run runs[CKPT_RUNS_PER_BLOCK];
};

/**
 * struct ckpt_index - where the pages of a DATA run lie
 * @object: object whose contents they are
 * @count: pages
 * @index: first page of the object
 * @offset: offset of the data from the start of the stream
 *
 * The tail of an INDEX is an array of these, which other runs have no part in,
 * in the order of the stream. There may be several INDEX records, one after the
 * other, all of them skippable; or none.
 */
struct ckpt_index {
	__le32 object;
	__le32 count;
	__le64 index;
	__le64 offset;
};

/**
 * struct ckpt_trailer - the end of an image
 * @uuid: the image's uuid again
 * @nr_records: records before this one
 * @pages: pages in all content blocks behind their header pages: those of DATA
 *	runs, and those that the bytes of BYTES runs take
 * @bytes: bytes from the start of the stream to the end of this record
 * @crc: CRC32C of the @crc fields of all records before this one, in order,
 *	begun with ~0
 * @__reserved: zero
 */
struct ckpt_trailer {
	__u8   uuid[16];
	__le64 nr_records;
	__le64 pages;
	__le64 bytes;
	__le32 crc;
	__le32 __reserved;
};

/* ---- Objects ---- */

/**
 * struct ckpt_uts_ns - host and domain name
 * @id: object id
 * @__reserved: zero
 * @nodename: host name, NUL-padded
 * @domainname: NIS domain name, NUL-padded
 * @__reserved2: zero
 */
struct ckpt_uts_ns {
	__le32 id;
	__le32 __reserved;
	__u8   nodename[65];
	__u8   domainname[65];
	__u8   __reserved2[6];
};

/**
 * struct ckpt_cred - credentials; ids are values in the user namespace of
 *	the root task
 * @id: object id
 * @uid: real user id
 * @gid: real group id
 * @suid: saved user id
 * @sgid: saved group id
 * @euid: effective user id
 * @egid: effective group id
 * @fsuid: file system user id
 * @fsgid: file system group id
 * @securebits: SECBIT_*, as PR_GET_SECUREBITS gives them
 * @nr_groups: supplementary groups; the tail is an array of __le32
 * @__reserved: zero
 * @cap_inheritable: capability set, bit CAP_x
 * @cap_permitted: capability set
 * @cap_effective: capability set
 * @cap_bset: bounding set
 * @cap_ambient: ambient set
 */
struct ckpt_cred {
	__le32 id;
	__le32 uid;
	__le32 gid;
	__le32 suid;
	__le32 sgid;
	__le32 euid;
	__le32 egid;
	__le32 fsuid;
	__le32 fsgid;
	__le32 securebits;
	__le32 nr_groups;
	__le32 __reserved;
	__le64 cap_inheritable;
	__le64 cap_permitted;
	__le64 cap_effective;
	__le64 cap_bset;
	__le64 cap_ambient;
};

/**
 * struct ckpt_pipe - a pipe; its queued bytes are BYTES runs
 * @id: object id
 * @cred: credentials of the holder that charged it
 * @size: capacity in bytes
 * @bytes: bytes queued
 */
struct ckpt_pipe {
	__le32 id;
	__le32 cred;
	__le32 size;
	__le32 bytes;
};

/* ckpt_shmem.flags */
#define CKPT_SHMEM_NORESERVE	1	/* pages are accounted one by one */
#define CKPT_SHMEM_MEMFD	2	/* made by memfd_create() */

/**
 * struct ckpt_shmem - shared anonymous memory or a memfd
 * @id: object id
 * @cred: credentials of its holder
 * @size: length in bytes
 * @flags: CKPT_SHMEM_*
 * @mode: permission bits of the inode
 * @name_len: bytes of the name in the tail, without a NUL
 * @seals: F_SEAL_*; F_SEAL_SEAL alone if it is no memfd
 * @huge_shift: of huge pages, their size as a power of two; 0 for others
 * @__reserved: zero
 */
struct ckpt_shmem {
	__le32 id;
	__le32 cred;
	__le64 size;
	__le32 flags;
	__le32 mode;
	__le32 name_len;
	__le32 seals;
	__le32 huge_shift;
	__le32 __reserved;
};

#define CKPT_FILE_EXEC		1	/* opened by execve() */

/**
 * struct ckpt_file - what every open file has; begins each FILE_* struct
 * @id: object id
 * @cred: credentials of its holder
 * @flags: O_* as F_GETFL gives them
 * @how: CKPT_FILE_*
 * @pos: file position
 */
struct ckpt_file {
	__le32 id;
	__le32 cred;
	__le32 flags;
	__le32 how;
	__le64 pos;
};

/**
 * struct ckpt_file_path - a regular file, directory or memory device, reopened
 *	by path
 * @file: common part
 * @mode: type and permission bits, S_IF*
 * @path_len: bytes of the path in the tail, without a NUL
 * @dev: device number of the file system, new_encode_dev()
 * @ino: inode number
 * @size: length in bytes, 0 unless a regular file
 * @mtime_sec: time of last modification
 * @mtime_nsec: its nanoseconds
 * @rdev: device number of a device, new_encode_dev()
 */
struct ckpt_file_path {
	struct ckpt_file file;
	__le32 mode;
	__le32 path_len;
	__le64 dev;
	__le64 ino;
	__le64 size;
	__le64 mtime_sec;
	__le32 mtime_nsec;
	__le32 rdev;
};

/**
 * struct ckpt_file_pipe - an end of a pipe
 * @file: common part; O_RDONLY or O_WRONLY says which end
 * @pipe: object id of the PIPE
 * @__reserved: zero
 */
struct ckpt_file_pipe {
	struct ckpt_file file;
	__le32 pipe;
	__le32 __reserved;
};

/**
 * struct ckpt_file_shmem - an open description of a SHMEM object
 * @file: common part
 * @shmem: object id of the SHMEM
 * @__reserved: zero
 */
struct ckpt_file_shmem {
	struct ckpt_file file;
	__le32 shmem;
	__le32 __reserved;
};

/* ckpt_file_external.kind */
enum {
	CKPT_EXTERNAL_TTY	= 1,	/* a terminal */
	CKPT_EXTERNAL_PIPE	= 2,	/* a pipe with an end outside */
	CKPT_EXTERNAL_SOCKET	= 3,	/* a socket with its peer outside */
};

/**
 * struct ckpt_file_external - an object that outlives the group; a descriptor
 *	of restart(2)'s caller takes its place
 * @file: common part
 * @key: names the object in restart_args.inherit
 * @kind: CKPT_EXTERNAL_*
 * @name_len: bytes of a name for people in the tail, without a NUL
 */
struct ckpt_file_external {
	struct ckpt_file file;
	__le64 key;
	__le32 kind;
	__le32 name_len;
};

/**
 * struct ckpt_file_eventfd - an eventfd
 * @file: common part
 * @count: its counter
 * @semaphore: 1 for EFD_SEMAPHORE
 * @__reserved: zero
 */
struct ckpt_file_eventfd {
	struct ckpt_file file;
	__le64 count;
	__le32 semaphore;
	__le32 __reserved;
};

/**
 * struct ckpt_fs - root, working directory and umask
 * @id: object id
 * @cred: credentials of its holder
 * @umask: file mode creation mask
 * @root_len: bytes of the root's path; the tail holds it and then the
 *	working directory's, without NULs
 * @pwd_len: bytes of the working directory's path
 * @__reserved: zero
 */
struct ckpt_fs {
	__le32 id;
	__le32 cred;
	__le32 umask;
	__le32 root_len;
	__le32 pwd_len;
	__le32 __reserved;
};

#define CKPT_FD_CLOEXEC		1

/**
 * struct ckpt_fd - a descriptor; the tail of FILES is an array of these, in
 *	ascending order
 * @fd: descriptor number
 * @file: object id of the FILE_*
 * @flags: CKPT_FD_*
 * @__reserved: zero
 */
struct ckpt_fd {
	__le32 fd;
	__le32 file;
	__le32 flags;
	__le32 __reserved;
};

/**
 * struct ckpt_files - a table of descriptors
 * @id: object id
 * @nr_fds: entries of the tail
 */
struct ckpt_files {
	__le32 id;
	__le32 nr_fds;
};

/**
 * struct ckpt_sigaction - what to do on a signal
 * @handler: SIG_DFL (0), SIG_IGN (1) or a user address
 * @flags: SA_*
 * @restorer: user address
 * @mask: signals blocked meanwhile, bit n-1 for signal n
 */
struct ckpt_sigaction {
	__le64 handler;
	__le64 flags;
	__le64 restorer;
	__le64 mask;
};

/**
 * struct ckpt_sighand - signal handlers
 * @id: object id
 * @__reserved: zero
 * @action: of signals 1 to 64
 */
struct ckpt_sighand {
	__le32 id;
	__le32 __reserved;
	struct ckpt_sigaction action[64];
};

/* ckpt_mm.flags */
#define CKPT_MM_DUMPABLE	1	/* PR_SET_DUMPABLE is 1 */
#define CKPT_MM_THP_DISABLE	2	/* PR_SET_THP_DISABLE */
#define CKPT_MM_VDSO		4	/* @vdso counts */
#define CKPT_MM_MERGE_ANY	8	/* PR_SET_MEMORY_MERGE */
#define CKPT_MM_LOCK_FUTURE	16	/* MCL_FUTURE */
#define CKPT_MM_LOCK_ONFAULT	32	/* MCL_FUTURE | MCL_ONFAULT */
#define CKPT_MM_MDWE		64	/* PR_MDWE_REFUSE_EXEC_GAIN */
#define CKPT_MM_MDWE_NO_INHERIT	128	/* PR_MDWE_NO_INHERIT */

/**
 * struct ckpt_mm - an address space; its VMA records follow in ascending order
 * @id: object id
 * @exe: object id of the executable's FILE_PATH, 0 for none
 * @flags: CKPT_MM_*
 * @coredump_filter: as in /proc/PID/coredump_filter
 * @nr_vmas: VMA records that follow
 * @auxv_len: bytes of the auxiliary vector in the tail
 * @start_code: as in struct prctl_mm_map
 * @end_code: likewise
 * @start_data: likewise
 * @end_data: likewise
 * @start_brk: likewise
 * @brk: likewise
 * @start_stack: likewise
 * @arg_start: likewise
 * @arg_end: likewise
 * @env_start: likewise
 * @env_end: likewise
 * @vdso: address of the vDSO
 * @pkeys: protection keys that are allocated, bit n for key n; 1 without keys
 * @exec_only_pkey: key of mappings that may only be executed, 0 for none yet
 * @membarrier: MEMBARRIER_CMD_REGISTER_* that are in force
 * @__reserved: zero
 */
struct ckpt_mm {
	__le32 id;
	__le32 exe;
	__le32 flags;
	__le32 coredump_filter;
	__le32 nr_vmas;
	__le32 auxv_len;
	__le64 start_code;
	__le64 end_code;
	__le64 start_data;
	__le64 end_data;
	__le64 start_brk;
	__le64 brk;
	__le64 start_stack;
	__le64 arg_start;
	__le64 arg_end;
	__le64 env_start;
	__le64 env_end;
	__le64 vdso;
	__le32 pkeys;
	__le32 exec_only_pkey;
	__le32 membarrier;
	__le32 __reserved;
};

/* ckpt_vma.kind */
enum {
	CKPT_VMA_ANON		= 1,	/* private anonymous */
	CKPT_VMA_FILE		= 2,	/* of a FILE_PATH or FILE_SHMEM */
	CKPT_VMA_VDSO		= 3,	/* the vDSO or its data pages */
};

/* ckpt_vma.flags */
#define CKPT_VMA_SHARED		(1U << 0)	/* MAP_SHARED */
#define CKPT_VMA_GROWSDOWN	(1U << 1)	/* MAP_GROWSDOWN */
#define CKPT_VMA_NORESERVE	(1U << 2)	/* MAP_NORESERVE */
#define CKPT_VMA_DONTDUMP	(1U << 3)	/* MADV_DONTDUMP */
#define CKPT_VMA_DONTFORK	(1U << 4)	/* MADV_DONTFORK */
#define CKPT_VMA_WIPEONFORK	(1U << 5)	/* MADV_WIPEONFORK */
#define CKPT_VMA_HUGEPAGE	(1U << 6)	/* MADV_HUGEPAGE */
#define CKPT_VMA_NOHUGEPAGE	(1U << 7)	/* MADV_NOHUGEPAGE */
#define CKPT_VMA_RANDOM		(1U << 8)	/* MADV_RANDOM */
#define CKPT_VMA_SEQUENTIAL	(1U << 9)	/* MADV_SEQUENTIAL */
#define CKPT_VMA_MERGEABLE	(1U << 10)	/* MADV_MERGEABLE */
#define CKPT_VMA_DROPPABLE	(1U << 11)	/* MAP_DROPPABLE */
#define CKPT_VMA_LOCKED		(1U << 12)	/* mlock(2) */
#define CKPT_VMA_LOCKONFAULT	(1U << 13)	/* MLOCK_ONFAULT */
#define CKPT_VMA_NAMED		(1U << 14)	/* PR_SET_VMA_ANON_NAME, "" too */
#define CKPT_VMA_SEALED		(1U << 15)	/* mseal(2) */
#define CKPT_VMA_WRITE_SEALED	(1U << 16)	/* mapped after F_SEAL_WRITE or _FUTURE_WRITE */

/**
 * struct ckpt_vma - a mapping
 * @start: first address
 * @end: address after the last
 * @offset: offset in the file, bytes
 * @file: object id of the file mapped, 0 for none
 * @kind: CKPT_VMA_*
 * @prot: PROT_*
 * @flags: CKPT_VMA_*
 * @name_len: bytes of its name in the tail, without a NUL
 * @pkey: protection key
 * @kin: mappings of the same number may have private pages in common since
 *	fork(2); 0 for none, dense from 1 in the order of the image
 * @__reserved: zero
 */
struct ckpt_vma {
	__le64 start;
	__le64 end;
	__le64 offset;
	__le32 file;
	__le32 kind;
	__le32 prot;
	__le32 flags;
	__le32 name_len;
	__le32 pkey;
	__le32 kin;
	__le32 __reserved;
};

/* ---- The forest ---- */

/* ckpt_process.state */
enum {
	CKPT_PROCESS_LIVE	= 1,
	CKPT_PROCESS_ZOMBIE	= 2,
};

/* ckpt_process.flags */
#define CKPT_PROCESS_NEW_PIDNS	1	/* is pid 1 of a pid namespace of its own */
#define CKPT_PROCESS_SUBREAPER	2	/* PR_SET_CHILD_SUBREAPER */
#define CKPT_PROCESS_STOPPED	4	/* stopped by job control */
#define CKPT_PROCESS_STOP_SEEN	8	/* its parent has waited for that stop */
#define CKPT_PROCESS_EXECED	16	/* has called execve() since it was forked */
#define CKPT_PROCESS_CONTINUED	32	/* continued, which its parent has not waited for */

/**
 * struct ckpt_process - a process; its SIGINFO records (shared pending
 *	signals) and then its THREAD records follow, the leader's first.
 *	Pids are numbers in the root task's pid namespace.
 * @tgid: process id
 * @parent: thread id of its parent, 0 for the caller of restart(2)
 * @pgid: process group id, 0 for the caller's
 * @sid: session id, 0 for the caller's
 * @exit_signal: signal for the parent at exit
 * @state: CKPT_PROCESS_LIVE or _ZOMBIE
 * @exit_code: of a zombie, as wait(2) gives it; of a stopped process, the signal
 * @flags: CKPT_PROCESS_*
 * @mm: object id, 0 for a zombie
 * @sighand: object id, 0 for a zombie
 * @uts_ns: object id, 0 for the parent's
 * @oom_score_adj: as in /proc/PID/oom_score_adj
 * @nr_threads: THREAD records that follow
 * @nr_siginfos: SIGINFO records that follow
 * @rlimits: soft and hard limit of RLIMIT_0 to RLIMIT_15
 */
struct ckpt_process {
	__le32 tgid;
	__le32 parent;
	__le32 pgid;
	__le32 sid;
	__le32 exit_signal;
	__le32 state;
	__le32 exit_code;
	__le32 flags;
	__le32 mm;
	__le32 sighand;
	__le32 uts_ns;
	__le32 oom_score_adj;
	__le32 nr_threads;
	__le32 nr_siginfos;
	__le64 rlimits[16][2];
};

/* ckpt_thread.flags */
#define CKPT_THREAD_DEAD	1	/* a leader that exited before its threads */
#define CKPT_THREAD_SAVED_MASK	2	/* @saved_mask is to be restored */
#define CKPT_THREAD_NO_NEW_PRIVS 4	/* PR_SET_NO_NEW_PRIVS */

/* ckpt_thread.restart: the call to be gone on with */
enum {
	CKPT_RESTART_NONE	= 0,
	CKPT_RESTART_NANOSLEEP	= 1,	/* args: clock, rmtp, type, expires */
	CKPT_RESTART_FUTEX	= 2,	/* args: uaddr, val, flags, bitset, time */
	CKPT_RESTART_POLL	= 3,	/* args: ufds, nfds, has_timeout, sec, nsec */
};

/**
 * struct ckpt_thread - a thread; its SIGINFO records and then its
 *	architecture's records follow. The tail is its CPU mask, @cpus_len bytes.
 * @tid: thread id
 * @flags: CKPT_THREAD_*
 * @exit_code: of a dead leader, as wait(2) gives it
 * @files: object id
 * @fs: object id
 * @cred: object id
 * @nr_siginfos: SIGINFO records that follow
 * @policy: SCHED_OTHER, SCHED_BATCH or SCHED_IDLE
 * @nice: nice value
 * @personality: as personality(2) gives it
 * @pdeath_signal: PR_SET_PDEATHSIG
 * @cpus_len: bytes of the CPU mask in the tail, 0 for any CPU
 * @timer_slack_ns: PR_SET_TIMERSLACK
 * @default_timer_slack_ns: what 0 there means
 * @blocked: signals blocked, bit n-1 for signal n
 * @saved_mask: mask to return to after sigsuspend and its like
 * @altstack_sp: alternate signal stack
 * @altstack_size: its size in bytes
 * @altstack_flags: SS_*
 * @restart: CKPT_RESTART_*
 * @restart_args: of the call to be gone on with
 * @robust_list: user address
 * @clear_child_tid: user address
 * @rseq: user address
 * @rseq_len: bytes registered
 * @rseq_sig: signature registered
 * @comm: name, NUL-padded
 */
struct ckpt_thread {
	__le32 tid;
	__le32 flags;
	__le32 exit_code;
	__le32 files;
	__le32 fs;
	__le32 cred;
	__le32 nr_siginfos;
	__le32 policy;
	__le32 nice;
	__le32 personality;
	__le32 pdeath_signal;
	__le32 cpus_len;
	__le64 timer_slack_ns;
	__le64 default_timer_slack_ns;
	__le64 blocked;
	__le64 saved_mask;
	__le64 altstack_sp;
	__le64 altstack_size;
	__le32 altstack_flags;
	__le32 restart;
	__le64 restart_args[5];
	__le64 robust_list;
	__le64 clear_child_tid;
	__le64 rseq;
	__le32 rseq_len;
	__le32 rseq_sig;
	__u8   comm[16];
};

/**
 * struct ckpt_siginfo - a pending signal
 * @signo: signal number
 * @code: SI_* or the signal's own
 * @err: si_errno
 * @queued: 0 when only the bit is pending, without a siginfo
 * @raw: the rest of siginfo_t, bytes 12 to 127
 * @__reserved: zero
 */
struct ckpt_siginfo {
	__le32 signo;
	__le32 code;
	__le32 err;
	__le32 queued;
	__u8   raw[116];
	__u8   __reserved[4];
};

/**
 * struct ckpt_x86_thread - registers of an x86-64 thread
 * @regs: struct user_regs_struct, as PTRACE_GETREGS gives it
 * @tls: the three entries of set_thread_area(2): entry number, base, limit
 *	and flags as in struct user_desc
 * @trap_nr: number of the last fault, for a signal's sigcontext
 * @error_code: its error code
 * @cr2: its address
 * @nr_xfeatures: X86_XFEATURE records that follow
 * @__reserved: zero
 */
struct ckpt_x86_thread {
	__le64 regs[27];
	__le32 tls[3][4];
	__le64 trap_nr;
	__le64 error_code;
	__le64 cr2;
	__le32 nr_xfeatures;
	__le32 __reserved;
};

/**
 * struct ckpt_x86_xfeature - one component of the extended state; the tail
 *	is its @size bytes in the XSAVE standard format
 * @nr: number of the component; 0 and 1 together are FXSAVE's 512 bytes, as 0
 * @size: bytes
 */
struct ckpt_x86_xfeature {
	__le32 nr;
	__le32 size;
};

#endif /* _UAPI_LINUX_CHECKPOINT_IMAGE_H */
