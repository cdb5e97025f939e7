// SPDX-License-Identifier: GPL-2.0
/*
 * Memory shared between processes without a name: MAP_SHARED | MAP_ANONYMOUS,
 * and memfds, with their seals. Those of huge pages are of hugetlbfs: hugetlb.c.
 *
 * Contents are filled below what seals forbid, so that a memfd is sealed when it
 * is made. F_SEAL_FUTURE_WRITE alone is another thing: there may be mappings to
 * write from before. It comes when all mappings are made, and F_SEAL_SEAL with
 * it; a mapping from after it is made as long as it is there for a moment.
 *
 * Refused: memory that a process outside maps or has open.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/pagemap.h>
#include <linux/pid_namespace.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/user_namespace.h>

#include "hugetlb.h"

#define ANON_NAME	"dev/zero"
#define MEMFD_PREFIX	"memfd:"
#define SEALS_WRITE	(F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define SEALS_KNOWN	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | SEALS_WRITE | F_SEAL_EXEC)
/* What F_SEAL_EXEC on a file that may be executed brings with it. */
#define SEALS_OF_EXEC	(F_SEAL_SHRINK | F_SEAL_GROW | SEALS_WRITE)

static void get_shmem(void *inode)
{
	ihold(inode);
}

static void put_shmem(void *inode)
{
	iput(inode);
}

/*
 * Open descriptions of it, each with a reference to the only dentry: mappings have
 * none but their file's. The one taken here stands for the table's of the inode.
 */
static long count_shmem(void *inode)
{
	struct dentry *dentry = d_find_any_alias(inode);
	long nr = dentry ? d_count(dentry) : 0;

	dput(dentry);
	return nr;
}

static unsigned int *seals_of(struct inode *inode)
{
	return ckpt_is_huge(inode) ? ckpt_huge_seals(inode) : &SHMEM_I(inode)->seals;
}

static bool is_memfd(const struct dentry *dentry)
{
	return strstarts((const char *)dentry->d_name.name, MEMFD_PREFIX);
}

static int emit_shmem(struct ckpt_save *save, struct ckpt_obj *obj,
		      struct dentry *dentry)
{
	struct inode *inode = obj->ptr;
	size_t len = dentry->d_name.len;
	struct ckpt_shmem *out;
	u32 flags = 0;

	out = ckpt_emit_object(save, obj, len);
	if (!out)
		return -ENOMEM;
	if (ckpt_is_huge(inode))
		out->huge_shift = cpu_to_le32(ckpt_huge_shift(inode));
	else if (SHMEM_I(inode)->flags & VM_NORESERVE)
		flags |= CKPT_SHMEM_NORESERVE;
	if (is_memfd(dentry))
		flags |= CKPT_SHMEM_MEMFD;
	out->cred = cpu_to_le32(save->cred_id);
	out->size = cpu_to_le64(i_size_read(inode));
	out->flags = cpu_to_le32(flags);
	out->mode = cpu_to_le32(inode->i_mode & 07777);
	out->name_len = cpu_to_le32(len);
	out->seals = cpu_to_le32(*seals_of(inode));
	memcpy(ckpt_tail(out, sizeof(*out)), dentry->d_name.name, len);
	return 0;
}

/* It is made by the task that has it: who may do what with it is the owner's to say. */
static void warn_owner(struct ckpt_save *save, struct inode *inode, struct dentry *dentry)
{
	if (is_memfd(dentry) && (!uid_eq(inode->i_uid, save->fsuid) ||
				 !gid_eq(inode->i_gid, save->fsgid)))
		ckpt_warn(save, "%pd belongs to another user or group than this process, and will be this one's",
			  dentry);
}

