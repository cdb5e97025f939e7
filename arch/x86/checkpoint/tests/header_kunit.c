// SPDX-License-Identifier: GPL-2.0
/* An image is taken on a CPU and kernel that have what it needs, on no other. */
#include "../../../../checkpoint/tests/fixture.h"

/* The header of an image made here. */
static struct ckpt_header *own_header(struct kunit *test)
{
	struct ckpt_header *h = kunit_kzalloc(test, sizeof(*h), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, h);
	ckpt_arch_header(ckpt_kunit_save(test), h);
	return h;
}

static void an_image_made_here_is_taken(struct kunit *test)
{
	struct ckpt_load *load = ckpt_kunit_load(test);
	struct ckpt_header *h = own_header(test);

	KUNIT_EXPECT_EQ(test, 0, ckpt_arch_validate_header(load, h));
	h->xfeatures = cpu_to_le64(3);
	KUNIT_EXPECT_EQ(test, 0, ckpt_arch_validate_header(load, h));
	/* a CPU that has more will do */
	memset(h->cpucaps, 0, sizeof(h->cpucaps));
	KUNIT_EXPECT_EQ(test, 0, ckpt_arch_validate_header(load, h));
}

/* Every bit of every word listed, and the CPU that lacks it. */
static void every_capability_counts(struct kunit *test)
{
	struct ckpt_load *load = ckpt_kunit_load(test);
	struct ckpt_header *h = own_header(test);
	unsigned int bit, lacking = 0;

	for (bit = 0; bit < ARRAY_SIZE(words) * 32; bit++) {
		__le32 own = h->cpucaps[bit / 32], flag = cpu_to_le32(BIT(bit % 32));

		if (own & flag)
			continue;
		lacking++;
		h->cpucaps[bit / 32] |= flag;
		ckpt_kunit_forget(&load->call);
		KUNIT_EXPECT_EQ_MSG(test, -EOPNOTSUPP, ckpt_arch_validate_header(load, h),
				    "bit %u", bit);
		CKPT_EXPECT_LOGGED(test, &load->call, "the CPU lacks capabilities");
		h->cpucaps[bit / 32] = own;
	}
	KUNIT_EXPECT_NE(test, 0, lacking);
}

/* Words that follow each other here may be others there. */
static void the_number_of_words_counts(struct kunit *test)
{
	struct ckpt_load *load = ckpt_kunit_load(test);
	struct ckpt_header *h = own_header(test);
	u32 nr = le32_to_cpu(h->nr_cpucaps);

	h->nr_cpucaps = cpu_to_le32(nr + 1);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, ckpt_arch_validate_header(load, h));
	h->nr_cpucaps = cpu_to_le32(nr - 1);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, ckpt_arch_validate_header(load, h));
	h->nr_cpucaps = cpu_to_le32(U32_MAX);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, ckpt_arch_validate_header(load, h));
}

static void every_xfeature_counts(struct kunit *test)
{
	u64 have = boot_cpu_has(X86_FEATURE_XSAVE) ? xgetbv(XCR_XFEATURE_ENABLED_MASK) : 3;
	struct ckpt_load *load = ckpt_kunit_load(test);
	struct ckpt_header *h = own_header(test);
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		h->xfeatures = cpu_to_le64(BIT_ULL(bit));
		ckpt_kunit_forget(&load->call);
		KUNIT_EXPECT_EQ_MSG(test, have & BIT_ULL(bit) ? 0 : -EOPNOTSUPP,
				    ckpt_arch_validate_header(load, h), "component %u", bit);
		if (!(have & BIT_ULL(bit)))
			CKPT_EXPECT_LOGGED(test, &load->call, "CPU state components");
	}
}

static void the_vdso_is_the_same_to_the_last_bit(struct kunit *test)
{
	struct ckpt_load *load = ckpt_kunit_load(test);
	struct ckpt_header *h = own_header(test);
	unsigned int bit;

	KUNIT_EXPECT_NOT_NULL_MSG(test, memchr_inv(h->vdso_build_id, 0, sizeof(h->vdso_build_id)),
				  "the vDSO has no build id");
	strscpy((char *)h->release, "6.1\n", sizeof(h->release));
	for (bit = 0; bit < sizeof(h->vdso_build_id) * 8; bit++) {
		h->vdso_build_id[bit / 8] ^= BIT(bit % 8);
		ckpt_kunit_forget(&load->call);
		KUNIT_EXPECT_EQ_MSG(test, -EOPNOTSUPP, ckpt_arch_validate_header(load, h),
				    "bit %u", bit);
		CKPT_EXPECT_LOGGED(test, &load->call, "of kernel 6.1\\n");
		h->vdso_build_id[bit / 8] ^= BIT(bit % 8);
	}
}

static struct kunit_case header_cases[] = {
	KUNIT_CASE(an_image_made_here_is_taken),
	KUNIT_CASE(every_capability_counts),
	KUNIT_CASE(the_number_of_words_counts),
	KUNIT_CASE(every_xfeature_counts),
	KUNIT_CASE(the_vdso_is_the_same_to_the_last_bit),
	{}
};

static struct kunit_suite header_suite = {
	.name = "checkpoint_x86_header",
	.test_cases = header_cases,
};
kunit_test_suite(header_suite);
