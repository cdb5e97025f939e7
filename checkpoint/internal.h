/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checkpoint/restart: what its files share.
 *
 * A call owns one struct ckpt_save or struct ckpt_load; nothing outlives it
 * but the gate that restarted tasks wait at. Core files know no resource;
 * resource files know no framing.
 */
#ifndef _CHECKPOINT_INTERNAL_H
#define _CHECKPOINT_INTERNAL_H

#include <linux/bvec.h>
#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include <linux/checkpoint.h>
#include <uapi/linux/checkpoint.h>
#include <uapi/linux/checkpoint_image.h>

#include "registry.h"

struct cgroup;
struct ckpt_load;
struct ckpt_obj;
struct ckpt_rec;
struct ckpt_save;
struct ckpt_task;
struct ckpt_proc;

/* ---- log.c ---- */

/**
 * struct ckpt_where - what is being looked at, for the log
 * @pid: task, in the caller's pid namespace; 0 for none
 * @comm: its name, or NULL
 * @fd: descriptor, -1 for none
 * @addr: user address, 0 for none
 * @rec: record being restarted, or NULL
 */
struct ckpt_where {
	pid_t pid;
	const char *comm;
	int fd;
	unsigned long addr;
	const struct ckpt_rec *rec;
};

/**
 * struct ckpt_log - the caller's log
 * @lock: serializes restarted tasks
 * @buf: what was logged so far
 * @true_size: bytes that the whole log needs, without its NUL
 */
struct ckpt_log {
	struct mutex lock;	/* of the two fields below */
	struct seq_buf buf;
	size_t true_size;
};

/* ---- image.c ---- */

/**
 * struct ckpt_stream - the image, written or read from front to back
 * @file: where it is
 * @offset: bytes from its start
 * @seed: of all checksums
 * @seq: number of the next record
 * @crcs: checksum of the checksums so far
 * @err: first error, sticky
 */
struct ckpt_stream {
	struct file *file;
	u64 offset;
	u32 seed;
	u32 seq;
	u32 crcs;
	int err;
};

/**
 * struct ckpt_call - what both system calls have
 * @flags: CHECKPOINT_* or RESTART_*
 * @log: the caller's log
 * @result: what is reported
 * @stream: the image
 */
struct ckpt_call {
	u64 flags;
	struct ckpt_log log;
	struct ckpt_result result;
	struct ckpt_stream stream;
};

int ckpt_log_init(struct ckpt_call *call, u64 user_size);
void ckpt_log_copy(struct ckpt_call *call, u64 user_buf, u64 user_size);
void ckpt_log_free(struct ckpt_call *call);
__printf(2, 3) void ckpt_warn(struct ckpt_save *save, const char *fmt, ...);
__printf(3, 4) int ckpt_err(struct ckpt_save *save, int err, const char *fmt, ...);
__printf(3, 4) int ckpt_refuse_outside(struct ckpt_save *save, const char *object,
				       const char *fmt, ...);
__printf(3, 4) int ckpt_refuse(struct ckpt_save *save, const char *object,
			       const char *fmt, ...);
__printf(4, 5) int ckpt_fail(struct ckpt_load *load, const struct ckpt_rec *rec,
			     int err, const char *fmt, ...);
__printf(4, 5) int ckpt_axis(struct ckpt_load *load, const struct ckpt_rec *rec,
			     const char *axis, const char *fmt, ...);

/* checkpoint.c */
void ckpt_copy_result(struct ckpt_call *call, u64 user_result, u64 user_size);
bool ckpt_bad_buffer(u64 addr, u64 size);

/* ---- registry.c ---- */

/**
 * struct ckpt_ops - one record type, both directions
 * @name: the kernel's noun for it
 * @type: CKPT_REC_*
 * @fixed: bytes of its struct
 * @max_tail: most bytes that its tail may have
 * @object: its struct begins with an object id
 * @match: for open files: is this file of the type? NULL for other records
 * @get: take a reference to the object
 * @put: drop it
 * @count: how many references to the object exist
 * @checkpoint: capture the objects that the object refers to, then emit its
 *	record
 * @contents: write what belongs in content blocks
 * @validate: check a record read, changing nothing outside @load
 * @restart: make the object from its record, as the caller of restart(2)
 * @install: make it part of the current, new task
 * @fill: take a run of contents
 * @drop: release what @restart made
 */
struct ckpt_ops {
	const char *name;
	u32 type;
	u16 fixed;
	u32 max_tail;
	bool object;

