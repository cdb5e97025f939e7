// SPDX-License-Identifier: GPL-2.0
/*
 * What else the reader calls: locks that nobody contends for, user memory that
 * is there, references that are counted. Whatever is neither here nor in a file
 * of the kernel that is linked is not expected to be reached, see loud.c.
 */
#include <linux/crc32.h>
#include <linux/crc32c.h>
#include <linux/hugetlb.h>
#include <linux/mutex.h>
#include <linux/path.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "kernel.h"

/* ---- Checksums: lib/crc32.c is not instrumented, for speed ---- */

void *__asan_region_is_poisoned(void *at, size_t len);

u32 crc32c(u32 crc, const void *data, unsigned int len)
{
	if (len && __asan_region_is_poisoned((void *)data, len))
		fuzz_complain("a checksum of memory that is no object's");
	return __crc32c_le(crc, data, len);
}

/* ---- User memory ---- */

unsigned long _copy_from_user(void *to, const void __user *from, unsigned long n)
{
	memcpy(to, (__force const void *)from, n);
	return 0;
}

unsigned long _copy_to_user(void __user *to, const void *from, unsigned long n)
{
	memcpy((__force void *)to, from, n);
	return 0;
}

/* ---- Memory: huge pages of 2 MiB, names as those of prctl(2) ---- */

struct hstate *size_to_hstate(unsigned long size)
{
	static struct hstate h = { .order = PMD_SHIFT - PAGE_SHIFT, .mask = PMD_MASK };

	return size == PMD_SIZE ? &h : NULL;
}

bool is_valid_name_char(char ch)
{
	return ch > 0x1f && ch < 0x7f && !strchr("\\`$[]", ch);
}

/* ---- Locks ---- */

void __mutex_init(struct mutex *lock, const char *name, struct lock_class_key *key)
{
	atomic_long_set(&lock->owner, 0);
}

void mutex_lock(struct mutex *lock)
{
	if (atomic_long_xchg(&lock->owner, 1))
		fuzz_complain("a mutex is locked twice");
}

void mutex_unlock(struct mutex *lock)
{
	if (!atomic_long_xchg(&lock->owner, 0))
		fuzz_complain("a mutex is unlocked that is not locked");
}

/* An acquired lock is a preempt count, which has to be as before in the end. */
void _raw_spin_lock(raw_spinlock_t *lock)
{
	preempt_disable();
}

void _raw_spin_unlock(raw_spinlock_t *lock)
{
	preempt_enable_no_resched();
}

void _raw_spin_lock_irq(raw_spinlock_t *lock)
{
	preempt_disable();
}

void _raw_spin_unlock_irq(raw_spinlock_t *lock)
{
	preempt_enable_no_resched();
}

unsigned long _raw_spin_lock_irqsave(raw_spinlock_t *lock)
{
	preempt_disable();
	return 0;
}

void _raw_spin_unlock_irqrestore(raw_spinlock_t *lock, unsigned long flags)
{
	preempt_enable_no_resched();
}

void __rcu_read_lock(void)
{
	current->rcu_read_lock_nesting++;
}

void __rcu_read_unlock(void)
{
	current->rcu_read_lock_nesting--;
}

/* ---- Signals: none comes but by the file, see file.c ---- */

void set_current_blocked(sigset_t *set)
{
	current->blocked = *set;
}

/* ---- Work: it is done at once ---- */

struct workqueue_struct *system_unbound_wq;

bool queue_work_on(int cpu, struct workqueue_struct *wq, struct work_struct *work)
{
	work->func(work);
	return true;
}

bool flush_work(struct work_struct *work)
{
	return false;
}

/* ---- References to the root directory ---- */

long fuzz_path_refs;

void path_get(const struct path *path)
{
	fuzz_path_refs++;
}

void path_put(const struct path *path)
{
	fuzz_path_refs--;
}

/* ---- Tasks: none is made ---- */

void put_pid(struct pid *pid)
{
	if (pid)
		fuzz_complain("there is a pid");
}

/* ---- What the kernel complains of itself ---- */

void __warn_printk(const char *fmt, ...)
{
	fuzz_complain(fmt);
}
