/* SPDX-License-Identifier: GPL-2.0 */
/* Shared memory of huge pages, and private memory of them: see hugetlb.c. */
#ifndef _CHECKPOINT_HUGETLB_H
#define _CHECKPOINT_HUGETLB_H

#include <linux/hugetlb.h>
#include <linux/magic.h>

#include "internal.h"

static inline bool ckpt_is_huge(const struct inode *inode)
{
	return inode->i_sb->s_magic == HUGETLBFS_MAGIC;
}

#ifdef CONFIG_HUGETLBFS
bool ckpt_huge_file(const struct file *file);
unsigned int *ckpt_huge_seals(struct inode *inode);
u32 ckpt_huge_shift(struct inode *inode);
int ckpt_huge_contents(struct ckpt_save *save, struct ckpt_obj *obj);
int ckpt_huge_private(struct ckpt_save *save, struct ckpt_obj *obj);
int ckpt_huge_validate(struct ckpt_load *load, struct ckpt_rec *rec);
struct file *ckpt_huge_setup(const char *name, const struct ckpt_shmem *in);
int ckpt_huge_page(struct ckpt_load *load, struct ckpt_rec *rec, u64 index,
		   struct page **page);
#else
static inline bool ckpt_huge_file(const struct file *file) { return false; }
static inline unsigned int *ckpt_huge_seals(struct inode *inode) { return NULL; }
static inline u32 ckpt_huge_shift(struct inode *inode) { return 0; }

static inline int ckpt_huge_contents(struct ckpt_save *save, struct ckpt_obj *obj)
{
	return 0;
}

static inline int ckpt_huge_private(struct ckpt_save *save, struct ckpt_obj *obj)
{
	return 0;
}

static inline int ckpt_huge_validate(struct ckpt_load *load, struct ckpt_rec *rec)
{
	return ckpt_fail(load, rec, -EOPNOTSUPP, "this kernel has no huge pages");
}

static inline struct file *ckpt_huge_setup(const char *name, const struct ckpt_shmem *in)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline int ckpt_huge_page(struct ckpt_load *load, struct ckpt_rec *rec, u64 index,
				 struct page **page)
{
	return -EOPNOTSUPP;
}
#endif

#endif /* _CHECKPOINT_HUGETLB_H */
