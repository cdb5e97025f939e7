/* SPDX-License-Identifier: GPL-2.0 */
/* The bytes of an image: transfers that wait killably, checksums, padding. */
#ifndef _CHECKPOINT_STREAM_H
#define _CHECKPOINT_STREAM_H

#include "internal.h"

struct bio_vec;

/**
 * struct ckpt_index_chunk - part of the index
 * @list: in save->index_list
 * @nr: entries in use
 * @entry: the entries
 */
struct ckpt_index_chunk {
	struct list_head list;
	u32 nr;
	struct ckpt_index entry[];
};

int ckpt_stream_open(struct ckpt_stream *stream, int fd, fmode_t mode);
void ckpt_stream_close(struct ckpt_stream *stream);
void ckpt_stream_seed(struct ckpt_stream *stream, const u8 *uuid);
int ckpt_stream_write(struct ckpt_stream *stream, const void *data, size_t len);
int ckpt_stream_write_bvec(struct ckpt_stream *stream, struct bio_vec *bvec,
			   unsigned int nr, size_t len);
int ckpt_stream_read(struct ckpt_stream *stream, void *data, size_t len);
int ckpt_stream_read_bvec(struct ckpt_stream *stream, struct bio_vec *bvec,
			  unsigned int nr, size_t len);
void ckpt_stream_ahead(struct ckpt_stream *stream, size_t len);
int ckpt_stream_pad(struct ckpt_stream *stream);
void ckpt_seal(struct ckpt_stream *stream, struct ckpt_record *rec,
	       const void *data, size_t len);
void ckpt_seal_crc(struct ckpt_stream *stream, struct ckpt_record *rec, u32 crc);
u32 ckpt_record_crc(struct ckpt_stream *stream, const struct ckpt_record *rec);

#endif /* _CHECKPOINT_STREAM_H */