/* Called by way of a file, which has the name; see checkpoint_shmem_file(). */
static int checkpoint_shmem(struct ckpt_save *save, struct ckpt_obj *obj)
{
	bool outside = ckpt_object_surplus(save, obj) > 0;
	struct inode *inode = obj->ptr;
	struct dentry *dentry = d_find_any_alias(inode);
	int err;

	if (!dentry)
		return ckpt_err(save, -EBUSY, "shared memory without a name");
	if (outside)
		ckpt_refuse_outside(save, "shared memory", "%pd is open in a process outside the group",
				    dentry);
	warn_owner(save, inode, dentry);
	if (ckpt_is_huge(inode) && i_size_read(inode) & (BIT(ckpt_huge_shift(inode)) - 1))
		ckpt_refuse(save, "memfd", "%pd ends in the midst of a huge page, not saved yet",
			    dentry);
	if (!ckpt_is_huge(inode) && (!RB_EMPTY_ROOT(&SHMEM_I(inode)->xattrs.rb_root) ||
				     SHMEM_I(inode)->fsflags))
		ckpt_refuse(save, "memfd", "%pd has extended attributes or flags, not saved yet",
			    dentry);
	if (*seals_of(inode) & ~SEALS_KNOWN)
		ckpt_refuse(save, "memfd", "%pd has seals 0x%x that are not known", dentry,
			    *seals_of(inode));
	err = emit_shmem(save, obj, dentry);
	dput(dentry);
	return err;
}

static int save_folio(struct ckpt_save *save, struct ckpt_obj *obj, pgoff_t *index,
		      pgoff_t end)
{
	struct inode *inode = obj->ptr;
	struct folio *folio = NULL;
	unsigned int nr = 1;
	struct page *page;
	bool poisoned;
	int err;

	err = shmem_get_folio(inode, *index, 0, &folio, SGP_READ);
	if (err)
		return err;
	if (folio) {
		page = folio_file_page(folio, *index);
		nr = min(folio_next_index(folio), end) - *index;
		poisoned = folio_test_hwpoison(folio) ||
			   (folio_test_large(folio) && folio_test_has_hwpoisoned(folio));
		folio_unlock(folio);
		if (poisoned) {
			folio_put(folio);
			return ckpt_err(save, -EIO, "a page of shared memory is poisoned");
		}
		err = ckpt_contents_pages(save, obj->id, 0, *index, page, nr);
	}
	*index += nr;
	return err;
}

static int shmem_contents(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct inode *inode = obj->ptr;
	loff_t size = i_size_read(inode), start = 0, end;
	pgoff_t index;
	int err = 0;

	if (ckpt_is_huge(inode))
		return ckpt_huge_contents(save, obj);
	while (!err && start < size) {
		start = mapping_seek_hole_data(inode->i_mapping, start, size, SEEK_DATA);
		if (start < 0)
			return 0;
		end = mapping_seek_hole_data(inode->i_mapping, start, size, SEEK_HOLE);
		index = start >> PAGE_SHIFT;
		while (!err && index < DIV_ROUND_UP(end, PAGE_SIZE))
			err = fatal_signal_pending(current) ? -EINTR :
			      save_folio(save, obj, &index, DIV_ROUND_UP(end, PAGE_SIZE));
		start = end;
	}
	return err;
}

/* Seals that memfd_create() and F_ADD_SEALS give. */
static bool good_seals(const struct ckpt_shmem *in)
{
	u32 seals = le32_to_cpu(in->seals);

	if (!(le32_to_cpu(in->flags) & CKPT_SHMEM_MEMFD))
		return seals == F_SEAL_SEAL;
	if (seals & F_SEAL_EXEC && le32_to_cpu(in->mode) & 0111 && ~seals & SEALS_OF_EXEC)
		return false;
	return !(seals & ~SEALS_KNOWN);
}

