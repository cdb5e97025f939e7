/* SPDX-License-Identifier: GPL-2.0 */
/* The plain kernel's configuration as clang needs it, and without KUnit. */
#include_next <generated/autoconf.h>

#undef CONFIG_CC_IS_GCC
#undef CONFIG_GCC_VERSION
#undef CONFIG_CC_HAS_NAMED_AS
#undef CONFIG_USE_X86_SEG_SUPPORT
#undef CONFIG_KUNIT
#undef CONFIG_CHECKPOINT_KUNIT_TEST
#define CONFIG_CC_IS_CLANG 1
#define CONFIG_GCC_VERSION 0
#define CONFIG_CLANG_VERSION \
	(__clang_major__ * 10000 + __clang_minor__ * 100 + __clang_patchlevel__)