	bool (*match)(struct ckpt_save *save, struct file *file);
	void (*get)(void *obj);
	void (*put)(void *obj);
	long (*count)(void *obj);
	int (*checkpoint)(struct ckpt_save *save, struct ckpt_obj *obj);
	int (*contents)(struct ckpt_save *save, struct ckpt_obj *obj);

	int (*validate)(struct ckpt_load *load, struct ckpt_rec *rec);
	int (*restart)(struct ckpt_load *load, struct ckpt_rec *rec);
	int (*install)(struct ckpt_load *load, struct ckpt_rec *rec);
	int (*fill)(struct ckpt_load *load, struct ckpt_rec *rec,
		    const struct ckpt_run *run);
	void (*drop)(struct ckpt_load *load, struct ckpt_rec *rec);
};

const struct ckpt_ops *ckpt_ops_of(u32 type);
const struct ckpt_ops *ckpt_ops_of_file(struct ckpt_save *save, struct file *file);

#define CKPT_DECLARE_ROW(type, ops) extern const struct ckpt_ops ops;
CKPT_ROWS(CKPT_DECLARE_ROW)

/* ---- The checkpoint side ---- */

/**
 * struct ckpt_obj - an object met while capturing
 * @node: in save->objects, by @ptr
 * @list: in save->object_list, by @id
 * @ptr: the object; one reference is held
 * @survey: the row that took the reference
 * @ops: the row that captured it
 * @id: its number in the image, 0 if none was emitted
 * @captured: its row was asked to capture it
 * @seen: references to it found in the group
 * @ends: of a pipe, open descriptions in the group: for reading, for writing
 * @outside: a task outside the group has it too: a pipe, or memory
 * @pid: task it was met in, for the log
 */
struct ckpt_obj {
	struct rhash_head node;
	struct list_head list;
	void *ptr;
	const struct ckpt_ops *survey;
	const struct ckpt_ops *ops;
	u32 id;
	bool captured;
	long seen;
	unsigned int ends[2];
	bool outside;
	pid_t pid;
};

/**
 * struct ckpt_member - a task of the group
 * @list: in save->members: processes parents first, each leader followed by
 *	its threads
 * @task: the task, referenced
 * @tid: its number in the root's pid namespace
 * @nr_threads: of a leader, threads in the image with itself
 * @leader: is it a leader
 * @dead: has it exited (a zombie, or a leader before its threads)
 * @switches: context switches when it was seen off its CPU
 * @ids: the objects it refers to; what threads share is with the leader
 */
struct ckpt_member {
	struct list_head list;
	struct task_struct *task;
	pid_t tid;
	u32 nr_threads;
	bool leader;
	bool dead;
	unsigned long switches;
	struct ckpt_ids {
		u32 mm;
		u32 sighand;
		u32 uts_ns;
		u32 files;
		u32 fs;
		u32 cred;
	} ids;
};

/**
 * struct ckpt_save - a call of checkpoint(2)
 * @call: what both calls have
 * @cgrp: the group
 * @held: it is held
 * @deadline: jiffies until which it must be frozen
 * @where: what is being looked at
 * @members: tasks of the group
 * @index: xarray of members by task pointer
 * @pid_ns: the root task's pid namespace
 * @user_ns: the root task's user namespace
 * @new_pid_ns: the first root is pid 1 of @pid_ns, which is not the caller's
 * @nr_outside: blockers that are shared with tasks outside
 * @cred_id: credentials of the task whose objects are captured
 * @uts_id: the uts namespace of the first root, 0 if it is the caller's
 * @objects: objects met
 * @object_list: the same, by id
 * @nr_objects: how many
 * @chunks: metadata captured
 * @meta_bytes: how much of it
 * @xfeatures: xfeatures in use
 * @block: the content block being gathered
 * @shared_pages: pages that other mappings may have too, held: pfn to run
 * @index_list: chunks of struct ckpt_index
 * @path: PATH_MAX bytes to build paths in
 */
struct ckpt_save {
	struct ckpt_call call;
	struct cgroup *cgrp;
	bool held;
	unsigned long deadline;
	struct ckpt_where where;
	struct list_head members;
	struct xarray index;
	struct pid_namespace *pid_ns;
	struct user_namespace *user_ns;
	bool new_pid_ns;
	u32 nr_outside;
	u32 cred_id;
	u32 uts_id;
	struct rhashtable objects;
	struct list_head object_list;
	u32 nr_objects;
	struct list_head chunks;
	size_t meta_bytes;
	u64 xfeatures;
	struct ckpt_block *block;
	struct xarray shared_pages;
	struct list_head index_list;
	char *path;
};

