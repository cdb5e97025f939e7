/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rest of the kernel shows to checkpoint/restart. With
 * CONFIG_CHECKPOINT=n this header changes nothing.
 */
#ifndef _LINUX_CHECKPOINT_H
#define _LINUX_CHECKPOINT_H

#include <linux/types.h>

/* A function that is static unless checkpoint/restart calls it. */
#ifdef CONFIG_CHECKPOINT
#define VISIBLE_IF_CHECKPOINT
#else
#define VISIBLE_IF_CHECKPOINT static
#endif

#ifdef CONFIG_CHECKPOINT
struct file;
struct mm_struct;
struct prctl_mm_map;
struct restart_block;
struct rlimit;
struct task_struct;

/* drivers/tty/tty_io.c */
bool file_is_tty(const struct file *file);

/* fs/eventfd.c */
bool eventfd_get_state(struct file *file, u64 *count, unsigned int *flags);
struct file *eventfd_file_create(u64 count, unsigned int flags);

/* fs/exec.c */
int mm_install(struct mm_struct *mm);

/* fs/select.c */
long do_restart_poll(struct restart_block *restart_block);

/* ipc/sem.c */
bool task_has_semadj(struct task_struct *task);

/* kernel/fork.c */
struct mm_struct *mm_snapshot(struct mm_struct *oldmm);
void mm_snapshot_put(struct mm_struct *mm);

/* kernel/futex/waitwake.c */
extern long (*const futex_wait_restart_fn)(struct restart_block *restart);

/* kernel/sched/membarrier.c */
int membarrier_register_global_expedited(void);
int membarrier_register_private_expedited(int flags);

/* kernel/sys.c */
int mm_set_map(struct prctl_mm_map *prctl_map, const unsigned long *auxv);
int do_prlimit(struct task_struct *tsk, unsigned int resource,
	       struct rlimit *new_rlim, struct rlimit *old_rlim);
bool is_valid_name_char(char ch);

/* kernel/time/hrtimer.c */
long hrtimer_nanosleep_restart(struct restart_block *restart);

/* mm/mlock.c */
int apply_vma_lock_flags(unsigned long start, size_t len, unsigned long flags);
int apply_mlockall_flags(int flags);

/* mm/mprotect.c */
int do_mprotect_pkey(unsigned long start, size_t len, unsigned long prot, int pkey);
#endif

#endif /* _LINUX_CHECKPOINT_H */
