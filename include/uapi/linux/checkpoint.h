/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * checkpoint(2) and restart(2): what the system calls take and give. The image
 * that one writes and the other reads is in <linux/checkpoint_image.h>.
 */
#ifndef _UAPI_LINUX_CHECKPOINT_H
#define _UAPI_LINUX_CHECKPOINT_H

#include <linux/types.h>

/* checkpoint_args.flags */
#define CHECKPOINT_CHECK	(1ULL << 0)	/* dry run: report every blocker */
#define CHECKPOINT_STRICT	(1ULL << 1)	/* no file may be shared outside */
#define CHECKPOINT_COW		(1ULL << 2)	/* let go before memory is written */

/* restart_args.flags */
#define RESTART_CHECK		(1ULL << 0)	/* validate, create nothing */
#define RESTART_INTO_CGROUP	(1ULL << 1)	/* cgroup_fd counts */
#define RESTART_ROOT		(1ULL << 2)	/* root_fd counts */
#define RESTART_FROZEN		(1ULL << 3)	/* needs RESTART_INTO_CGROUP */
#define RESTART_CLAMP		(1ULL << 4)	/* lower what the caller may not give */
#define RESTART_OPEN_AS_CALLER	(1ULL << 5)	/* open files as the caller */
#define RESTART_STRICT_FILES	(1ULL << 6)	/* device and inode must agree too */

/* How far a call came, in ckpt_result.stage. */
enum {
	CKPT_STAGE_ARGS		= 0,	/* reading the arguments */
	CKPT_STAGE_FREEZE	= 1,	/* taking the hold */
	CKPT_STAGE_COLLECT	= 2,	/* finding the tasks */
	CKPT_STAGE_CAPTURE	= 3,	/* capturing metadata */
	CKPT_STAGE_WRITE	= 4,	/* writing the image */
	CKPT_STAGE_READ		= 8,	/* reading metadata */
	CKPT_STAGE_OBJECTS	= 9,	/* making files and other objects */
	CKPT_STAGE_FOREST	= 10,	/* creating tasks */
	CKPT_STAGE_CONTENTS	= 11,	/* filling memory */
	CKPT_STAGE_COMMIT	= 12,	/* registers, signals, release */
	CKPT_STAGE_DONE		= 15,
};

/**
 * struct ckpt_result - what a call did, written on failure too
 * @size: bytes the kernel filled in
 * @stage: how far the call came, one of CKPT_STAGE_*
 * @blockers: number of things that refused to be saved
 * @processes: processes saved or restarted, zombies included
 * @threads: threads saved or restarted
 * @pages: pages of contents written or read, with those that hold bytes
 * @bytes: bytes of image written or read
 * @frozen_ns: nanoseconds from the request to freeze to the release of the hold
 * @log_true_size: bytes the whole log needs, with its final NUL
 * @uuid: identity of the image
 * @roots: roots of the forest
 * @__reserved: zero
 * @held_pages: pages of contents that were written before the group was let go
 * @snapshot_pages: pages of private memory in duplicates, by CHECKPOINT_COW: the
 *	most that the group can have had to copy meanwhile
 */
struct ckpt_result {
	__u64 size;
	__u32 stage;
	__u32 blockers;
	__u64 processes;
	__u64 threads;
	__u64 pages;
	__u64 bytes;
	__u64 frozen_ns;
	__u64 log_true_size;
	__u8  uuid[16];
	__u32 roots;
	__u32 __reserved;
	__u64 held_pages;
	__u64 snapshot_pages;
};

/**
 * struct checkpoint_args - arguments of checkpoint(2)
 * @flags: CHECKPOINT_*
 * @cgroup_fd: directory of the cgroup v2 group to checkpoint
 * @image_fd: file, pipe or socket that takes the image from its present
 *	position; must be 0 with CHECKPOINT_CHECK
 * @timeout_ms: longest wait for the group to freeze, 0 for 10 seconds
 * @log_buf: where the log goes, a char array, or 0
 * @log_size: size of @log_buf in bytes
 * @result: a struct ckpt_result, or 0
 * @result_size: size of @result in bytes
 */
struct checkpoint_args {
	__aligned_u64 flags;
	__s32 cgroup_fd;
	__s32 image_fd;
	__aligned_u64 timeout_ms;
	__aligned_u64 log_buf;
	__aligned_u64 log_size;
	__aligned_u64 result;
	__aligned_u64 result_size;
};

#define CHECKPOINT_ARGS_SIZE_VER0	56

/**
 * struct restart_inherit - a descriptor of the caller for an external object
 * @key: the object's key, as shown by "ckpt info"
 * @fd: the caller's descriptor that takes its place
 * @__reserved: zero
 */
struct restart_inherit {
	__aligned_u64 key;
	__s32 fd;
	__u32 __reserved;
};

/**
 * struct restart_args - arguments of restart(2)
 * @flags: RESTART_*
 * @image_fd: file, pipe or socket to read the image from, from its present
 *	position to its trailer and no byte further
 * @cgroup_fd: group that the new tasks are born in, with RESTART_INTO_CGROUP
 * @root_fd: directory that the image's paths start from, with RESTART_ROOT
 * @nr_inherit: entries of @inherit
 * @inherit: array of struct restart_inherit, or 0
 * @pids: array of __s32 that takes the pids of the roots, or 0
 * @pidfds: array of __s32 that takes a pidfd of each root, or 0
 * @nr_roots: entries that @pids and @pidfds have room for
 * @__reserved: zero
 * @log_buf: where the log goes, a char array, or 0
 * @log_size: size of @log_buf in bytes
 * @result: a struct ckpt_result, or 0
 * @result_size: size of @result in bytes
 */
struct restart_args {
	__aligned_u64 flags;
	__s32 image_fd;
	__s32 cgroup_fd;
	__s32 root_fd;
	__u32 nr_inherit;
	__aligned_u64 inherit;
	__aligned_u64 pids;
	__aligned_u64 pidfds;
	__u32 nr_roots;
	__u32 __reserved;
	__aligned_u64 log_buf;
	__aligned_u64 log_size;
	__aligned_u64 result;
	__aligned_u64 result_size;
};

#define RESTART_ARGS_SIZE_VER0		88

#endif /* _UAPI_LINUX_CHECKPOINT_H */