static int validate_shmem(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_shmem *in = ckpt_data(rec, ckpt_shmem);
	u32 flags = le32_to_cpu(in->flags), len = le32_to_cpu(in->name_len);
	const char *name = ckpt_rec_tail(rec);
	const char *start = flags & CKPT_SHMEM_MEMFD ? MEMFD_PREFIX :
			    in->huge_shift ? HUGETLB_ANON_FILE : ANON_NAME;

	if (flags & ~(CKPT_SHMEM_NORESERVE | CKPT_SHMEM_MEMFD) ||
	    le32_to_cpu(in->mode) & ~07777 || !good_seals(in) || in->__reserved)
		return ckpt_fail(load, rec, -EBADMSG, "unknown flags, mode or seals");
	if (len > NAME_MAX || !ckpt_tail_is(rec, len) || memchr(name, 0, len) ||
	    len < strlen(start) || memcmp(name, start, strlen(start)) ||
	    (!(flags & CKPT_SHMEM_MEMFD) && len != strlen(start)))
		return ckpt_fail(load, rec, -EBADMSG, "bad name");
	if (le64_to_cpu(in->size) > MAX_LFS_FILESIZE)
		return ckpt_fail(load, rec, -EBADMSG, "bad length");
	if (!ckpt_ref(load, rec, le32_to_cpu(in->cred), CKPT_REC_CRED))
		return -EBADMSG;
	return in->huge_shift ? ckpt_huge_validate(load, rec) : 0;
}

/* Seals to be added when all mappings are made. */
static u32 late_seals(const struct ckpt_shmem *in)
{
	u32 seals = le32_to_cpu(in->seals);

	return (seals & SEALS_WRITE) == F_SEAL_FUTURE_WRITE ?
	       seals & (F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) : 0;
}

static int add_seals(struct ckpt_load *load, struct ckpt_rec *rec, u32 seals)
{
	int err = seals ? memfd_fcntl(rec->live, F_ADD_SEALS, seals) : 0;

	if (err)
		return ckpt_fail(load, rec, err, "cannot add seals 0x%x: errno %d", seals, -err);
	return 0;
}

/* What memfd_create() and mmap() do after shmem_file_setup(), and F_ADD_SEALS. */
static int dress(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_shmem *in = ckpt_data(rec, ckpt_shmem);
	struct file *file = rec->live;
	struct inode *inode = file_inode(file);

	inode->i_mode = S_IFREG | le32_to_cpu(in->mode);
	if (!(le32_to_cpu(in->flags) & CKPT_SHMEM_MEMFD))
		return 0;
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	file->f_flags |= O_LARGEFILE;
	*seals_of(inode) = 0;
	return add_seals(load, rec, le32_to_cpu(in->seals) & ~late_seals(in));
}

static int settle_shmem(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_shmem *in = ckpt_data(rec, ckpt_shmem);
	struct inode *inode = file_inode(rec->live);

	/* one of huge pages became as long as its mappings, which may go beyond its end */
	if (in->huge_shift) {
		inode_lock(inode);
		i_size_write(inode, le64_to_cpu(in->size));
		inode_unlock(inode);
	}
	return add_seals(load, rec, late_seals(in));
}

/* What memfd_create() and ftruncate() ask of the caller. */
static int may_make_memfd(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_shmem *in = ckpt_data(rec, ckpt_shmem);
	u64 size = le64_to_cpu(in->size);

	/* it may be executed, or be made so: not made by MFD_NOEXEC_SEAL */
	if ((!(le32_to_cpu(in->seals) & F_SEAL_EXEC) || le32_to_cpu(in->mode) & 0111) &&
	    pidns_memfd_noexec_scope(task_active_pid_ns(current)) >=
	    MEMFD_NOEXEC_SCOPE_NOEXEC_ENFORCED)
		return ckpt_fail(load, rec, -EACCES, "axis=memfd_noexec: vm.memfd_noexec forbids a memfd that may be executed, or be made so");
	if (size > rlimit(RLIMIT_FSIZE))
		return ckpt_fail(load, rec, -EFBIG, "axis=rlimit: a memfd of %llu bytes is more than the caller's RLIMIT_FSIZE",
				 size);
	return 0;
}

