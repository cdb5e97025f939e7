/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel does when it boots is done before the program begins. */
#ifndef FUZZ_INIT_H
#define FUZZ_INIT_H

#include_next <linux/init.h>

#undef late_initcall
#define late_initcall(fn)						\
	static void __attribute__((constructor)) fuzz_boot_##fn(void)	\
	{								\
		fn();							\
	}

#endif
