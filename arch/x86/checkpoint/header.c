// SPDX-License-Identifier: GPL-2.0
/*
 * What an x86-64 image needs of the CPU and the kernel: the capability words
 * that a program may have looked at, xfeatures in use, and the same vDSO,
 * whose code and addresses are in the program's memory.
 */
#include <linux/buildid.h>
#include <linux/elf.h>
#include <asm/cpufeature.h>
#include <asm/fpu/xcr.h>
#include <asm/vdso.h>

#include "../../../checkpoint/internal.h"

static const u8 words[] = {
	CPUID_1_EDX, CPUID_8000_0001_EDX, CPUID_1_ECX, CPUID_8000_0001_ECX,
	CPUID_7_0_EBX, CPUID_D_1_EAX, CPUID_7_1_EAX, CPUID_7_ECX, CPUID_7_EDX,
};

/* Finds the note that holds the build id. All zero if there is none. */
static void vdso_build_id(u8 *id)
{
	const struct vdso_image *image = &vdso_image_64;
	const Elf64_Ehdr *ehdr = image->data;
	const Elf64_Phdr *phdr = image->data + ehdr->e_phoff;
	int i;

	for (i = 0; i < ehdr->e_phnum; i++)
		if (phdr[i].p_type == PT_NOTE &&
		    !build_id_parse_buf(image->data + phdr[i].p_offset, id,
					phdr[i].p_filesz))
			return;
}

void ckpt_arch_header(struct ckpt_save *save, struct ckpt_header *header)
{
	int i;

	BUILD_BUG_ON(ARRAY_SIZE(words) > ARRAY_SIZE(header->cpucaps));
	header->nr_cpucaps = cpu_to_le32(ARRAY_SIZE(words));
	for (i = 0; i < ARRAY_SIZE(words); i++)
		header->cpucaps[i] = cpu_to_le32(boot_cpu_data.x86_capability[words[i]]);
	header->xfeatures = cpu_to_le64(save->xfeatures);
	vdso_build_id(header->vdso_build_id);
}

int ckpt_arch_validate_header(struct ckpt_load *load, const struct ckpt_header *h)
{
	u64 have = boot_cpu_has(X86_FEATURE_XSAVE) ? xgetbv(XCR_XFEATURE_ENABLED_MASK) : 3;
	u8 id[sizeof(h->vdso_build_id)] = {};
	int i;

	vdso_build_id(id);
	if (memcmp(id, h->vdso_build_id, sizeof(id)))
		return ckpt_fail(load, NULL, -EOPNOTSUPP, "the image needs the vDSO of kernel %*pE %*pE",
				 (int)strnlen((char *)h->release, sizeof(h->release)), h->release,
				 (int)strnlen((char *)h->version, sizeof(h->version)), h->version);
	if (le64_to_cpu(h->xfeatures) & ~have)
		return ckpt_fail(load, NULL, -EOPNOTSUPP, "the image needs CPU state components 0x%llx that are not here",
				 le64_to_cpu(h->xfeatures) & ~have);
	if (le32_to_cpu(h->nr_cpucaps) != ARRAY_SIZE(words))
		return ckpt_fail(load, NULL, -EOPNOTSUPP, "the image lists other CPU capabilities");
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		u32 lacks = le32_to_cpu(h->cpucaps[i]) &
			    ~boot_cpu_data.x86_capability[words[i]];

		if (lacks)
			return ckpt_fail(load, NULL, -EOPNOTSUPP, "the CPU lacks capabilities 0x%x of word %u",
					 lacks, words[i]);
	}
	return 0;
}

#if IS_ENABLED(CONFIG_CHECKPOINT_KUNIT_TEST)
#include "tests/header_kunit.c"
#endif