static int restart_shmem(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_shmem *in = ckpt_data(rec, ckpt_shmem);
	u32 flags = le32_to_cpu(in->flags);
	vm_flags_t vm_flags = flags & CKPT_SHMEM_NORESERVE ? VM_NORESERVE : 0;
	loff_t size = le64_to_cpu(in->size);
	const struct cred *old;
	struct file *file;
	int err;

	err = flags & CKPT_SHMEM_MEMFD ? may_make_memfd(load, rec) : 0;
	if (err)
		return err;
	char *name __free(kfree) = kmemdup_nul(ckpt_rec_tail(rec),
					       le32_to_cpu(in->name_len),
					       GFP_KERNEL_ACCOUNT);
	if (!name)
		return -ENOMEM;

	old = override_creds(ckpt_cred(load, le32_to_cpu(in->cred)));
	if (in->huge_shift)
		file = ckpt_huge_setup(name, in);
	else if (flags & CKPT_SHMEM_MEMFD)
		file = shmem_file_setup(name, size, vm_flags);
	else
		file = shmem_kernel_file_setup(name, size, vm_flags);
	revert_creds(old);
	if (IS_ERR(file))
		return ckpt_fail(load, rec, PTR_ERR(file), "cannot make shared memory of %lld bytes: errno %d",
				 size, -(int)PTR_ERR(file));
	rec->live = file;
	return dress(load, rec);
}

/* A page that is there or is made, with a reference to its folio. */
static int get_page_of(struct ckpt_load *load, struct inode *inode, pgoff_t index,
		       struct page **page)
{
	struct mem_cgroup *memcg = set_active_memcg(load->memcg);
	struct folio *folio;
	int err;

	err = shmem_get_folio(inode, index, 0, &folio, SGP_WRITE);
	set_active_memcg(memcg);
	if (err)
		return err;
	/* a small one is filled; not all pages of a large one need have contents */
	if (folio_test_large(folio) && !folio_test_uptodate(folio)) {
		folio_zero_range(folio, 0, folio_size(folio));
		folio_mark_uptodate(folio);
	}
	/* nobody has a descriptor yet: what is read is not seen half */
	folio_unlock(folio);
	*page = folio_file_page(folio, index);
	return 0;
}

static int fill_pages(struct ckpt_load *load, struct ckpt_rec *rec, pgoff_t index,
		      unsigned int nr)
{
	bool huge = ckpt_data(rec, ckpt_shmem)->huge_shift;
	struct inode *inode = file_inode(rec->live);
	struct page **pages = load->pages;
	unsigned int got, i;
	struct folio *folio;
	int err = 0;

	for (got = 0; got < nr; got++) {
		err = huge ? ckpt_huge_page(load, rec, index + got, pages + got) :
			     get_page_of(load, inode, index + got, pages + got);
		if (err)
			break;
	}
	err = err ?: ckpt_read_pages(load, pages, nr);
	for (i = 0; i < got; i++) {
		folio = page_folio(pages[i]);
		if (!err && !folio_test_uptodate(folio))
			folio_mark_uptodate(folio);
		folio_mark_dirty(folio);
		folio_put(folio);
	}
	return err;
}

static int fill_shmem(struct ckpt_load *load, struct ckpt_rec *rec,
		      const struct ckpt_run *run)
{
	struct file *file = rec->live;
	u64 index = le64_to_cpu(run->index), count = le32_to_cpu(run->count);
	u64 pages = DIV_ROUND_UP(i_size_read(file_inode(file)), PAGE_SIZE);
	unsigned int nr;
	int err = 0;

	if (le16_to_cpu(run->kind) != CKPT_RUN_DATA || run->flags || index > pages ||
	    count > pages - index)
		return ckpt_fail(load, rec, -EBADMSG, "contents beyond its end");
	for (; !err && count; count -= nr, index += nr) {
		nr = min_t(u64, count, ARRAY_SIZE(load->pages));
		err = fatal_signal_pending(current) ? -EINTR : fill_pages(load, rec, index, nr);
		cond_resched();
	}
	return err;
}

