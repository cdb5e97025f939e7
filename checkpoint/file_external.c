// SPDX-License-Identifier: GPL-2.0
/*
 * Objects that live on outside the group: terminals, pipes with an end
 * outside, connected unix sockets whose peer is outside. The image holds a
 * key; restart(2) is given a descriptor to take the object's place, which
 * must be of the same kind and open for the same access.
 */
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/magic.h>
#include <linux/net.h>
#include <linux/pipe_fs_i.h>
#include <net/af_unix.h>
#include <net/sock.h>

#include "internal.h"

#define KEY(kind, number)	((u64)(kind) << 56 | (number))
/* Tells the end of a pipe that is written to from the one that is read. */
#define KEY_WRITER		BIT_ULL(55)
#define KEY_NUMBER		(KEY_WRITER - 1)

/* Is this a connected unix socket whose peer the group does not have? */
static bool peer_outside(struct ckpt_save *save, struct file *file)
{
	struct socket *sock = sock_from_file(file);
	struct file *peer_file = NULL;
	struct sock *peer;
	bool outside;

	if (!sock || sock->sk->sk_family != AF_UNIX)
		return false;
	peer = unix_peer_get(sock->sk);
	if (!peer)
		return false;
	unix_state_lock(peer);
	if (peer->sk_socket)
		peer_file = peer->sk_socket->file;
	outside = !peer_file || !ckpt_object_find(save, peer_file);
	unix_state_unlock(peer);
	sock_put(peer);
	return outside;
}

static u32 kind_of(struct ckpt_save *save, struct file *file)
{
	struct ckpt_obj *pipe;

	if (file->f_mode & FMODE_PATH)
		return 0;
	if (file_is_tty(file))
		return CKPT_EXTERNAL_TTY;
	if (get_pipe_info(file, false) &&
	    file_inode(file)->i_sb->s_magic == PIPEFS_MAGIC) {
		pipe = ckpt_object_find(save, file_inode(file));
		return !pipe || pipe->outside ? CKPT_EXTERNAL_PIPE : 0;
	}
	return peer_outside(save, file) ? CKPT_EXTERNAL_SOCKET : 0;
}

static bool match_external(struct ckpt_save *save, struct file *file)
{
	return kind_of(save, file);
}

static u64 key_of(struct file *file, u32 kind)
{
	struct inode *inode = file_inode(file);

	if (kind == CKPT_EXTERNAL_TTY)
		return KEY(kind, new_encode_dev(inode->i_rdev));
	if (kind == CKPT_EXTERNAL_PIPE && !(file->f_mode & FMODE_READ))
		return KEY(kind, KEY_WRITER | (inode->i_ino & KEY_NUMBER));
	return KEY(kind, inode->i_ino & KEY_NUMBER);
}

/* Acknowledged to their sender, and lost with this end. */
static bool has_unread(struct file *file)
{
	struct pipe_inode_info *pipe = get_pipe_info(file, false);
	struct socket *sock = sock_from_file(file);

	if (sock)
		return !skb_queue_empty_lockless(&sock->sk->sk_receive_queue);
	return pipe && file->f_mode & FMODE_READ &&
	       !pipe_empty(READ_ONCE(pipe->head), READ_ONCE(pipe->tail));
}

static int checkpoint_external(struct ckpt_save *save, struct ckpt_obj *obj)
{
	struct file *file = obj->ptr;
	struct ckpt_file_external *out;
	u32 kind = kind_of(save, file);
	size_t len = 0;
	char *name;

	if (has_unread(file))
		ckpt_warn(save, "%pd has bytes that were not read yet; they are not in the image",
			  file->f_path.dentry);
	if (!kind)
		return ckpt_err(save, -EBUSY, "%pd lost its peer while the group was held",
				file->f_path.dentry);
	name = file_path(file, save->path, PATH_MAX);
	if (!IS_ERR(name))
		len = strlen(name);
	out = ckpt_emit_object(save, obj, len);
	if (!out)
		return -ENOMEM;
	checkpoint_file_common(save, file, &out->file);
	out->file.pos = 0;
	out->key = cpu_to_le64(key_of(file, kind));
	out->kind = cpu_to_le32(kind);
	out->name_len = cpu_to_le32(len);
	memcpy(ckpt_tail(out, sizeof(*out)), name, len);
	return 0;
}

static int validate_external(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_file_external *in = ckpt_data(rec, ckpt_file_external);
	u32 kind = le32_to_cpu(in->kind);

	if (kind < CKPT_EXTERNAL_TTY || kind > CKPT_EXTERNAL_SOCKET ||
	    in->file.pos || in->file.how)
		return ckpt_fail(load, rec, -EBADMSG, "unknown kind %u", kind);
	if (!ckpt_tail_is(rec, le32_to_cpu(in->name_len)))
		return ckpt_fail(load, rec, -EBADMSG, "bad name");
	return ckpt_file_validate(load, rec, &in->file);
}

static bool fits(struct file *file, u32 kind)
{
	switch (kind) {
	case CKPT_EXTERNAL_TTY:
		return file_is_tty(file);
	case CKPT_EXTERNAL_PIPE:
		return get_pipe_info(file, false);
	case CKPT_EXTERNAL_SOCKET:
		return sock_from_file(file);
	default:
		return false;
	}
}

static struct ckpt_inherit *find_inherit(struct ckpt_load *load, u64 key)
{
	u32 i;

	for (i = 0; i < load->nr_inherit; i++)
		if (load->inherit[i].key == key)
			return &load->inherit[i];
	return NULL;
}

static int restart_external(struct ckpt_load *load, struct ckpt_rec *rec)
{
	const struct ckpt_file_external *in = ckpt_data(rec, ckpt_file_external);
	fmode_t mode = OPEN_FMODE(le32_to_cpu(in->file.flags)) & (FMODE_READ | FMODE_WRITE);
	u64 key = le64_to_cpu(in->key);
	struct ckpt_inherit *inherit = find_inherit(load, key);

	if (!inherit)
		return ckpt_fail(load, rec, -ENOKEY, "key 0x%llx: nothing was given for the external object %*pE",
				 key, (int)le32_to_cpu(in->name_len),
				 (char *)ckpt_rec_tail(rec));
	if (!fits(inherit->file, le32_to_cpu(in->kind)) ||
	    (inherit->file->f_mode & mode) != mode)
		return ckpt_fail(load, rec, -EINVAL, "key 0x%llx: the descriptor given is of another kind or access mode",
				 key);
	inherit->used = true;
	rec->live = get_file(inherit->file);
	return 0;
}

const struct ckpt_ops ckpt_file_external_ops = {
	.name		= "external file",
	.type		= CKPT_REC_FILE_EXTERNAL,
	.fixed		= sizeof(struct ckpt_file_external),
	.max_tail	= PATH_MAX,
	.object		= true,
	.match		= match_external,
	.get		= ckpt_file_get,
	.put		= ckpt_file_put,
	.count		= ckpt_file_count,
	.checkpoint	= checkpoint_external,
	.validate	= validate_external,
	.restart	= restart_external,
	.drop		= ckpt_file_drop,
};