/* image_write.c */
void *ckpt_emit(struct ckpt_save *save, const struct ckpt_ops *ops, size_t tail);
int ckpt_write_image(struct ckpt_save *save);
void ckpt_free_chunks(struct ckpt_save *save);

/* contents.c */
int ckpt_contents_pages(struct ckpt_save *save, u32 id, u64 index,
			struct page **pages, unsigned int nr);
int ckpt_contents_same(struct ckpt_save *save, u32 id, u64 index,
		       u32 src_id, u64 src_index);
int ckpt_contents_bytes(struct ckpt_save *save, u32 id, u64 offset,
			struct page *page, size_t bytes);
int ckpt_write_contents(struct ckpt_save *save);
void ckpt_free_contents(struct ckpt_save *save);

/* object.c */
int ckpt_objects_init(struct ckpt_save *save);
void ckpt_objects_free(struct ckpt_save *save);
int ckpt_object(struct ckpt_save *save, void *ptr, const struct ckpt_ops *ops,
		u32 *id);
struct ckpt_obj *ckpt_object_find(struct ckpt_save *save, void *ptr);
struct ckpt_obj *ckpt_object_see(struct ckpt_save *save, void *ptr,
				 const struct ckpt_ops *ops);
void *ckpt_emit_object(struct ckpt_save *save, struct ckpt_obj *obj, size_t tail);
long ckpt_object_surplus(struct ckpt_save *save, struct ckpt_obj *obj);

/* survey.c */
int ckpt_survey(struct ckpt_save *save);
bool ckpt_find_holder(struct ckpt_save *save, struct file *file, pid_t *pid);

/* collect.c */
int ckpt_collect(struct ckpt_save *save);
int ckpt_collect_verify(struct ckpt_save *save);
void ckpt_collect_free(struct ckpt_save *save);
void ckpt_at_task(struct ckpt_save *save, struct task_struct *task);
struct ckpt_member *ckpt_member_of(struct ckpt_save *save, struct task_struct *task);
struct ckpt_member *ckpt_live_thread(struct ckpt_save *save, struct ckpt_member *leader);

/* hold.c */
int ckpt_may_freeze(struct cgroup *cgrp, int fd);
int ckpt_hold(struct ckpt_save *save);
void ckpt_hold_release(struct ckpt_save *save);

/* process.c, thread.c, defaults.c */
int ckpt_process_objects(struct ckpt_save *save, struct ckpt_member *leader);
int ckpt_thread_objects(struct ckpt_save *save, struct ckpt_member *member);
int checkpoint_process(struct ckpt_save *save, struct ckpt_member *leader);
int checkpoint_thread(struct ckpt_save *save, struct ckpt_member *member);
int ckpt_refuse_unknown(struct ckpt_save *save, struct task_struct *task);

/* siginfo.c */
int checkpoint_siginfos(struct ckpt_save *save, struct task_struct *task,
			struct sigpending *pending, u32 nr);
u32 ckpt_count_siginfos(struct task_struct *task, struct sigpending *pending);
int ckpt_send_pending(struct ckpt_load *load, struct ckpt_rec *rec, u32 nr,
		      bool shared);

/* file.c */
int checkpoint_file(struct ckpt_save *save, struct file *file, u32 *id);
void checkpoint_file_common(struct ckpt_save *save, struct file *file,
			    struct ckpt_file *out);
int ckpt_refuse_shared(struct ckpt_save *save, struct ckpt_obj *obj);
int ckpt_file_validate(struct ckpt_load *load, struct ckpt_rec *rec,
		       const struct ckpt_file *file);
long ckpt_file_count(void *file);
void ckpt_file_get(void *file);
void ckpt_file_put(void *file);
void ckpt_file_drop(struct ckpt_load *load, struct ckpt_rec *rec);

/* mm.c */
void ckpt_mm_commit(struct ckpt_rec *rec);

/* shmem.c */
int ckpt_may_hold(struct ckpt_load *load, const struct ckpt_rec *file);

/* path.c */
char *ckpt_path(struct ckpt_save *save, const struct path *path);
struct file *ckpt_open(struct ckpt_load *load, const char *name, int flags,
		       bool exec);
int ckpt_lookup(struct ckpt_load *load, const char *name, struct path *path);

/* ---- The restart side ---- */