const struct ckpt_ops ckpt_shmem_ops = {
	.name		= "shared memory",
	.type		= CKPT_REC_SHMEM,
	.fixed		= sizeof(struct ckpt_shmem),
	.max_tail	= NAME_MAX + 1,
	.object		= true,
	.get		= get_shmem,
	.put		= put_shmem,
	.count		= count_shmem,
	.checkpoint	= checkpoint_shmem,
	.contents	= shmem_contents,
	.validate	= validate_shmem,
	.restart	= restart_shmem,
	.settle		= settle_shmem,
	.fill		= fill_shmem,
	.drop		= ckpt_file_drop,
};

/* ---- An open description of it ---- */

/**
 * ckpt_is_shmem - is this memory that has no path, whoever may open it?
 * @file: any open file
 */
bool ckpt_is_shmem(const struct file *file)
{
	return ckpt_huge_file(file) ||
	       (shmem_file((struct file *)file) &&
		file_inode(file)->i_sb->s_flags & SB_NOUSER);
}

static bool match_file(struct ckpt_save *save, struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;

	if (file->f_mode & FMODE_PATH)
		return false;
	return ckpt_is_shmem(file) && S_ISREG(file_inode(file)->i_mode) &&
	       (is_memfd(dentry) ||
		!strcmp((const char *)dentry->d_name.name,
			ckpt_huge_file(file) ? HUGETLB_ANON_FILE : ANON_NAME));
}

/* Does somebody outside the group map this memory? */
static bool mapped_outside(struct ckpt_save *save, struct address_space *mapping)
{
	struct vm_area_struct *vma;
	bool outside = false;

	i_mmap_lock_read(mapping);
	vma_interval_tree_foreach(vma, &mapping->i_mmap, 0, ULONG_MAX) {
		outside = !ckpt_object_find(save, vma->vm_mm);
		if (outside || fatal_signal_pending(current))
			break;
	}
	i_mmap_unlock_read(mapping);
	return outside;
}

/* A mapping holds the file as well, so it is looked for first, once for all files. */
static int refuse_shared(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct file *file = obj->ptr;
	struct ckpt_obj *shmem = ckpt_object_find(save, file_inode(file));

	if (!(shmem && shmem->captured) && mapped_outside(save, file->f_mapping))
		return ckpt_refuse_outside(save, "shared memory", "%pd is mapped by a process outside the group",
					   file->f_path.dentry);
	return ckpt_refuse_shared(save, obj);
}

static int checkpoint_shmem_file(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct file *file = obj->ptr;
	struct ckpt_file_shmem *out;
	u32 shmem;
	int err;

	err = refuse_shared(save, obj) ?:
	      ckpt_object(save, file_inode(file), &ckpt_shmem_ops, &shmem);
	if (err)
		return err;
	out = ckpt_emit_object(save, obj, 0);
	if (!out)
		return -ENOMEM;
	checkpoint_file_common(save, file, &out->file);
	out->shmem = cpu_to_le32(shmem);
	return 0;
}

static int validate_file(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_file_shmem *in = ckpt_data(rec, ckpt_file_shmem);

	if (in->__reserved || in->file.how)
		return ckpt_fail(load, rec, -EBADMSG, "unknown fields");
	if (!ckpt_ref(load, rec, le32_to_cpu(in->shmem), CKPT_REC_SHMEM))
		return -EBADMSG;
	return ckpt_file_validate(load, rec, &in->file);
}

static int restart_file(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_file_shmem *in = ckpt_data(rec, ckpt_file_shmem);
	struct ckpt_rec *shmem = ckpt_rec(load, le32_to_cpu(in->shmem));
	u32 flags = le32_to_cpu(in->file.flags);
	struct file *first = shmem->live, *file;

	/* the first is as memfd_create() made it, others as opened by /proc */
	if (!shmem->extra && !((flags ^ first->f_flags) & ~(O_NONBLOCK | O_APPEND))) {
		shmem->extra = rec;
		file = get_file(first);
		spin_lock(&file->f_lock);
		file->f_flags |= flags & (O_NONBLOCK | O_APPEND);
		file->f_iocb_flags = iocb_flags(file);
		spin_unlock(&file->f_lock);
	} else {
		file = dentry_open(&first->f_path, flags,
				   ckpt_cred(load, le32_to_cpu(in->file.cred)));
	}
	if (IS_ERR(file))
		return ckpt_fail(load, rec, PTR_ERR(file), "cannot open shared memory again: errno %d",
				 -(int)PTR_ERR(file));
	file->f_pos = le64_to_cpu(in->file.pos);
	rec->live = file;
	return 0;
}

