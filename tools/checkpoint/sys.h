/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls that the C library does not wrap.
 */
#ifndef CKPT_SYS_H
#define CKPT_SYS_H

#include <linux/checkpoint.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Headers of a kernel without checkpoint do not have these. */
#ifndef __NR_checkpoint
#define __NR_checkpoint	600
#endif
#ifndef __NR_restart
#define __NR_restart	601
#endif

static inline long sys_checkpoint(const struct checkpoint_args *args)
{
	return syscall(__NR_checkpoint, args, sizeof(*args));
}

static inline long sys_restart(const struct restart_args *args)
{
	return syscall(__NR_restart, args, sizeof(*args));
}

/* As fork(2) when no stack is given: returns twice. */
static inline pid_t sys_clone3(const struct clone_args *args)
{
	return syscall(SYS_clone3, args, sizeof(*args));
}

static inline int sys_pidfd_open(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

static inline int sys_unshare(unsigned long flags)
{
	return syscall(SYS_unshare, flags);
}

#endif
