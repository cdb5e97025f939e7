// SPDX-License-Identifier: GPL-2.0
/* A CPU with all but one capability, and with user and supervisor components. */
#include <linux/kernel.h>
#include <asm/cpufeature.h>
#include <asm/cpuid.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <asm/processor.h>

/* As a CPU with MPX, AVX-512, PKRU and CET would have them. */
static const struct {
	u32 size, offset;
	bool supervisor;
} components[] = {
	[XFEATURE_YMM]			= { 256, 576 },
	[XFEATURE_BNDREGS]		= { 64, 960 },
	[XFEATURE_BNDCSR]		= { 64, 1024 },
	[XFEATURE_OPMASK]		= { 64, 1088 },
	[XFEATURE_ZMM_Hi256]		= { 512, 1152 },
	[XFEATURE_Hi16_ZMM]		= { 1024, 1664 },
	[XFEATURE_PKRU]			= { 8, 2688 },
	[XFEATURE_CET_USER]		= { 16, 0, true },
};

struct cpuinfo_x86 boot_cpu_data = {
	.x86_capability = {
		[0 ... NCAPINTS + NBUGINTS - 1]	= ~0U,
		[CPUID_7_EDX]			= ~1U,
	},
};

void fuzz_cpuid_count(unsigned int op, int count, unsigned int *eax, unsigned int *ebx,
		      unsigned int *ecx, unsigned int *edx)
{
	*eax = *ebx = *ecx = *edx = 0;
	if (count < 0 || count >= ARRAY_SIZE(components))
		return;
	*eax = components[count].size;
	*ebx = components[count].offset;
	*ecx = components[count].supervisor;
}

u64 fuzz_xgetbv(u32 index)
{
	u64 have = XFEATURE_MASK_FP | XFEATURE_MASK_SSE;
	int i;

	for (i = 0; i < ARRAY_SIZE(components); i++)
		if (components[i].size)
			have |= BIT_ULL(i);
	return have;
}
