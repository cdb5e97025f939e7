// SPDX-License-Identifier: GPL-2.0
/* What was emitted, before it is sealed and written, for the suites. */
#include "fixture.h"

/**
 * ckpt_kunit_hand_over - give a reader the records emitted, without an image
 * @test: the case
 * @save: the call that emitted them; it has none afterwards
 * @load: the call that gets them, not validated
 *
 * Return: the first of them.
 */
struct ckpt_rec *ckpt_kunit_hand_over(struct kunit *test, struct ckpt_save *save,
				      struct ckpt_load *load)
{
	struct ckpt_rec *first = NULL, *rec;
	struct ckpt_chunk *chunk;
	struct ckpt_record *hdr;
	size_t at;

	list_for_each_entry(chunk, &save->chunks, list) {
		for (at = 0; at < chunk->used; at += sizeof(*hdr) + le64_to_cpu(hdr->len)) {
			size_t fixed;

			hdr = (void *)chunk->data + at;
			fixed = ALIGN(le16_to_cpu(hdr->fixed), 8);
			rec = ckpt_kunit_rec(test, load, ckpt_ops_of(le32_to_cpu(hdr->type)),
					     hdr + 1, (void *)(hdr + 1) + fixed,
					     le64_to_cpu(hdr->len) - fixed);
			first = first ?: rec;
		}
	}
	ckpt_free_chunks(save);
	KUNIT_ASSERT_NOT_NULL(test, first);
	return first;
}
