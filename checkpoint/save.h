/* SPDX-License-Identifier: GPL-2.0 */
/* Checkpoint/restart: a call of checkpoint(2), and what its core offers. */
#ifndef _CHECKPOINT_SAVE_H
#define _CHECKPOINT_SAVE_H

#include <linux/list.h>
#include <linux/rhashtable.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "call.h"

struct cgroup;

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
 * @outside: a task outside the group has it too: a pipe, memory, or an open file
 * @holder: which, of an open file; 0 if the caller does not see it
 * @put: the reference to it was dropped
 * @snapshot: the object as it was when the group was held, which nobody else has
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
	pid_t holder;
	bool put;
	void *snapshot;
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
 * @writing: in the list of those that write from snapshots
 * @held_since: CLOCK_MONOTONIC when it was asked to freeze, ns
 * @clocks: readings when all was captured, ns
 * @deadline: jiffies until which it must be frozen
 * @where: what is being looked at
 * @members: tasks of the group
 * @index: xarray of members by task pointer
 * @pid_ns: the root task's pid namespace
 * @user_ns: the root task's user namespace
 * @new_pid_ns: the first root is pid 1 of @pid_ns, which is not the caller's
 * @moving: some task was refused because it does not stand still
 * @files_marked: tasks outside were searched for files of the group
 * @nr_outside: blockers that are shared with tasks outside
 * @cred_id: credentials of the task whose objects are captured
 * @fsuid: owner of the files that they make
 * @fsgid: and group
 * @uts_id: the uts namespace of the first root, 0 if it is the caller's
 * @waited_us: time that was waited for references to go away
 * @objects: objects met
 * @object_list: the same, by id
 * @nr_objects: how many
 * @chunks: metadata captured
 * @meta_bytes: how much of it
 * @xfeatures: xfeatures in use
 * @block: the content block being gathered
 * @full_block: the one before, whose digests are taken
 * @from_snapshots: contents that are gathered are of snapshots
 * @live: contents were gathered that change when the group runs
 * @snapshot_pages: pages that the group may have to copy for snapshots
 * @kin: mappings that may share pages since fork()
 * @nr_kin: how many entries
 * @shared_pages: pages that other mappings may have too, held: pfn to run
 * @index_list: chunks of struct ckpt_index
 * @path: PATH_MAX bytes to build paths in
 */
struct ckpt_save {
	struct ckpt_call call;
	struct cgroup *cgrp;
	bool held;
	struct list_head writing;
	u64 held_since;
	struct {
		u64 realtime;
		u64 monotonic;
		u64 boottime;
	} clocks;
	unsigned long deadline;
	struct ckpt_where where;
	struct list_head members;
	struct xarray index;
	struct pid_namespace *pid_ns;
	struct user_namespace *user_ns;
	bool new_pid_ns;
	bool moving;
	bool files_marked;
	u32 nr_outside;
	u32 cred_id;
	kuid_t fsuid;
	kgid_t fsgid;
	u32 uts_id;
	unsigned long waited_us;
	struct rhashtable objects;
	struct list_head object_list;
	u32 nr_objects;
	struct list_head chunks;
	size_t meta_bytes;
	u64 xfeatures;
	struct ckpt_block *block;
	struct ckpt_block *full_block;
	bool from_snapshots;
	bool live;
	unsigned long snapshot_pages;
	struct rhashtable kin;
	u32 nr_kin;
	struct xarray shared_pages;
	struct list_head index_list;
	char *path;
};

/* image_write.c */
void *ckpt_emit(struct ckpt_save *save, const struct ckpt_ops *ops, size_t tail);
int ckpt_write_metadata(struct ckpt_save *save);
int ckpt_write_image(struct ckpt_save *save);
void ckpt_free_chunks(struct ckpt_save *save);

/* contents.c */
int ckpt_contents_pages(struct ckpt_save *save, u32 id, u16 flags, u64 index,
			struct page *page, unsigned int nr);
int ckpt_contents_same(struct ckpt_save *save, u32 id, u64 index,
		       u32 src_id, u64 src_index);
int ckpt_contents_bytes(struct ckpt_save *save, u32 id, u64 offset,
			struct page *page, size_t bytes);
int ckpt_flush_contents(struct ckpt_save *save);
int ckpt_write_contents(struct ckpt_save *save, bool from_snapshots);
void ckpt_free_contents(struct ckpt_save *save);

/* object.c */
int ckpt_objects_init(struct ckpt_save *save);
void ckpt_objects_put(struct ckpt_save *save);
void ckpt_objects_free(struct ckpt_save *save);
int ckpt_object(struct ckpt_save *save, void *ptr, const struct ckpt_ops *ops,
		u32 *id);
struct ckpt_obj *ckpt_object_find(struct ckpt_save *save, void *ptr);
struct ckpt_obj *ckpt_object_see(struct ckpt_save *save, void *ptr,
				 const struct ckpt_ops *ops);
void *ckpt_emit_object(struct ckpt_save *save, struct ckpt_obj *obj, size_t tail);
long ckpt_object_surplus(struct ckpt_save *save, struct ckpt_obj *obj);
int ckpt_take_snapshots(struct ckpt_save *save);
void ckpt_drop_snapshot(struct ckpt_obj *obj);

/* kin.c */
int ckpt_kin_init(struct ckpt_save *save);
void ckpt_kin_free(struct ckpt_save *save);

/* survey.c */
int ckpt_survey(struct ckpt_save *save);
bool ckpt_find_holder(struct ckpt_save *save, struct ckpt_obj *obj, pid_t *pid);

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
void ckpt_hold_forget(struct ckpt_save *save);

/* process.c, thread.c, defaults.c */
int ckpt_process_objects(struct ckpt_save *save, struct ckpt_member *leader);
int ckpt_thread_objects(struct ckpt_save *save, struct ckpt_member *member);
int checkpoint_process(struct ckpt_save *save, struct ckpt_member *leader);
int checkpoint_thread(struct ckpt_save *save, struct ckpt_member *member);
int ckpt_refuse_unknown(struct ckpt_save *save, struct task_struct *task);

#endif /* _CHECKPOINT_SAVE_H */
