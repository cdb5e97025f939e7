/* SPDX-License-Identifier: GPL-2.0 */
/* The same CPU on every machine, see cpu.c. */
#ifndef _FUZZ_SHIM_XCR_H
#define _FUZZ_SHIM_XCR_H

#include_next <asm/fpu/xcr.h>

u64 fuzz_xgetbv(u32 index);
#define xgetbv fuzz_xgetbv

#endif
