/* SPDX-License-Identifier: GPL-2.0 */
/* Descriptor tables and open files of any kind, on the checkpoint side. */
#ifndef _CHECKPOINT_FILES_H
#define _CHECKPOINT_FILES_H

#include "internal.h"

/* The row that the survey counts open files under. Not in the registry. */
extern const struct ckpt_ops ckpt_any_file_ops;

struct file *ckpt_next_fd(struct files_struct *files, unsigned int *fd,
			  bool *cloexec);

#endif /* _CHECKPOINT_FILES_H */