/**
 * struct ckpt_rec - a record read
 * @list: in load->recs
 * @ops: its row
 * @offset: where it is in the image
 * @id: its object id, 0 if it is none
 * @len: bytes of @data
 * @users: processes that refer to it, where only one may
 * @once: serializes the tasks that share what @live is
 * @live: what was made from it
 * @extra: a row's own
 * @data: its struct, and its tail at ALIGN(ops->fixed, 8)
 */
struct ckpt_rec {
	struct list_head list;
	const struct ckpt_ops *ops;
	u64 offset;
	u32 id;
	u32 len;
	u32 users;
	struct mutex once;	/* of making @live */
	void *live;
	void *extra;
	u8 data[] __aligned(8);
};

/**
 * struct ckpt_gate - where restarted tasks wait for the commit
 * @refs: the call and every task that waits or will wait
 * @waiting: tasks that reached it
 * @state: 0, GATE_OPEN or GATE_ABORT
 * @wait: the call waits here for aborted tasks
 * @rcu: the last to leave may free it while another still wakes the call
 */
struct ckpt_gate {
	refcount_t refs;
	atomic_t waiting;
	int state;
	wait_queue_head_t wait;
	struct rcu_head rcu;
};

/**
 * struct ckpt_task - a thread to be restarted
 * @list: in its process's threads
 * @children: processes that it is the parent of
 * @rec: its THREAD
 * @proc: its process
 * @task: the new task, referenced; NULL until created
 * @pid: its pid, referenced: a task that is killed and reaped has none
 * @load: the call
 */
struct ckpt_task {
	struct list_head list;
	struct list_head children;
	struct ckpt_rec *rec;
	struct ckpt_proc *proc;
	struct task_struct *task;
	struct pid *pid;
	struct ckpt_load *load;
};

/**
 * struct ckpt_proc - a process to be restarted
 * @list: in load->procs
 * @sibling: in its parent's children, or in load->roots
 * @threads: its threads, the leader first
 * @rec: its PROCESS
 */
struct ckpt_proc {
	struct list_head list;
	struct list_head sibling;
	struct list_head threads;
	struct ckpt_rec *rec;
};

#define CKPT_BVECS	256U

/**
 * struct ckpt_load - a call of restart(2)
 * @call: what both calls have
 * @cgroup_fd: group for the new tasks, with RESTART_INTO_CGROUP
 * @cgrp: the same, referenced
 * @root: where the image's paths start
 * @inherit: the caller's descriptors for external objects
 * @nr_inherit: how many
 * @header: the image's HEADER, or NULL
 * @next: header of the record to be read next
 * @block_left: pages of the content block that no run took yet
 * @block_crc: checksum of the content block so far
 * @bvec: room to read pages with
 * @memcg: the memory group of the new tasks, which contents are charged to;
 *	NULL if it is the caller's
 * @recs: metadata read, in order
 * @objects: object records by id
 * @nr_objects: how many
 * @tids: tasks by thread id
 * @procs: processes, parents first
 * @roots: processes whose parent is the caller
 * @nr_roots: how many
 * @nr_procs: entries of @procs
 * @nr_threads: entries of @tids
 * @meta_bytes: kernel memory that the metadata takes
 * @err: first error of any task
 * @users: tasks that may still use this struct
 * @quiet: completed when @users is 0
 * @gate: where tasks wait
 * @cred: the caller's credentials
 * @pid_ns: pid namespace of the new tasks, set by the first
 * @pids: struct pids made for sessions and groups without a leader
 */
struct ckpt_load {
	struct ckpt_call call;
	int cgroup_fd;
	struct cgroup *cgrp;
	struct path root;
	struct ckpt_inherit *inherit;
	u32 nr_inherit;
	struct ckpt_header *header;
	struct ckpt_record next;
	u32 block_left;
	u32 block_crc;
	struct bio_vec bvec[CKPT_BVECS];
	struct mem_cgroup *memcg;
	struct list_head recs;
	struct xarray objects;
	u32 nr_objects;
	struct xarray tids;
	struct list_head procs;
	struct list_head roots;
	u32 nr_roots;
	u32 nr_procs;
	u32 nr_threads;
	size_t meta_bytes;
	int err;
	atomic_t users;
	struct completion quiet;
	struct ckpt_gate *gate;
	const struct cred *cred;
	struct pid_namespace *pid_ns;
	struct xarray pids;
};

