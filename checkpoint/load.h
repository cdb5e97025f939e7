/* SPDX-License-Identifier: GPL-2.0 */
/* Checkpoint/restart: a call of restart(2), and what its core offers. */
#ifndef _CHECKPOINT_LOAD_H
#define _CHECKPOINT_LOAD_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/path.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "call.h"
#include "digest.h"

struct cgroup;

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
 * @killed: tasks that left it before the commit
 * @state: 0, GATE_OPEN or GATE_ABORT
 * @wait: the call waits here for aborted tasks
 * @rcu: the last to leave may free it while another still wakes the call
 */
struct ckpt_gate {
	refcount_t refs;
	atomic_t waiting;
	atomic_t killed;
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
 * @by_group: among all, in the order of groups, while these are looked at
 * @threads: its threads, the leader first
 * @rec: its PROCESS
 */
struct ckpt_proc {
	struct list_head list;
	struct list_head sibling;
	struct list_head by_group;
	struct list_head threads;
	struct ckpt_rec *rec;
};

/**
 * struct ckpt_block_read - a content block as it is read
 * @offset: where it is in the image
 * @crc: its checksum, as its header says
 * @seen: its checksum as it is, of what is in front of its pages
 * @pages: the pages
 */
struct ckpt_block_read {
	u64 offset;
	u32 crc;
	u32 seen;
	struct ckpt_pages pages;
};

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
 * @block: the content block that is read
 * @last_block: the one before, whose digests are taken
 * @pages: those that are being filled, as many as a page table maps
 * @nr_kin: numbers of mappings that may have pages in common
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
	struct ckpt_block_read *block;
	struct ckpt_block_read *last_block;
	struct page *pages[PTRS_PER_PTE];
	u32 nr_kin;
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
int ckpt_read_folio(struct ckpt_load *load, struct folio *folio);
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
void restart_zombie(struct ckpt_proc *proc);
int restart_thread_objects(struct ckpt_load *load, struct ckpt_task *task);
int restart_thread(struct ckpt_load *load, struct ckpt_task *task);
int ckpt_process_settle(struct ckpt_load *load, struct ckpt_proc *proc);
/* by the caller, while the task waits at the gate */
void ckpt_process_commit(struct ckpt_load *load, struct ckpt_proc *proc);
void ckpt_thread_commit(struct ckpt_load *load, struct ckpt_task *task);

/* sessions.c */
int restart_sessions(struct ckpt_load *load);

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

#endif /* _CHECKPOINT_LOAD_H */
