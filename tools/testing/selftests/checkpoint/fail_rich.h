/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A target that has one of everything that has a record: a pipe with bytes in
 * it, a memfd, a shared mapping of a file, pending signals, a child that
 * shares pages with it, a zombie, a second thread.
 */
#ifndef FAIL_RICH_H
#define FAIL_RICH_H

#define RICH_SHARED	"/tmp/fail-shared"
#define RICH_PATH	"/tmp/fail-path"	/* as long as /proc/self/exe */
#define RICH_PIPE	"ten bytes."
#define RICH_FD		20			/* of RICH_PATH */

#include <stdbool.h>

int fail_rich(const char *arg);
int fail_rich_files(void);
bool fail_rich_is_whole(void);

#endif