/**
 * struct ckpt_inherit - a descriptor of the caller for an external object
 * @key: the object's key
 * @file: the caller's file, referenced
 * @used: some record asked for it
 */
struct ckpt_inherit {
	u64 key;
	struct file *file;
	bool used;
};

/* image_read.c */
int ckpt_read_metadata(struct ckpt_load *load);
int ckpt_read_contents(struct ckpt_load *load);
int ckpt_read_pages(struct ckpt_load *load, struct page **pages, unsigned int nr);
void ckpt_drop_objects(struct ckpt_load *load);
void ckpt_free_recs(struct ckpt_load *load);
struct ckpt_rec *ckpt_rec(struct ckpt_load *load, u32 id);
struct ckpt_rec *ckpt_ref(struct ckpt_load *load, const struct ckpt_rec *from,
			  u32 id, u32 type);
struct ckpt_rec *ckpt_ref_file(struct ckpt_load *load, const struct ckpt_rec *from,
			       u32 id);

/* structure.c */
int ckpt_structure(struct ckpt_load *load);

/* forest.c */
int ckpt_forest_create(struct ckpt_load *load);
int ckpt_forest_lives(struct ckpt_load *load);
int ckpt_forest_wait(struct ckpt_load *load);
int ckpt_forest_settle(struct ckpt_load *load);
void ckpt_forest_commit(struct ckpt_load *load);
void ckpt_forest_abort(struct ckpt_load *load);
void ckpt_forest_free(struct ckpt_load *load);

/* process.c, thread.c: in the new task, in this order */
void restart_process_birth(struct ckpt_proc *proc);
int restart_process(struct ckpt_load *load, struct ckpt_proc *proc);
int restart_thread(struct ckpt_load *load, struct ckpt_task *task);
int ckpt_process_settle(struct ckpt_load *load, struct ckpt_proc *proc);
/* by the caller, while the task waits at the gate */
void ckpt_process_commit(struct ckpt_load *load, struct ckpt_proc *proc);
void ckpt_thread_commit(struct ckpt_load *load, struct ckpt_task *task);

/* sessions.c */
int restart_sessions(struct ckpt_load *load);

/* cred.c */
int ckpt_save_cred(struct ckpt_save *save, struct task_struct *task, u32 *id);
const struct cred *ckpt_cred(struct ckpt_load *load, u32 id);

/* arch/x86/checkpoint/ */
int ckpt_arch_refuse(struct ckpt_save *save, struct task_struct *task);
int ckpt_arch_refuse_mm(struct ckpt_save *save, struct mm_struct *mm);
int checkpoint_arch_thread(struct ckpt_save *save, struct task_struct *task);
int restart_arch_thread(struct ckpt_load *load, struct ckpt_task *task);
void ckpt_arch_header(struct ckpt_save *save, struct ckpt_header *header);
int ckpt_arch_validate_header(struct ckpt_load *load, const struct ckpt_header *h);
unsigned long ckpt_arch_vdso(struct mm_struct *mm);
bool ckpt_arch_vma_is_vdso(struct vm_area_struct *vma);
int ckpt_arch_install_mm(struct ckpt_load *load, const struct ckpt_rec *rec,
			 u64 vdso, bool has_vdso);
bool ckpt_arch_restarting(struct task_struct *task);
bool ckpt_arch_restart_block(struct task_struct *task);

/* ---- Small things ---- */

DEFINE_FREE(mmput, struct mm_struct *, if (!IS_ERR_OR_NULL(_T)) mmput(_T))
DEFINE_FREE(put_pid, struct pid *, put_pid(_T))
DEFINE_FREE(put_files, struct files_struct *, if (_T) put_files_struct(_T))

/* The struct of a record, and its tail. */
#define ckpt_data(rec, type)	((struct type *)(rec)->data)

static inline void *ckpt_tail(const void *data, size_t fixed)
{
	return (void *)data + ALIGN(fixed, 8);
}

static inline void *ckpt_rec_tail(const struct ckpt_rec *rec)
{
	return ckpt_tail(rec->data, rec->ops->fixed);
}

static inline u32 ckpt_tail_len(const struct ckpt_rec *rec)
{
	return rec->len - ALIGN(rec->ops->fixed, 8);
}

/* Does the tail have just the room that @bytes need? */
static inline bool ckpt_tail_is(const struct ckpt_rec *rec, u64 bytes)
{
	return ckpt_tail_len(rec) == ALIGN(bytes, 8);
}

#endif /* _CHECKPOINT_INTERNAL_H */