static struct ckpt_rec *shmem_of(struct ckpt_load *load, const struct ckpt_rec *file)
{
	if (!file || file->ops != &ckpt_file_shmem_ops)
		return NULL;
	return ckpt_rec(load, le32_to_cpu(ckpt_data(file, ckpt_file_shmem)->shmem));
}

/**
 * ckpt_shmem_write_sealed - does a file forbid that new mappings are written?
 * @load: the call
 * @file: its record, checked
 */
bool ckpt_shmem_write_sealed(struct ckpt_load *load, const struct ckpt_rec *file)
{
	const struct ckpt_rec *shmem = shmem_of(load, file);

	return shmem && ckpt_data(shmem, ckpt_shmem)->seals & cpu_to_le32(SEALS_WRITE);
}

/**
 * ckpt_map - vm_mmap(), before or after a file was sealed against writing
 * @load: the call
 * @rec: record of the file, NULL for none
 * @vma: where, and how
 * @flags: MAP_*
 */
unsigned long ckpt_map(struct ckpt_load *load, struct ckpt_rec *rec,
		       const struct ckpt_vma *vma, unsigned long flags)
{
	u64 start = le64_to_cpu(vma->start), len = le64_to_cpu(vma->end) - start;
	struct ckpt_rec *shmem = shmem_of(load, rec);
	bool late = shmem && late_seals(ckpt_data(shmem, ckpt_shmem));
	unsigned int *seals = late ? seals_of(file_inode(rec->live)) : NULL;
	unsigned long addr;

	if (late) {
		/* of all new tasks */
		mutex_lock(&shmem->once);
		if (vma->flags & cpu_to_le32(CKPT_VMA_WRITE_SEALED))
			*seals |= F_SEAL_FUTURE_WRITE;
	}
	addr = vm_mmap(rec ? rec->live : NULL, start, len, le32_to_cpu(vma->prot), flags,
		       le64_to_cpu(vma->offset));
	if (late) {
		*seals &= ~F_SEAL_FUTURE_WRITE;
		mutex_unlock(&shmem->once);
	}
	return addr;
}

/**
 * ckpt_may_hold - may the new task have a descriptor of this file?
 * @load: the call
 * @file: its record
 *
 * Memory that no memfd is has one only by way of /proc/PID/map_files.
 *
 * Return: 0 or -EPERM.
 */
int ckpt_may_hold(struct ckpt_load *load, const struct ckpt_rec *file)
{
	const struct ckpt_rec *shmem;

	shmem = shmem_of(load, file);
	if (!shmem)
		return 0;
	if (ckpt_data(shmem, ckpt_shmem)->flags & cpu_to_le32(CKPT_SHMEM_MEMFD) ||
	    checkpoint_restore_ns_capable(&init_user_ns))
		return 0;
	return ckpt_fail(load, file, -EPERM, "axis=file: a descriptor of anonymous shared memory needs CAP_CHECKPOINT_RESTORE");
}

const struct ckpt_ops ckpt_file_shmem_ops = {
	.name		= "shared memory file",
	.type		= CKPT_REC_FILE_SHMEM,
	.fixed		= sizeof(struct ckpt_file_shmem),
	.object		= true,
	.match		= match_file,
	.get		= ckpt_file_get,
	.put		= ckpt_file_put,
	.count		= ckpt_file_count,
	.checkpoint	= checkpoint_shmem_file,
	.validate	= validate_file,
	.restart	= restart_file,
	.drop		= ckpt_file_drop,
};
