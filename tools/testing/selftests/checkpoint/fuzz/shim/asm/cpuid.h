/* SPDX-License-Identifier: GPL-2.0 */
/* The same CPU on every machine, see cpu.c. */
#ifndef _FUZZ_SHIM_CPUID_H
#define _FUZZ_SHIM_CPUID_H

#include_next <asm/cpuid.h>

void fuzz_cpuid_count(unsigned int op, int count, unsigned int *eax, unsigned int *ebx,
		      unsigned int *ecx, unsigned int *edx);
#define cpuid_count fuzz_cpuid_count

#endif
