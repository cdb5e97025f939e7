/* SPDX-License-Identifier: GPL-2.0 */
/* Questions about fields of task_struct that depend on the configuration. */
#ifndef _CHECKPOINT_DEFAULTS_H
#define _CHECKPOINT_DEFAULTS_H

#include <linux/checkpoint.h>
#include <linux/iocontext.h>
#include <linux/ioprio.h>
#include <linux/sched.h>

#ifdef CONFIG_IO_URING
static inline bool task_has_io_uring(struct task_struct *t) { return t->io_uring; }
#else
static inline bool task_has_io_uring(struct task_struct *t) { return false; }
#endif

#ifdef CONFIG_SYSVIPC
static inline bool task_has_sem_undo(struct task_struct *t) { return task_has_semadj(t); }
#else
static inline bool task_has_sem_undo(struct task_struct *t) { return false; }
#endif

#ifdef CONFIG_NUMA
static inline bool task_has_mempolicy(struct task_struct *t) { return t->mempolicy; }
#else
static inline bool task_has_mempolicy(struct task_struct *t) { return false; }
#endif

#ifdef CONFIG_BLOCK
static inline bool task_has_ioprio(struct task_struct *t)
{
	bool has;

	task_lock(t);
	has = t->io_context && IOPRIO_PRIO_CLASS(t->io_context->ioprio) != IOPRIO_CLASS_NONE;
	task_unlock(t);
	return has;
}
#else
static inline bool task_has_ioprio(struct task_struct *t) { return false; }
#endif

#ifdef CONFIG_UCLAMP_TASK
static inline bool task_has_uclamp(struct task_struct *t)
{
	return t->uclamp_req[UCLAMP_MIN].user_defined ||
	       t->uclamp_req[UCLAMP_MAX].user_defined;
}
#else
static inline bool task_has_uclamp(struct task_struct *t) { return false; }
#endif

#ifdef CONFIG_SCHED_CORE
static inline bool task_has_core_cookie(struct task_struct *t) { return t->core_cookie; }
#else
static inline bool task_has_core_cookie(struct task_struct *t) { return false; }
#endif

#ifdef CONFIG_USER_EVENTS
static inline bool task_has_user_events(struct task_struct *t) { return t->user_event_mm; }
#else
static inline bool task_has_user_events(struct task_struct *t) { return false; }
#endif

#ifdef CONFIG_COMPAT
static inline bool task_compat_robust_list(struct task_struct *t) { return t->compat_robust_list; }
#else
static inline bool task_compat_robust_list(struct task_struct *t) { return false; }
#endif

#endif /* _CHECKPOINT_DEFAULTS_H */
